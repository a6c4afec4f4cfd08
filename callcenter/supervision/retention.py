"""Whether what should be deleted is deleted: counted now, and written down every night after the deletion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from callcenter.calls.models import Call, CallerNumber, CallState, Contact, TelephonyEvent
from callcenter.supervision.models import RetentionProof
from tenants.models import Tenant
from tenants.scope import all_cities

GRACE = timedelta(days=2)  # the job runs at night; what fell due today is still there
AFTER_THE_JOB = timedelta(hours=2)  # what fell due since it began


def left_over(city: Tenant, now: datetime, grace: timedelta = GRACE) -> RetentionProof:
    """What the city should have deleted by now and still holds (not saved); all zero when the job runs."""
    due = now - timedelta(days=city.retention_days) - grace
    old = Call.objects.filter(tenant=city, offered_at__lt=due).exclude(state=CallState.OFFERED)
    return RetentionProof(
        tenant=city,
        day=now.astimezone(city.zone).date(),
        checked_at=now,
        retention_days=city.retention_days,
        agents=old.filter(agent__isnull=False).count(),
        numbers=CallerNumber.objects.filter(call__in=old).count(),
        notes=Contact.objects.filter(call__in=old).exclude(note="").count(),
        bodies=TelephonyEvent.objects.filter(call__in=old).exclude(body=b"").count(),
    )


def prove_all(now: datetime | None = None) -> int:
    """One line for each city and night; returns how many cities keep what they should not."""
    now, broken = now or timezone.now(), 0
    with all_cities("the nightly proof of deletion"):
        for city in Tenant.objects.all():
            found = left_over(city, now, AFTER_THE_JOB)
            values = {
                name: getattr(found, name)
                for name in ("checked_at", "retention_days", "agents", "numbers", "notes", "bodies")
            }
            with transaction.atomic():
                RetentionProof.objects.update_or_create(tenant=city, day=found.day, defaults=values)
            broken += not found.is_kept
    return broken


def proofs(cities: Sequence[Tenant], most: int = 31) -> list[RetentionProof]:
    """The newest nights of these cities."""
    rows = RetentionProof.objects.filter(tenant__in=cities).select_related("tenant")
    return list(rows.order_by("-day", "tenant__name")[: most * max(1, len(cities))])
