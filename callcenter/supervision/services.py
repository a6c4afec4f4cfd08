"""What the supervision writes: promises, subscriptions, and the monthly report that goes out by mail."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone, translation

from callcenter.accounts.models import User
from callcenter.audit.services import record
from callcenter.supervision.models import ReportSubscription, Targets
from callcenter.supervision.pages import SEES_FIGURES, overview
from callcenter.supervision.periods import containing
from callcenter.supervision.reports import XLSX, as_long_csv, as_pdf, as_xlsx, title_of
from tenants.models import Tenant
from tenants.scope import all_cities, assert_in_scope, scoped

log = logging.getLogger(__name__)


@transaction.atomic
def change_targets(*, city: Tenant, by: User, values: Mapping[str, Decimal | int]) -> Targets:
    """Set a city's promises and alarms; the trail keeps what they were set to."""
    assert_in_scope(city)
    targets, _ = Targets.objects.update_or_create(tenant=city, defaults=dict(values))
    plain = {name: str(value) for name, value in values.items()}
    record(action="supervision.targets_changed", actor_id=by.pk, tenant_id=city.pk, data=plain)
    return targets


@transaction.atomic
def subscribe(*, city: Tenant, user: User, now: datetime) -> ReportSubscription:
    """From now on; the first report is that of the running month, when it is over."""
    assert_in_scope(city)
    last = containing("month", now.astimezone(city.zone).date()).shifted(-1)
    subscription, created = ReportSubscription.objects.get_or_create(
        tenant=city, user=user, defaults={"sent_until": last.first}
    )
    if created:
        record(action="supervision.report_subscribed", actor_id=user.pk, tenant_id=city.pk)
    return subscription


@transaction.atomic
def unsubscribe(*, city: Tenant, user: User) -> None:
    assert_in_scope(city)
    deleted, _ = ReportSubscription.objects.filter(tenant=city, user=user).delete()
    if deleted:
        record(action="supervision.report_unsubscribed", actor_id=user.pk, tenant_id=city.pk)


def send_due_reports(now: datetime | None = None) -> int:
    """Send every report of a month that is over and has not gone out; returns how many went.

    One transaction each: a report is marked with its mail, and killed in between it is sent again
    rather than never.
    """
    now, sent = now or timezone.now(), 0
    with all_cities("the monthly reports of every city"):
        waiting = list(ReportSubscription.objects.values_list("pk", flat=True))
    for pk in waiting:
        try:
            with all_cities("the monthly reports of every city"), transaction.atomic():
                sent += _send(pk, now)
        except Exception:  # one bad address must not cost the others their report
            log.exception("monthly report of subscription %s failed; it stays due", pk)
    return sent


def _send(pk: int, now: datetime) -> bool:
    rows = ReportSubscription.objects.select_for_update(of=("self",)).select_related("tenant", "user")
    subscription = rows.filter(pk=pk).first()
    if subscription is None:
        return False
    city, user = subscription.tenant, subscription.user
    month = containing("month", now.astimezone(city.zone).date()).shifted(-1)
    if subscription.sent_until >= month.first:
        return False
    if user.is_active and user.email and user.may(city, SEES_FIGURES):
        _mail(city, user, month.first, now)
    subscription.sent_until = month.first
    subscription.save(update_fields=["sent_until"])
    return True


def _mail(city: Tenant, user: User, month: date, now: datetime) -> None:
    with scoped([city]), translation.override(user.language):
        view = overview(city, containing("month", month), now)
        title = title_of(view)
        message = EmailMessage(
            subject=title,
            body=translation.gettext(
                "Guten Tag,\n\nanbei erhalten Sie den Monatsbericht als PDF, XLSX und CSV.\n"
                "In der Auswertung öffnet sich jede Zahl bis zu den Anrufen dahinter; "
                "dort können Sie den Bericht auch abbestellen.\n"
            ),
            to=[user.email],
        )
        name = f"{city.slug}-{month:%Y-%m}"
        message.attach(f"{name}.pdf", as_pdf(view, title), "application/pdf")
        message.attach(f"{name}.xlsx", as_xlsx(view), XLSX)
        message.attach(f"{name}.csv", as_long_csv(view), "text/csv")
        message.send()
