"""Each dialect's own bodies, in any order and any number, give the same call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.calls.dialects import parse_cti, parse_native, parse_placetel
from callcenter.calls.events import ParsedEvent
from callcenter.calls.fold import Event, Folded, fold

START = datetime(2026, 10, 5, 8, 0, tzinfo=UTC)
Body = dict[str, str]


def listed(body: Body) -> dict[str, list[str]]:
    return {name: [value] for name, value in body.items()}


def native_at(event: str, seconds: int, **more: str) -> Body:
    at = (START + timedelta(seconds=seconds)).isoformat()
    return {"event": event, "call_id": "1", "at": at, "direction": "in", "to": "02064660", **more}


DIALECTS: dict[str, tuple[Callable[[Body], ParsedEvent], list[Body]]] = {
    "generic": (
        lambda body: parse_cti(listed(body)),
        [
            {"event": "newCall", "direction": "in", "callId": "1", "from": "0203/12345", "to": "02064660"},
            {"event": "answer", "direction": "in", "callId": "1", "user": "voicemail"},
            {"event": "answer", "direction": "in", "callId": "1", "answeringNumber": "201"},
            {"event": "newCall", "direction": "in", "callId": "2", "origCallId": "1", "to": "305"},
            {"event": "hangup", "direction": "in", "callId": "1", "cause": "forwarded"},
            {"event": "hangup", "direction": "in", "callId": "2", "origCallId": "1", "cause": "NORMAL_CLEARING"},
        ],
    ),
    "sipgate": (
        lambda body: parse_cti(listed(body), "in"),
        [
            {"event": "newCall", "callId": "1", "from": "4920312345", "to": "492064660", "user[]": "Anna"},
            {"event": "answer", "callId": "1", "answeringNumber": "201"},
            {"event": "hangup", "callId": "1", "cause": "normalClearing"},
        ],
    ),
    "placetel": (
        lambda body: parse_placetel(listed(body)),
        [
            {"event": "IncomingCall", "call_id": "1", "from": "020312345", "to": "02064660"},
            {"event": "CallAccepted", "call_id": "1", "peer": "201@sip.example"},
            {"event": "HungUp", "call_id": "1", "type": "voicemail", "duration": "9"},
        ],
    ),
    "native": (
        lambda body: parse_native(body),
        [
            native_at("offered", 0),
            native_at("answered", 7, agent="201"),
            native_at("transferred", 30, linked_call_id="2"),
            native_at("offered", 31) | {"call_id": "2", "linked_call_id": "1"},
            native_at("answered", 35, agent="305") | {"call_id": "2"},
            native_at("ended", 90) | {"call_id": "2"},
        ],
    ),
}


def folded(parse: Callable[[Body], ParsedEvent], told: list[Body]) -> Folded:
    """As the ledger does it: an event seen before adds nothing, its first receipt counts."""
    seconds, seen = count(), []
    events = []
    for body in told:
        if body in seen:
            continue
        seen.append(body)
        one = parse(body)
        at = one.at or START + timedelta(seconds=next(seconds))
        said = {"dialled": one.dialled, "answered_by": one.answered_by, "cause": one.cause, "users": one.users}
        linked, machine = one.linked_call_id, one.is_voicemail
        events.append(Event(one.call_id, one.kind, at, one.direction, is_voicemail=machine, linked=linked, **said))
    return fold(events)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=80)
@given(data=st.data())
def test_any_order_and_repetition_gives_the_same_call(dialect: str, data: st.DataObject) -> None:
    """Only the native event brings its time: with it all is equal, without it state, outcome and legs are."""
    parse, told = DIALECTS[dialect]
    again = data.draw(st.lists(st.sampled_from(told), max_size=4))
    mixed, plain = folded(parse, data.draw(st.permutations(told + again))), folded(parse, told)
    assert (mixed.state, mixed.outcome, mixed.legs, mixed.direction) == (
        plain.state,
        plain.outcome,
        plain.legs,
        plain.direction,
    )
    assert mixed.candidates[0] == plain.candidates[0]
    assert mixed.offered_at <= (mixed.answered_at or mixed.offered_at) <= (mixed.ended_at or mixed.offered_at)
    if dialect == "native":
        assert mixed == plain
