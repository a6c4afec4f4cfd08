"""Which months are due, for the job that closes them by itself."""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import datetime

from django.utils import timezone

from billing.closing import in_force, version_for
from billing.models import Agreement, Period, PeriodState
from billing.month_close import close_periods
from billing.months import Month, closable_from
from billing.refusals import Refusal
from tenants.scope import all_cities

log = logging.getLogger(__name__)


def due_months(agreement: Agreement, now: datetime) -> list[Month]:
    """Months to close now, oldest first: all since the last closed one.

    When none ever was: from the month that the agreement names as the first billed here, or only the newest;
    an agreement that is new to this program must not have its whole past closed overnight.
    """
    zone = agreement.client.zone
    versions = list(agreement.versions.all())
    newest = Month.at(now, zone).plus(-1)
    closed = Period.objects.filter(agreement=agreement, state=PeriodState.CLOSED)
    last = closed.order_by("-month").values_list("month", flat=True).first()
    begun = Month.containing(agreement.billed_from) if agreement.billed_from else newest
    month = Month.containing(last).plus(1) if last else begun
    due = []
    while month <= newest:
        version = version_for(agreement, month, versions)
        if version and in_force(agreement, month) and now >= closable_from(month, version.grace_days, zone):
            due.append(month)
        month = month.plus(1)
    return due


def close_due_months(now: datetime | None = None) -> int:
    """Close what is due, oldest month first and many agreements together; one refusal stops no other."""
    moment = now or timezone.now()
    count = 0
    with all_cities("the schedule closes for every city"):
        due: dict[Month, list[Agreement]] = defaultdict(list)
        for agreement in Agreement.objects.select_related("operator", "client").prefetch_related("versions"):
            for month in due_months(agreement, moment):
                due[month].append(agreement)
        for month in sorted(due):
            for _agreement, result in close_periods(agreements=due[month], month=month, now=moment):
                if isinstance(result, Refusal):
                    log.warning("close-due-months: %s", result.english)
                else:
                    count += result.created
    return count
