"""The dialects of telephone systems: fields of a request → ``ParsedEvent``. Pure.

Generic CTI is the webhook that bridges for 3CX, Asterisk, FusionPBX and others send; sipgate's push API
says the same with more fields; Placetel has words of its own; the native event brings its own time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from callcenter.calls.events import ANSWERED, ENDED, OFFERED, TRANSFERRED, VOICEMAIL, BadEvent, ParsedEvent

Fields = Mapping[str, Sequence[str]]  # every field as the list of its values

CTI_EVENTS = {"newcall": OFFERED, "answer": ANSWERED, "hangup": ENDED}
PLACETEL_EVENTS = {
    "incomingcall": ("in", OFFERED),
    "outgoingcall": ("out", OFFERED),
    "callaccepted": ("", ANSWERED),
    "hungup": ("", ENDED),
}
NATIVE_EVENTS = {OFFERED, ANSWERED, ENDED, TRANSFERRED}


def one(fields: Fields, *names: str) -> str:
    """The first value of the first of these fields that has one, trimmed."""
    for name in names:
        for value in fields.get(name, ()):
            if text := value.strip():
                return text
    return ""


def every(fields: Fields, *names: str) -> tuple[str, ...]:
    """All values of these fields in order, without empty ones and doubles."""
    return tuple(dict.fromkeys(text for name in names for value in fields.get(name, ()) if (text := value.strip())))


def _direction(said: str) -> str:
    direction = said.lower()
    if direction not in ("in", "out"):
        raise BadEvent("direction must be in or out")
    return direction


def _sides(direction: str, source: str, target: str) -> tuple[str, str]:
    """(outside party, the city's side)"""
    return (target, source) if direction == "out" else (source, target)


def parse_cti(fields: Fields, direction: str = "") -> ParsedEvent:
    """Generic CTI; with ``direction`` given by the address, sipgate's push API. Raises BadEvent."""
    kind = CTI_EVENTS.get(one(fields, "event").lower())
    if kind is None:
        raise BadEvent(f"unknown event: {one(fields, 'event')[:40] or '(none)'}")
    direction = _direction(direction or one(fields, "direction"))
    call_id = one(fields, "original_call_id", "originalCallId", "callId", "call_id", "callid")
    if not call_id:
        raise BadEvent("callId is missing")
    users = every(fields, "user", "user[]", "userId[]", "user_id", "user_id[]")
    answering = one(fields, "answeringNumber")
    is_voicemail = VOICEMAIL in {word.lower() for word in (*users, answering)}
    people = tuple(user for user in users if user.lower() != VOICEMAIL)
    caller, dialled = _sides(direction, one(fields, "from"), one(fields, "to"))
    return ParsedEvent(
        kind=kind,
        call_id=call_id,
        direction=direction,
        caller=caller,
        dialled=dialled,
        queue=one(fields, "queue"),
        users=people if kind == OFFERED else (),
        answered_by=_answered_by(fields, answering) if kind == ANSWERED else "",
        is_voicemail=kind == ANSWERED and is_voicemail,
        cause=one(fields, "cause") if kind == ENDED else "",
        linked_call_id=_other(one(fields, "origCallId", "orig_call_id"), call_id),
        diverted_from=one(fields, "diversion"),
    )


def _answered_by(fields: Fields, answering: str) -> str:
    words = (answering, one(fields, "user", "user[]"), one(fields, "user_id", "user_id[]", "userId[]"))
    return next((word for word in words if word and word.lower() != VOICEMAIL), "")


def _other(linked: str, call_id: str) -> str:
    return "" if linked == call_id else linked


def parse_placetel(fields: Fields) -> ParsedEvent:
    """Placetel; the direction may be missing, then the known call's counts. Raises BadEvent."""
    said = PLACETEL_EVENTS.get(one(fields, "event").lower())
    if said is None:
        raise BadEvent(f"unknown event: {one(fields, 'event')[:40] or '(none)'}")
    implied, kind = said
    direction = one(fields, "direction").lower() or implied
    if direction:
        direction = _direction(direction)
    if not one(fields, "call_id"):
        raise BadEvent("call_id is missing")
    caller, dialled = _sides(direction, one(fields, "from"), one(fields, "to"))
    result = one(fields, "type").lower()
    peers = every(fields, "peer", "peer[]")
    return ParsedEvent(
        kind=kind,
        call_id=one(fields, "call_id"),
        direction=direction,
        caller=caller,
        dialled=dialled,
        users=peers if kind == OFFERED else (),
        answered_by=one(fields, "peer") if kind == ANSWERED else "",
        is_voicemail=kind == ENDED and result == VOICEMAIL,
        cause=result if kind == ENDED else "",
        turned_away=kind == ENDED and result == "blocked",
    )


def parse_native(said: Mapping[str, object]) -> ParsedEvent:
    """The native signed event; ``at`` (ISO 8601 with offset) is required and counts. Raises BadEvent."""
    text = {name: str(value).strip() for name, value in said.items() if isinstance(value, str | int)}
    if text.get("event") not in NATIVE_EVENTS:
        raise BadEvent(f"unknown event: {text.get('event', '')[:40] or '(none)'}")
    if not text.get("call_id"):
        raise BadEvent("call_id is missing")
    try:
        at = datetime.fromisoformat(text.get("at", ""))
    except ValueError:
        raise BadEvent("at must be ISO 8601 with offset") from None
    if at.tzinfo is None:
        raise BadEvent("at must carry its offset")
    kind, direction = text["event"], text.get("direction", "")
    if direction or kind == OFFERED:
        direction = _direction(direction)
    caller, dialled = _sides(direction, text.get("from", ""), text.get("to", ""))
    agent = text.get("agent", "")
    is_voicemail = agent.lower() == VOICEMAIL
    return ParsedEvent(
        kind=kind,
        call_id=text["call_id"],
        direction=direction,
        caller=caller,
        dialled=dialled,
        queue=text.get("queue", ""),
        users=(agent,) if agent and kind == OFFERED else (),
        answered_by=agent if kind == ANSWERED and not is_voicemail else "",
        is_voicemail=kind == ANSWERED and is_voicemail,
        cause=text.get("cause", "") if kind == ENDED else "",
        linked_call_id=_other(text.get("linked_call_id", ""), text["call_id"]),
        at=at,
    )
