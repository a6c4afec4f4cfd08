"""What happens to calls with time: hangups that never came, and personal data that must go."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from callcenter.audit.services import record
from callcenter.calls.events import REAPED
from callcenter.calls.models import (
    Call,
    CallerNumber,
    CallState,
    Contact,
    Direction,
    Feedback,
    Handover,
    HandoverEntry,
    Outcome,
    Presence,
    RequestLog,
    TelephonyEvent,
)
from callcenter.calls.presence import Snapshot, follow_call
from callcenter.calls.services.desk import wrap_up
from callcenter.calls.services.ingest import refold
from tenants.models import Tenant, WrapUp
from tenants.scope import all_cities

RINGS_AT_MOST = timedelta(minutes=30)
TALKS_AT_MOST = timedelta(hours=4)
REFUSALS_KEPT = timedelta(days=7)
BROWSER_FIRST = timedelta(seconds=20)  # the desk closes by its own clock, and keeps what is being typed
WRAP_UPS_LOOKED_AT = timedelta(hours=12)


def reap_stale_calls(*, now: datetime | None = None) -> int:
    """Close calls whose hangup never came, and mark them; returns how many.

    They end at their last sign of life, so that no second is billed that nobody saw.
    """
    now = now or timezone.now()
    reaped = 0
    with all_cities("closes calls whose hangup never came"):
        going = Call.objects.exclude(state=CallState.ENDED).filter(offered_at__lt=now - RINGS_AT_MOST)
        for call in going.annotate(heard=Max("events__received_at")):
            limit = RINGS_AT_MOST if call.state == CallState.OFFERED else TALKS_AT_MOST
            if now - (call.heard or call.answered_at or call.offered_at) > limit:
                _reap(call, now)
                reaped += 1
    return reaped


@transaction.atomic
def _reap(call: Call, now: datetime) -> None:
    call = Call.objects.select_for_update(of=("self",)).get(pk=call.pk)
    if call.state == CallState.ENDED:
        return
    if call.connector_id is None:
        before = Snapshot.of(call)
        call.state, call.reaped, call.ended_at = CallState.ENDED, True, call.answered_at or call.offered_at
        call.outcome = call.outcome or Outcome.ABANDONED
        call.save(update_fields=["state", "reaped", "ended_at", "outcome"])
        follow_call(call=call, before=before)
    else:
        last = TelephonyEvent.objects.filter(call=call).order_by("received_at").last()
        TelephonyEvent.objects.get_or_create(
            connector_id=call.connector_id,
            connector_call_id=call.connector_call_id,
            event=REAPED,
            body_hash=call.pk.hex,
            day=now.date(),
            defaults={
                "call": call,
                "received_at": now,
                "at": (last.at or last.received_at) if last else call.offered_at,
                "fields": {"direction": call.direction or Direction.IN},
            },
        )
        refold(call=call)
    record(action="call.reaped", tenant_id=call.tenant_id, object_type="call", object_id=call.pk)


def close_overdue_wrap_ups(*, now: datetime | None = None) -> int:
    """Close calls whose city limits the wrap-up and whose desk did not do it itself; returns how many.

    A browser that is gone must neither keep its agent out of the queue nor a concern without a result.
    """
    now = now or timezone.now()
    closed = 0
    with all_cities("closes wrap-ups whose time is over"):
        waiting = Call.objects.filter(
            state=CallState.ENDED,
            outcome=Outcome.ANSWERED,
            direction=Direction.IN,
            wrapped_up_at__isnull=True,
            agent__isnull=False,
            tenant__wrap_up=WrapUp.TIMED,
            ended_at__gte=now - WRAP_UPS_LOOKED_AT,
        )
        for call in waiting.select_related("tenant", "agent"):
            limit = timedelta(seconds=call.tenant.wrap_up_seconds if call.tenant else 0) + BROWSER_FIRST
            if call.ended_at and call.agent and now - call.ended_at > limit:
                wrap_up(user=call.agent, call=call, timed_out=True)
                closed += 1
    return closed


def expire_personal_data(*, now: datetime | None = None) -> dict[str, int]:
    """Remove caller numbers, notes, agents and raw bodies after each city's number of days.

    Id, times, seconds and outcome of a call stay; only those are billed. Returns counts by city slug.
    """
    now = now or timezone.now()
    removed: dict[str, int] = {}
    with all_cities("deletes personal data after each city's number of days"):
        for city in Tenant.objects.all():
            before = now - timedelta(days=city.retention_days)
            removed[city.slug] = _expire(before, city.pk)
        shortest = min(Tenant.objects.values_list("retention_days", flat=True), default=30)
        removed[""] = _expire(now - timedelta(days=shortest), None)
        RequestLog.objects.filter(at__lt=now - REFUSALS_KEPT).delete()
        Presence.objects.filter(day__lt=timezone.localdate(now)).update(day=None, today=[])
    return removed


@transaction.atomic
def _expire(before: datetime, tenant_id: int | None) -> int:
    """One city's (or, without one, the unassigned) calls that ended their time; returns how many numbers went."""
    old = Call.objects.filter(tenant=tenant_id, offered_at__lt=before).exclude(state__in=[CallState.OFFERED])
    gone, _ = CallerNumber.objects.filter(call__in=old).delete()
    TelephonyEvent.objects.filter(call__in=old).exclude(body=b"").update(body=b"")
    touched = Call.objects.filter(pk__in=old.filter(agent__isnull=False).values("pk")).update(agent=None, extension="")
    notes = Contact.objects.filter(call__in=old).exclude(note="").update(note="")
    answered = Feedback.objects.filter(tenant=tenant_id, created_at__lt=before, closed_at__isnull=False)
    answered.exclude(reporter=None).update(reporter=None, told_at=timezone.now())
    handed = Handover.objects.filter(contact__call__in=old, done_at__isnull=False)
    handed = handed.exclude(request="", callback_number=b"", answer="", answers=b"")
    expired = list(handed.values_list("pk", flat=True))
    HandoverEntry.objects.filter(handover__in=expired).update(note="", by=None)
    requests = Handover.objects.filter(pk__in=expired).update(
        request="", callback_number=b"", answer="", answers=b"", created_by=None
    )
    if gone or touched or notes or requests:
        record(
            action="personal_data.expired",
            tenant_id=tenant_id,
            data={"numbers": gone, "agents": touched, "notes": notes, "handovers": requests},
        )
    return gone
