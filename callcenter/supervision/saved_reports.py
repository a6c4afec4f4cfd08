"""Reports that somebody built: read from their address, kept, and sent when their period has ended."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.core.mail import EmailMessage
from django.db import transaction
from django.http import QueryDict
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext

from callcenter.accounts.models import User
from callcenter.audit.services import record
from callcenter.supervision import builder
from callcenter.supervision.builder import MEASURES, ReportRefused, Table
from callcenter.supervision.display import as_csv, shown
from callcenter.supervision.models import SavedReport, Schedule
from callcenter.supervision.overview import Overview
from callcenter.supervision.pages import SEES_FIGURES, overview
from callcenter.supervision.periods import Period, containing
from callcenter.supervision.reports import XLSX
from callcenter.supervision.xlsx import Sheet, workbook
from tenants.models import Line, Tenant
from tenants.scope import all_cities, assert_in_scope, scoped

log = logging.getLogger(__name__)
CSV = "text/csv; charset=utf-8"


class NameTaken(ValueError):
    """The city has a report of that name."""


@dataclass(frozen=True)
class Built:
    """A report with its table, and in the shapes in which it leaves the house."""

    view: Overview
    table: Table

    @property
    def title(self) -> str:
        return f"{self.view.look.city.official_name}, {self.view.look.period.label}"

    @property
    def file_name(self) -> str:
        period = self.view.look.period
        return f"{self.view.look.city.slug}-{self.table.keys[0]}-{period.first}-{period.last}"

    @property
    def formulas(self) -> list[tuple[str, str]]:
        """(measure, formula) of every column."""
        return [(str(MEASURES[key].label), builder.formula_of(MEASURES[key], self.view)) for key in self.table.keys[1:]]

    @property
    def notes(self) -> list[str]:
        counted = gettext("Gezählt: %(which)s.") % {"which": self.view.which_calls()}
        return [self.title, counted, *(f"{label}: {formula}" for label, formula in self.formulas)]

    @property
    def shown(self) -> list[list[tuple[str, bool]]]:
        """(text, whether it is a number) of every cell."""
        return [
            [
                (shown(column.kind, value), column.is_number)
                for column, value in zip(self.table.columns, row, strict=True)
            ]
            for row in self.table.rows
        ]

    def csv(self) -> str:
        return as_csv(self.table.columns, self.table.rows)

    def xlsx(self) -> bytes:
        sheet = Sheet(gettext("Bericht"), self.notes, self.table.columns, self.table.rows)
        return workbook([sheet], title=self.title, author=self.view.look.city.official_name)


def build(*, city: Tenant, query: str, now: datetime, period: Period | None = None) -> Built:
    """The report of a builder's address; ``period`` replaces its own. Raises ReportRefused."""
    assert_in_scope(city)
    asked = QueryDict(query)
    keys = [key for key in asked.getlist("mass") if key in MEASURES]
    group = asked.get("nach", "tag")
    if not keys or group not in builder.GROUPS:
        raise ReportRefused(gettext("Bitte wählen Sie mindestens ein Maß."))
    if period is None:
        period = (
            Period(date.fromisoformat(asked["von"]), date.fromisoformat(asked["bis"]))
            if asked.get("zeit") == "fest"
            else builder.relative(asked.get("zeit", ""), now.astimezone(city.zone).date())
        )
    line = Line.objects.filter(tenant=city, pk=asked["leitung"]).first() if asked.get("leitung") else None
    if asked.get("leitung") and line is None:
        raise ReportRefused(gettext("Die Leitung dieses Berichts gibt es nicht mehr. Bitte wählen Sie eine andere."))
    counted = {"on": True, "alle": False}.get(asked.get("servicezeit", ""))
    view = overview(city, period, now, line=line, service_only=counted)
    return Built(view, builder.table(view, keys, group))


@transaction.atomic
def save_report(*, city: Tenant, user: User, name: str, query: str, schedule: str, now: datetime) -> SavedReport:
    """Keep a report for everybody who sees the city's figures; mail goes to its owner. Raises NameTaken."""
    assert_in_scope(city)
    if SavedReport.objects.filter(tenant=city, name=name).exists():
        raise NameTaken(gettext("Einen Bericht mit diesem Namen gibt es schon. Bitte wählen Sie einen anderen."))
    due = _ended(schedule, now.astimezone(city.zone).date()) if schedule else None
    report = SavedReport.objects.create(
        tenant=city, owner=user, name=name, query=query, schedule=schedule, sent_until=due.last if due else None
    )
    record(
        action="supervision.report_saved",
        actor_id=user.pk,
        tenant_id=city.pk,
        object_type="report",
        object_id=report.pk,
        data={"schedule": schedule},
    )
    return report


@transaction.atomic
def delete_report(*, report: SavedReport, user: User) -> None:
    assert_in_scope(report.tenant_id)
    record(
        action="supervision.report_deleted",
        actor_id=user.pk,
        tenant_id=report.tenant_id,
        object_type="report",
        object_id=report.pk,
    )
    report.delete()


def _ended(schedule: str, today: date) -> Period:
    """The newest period of this kind that is over."""
    if schedule == Schedule.DAILY:
        yesterday = today - timedelta(days=1)
        return Period(yesterday, yesterday)
    return containing(schedule, today).shifted(-1)


def send_due(now: datetime | None = None) -> int:
    """Mail every saved report whose period has ended since; returns how many went."""
    now, sent = now or timezone.now(), 0
    with all_cities("saved reports of every city"):
        waiting = list(SavedReport.objects.exclude(schedule="").values_list("pk", flat=True))
    for pk in waiting:
        try:
            with all_cities("saved reports of every city"), transaction.atomic():
                sent += _send(pk, now)
        except Exception:  # one bad address must not cost the others their report
            log.exception("saved report %s failed; it stays due", pk)
    return sent


def _send(pk: int, now: datetime) -> bool:
    rows = SavedReport.objects.select_for_update(of=("self",)).select_related("tenant", "owner")
    report = rows.filter(pk=pk).first()
    if report is None:
        return False
    city, user = report.tenant, report.owner
    period = _ended(report.schedule, now.astimezone(city.zone).date())
    if report.sent_until and report.sent_until >= period.last:
        return False
    may = user.is_active and user.email and user.may(city, SEES_FIGURES)
    if may:
        _mail(report, period, now)
    report.sent_until = period.last
    report.save(update_fields=["sent_until"])
    return bool(may)


def _mail(report: SavedReport, period: Period, now: datetime) -> None:
    with scoped([report.tenant]), translation.override(report.owner.language):
        message = EmailMessage(subject=f"{report.name}: {period.label}", to=[report.owner.email])
        try:
            built = build(city=report.tenant, query=report.query, now=now, period=period)
        except ReportRefused as refusal:
            message.body = str(refusal)
        else:
            message.body = gettext("Guten Tag,\n\nanbei erhalten Sie den Bericht „%(name)s“ für %(period)s.\n") % {
                "name": report.name,
                "period": period.label if len(period) > 1 else date_format(period.first, "j. F Y"),
            }
            message.attach(f"{built.file_name}.xlsx", built.xlsx(), XLSX)
            message.attach(f"{built.file_name}.csv", built.csv(), "text/csv")
        message.send()
