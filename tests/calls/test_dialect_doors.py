"""Through each dialect's own door into the ledger: whatever order and however often, the same calls."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callcenter.calls.models import Connector
from callcenter.calls.services import add_connector
from tenants.models import Line
from tests.calls.conftest import calls

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
Body = dict[str, str]

# Of each dialect: a conversation with a transfer (or what the dialect has), and another call beside it.
TOLD: dict[str, list[Body]] = {
    "generic": [
        {"event": "newCall", "direction": "in", "callId": "a", "from": "0203/12345", "to": "02064660"},
        {"event": "answer", "direction": "in", "callId": "a", "answeringNumber": "201"},
        {"event": "newCall", "direction": "in", "callId": "b", "origCallId": "a", "to": "305", "from": "0203/12345"},
        {"event": "hangup", "direction": "in", "callId": "a", "cause": "forwarded"},
        {"event": "answer", "direction": "in", "callId": "b", "answeringNumber": "305"},
        {"event": "hangup", "direction": "in", "callId": "b", "cause": "NORMAL_CLEARING"},
        {"event": "newCall", "direction": "in", "callId": "z", "from": "anonymous", "to": "02032830"},
        {"event": "hangup", "direction": "in", "callId": "z", "cause": "cancel"},
    ],
    "sipgate": [
        {"event": "newCall", "callId": "a", "from": "4920312345", "to": "492064660", "user[]": "Anna"},
        {"event": "answer", "callId": "a", "answeringNumber": "201"},
        {"event": "hangup", "callId": "a", "cause": "forwarded"},
        {"event": "newCall", "callId": "b", "from": "4920312345", "to": "492064305", "diversion": "492064660"},
        {"event": "answer", "callId": "b", "answeringNumber": "305"},
        {"event": "hangup", "callId": "b", "cause": "normalClearing"},
        {"event": "newCall", "callId": "z", "from": "4930999", "to": "492032830"},
        {"event": "hangup", "callId": "z", "cause": "cancel"},
    ],
    "placetel": [
        {"event": "IncomingCall", "call_id": "a", "direction": "in", "from": "020312345", "to": "02064660"},
        {"event": "CallAccepted", "call_id": "a", "from": "020312345", "to": "02064660", "peer": "201@sip.example"},
        {"event": "HungUp", "call_id": "a", "from": "020312345", "to": "02064660", "type": "accepted"},
        {"event": "IncomingCall", "call_id": "z", "direction": "in", "from": "anonymous", "to": "02032830"},
        {"event": "HungUp", "call_id": "z", "from": "anonymous", "to": "02032830", "type": "missed"},
    ],
    "native": [
        {"event": "offered", "call_id": "a", "at": "2026-10-05T08:00:00Z", "direction": "in", "to": "02064660"},
        {"event": "answered", "call_id": "a", "at": "2026-10-05T08:00:10Z", "agent": "201"},
        {"event": "transferred", "call_id": "a", "at": "2026-10-05T08:01:00Z", "linked_call_id": "b"},
        {"event": "offered", "call_id": "b", "at": "2026-10-05T08:01:01Z", "direction": "in", "to": "305"},
        {"event": "answered", "call_id": "b", "at": "2026-10-05T08:01:05Z", "agent": "305"},
        {"event": "ended", "call_id": "b", "at": "2026-10-05T08:02:00Z"},
        {"event": "offered", "call_id": "z", "at": "2026-10-05T09:00:00Z", "direction": "in", "to": "02032830"},
        {"event": "ended", "call_id": "z", "at": "2026-10-05T09:00:20Z"},
    ],
}


def door(connector: Connector, token: str) -> Callable[[Body], int]:
    """Posts a body as this telephone system does; returns the status."""

    def send(said: Body) -> int:
        if connector.dialect == "native":
            raw, moment = json.dumps(said).encode(), int(time.time())
            digest = hmac.new(token.encode(), f"{moment}.".encode() + raw, hashlib.sha256).hexdigest()
            headers, path = {"X-Callcenter-Signature": f"t={moment},v1={digest}"}, f"calls/{connector.pk}"
        else:
            raw = urlencode(said).encode()
            headers = {"X-PLACETEL-SIGNATURE": hmac.new(token.encode(), raw, hashlib.sha256).hexdigest()}
            path = {"generic": f"cti/{token}", "placetel": f"placetel/{token}"}.get(
                connector.dialect, f"sipgate/{token}/in"
            )
        kind = "application/json" if connector.dialect == "native" else FORM
        return Client().generic("POST", f"/api/v1/{path}", raw, kind, headers=headers).status_code

    return send


def ledger() -> set[tuple[object, ...]]:
    return {
        (call.tenant.slug if call.tenant else "", call.direction, call.state, call.outcome, call.legs)
        for call in calls()
    }


@pytest.mark.parametrize("dialect", TOLD)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_and_repetition_leaves_the_same_calls(dialect: str, lines: dict[str, Line], data: st.DataObject):
    """Webhooks overtake each other and come twice; two calls must neither melt into one nor fall apart."""
    told = TOLD[dialect]
    order = data.draw(st.permutations([*told, *data.draw(st.lists(st.sampled_from(told), max_size=3))]))
    legs = 1 if dialect == "placetel" else 2
    with transaction.atomic():
        send = door(*add_connector(name="Anlage", dialect=dialect))
        assert {send(body) for body in order} == {200}
        assert ledger() == {
            ("dinslaken", "in", "ended", "answered", legs),
            ("duisburg", "in", "ended", "abandoned", 1),
        }, [(body["event"], body.get("callId") or body["call_id"]) for body in order]
        assert len(calls()) == 2
        transaction.set_rollback(True)
