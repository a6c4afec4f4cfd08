"""A telephone system that posts events, and helpers to look at what became of them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from callcenter.accounts.models import User
from callcenter.calls.models import Call, Connector
from callcenter.calls.services import add_connector, sign_on
from tenants.scope import all_cities


class Pbx:
    """Posts generic CTI events: ``pbx.ring("1")``, ``pbx.answer("1", user="201")``, ``pbx.hangup("1")``."""

    def __init__(self, connector: Connector, token: str) -> None:
        self.connector, self.token, self.client = connector, token, Client()
        self.url = f"/api/v1/cti/{token}"

    def send(self, event: str, call_id: str, **fields: Any) -> Any:
        said = {"event": event, "direction": "in", "callId": call_id, **fields}
        return self.client.post(self.url, json.dumps(said), content_type="application/json")

    def ring(self, call_id: str, to: str = "02064660", caller: str = "0203/12345", **fields: Any) -> Any:
        return self.send("newCall", call_id, **{"from": caller, "to": to, **fields})

    def answer(self, call_id: str, **fields: Any) -> Any:
        return self.send("answer", call_id, **fields)

    def hangup(self, call_id: str, cause: str = "normalClearing", **fields: Any) -> Any:
        return self.send("hangup", call_id, cause=cause, **fields)


def calls() -> list[Call]:
    with all_cities("test"):
        return list(Call.objects.select_related("tenant", "line", "agent").order_by("offered_at", "id"))


def only_call() -> Call:
    found = calls()
    assert len(found) == 1, found
    return found[0]


@pytest.fixture
def pbx(db) -> Pbx:
    return Pbx(*add_connector(name="Testanlage"))


@pytest.fixture
def native(db) -> Callable[..., Any]:
    """Posts a signed native event; ``t`` and ``secret`` can be wrong on purpose."""
    connector, token = add_connector(name="Eigene", dialect="native")

    def send(said: dict[str, Any], *, t: int | None = None, secret: str = token, body: bytes | None = None) -> Any:
        raw = body if body is not None else json.dumps(said).encode()
        moment = t or int(time.time())
        digest = hmac.new(secret.encode(), f"{moment}.".encode() + raw, hashlib.sha256).hexdigest()
        headers = {"X-Callcenter-Signature": f"t={moment},v1={digest}"}
        return Client().post(f"/api/v1/calls/{connector.pk}", raw, content_type="application/json", headers=headers)

    return send


@pytest.fixture
def seated(people: dict[str, User]) -> User:
    """The agent, ready at extension 201."""
    sign_on(user=people["agent"], extension="201")
    return people["agent"]
