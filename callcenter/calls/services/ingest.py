"""A telephony event becomes a stored event and a folded call, in one transaction, before the 200."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from callcenter.accounts.models import User
from callcenter.calls import events
from callcenter.calls.events import BadEvent, ParsedEvent
from callcenter.calls.fold import Event, Folded, fold
from callcenter.calls.models import (
    BlockedCaller,
    Call,
    CallerIdRule,
    CallerNumber,
    CallLeg,
    CallState,
    Connector,
    Direction,
    Source,
    TelephonyEvent,
)
from callcenter.calls.presence import Snapshot, agent_at, agents_by_word, follow_call
from callcenter.calls.sealing import keyed_hash, keyed_hashes, seal
from tenants.numbers import normalise_dialled, to_e164
from tenants.scope import all_cities
from tenants.selectors import line_for

# A connector may use an id again. An event belongs to the newest call of its id, unless that call ended
# so long before that the event can only mean another one.
NEW_CALL_AFTER = timedelta(hours=1)
LATE_EVENT_WITHIN = timedelta(hours=12)
# How long a caller whose call was passed on may take to reach the next extension.
DIVERSION_WITHIN = timedelta(minutes=5)
NO_CALLER = {"", "anonymous", "anonym", "unknown", "unbekannt", "restricted", "private", "unavailable"}


@dataclass(frozen=True)
class Ingested:
    """``is_new`` is False for a repetition. ``reject`` and ``dial`` tell the view what to answer the PBX."""

    call: Call
    event: TelephonyEvent
    is_new: bool
    reject: bool = False
    dial: tuple[str, str] | None = None  # caller id to show, number to dial


def ingest(
    *,
    connector: Connector,
    event: ParsedEvent,
    raw: bytes,
    received_at: datetime,
    body_hash: str = "",
    source: str = Source.TELEPHONY,
) -> Ingested:
    """Store the event and fold its call; a repetition adds nothing. Raises BadEvent before any row is written.

    ``raw`` is kept encrypted. ``body_hash`` defaults to the raw body's SHA-256; webhooks pass the hash over
    the fields, so that a retry in another order counts as the same.
    """
    _check(event)
    digest = body_hash or hashlib.sha256(raw).hexdigest()
    with all_cities("an event decides its city only when it is folded"), transaction.atomic():
        _lock(connector, event.call_id, event.linked_call_id)
        reject, dial = _is_blocked(event), _dial(connector, event)
        known = _known(connector, event, digest, received_at)
        if known is not None and known.call is not None:
            return Ingested(known.call, known, False, reject, dial)
        place = _place_of(connector, event, received_at, source)
        stored = known or _unsaved(connector, event, raw, digest, received_at)
        new = [stored]
        if reject or event.turned_away:
            new.append(_unsaved(connector, _turned_away(event), b"", digest, received_at))
        call = _write(place, new, event, received_at)
        return Ingested(call, stored, known is None, reject, dial)


def _write(place: _Place, new: list[TelephonyEvent], event: ParsedEvent, received_at: datetime) -> Call:
    """Fold the call with its new events, and store both; tells the desks."""
    call, before = place.call, Snapshot.nothing() if place.created else Snapshot.of(place.call)
    earlier = [] if place.created else list(TelephonyEvent.objects.filter(call=call))
    folded = fold(as_fold_event(one) for one in [*earlier, *new])
    agents = _apply(call, folded)
    call.save(force_insert=place.created)
    for leg in place.new_legs:
        CallLeg.objects.create(
            call=call, connector_id=new[0].connector_id, connector_call_id=leg, opened_at=event.at or received_at
        )
    for stored in new:
        stored.call = call
        stored.save()
    if place.created or event.kind == events.OFFERED:
        _keep_caller(call, event, received_at, is_new=place.created)
    follow_call(call=call, before=before, reached=agents)
    return call


def refold(*, call: Call) -> Call:
    """Fold the call's stored events anew and store what changed; tells the desks. Needs an open transaction."""
    call = Call.objects.select_for_update(of=("self",)).get(pk=call.pk)
    before = Snapshot.of(call)
    agents = _apply(call, fold(as_fold_event(one) for one in TelephonyEvent.objects.filter(call=call)))
    call.save()
    follow_call(call=call, before=before, reached=agents)
    return call


def as_fold_event(stored: TelephonyEvent) -> Event:
    """A stored event as the fold reads it."""
    said = stored.fields
    return Event(
        leg=stored.connector_call_id,
        kind=stored.event,
        at=stored.at or stored.received_at,
        direction=said.get("direction", ""),
        dialled=said.get("dialled", ""),
        queue=said.get("queue", ""),
        users=tuple(said.get("users", ())),
        answered_by=said.get("answered_by", ""),
        is_voicemail=said.get("voicemail", False),
        cause=said.get("cause", ""),
        linked=said.get("linked") or said.get("diverted_from", ""),
    )


def _check(event: ParsedEvent) -> None:
    if not event.call_id:
        raise BadEvent("callId is missing")
    if len(event.call_id) > 250 or len(event.linked_call_id) > 250:
        raise BadEvent("callId is longer than 250 characters")
    if event.direction not in ("", Direction.IN, Direction.OUT):
        raise BadEvent("direction must be in or out")
    if len(event.users) > events.MAX_RING_GROUP:
        raise BadEvent(f"more than {events.MAX_RING_GROUP} users")
    if "\x00" in f"{event.call_id}{event.linked_call_id}{event.dialled}{event.queue}{event.cause}{event.caller}":
        raise BadEvent("a field holds a NUL character")


def _lock(connector: Connector, *call_ids: str) -> None:
    """Two requests about one call wait for each other. SQLite's write lock does this for all calls."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for call_id in sorted({call_id for call_id in call_ids if call_id}):
            digest = hashlib.blake2b(f"{connector.pk}:{call_id}".encode(errors="replace"), digest_size=8).digest()
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest, "big", signed=True)])


def _fields(event: ParsedEvent) -> dict[str, object]:
    said: dict[str, object] = {
        "direction": event.direction,
        "dialled": normalise_dialled(event.dialled),
        "queue": event.queue.strip()[:80],
        "users": [user[:80] for user in event.users],
        "answered_by": event.answered_by[:80],
        "voicemail": event.is_voicemail,
        "cause": event.cause[:80],
        "linked": event.linked_call_id,
        "diverted_from": normalise_dialled(event.diverted_from),
    }
    return {name: value for name, value in said.items() if value}


def _known(connector: Connector, event: ParsedEvent, digest: str, received_at: datetime) -> TelephonyEvent | None:
    """The same event, when it was received before on this day."""
    same = TelephonyEvent.objects.select_related("call").filter(
        connector=connector,
        connector_call_id=event.call_id,
        event=event.kind,
        body_hash=digest,
        day=received_at.astimezone(UTC).date(),
    )
    return same.first()


def _unsaved(
    connector: Connector, event: ParsedEvent, raw: bytes, digest: str, received_at: datetime
) -> TelephonyEvent:
    return TelephonyEvent(
        connector=connector,
        connector_call_id=event.call_id,
        event=event.kind,
        body_hash=digest,
        day=received_at.astimezone(UTC).date(),
        received_at=received_at,
        at=event.at,
        fields=_fields(event),
        body=seal(raw),
    )


def _turned_away(event: ParsedEvent) -> ParsedEvent:
    return ParsedEvent(kind=events.REJECTED, call_id=event.call_id, direction=event.direction, at=event.at)


# --- which call ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """The call an event belongs to, and the connector's ids that are new to it."""

    call: Call
    created: bool
    new_legs: tuple[str, ...] = ()


def _place_of(connector: Connector, event: ParsedEvent, received_at: datetime, source: str) -> _Place:
    """The call this event belongs to, or a new one (not saved yet); linked legs share one."""
    at = event.at or received_at
    own = _leg_for(connector, event, event.call_id, at)
    other = _leg_for(connector, event, event.linked_call_id, at) if event.linked_call_id else None
    if other is None and event.kind == events.OFFERED:
        other = _diverted_leg(connector, event, at, own)
    if own and other and own.call_id != other.call_id:
        return _Place(_merge(own.call, other.call), created=False)
    new = [] if own else [event.call_id]
    if other is None and event.linked_call_id and event.linked_call_id != event.call_id:
        # The other leg's own events may come later; they must find this call.
        new.append(event.linked_call_id)
    if leg := own or other:
        return _Place(leg.call, False, tuple(new))
    call = Call(offered_at=at, connector=connector, connector_call_id=event.call_id, source=source)
    return _Place(call, True, tuple(new))


def _leg_for(connector: Connector, event: ParsedEvent, call_id: str, at: datetime) -> CallLeg | None:
    leg = (
        CallLeg.objects.select_related("call__tenant")
        .select_for_update(of=("call",))
        .filter(connector=connector, connector_call_id=call_id)
        .order_by("-opened_at", "-pk")
        .first()
    )
    if leg is None:
        return None
    ended_at = leg.call.ended_at
    if ended_at is None:
        if event.kind == events.OFFERED and at - leg.call.offered_at > LATE_EVENT_WITHIN and _was_offered(leg):
            return None
        return leg
    if leg.call.reaped and event.kind != events.OFFERED:
        return leg
    quiet = at - ended_at
    if event.kind == events.OFFERED and quiet > NEW_CALL_AFTER and _was_offered(leg):
        return None
    return None if quiet > LATE_EVENT_WITHIN else leg


def _was_offered(leg: CallLeg) -> bool:
    return TelephonyEvent.objects.filter(
        call=leg.call_id, connector_call_id=leg.connector_call_id, event=events.OFFERED
    ).exists()


def _diverted_leg(connector: Connector, event: ParsedEvent, at: datetime, own: CallLeg | None) -> CallLeg | None:
    """The leg of the same caller that was passed on to this one, or (out of order) from this one on.

    ``own`` is this leg's, where an answer or a hangup came before the ring.
    """
    number = to_e164(event.caller)
    if not number:
        return None
    recent = (
        CallLeg.objects.select_related("call__tenant")
        .select_for_update(of=("call",))
        .filter(connector=connector, call__caller__keyed_hash__in=keyed_hashes(number))
        .filter(call__direction=event.direction or Direction.IN)
        .filter(call__offered_at__gte=at - LATE_EVENT_WITHIN)
        .filter(Q(call__ended_at__isnull=True) | Q(call__ended_at__gte=at - DIVERSION_WITHIN))
        .exclude(call=own.call_id if own else None)
        .order_by("-opened_at", "-pk")
    )
    if event.diverted_from:
        here = {event.diverted_from.strip(), normalise_dialled(event.diverted_from)}
        for leg in recent:
            if here & {leg.call.dialled, leg.call.extension, leg.call.queue, *leg.call.rings}:
                return leg
        return None
    mine = {word for word in (event.dialled.strip(), normalise_dialled(event.dialled), *event.users) if word}
    return next((leg for leg in recent if _waits_for(leg, mine)), None)


def _waits_for(leg: CallLeg, words: set[str]) -> bool:
    """Whether the leg's call was passed on by one of these, whose own ring has not come yet.

    Once it has, the same caller ringing there again is another call.
    """
    rings = TelephonyEvent.objects.filter(call=leg.call_id, event=events.OFFERED).values_list("fields", flat=True)
    told = list(rings)
    return any(said.get("diverted_from") in words for said in told) and not any(
        said.get("dialled") in words for said in told
    )


def _merge(one: Call, two: Call) -> Call:
    """Two calls turn out to be one conversation: the earlier keeps everything."""
    kept, gone = sorted((one, two), key=lambda call: (call.offered_at, call.pk))
    CallLeg.objects.filter(call=gone).update(call=kept)
    TelephonyEvent.objects.filter(call=gone).update(call=kept)
    last = max((contact.position for contact in kept.contacts.all()), default=0)
    gone.contacts.update(call=kept, position=F("position") + last)
    if not CallerNumber.objects.filter(call=kept).exists():
        CallerNumber.objects.filter(call=gone).update(call=kept)
    gone.delete()
    return kept


# --- what the call says -------------------------------------------------------------------------


def _apply(call: Call, folded: Folded) -> dict[str, User]:
    """Put what was folded on the call; returns the agents it rings at, by the word that means them."""
    settled = call.line_id is not None and (call.dialled, call.legs) == (folded.dialled, folded.legs)
    call.state = folded.state
    call.outcome = folded.outcome
    call.direction = folded.direction
    call.offered_at = folded.offered_at
    call.answered_at = folded.answered_at
    call.ended_at = folded.ended_at
    call.waited_s = folded.waited_s
    call.talked_s = folded.talked_s
    call.legs = folded.legs
    call.reaped = folded.reaped
    call.dialled = folded.dialled
    call.queue = folded.queue or (folded.dialled if folded.direction == Direction.IN else "")
    reached = agents_by_word(folded.users) if folded.state != CallState.ENDED else {}
    call.rings = [word for word in folded.users if word in reached]
    if not call.line_by_hand and not settled:
        _assign(call, folded.candidates)
    if folded.answered_by and folded.answered_by != call.extension:
        call.agent = agent_at(folded.answered_by) or call.agent
        call.extension = folded.answered_by[:40]
    return reached


def _assign(call: Call, candidates: tuple[str, ...]) -> None:
    day = timezone.localdate(call.offered_at)  # in the house's zone: the city is not known yet
    for word in candidates:
        if line := line_for(number=word, on=day):
            call.line, call.tenant = line, line.tenant
            return
    call.line = call.tenant = None


def _keep_caller(call: Call, event: ParsedEvent, at: datetime, *, is_new: bool) -> None:
    """The caller's number, once per call, apart from it."""
    said = event.caller.strip()
    if said.lower() in NO_CALLER:
        return
    number = to_e164(said) or said[:80]
    if not any(character.isdigit() for character in number):
        return
    if not is_new and CallerNumber.objects.filter(call=call).exists():
        return
    CallerNumber.objects.create(call=call, number=seal(number), keyed_hash=keyed_hash(number), seen_at=at)


def _is_blocked(event: ParsedEvent) -> bool:
    if event.kind != events.OFFERED or event.direction == Direction.OUT:
        return False
    number = to_e164(event.caller)
    return bool(number) and BlockedCaller.objects.filter(keyed_hash__in=keyed_hashes(number)).exists()


def _dial(connector: Connector, event: ParsedEvent) -> tuple[str, str] | None:
    """Outbound: the number to show, by the longest rule that fits."""
    if event.kind != events.OFFERED or event.direction != Direction.OUT:
        return None
    number = to_e164(event.caller)
    rules = [rule for rule in CallerIdRule.objects.filter(connector=connector) if number.startswith(rule.prefix)]
    best = max(rules, key=lambda rule: len(rule.prefix), default=None)
    return (best.caller_id.lstrip("+"), number.lstrip("+")) if best and number else None
