"""What tests of a call's page share: its addresses, what it shows, what it stored."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client

from callcenter.calls.models import Call, Contact
from tenants.scope import all_cities

DESK = "/arbeitsplatz/"
HTMX = {"HX-Request": "true"}


def address(call: Call, rest: str = "") -> str:
    return f"{DESK}anruf/{call.pk}/{rest}"


def text(response: Any) -> str:
    return response.content.decode()


def stored(model: type, **where: Any) -> Any:
    with all_cities("test"):
        return model.objects.select_related("tenant").get(**where)


def open_first(desk: Client, contact: Contact, effective: Any, **more: Any) -> Any:
    data = {"contact": contact.pk, "pick": f"1:{effective.pk}", "query": "pass", "hits": 3, "milliseconds": "1.5"}
    return desk.post(address(contact.call, "oeffnen/"), data, **more)


def squeezed(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", html))
