"""The address a telephone system posts to."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

from callcenter.calls.models import Connector, Dialect


def address_of(connector: Connector, token: str) -> str:
    """The full address with its secret (sipgate: for inbound calls; native: without, it signs)."""
    match connector.dialect:
        case Dialect.SIPGATE:
            path = reverse("calls:sipgate", args=[token, "in"])
        case Dialect.PLACETEL:
            path = reverse("calls:placetel", args=[token])
        case Dialect.NATIVE:
            path = reverse("calls:native", args=[connector.pk])
        case _:
            path = reverse("calls:generic", args=[token])
    return settings.BASE_URL.rstrip("/") + path
