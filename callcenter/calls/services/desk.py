"""What an agent does with the telephone: sit down, be ready, take a call, end it, close it.

The desk calls these from its views. Each raises ``Refused`` with a German sentence when the step cannot
be done now, and tells every desk concerned through ``signals.call_changed`` and ``presence_changed``.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from callcenter.accounts.models import Role, User
from callcenter.audit.services import record
from callcenter.calls.events import ANSWERED, ENDED, ParsedEvent
from callcenter.calls.models import (
    PLAYED,
    Call,
    CallState,
    Direction,
    Disposition,
    Outcome,
    Presence,
    PresenceState,
    Source,
)
from callcenter.calls.presence import Snapshot, agents_at, follow_call, move, remember
from callcenter.calls.services.ingest import ingest
from callcenter.calls.services.refusals import Refused
from callcenter.calls.signals import call_changed, presence_changed
from tenants.models import Line
from tenants.scope import assert_in_scope

FORGOTTEN = timedelta(hours=12)  # who has not been seen for so long does not hold an extension any more


@transaction.atomic
def sign_on(*, user: User, extension: str) -> Presence:
    """Sit down at an extension (may be empty: calls then find the login name) and be ready. Raises Refused."""
    extension = extension.strip()
    if len(extension) > 40:
        raise Refused(_("Der Platz hat höchstens 40 Zeichen."))
    now = timezone.now()
    others = Presence.objects.select_for_update().filter(extension=extension).exclude(user=user)
    for other in others.exclude(state=PresenceState.AWAY) if extension else ():
        if now - other.seen_at < FORGOTTEN:
            raise Refused(_("An diesem Platz ist schon jemand angemeldet. Prüfen Sie die Nummer des Platzes."))
        move(user_id=other.user_id, state=PresenceState.AWAY)
    presence = Presence.objects.select_for_update().filter(user=user).first() or Presence(user=user)
    remember(presence, state=PresenceState.READY, reason="", now=now)
    presence.state, presence.reason, presence.extension = PresenceState.READY, "", extension
    presence.since = presence.seen_at = now
    presence.save()
    presence_changed.send(sender=Presence, presence=presence)
    return presence


@transaction.atomic
def sign_off(*, user: User) -> None:
    """Leave the desk. Raises Refused while a talk goes on."""
    if _talks(user):
        raise Refused(_("Sie sprechen gerade. Beenden Sie zuerst das Gespräch."))
    move(user_id=user.pk, state=PresenceState.AWAY)


@transaction.atomic
def set_ready(*, user: User) -> Presence:
    """Take calls again; ends wrap-up and breaks. Raises Refused when not signed on, or while talking."""
    return _set(user, PresenceState.READY)


@transaction.atomic
def set_not_ready(*, user: User, reason: str = "") -> Presence:
    """Take no calls for now; ``reason`` (at most 40 characters) is live only and not kept."""
    return _set(user, PresenceState.NOT_READY, reason.strip()[:40])


def _set(user: User, state: str, reason: str = "") -> Presence:
    presence = Presence.objects.filter(user=user).first()
    if presence is None or presence.state == PresenceState.AWAY:
        raise Refused(_("Melden Sie sich zuerst an einem Platz an."))
    if _talks(user):
        raise Refused(_("Sie sprechen gerade. Beenden Sie zuerst das Gespräch."))
    moved = move(user_id=user.pk, state=state, reason=reason)
    return moved or presence


def _talks(user: User) -> bool:
    calls = Call.objects.beyond_scope("the agent's own calls")
    return calls.filter(agent=user, state=CallState.CONNECTED, outcome=Outcome.ANSWERED).exists()


@transaction.atomic
def take_call(*, user: User, call_id: uuid.UUID | str) -> Call:
    """Take a ringing call. Raises Refused when it is gone or somebody else has it.

    A simulated call is answered by this. With a real telephone system the handset answers; this claims
    the call for the desk, also when the telephone system does not say who answered.
    """
    call = (
        Call.objects.beyond_scope("rings at the agent's own desk")
        .select_for_update(of=("self",))
        .filter(pk=call_id)
        .first()
    )
    if call is None or (call.tenant_id is None and call.agent_id != user.pk and user.pk not in agents_at(call.rings)):
        raise Refused(_("Diesen Anruf gibt es nicht mehr."))
    if call.tenant_id is not None:
        assert_in_scope(call.tenant_id)
    if call.agent_id == user.pk and call.state != CallState.ENDED:
        if call.state == CallState.CONNECTED or call.source not in PLAYED:
            return call
    elif call.agent_id is not None:
        raise Refused(_("Diesen Anruf hat schon jemand angenommen."))
    if call.state == CallState.ENDED:
        raise Refused(_("Die anrufende Person hat aufgelegt."))
    if call.source in PLAYED:
        return _play(call, ANSWERED, user)
    before = Snapshot.of(call)
    call.agent = user
    call.save(update_fields=["agent"])
    follow_call(call=call, before=before)
    if call.state == CallState.OFFERED:
        call_changed.send(sender=Call, call=call, kind="ring_ended", user_ids=agents_at(call.rings))
        call_changed.send(sender=Call, call=call, kind="connected", user_ids=frozenset({user.pk}))
    return call


@transaction.atomic
def open_manual_call(*, user: User, line: Line) -> Call:
    """Open a call by hand, when the telephone system is down: it counts from now, for the line's city."""
    assert_in_scope(line.tenant_id)
    if not user.may(line.tenant_id, [Role.AGENT]):
        raise Refused(_("Für diese Stadt nehmen Sie keine Anrufe an."))
    if _talks(user):
        raise Refused(_("Sie sprechen gerade. Beenden Sie zuerst das Gespräch."))
    now = timezone.now()
    call = Call.objects.create(
        tenant=line.tenant,
        line=line,
        dialled=line.number,
        direction=Direction.IN,
        state=CallState.CONNECTED,
        outcome=Outcome.ANSWERED,
        offered_at=now,
        answered_at=now,
        agent=user,
        source=Source.MANUAL,
        line_by_hand=True,
    )
    record(
        action="call.opened_by_hand", actor_id=user.pk, tenant_id=line.tenant_id, object_type="call", object_id=call.pk
    )
    follow_call(call=call, before=Snapshot.nothing())
    return call


@transaction.atomic
def hang_up(*, user: User, call: Call) -> Call:
    """End a manual or simulated call. Raises Refused for calls of a telephone system: there the handset ends them."""
    call = _own(user, call)
    if call.state == CallState.ENDED:
        return call
    if call.source in PLAYED:
        return _play(call, ENDED, user)
    if call.source != Source.MANUAL:
        raise Refused(_("Legen Sie am Telefon auf. Dieses Gespräch führt Ihre Telefonanlage."))
    before = Snapshot.of(call)
    call.state, call.ended_at = CallState.ENDED, max(timezone.now(), call.offered_at)
    call.talked_s = int((call.ended_at - (call.answered_at or call.offered_at)).total_seconds())
    call.save(update_fields=["state", "ended_at", "talked_s"])
    follow_call(call=call, before=before)
    return call


@transaction.atomic
def hold_call(*, user: User, call: Call, consulting: str = "") -> Call:
    """Let the caller wait; ``consulting`` says whom the agent asks meanwhile. Raises Refused when nobody talks.

    With a real telephone system the handset holds; the desk then shows the same.
    """
    call = _own(user, call)
    if call.state != CallState.CONNECTED or call.outcome != Outcome.ANSWERED:
        raise Refused(_("Das Gespräch ist beendet. Halten lässt sich nur ein laufendes Gespräch."))
    if call.held_at is None:
        call.held_at = timezone.now()
    call.consulting = consulting.strip()[:160]
    call.save(update_fields=["held_at", "consulting"])
    call_changed.send(sender=Call, call=call, kind="changed", user_ids=frozenset({user.pk}))
    return call


@transaction.atomic
def resume_call(*, user: User, call: Call) -> Call:
    """Talk to this caller again; who was talked to meanwhile waits. Raises Refused when the call is over."""
    call = _own(user, call)
    if call.state != CallState.CONNECTED or call.outcome != Outcome.ANSWERED:
        raise Refused(_("Die anrufende Person hat inzwischen aufgelegt."))
    mine = Call.objects.beyond_scope("the agent's own calls").select_for_update(of=("self",))
    talks = mine.filter(agent=user, state=CallState.CONNECTED, outcome=Outcome.ANSWERED, held_at__isnull=True)
    for other in talks.exclude(pk=call.pk):
        hold_call(user=user, call=other)
    call.held_at, call.consulting = None, ""
    call.save(update_fields=["held_at", "consulting"])
    call_changed.send(sender=Call, call=call, kind="changed", user_ids=frozenset({user.pk}))
    return call


@transaction.atomic
def wrap_up(*, user: User, call: Call, timed_out: bool = False) -> Call:
    """Close the call's contacts and be ready again ("Abschließen und bereit").

    ``timed_out``: the clock closes it, so concerns without a result get the city's code for that.

    Manual and simulated talks end with it. While a real talk goes on, the desk is ready as soon as the
    telephone system reports its end.
    """
    call = _own(user, call)
    now = timezone.now()
    if call.state != CallState.ENDED and call.source in (Source.MANUAL, *PLAYED):
        call = hang_up(user=user, call=call)
    if call.wrapped_up_at is None:
        call.wrapped_up_at = now
        call.save(update_fields=["wrapped_up_at"])
        if timed_out:
            _code_by_the_clock(call)
        call.contacts.filter(closed_at__isnull=True).update(closed_at=now)
        call_changed.send(sender=Call, call=call, kind="changed", user_ids=frozenset({user.pk}))
    if call.state == CallState.ENDED and not _talks(user):
        move(user_id=user.pk, state=PresenceState.READY, only_from=(PresenceState.CALL, PresenceState.WRAP_UP))
    return call


def _code_by_the_clock(call: Call) -> None:
    code = call.tenant.wrap_up_code if call.tenant else Disposition.UNSTATED
    coded = call.contacts.filter(disposition="").update(disposition=code)
    if coded:
        data = {"code": str(code), "contacts": coded}
        record(
            action="contact.coded_by_clock", tenant_id=call.tenant_id, object_type="call", object_id=call.pk, data=data
        )


def _own(user: User, call: Call) -> Call:
    mine = Call.objects.beyond_scope("the agent's own calls").select_for_update(of=("self",))
    found = mine.filter(pk=call.pk, agent=user).first()
    if found is None:
        raise Refused(_("Dieser Anruf liegt nicht bei Ihnen."))
    return found


def _play(call: Call, kind: str, user: User) -> Call:
    """The simulated telephone system answers or hangs up, as the agent's handset would."""
    if call.connector is None:
        raise Refused(_("Dieser Anruf ist schon beendet."))
    now = timezone.now()
    event = ParsedEvent(kind=kind, call_id=call.connector_call_id, direction=call.direction, answered_by=user.username)
    raw = f"{kind} by desk {user.pk}".encode()
    return ingest(connector=call.connector, event=event, raw=raw, received_at=now, source=call.source).call
