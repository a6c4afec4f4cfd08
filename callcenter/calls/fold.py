"""A set of telephony events → the state of one call. Pure; order and repetition change nothing.

Rules (with the product's contract as their source):
- any answer that is not voicemail makes the call answered, wherever it arrives; the first one counts;
- a hangup ends its leg for good; the call has ended when every leg has;
- a transferred leg has ended as soon as the conversation goes on in another leg;
- without a hangup the reaper's mark ends what is still open;
- unanswered and not forwarded is abandoned; unanswered and forwarded has no outcome of its own, unless it was
  forwarded to a leg that nobody answered either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from callcenter.calls.events import ANSWERED, ENDED, OFFERED, REAPED, REJECTED, TRANSFERRED

RANK = {OFFERED: 0, ANSWERED: 1, TRANSFERRED: 2, ENDED: 3, REJECTED: 4, REAPED: 5}


@dataclass(frozen=True)
class Event:
    """What the fold reads of a stored event. ``at`` is the sender's time, else the first receipt (UTC)."""

    leg: str
    kind: str
    at: datetime
    direction: str = ""
    dialled: str = ""
    queue: str = ""
    users: tuple[str, ...] = ()
    answered_by: str = ""
    is_voicemail: bool = False
    cause: str = ""
    linked: str = ""

    @property
    def order(self) -> tuple[object, ...]:
        """A total order over what was said, so that equal sets fold equally."""
        return (RANK.get(self.kind, 9), self.at, self.leg, self.users, self.answered_by, self.dialled, self.queue)


@dataclass(frozen=True)
class Folded:
    """The call as its events tell it. Seconds are whole; ``candidates`` are words that may name the line."""

    state: str
    outcome: str | None
    direction: str
    offered_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    waited_s: int
    talked_s: int
    legs: int
    reaped: bool
    dialled: str = ""
    queue: str = ""
    candidates: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    answered_by: str = ""


@dataclass
class _Leg:
    key: str
    events: list[Event] = field(default_factory=list)

    def first(self, kind: str) -> Event | None:
        return min((e for e in self.events if e.kind == kind), key=lambda e: (e.at, e.order), default=None)

    @property
    def is_child(self) -> bool:
        """It says itself that it continues another leg."""
        return any(e.linked and e.linked != self.key and e.kind != TRANSFERRED for e in self.events)

    @property
    def passed_on(self) -> bool:
        """The caller went on from here to somewhere else."""
        return any(e.kind == TRANSFERRED or (e.kind == ENDED and e.cause.lower() == "forwarded") for e in self.events)

    @property
    def order(self) -> tuple[object, ...]:
        return (self.is_child, min(e.at for e in self.events), self.key)


def _seconds(start: datetime, end: datetime) -> int:
    return max(0, int((end - start).total_seconds()))


def _leg_end(leg: _Leg, others: Iterable[_Leg]) -> datetime | None:
    """When this leg ended, without the reaper; None while it goes on."""
    if ended := leg.first(ENDED) or leg.first(REJECTED):
        return ended.at
    passed_on = leg.first(TRANSFERRED)
    if passed_on and any(e.kind != TRANSFERRED and e.at >= passed_on.at for other in others for e in other.events):
        return passed_on.at
    return None


def fold(events: Iterable[Event]) -> Folded:
    """Fold a non-empty set of events of one call; raises ValueError when it is empty."""
    unique = sorted(set(events), key=lambda e: e.order)
    if not unique:
        raise ValueError("A call needs at least one event.")
    by_key: dict[str, _Leg] = {}
    reaped_at: datetime | None = None
    for event in unique:
        if event.kind == REAPED:
            reaped_at = min(reaped_at or event.at, event.at)
        else:
            by_key.setdefault(event.leg, _Leg(event.leg)).events.append(event)
    if not by_key:
        raise ValueError("The reaper's mark alone is no call.")
    legs = sorted(by_key.values(), key=lambda leg: leg.order)

    offered_at = min(e.at for leg in legs for e in leg.events)
    ends = [_leg_end(leg, (other for other in legs if other is not leg)) for leg in legs]
    reaped = reaped_at is not None and None in ends
    if reaped and reaped_at:
        ends = [end or max(reaped_at, offered_at) for end in ends]
    ended_at = None if None in ends else max(end for end in ends if end)

    answers = [e for leg in legs for e in leg.events if e.kind == ANSWERED]
    spoken = min((e for e in answers if not e.is_voicemail), key=lambda e: (e.at, e.order), default=None)
    told = [e for leg in legs for e in leg.events]
    recorded = min((e for e in told if e.is_voicemail), key=lambda e: (e.at, e.order), default=None)
    answered_at = min(spoken.at, ended_at or spoken.at) if spoken else None

    outcome: str | None = None
    if spoken:
        outcome = "answered"
    elif recorded:
        outcome = "voicemail"
    elif any(e.kind == REJECTED for leg in legs for e in leg.events):
        outcome = "rejected"
    elif ended_at and not all(leg.passed_on for leg in legs):
        outcome = "abandoned"

    waited_until = answered_at or (min(recorded.at, ended_at or recorded.at) if recorded else ended_at)
    return Folded(
        state="ended" if ended_at else "connected" if answers else "offered",
        outcome=outcome,
        direction=_first_word(legs, "direction") or "in",
        offered_at=offered_at,
        answered_at=answered_at,
        ended_at=ended_at,
        waited_s=_seconds(offered_at, waited_until) if waited_until else 0,
        talked_s=_seconds(answered_at, ended_at) if answered_at and ended_at else 0,
        legs=len(legs),
        reaped=reaped,
        dialled=_first_word(legs, "dialled"),
        queue=_first_word(legs, "queue"),
        candidates=_candidates(legs),
        users=_ringing(legs),
        answered_by=_answered_by(legs),
    )


def _first_word(legs: list[_Leg], name: str) -> str:
    """The first non-empty value, the conversation's first leg before later ones."""
    return next(
        (getattr(e, name) for leg in legs for e in sorted(leg.events, key=lambda e: e.order) if getattr(e, name)), ""
    )


def _candidates(legs: list[_Leg]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for leg in legs:
        for event in sorted(leg.events, key=lambda e: e.order):
            for word in (event.dialled, event.queue):
                if word:
                    found.setdefault(word)
    return tuple(found)


def _ringing(legs: list[_Leg]) -> tuple[str, ...]:
    """Whom the legs that still ring, ring at."""
    return tuple(
        sorted(
            {
                user
                for leg in legs
                if not (leg.first(ANSWERED) or leg.first(ENDED))
                for event in leg.events
                if event.kind == OFFERED
                for user in event.users
            }
        )
    )


def _answered_by(legs: list[_Leg]) -> str:
    """Who talks: the first to answer the leg that was answered last."""
    firsts = []
    for leg in legs:
        first = min(
            (e for e in leg.events if e.kind == ANSWERED and not e.is_voicemail),
            key=lambda e: (e.at, e.order),
            default=None,
        )
        if first:
            named = min(
                (e for e in leg.events if e.kind == ANSWERED and not e.is_voicemail and e.answered_by),
                key=lambda e: (e.at, e.order),
                default=first,
            )
            firsts.append((first.at, leg.key, named.answered_by))
    return max(firsts)[2] if firsts else ""
