"""Where agents sit and what they do: who a ring reaches, and how a call moves its agent's presence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from callcenter.accounts.models import Role, User
from callcenter.calls.models import Call, CallState, Direction, Outcome, Presence, PresenceState
from callcenter.calls.signals import call_changed, presence_changed
from tenants.numbers import to_e164

CHANGES_KEPT = 400  # of a day; a long one with a call every two minutes has fewer


@dataclass(frozen=True)
class Snapshot:
    """What the desks knew of a call before it changed."""

    state: str
    agent_id: int | None
    rings: tuple[str, ...]
    tenant_id: int | None

    @classmethod
    def of(cls, call: Call) -> Snapshot:
        return cls(call.state, call.agent_id, tuple(call.rings), call.tenant_id)

    @classmethod
    def nothing(cls) -> Snapshot:
        return cls("", None, (), None)


def names_of(word: str) -> set[str]:
    """The forms in which a desk may be known: as said, the name before a SIP address's @, E.164."""
    text = word.strip()
    forms = {text, text.removeprefix("sip:").split("@")[0]}
    if number := to_e164(text):
        forms.add(number)
    return {form for form in forms if form}


def agents_by_word(words: Iterable[str]) -> dict[str, User]:
    """Who is meant by each of these extensions or login names; words that mean nobody here are left out.

    Telephone systems also send names that nobody here has. Who sits at an extension today goes before
    whoever has that login name.
    """
    forms = {word: names_of(word) for word in words}
    wanted = sorted({form for found in forms.values() for form in found})
    users: dict[str, User] = {}
    for start in range(0, len(wanted), 500):
        chunk = wanted[start : start + 500]
        here = Presence.objects.filter(extension__in=chunk).exclude(state=PresenceState.AWAY).select_related("user")
        users.update({presence.extension: presence.user for presence in here})
        if left := [form for form in chunk if form not in users]:
            users.update({user.username: user for user in User.objects.filter(username__in=left, is_active=True)})
    return {word: users[form] for word, found in forms.items() for form in found if form in users}


def agents_at(words: Iterable[str]) -> frozenset[int]:
    """Ids of the users whom these extensions or login names mean."""
    return frozenset(user.pk for user in agents_by_word(words).values())


def agent_at(word: str) -> User | None:
    """The one user whom an extension or login name means, or None."""
    return agents_by_word([word]).get(word)


def ready_agents(tenant_id: int) -> frozenset[int]:
    """Ids of the agents who are ready and answer for the city: whom a queue ring reaches."""
    return frozenset(
        Presence.objects.filter(
            Q(user__memberships__role=Role.AGENT) | Q(user__memberships__role=Role.ADMINISTRATOR),
            state=PresenceState.READY,
            user__memberships__tenant=tenant_id,
            user__is_active=True,
        )
        .values_list("user_id", flat=True)
        .distinct()
    )


def reached_by(call: Call) -> frozenset[int]:
    """Ids of the users at whose desks an offered call rings."""
    if call.rings:
        return agents_at(call.rings)
    return ready_agents(call.tenant_id) if call.tenant_id else frozenset()


def remember(presence: Presence, *, state: str, reason: str, now: datetime) -> None:
    """Note a change for the agent's own view of today; what was noted on another day goes. Not saved here."""
    day = timezone.localdate(now)
    if presence.day != day:
        presence.day, presence.today = day, []
    presence.today = [*presence.today[-CHANGES_KEPT:], [state, reason, now.isoformat()]]


def move(*, user_id: int, state: str, reason: str = "", only_from: Iterable[str] = ()) -> Presence | None:
    """Set an agent's presence; ``only_from`` leaves every other state alone. None when nothing moved."""
    presence = Presence.objects.select_for_update().filter(user_id=user_id).first()
    if presence is None or (only_from and presence.state not in only_from):
        return None
    now = timezone.now()
    if (presence.state, presence.reason) != (state, reason):
        remember(presence, state=state, reason=reason, now=now)
    if presence.state != state:
        presence.since = now
    presence.state, presence.reason, presence.seen_at = state, reason, now
    presence.save()
    presence_changed.send(sender=Presence, presence=presence)
    return presence


def follow_call(*, call: Call, before: Snapshot, reached: dict[str, User] | None = None) -> None:
    """After a call changed: move its agents and tell the desks. Needs an open transaction.

    ``reached`` are the agents it rings at by extension, where they are known already.
    """
    if call.state == CallState.OFFERED:
        _follow_ringing(call, before, reached)
    elif before.state in ("", CallState.OFFERED):
        _tell(call, "ring_ended", _rang_at(call, before))
    if call.agent_id != before.agent_id and before.agent_id:
        _tell(call, "changed", frozenset({before.agent_id}))
        _after_talk(before.agent_id, call)
    if call.state == CallState.CONNECTED and call.outcome == Outcome.ANSWERED and call.agent_id:
        if (before.state, before.agent_id) != (call.state, call.agent_id):
            _hold_others(call)
            move(user_id=call.agent_id, state=PresenceState.CALL, only_from=_interrupted_by(call))
            _tell(call, "connected", frozenset({call.agent_id}))
        return
    if call.state == CallState.ENDED and before.state != CallState.ENDED and call.agent_id:
        _after_talk(call.agent_id, call)
        _tell(call, "ended", frozenset({call.agent_id}))


def _follow_ringing(call: Call, before: Snapshot, reached: dict[str, User] | None) -> None:
    if before.state == CallState.OFFERED and (before.rings, before.tenant_id) == (tuple(call.rings), call.tenant_id):
        return
    users = frozenset(user.pk for user in reached.values()) if reached else reached_by(call)
    if users:
        call_changed.send(sender=Call, call=call, kind="ring", user_ids=users)


def _interrupted_by(call: Call) -> tuple[str, ...]:
    """The states a talk begins from; who dials out during a break stays on the break."""
    if call.direction == Direction.OUT:
        return (PresenceState.READY, PresenceState.WRAP_UP, PresenceState.CALL)
    return ()


def _hold_others(call: Call) -> None:
    """One talks with one person at a time: who else was talked to waits now, as the handset has it."""
    others = Call.objects.beyond_scope("the agent's own calls").filter(agent_id=call.agent_id, held_at__isnull=True)
    for other in others.filter(state=CallState.CONNECTED, outcome=Outcome.ANSWERED).exclude(pk=call.pk):
        other.held_at = timezone.now()
        other.consulting = call.dialled[:160] if call.direction == Direction.OUT else ""
        other.save(update_fields=["held_at", "consulting"])
        _tell(other, "changed", frozenset({call.agent_id} if call.agent_id else ()))


def _rang_at(call: Call, before: Snapshot) -> frozenset[int]:
    """Everybody whose desk may still ring: the ring group, or with a queue every desk of the city."""
    return agents_at(before.rings) if before.rings else frozenset()


def _tell(call: Call, kind: str, user_ids: frozenset[int]) -> None:
    call_changed.send(sender=Call, call=call, kind=kind, user_ids=user_ids)


def _after_talk(user_id: int, call: Call) -> None:
    """From the talk into wrap-up, unless another talk goes on or the call is closed already."""
    mine = Call.objects.beyond_scope("the agent's own calls")
    others = mine.filter(agent_id=user_id, state=CallState.CONNECTED, outcome=Outcome.ANSWERED)
    if others.exclude(pk=call.pk).exists():
        return
    # A call that the agent made needs no wrap-up: nobody asked anything.
    closed = (call.wrapped_up_at is not None or call.direction == Direction.OUT) and call.agent_id == user_id
    move(
        user_id=user_id,
        state=PresenceState.READY if closed or call.outcome != Outcome.ANSWERED else PresenceState.WRAP_UP,
        only_from=(PresenceState.CALL,),
    )
