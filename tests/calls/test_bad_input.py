"""Rightly signed, but unusable: every door answers with a clear status and keeps no call."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

import pytest
from django.test import Client

from callcenter.calls.models import TelephonyEvent
from callcenter.calls.services import add_connector
from tests.calls.conftest import calls

pytestmark = pytest.mark.django_db


def send(dialect: str, body: bytes, kind: str) -> Any:
    connector, token = add_connector(name="Rathaus", dialect=dialect)
    moment = int(time.time())
    signed = hmac.new(token.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "X-Callcenter-Signature": f"t={moment},v1={signed}",
        "X-PLACETEL-SIGNATURE": hmac.new(token.encode(), body, hashlib.sha256).hexdigest(),
    }
    path = {
        "sipgate": f"/api/v1/sipgate/{token}/in",
        "placetel": f"/api/v1/placetel/{token}",
        "native": f"/api/v1/calls/{connector.pk}",
        "ami": f"/api/v1/cti/{token}",
    }[dialect]
    return Client().generic("POST", path, body, kind, headers=headers)


@pytest.mark.parametrize(
    ("dialect", "body", "kind", "status"),
    [
        ("sipgate", b"x" * 3_000_000, "application/x-www-form-urlencoded", 413),
        ("sipgate", b"event=newCall", "application/x-www-form-urlencoded; charset=klingon", 415),
        ("sipgate", b"event=newCall&callId=1" + b"&user[]=1" * 30_000, "application/x-www-form-urlencoded", 413),
        ("placetel", b"x" * 3_000_000, "application/x-www-form-urlencoded", 413),
        ("placetel", b"event=HungUp", "application/x-www-form-urlencoded; charset=klingon", 415),
        ("native", b"x" * 3_000_000, "application/json", 413),
        ("native", b"\xff\xfe", "application/json", 400),
        ("ami", b"event=newCall&direction=in&callId=1", "application/x-www-form-urlencoded", 422),
    ],
)
def test_unusable_body_is_refused_by_every_door(dialect: str, body: bytes, kind: str, status: int) -> None:
    """A broken telephone system must be told, and must not fill the ledger."""
    response = send(dialect, body, kind)
    assert (response.status_code, bool(response.json()["error"])) == (status, True)
    assert (calls(), TelephonyEvent.objects.count()) == ([], 0)
