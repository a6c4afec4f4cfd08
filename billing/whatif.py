"""The same months under another agreement: counted from the ledger, rated by the same pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from django.db.models import Count, F, Sum
from django.utils.translation import gettext as _

from billing.closing import in_force, know, version_for
from billing.freezing import billable_calls, group_of
from billing.models import Agreement, Period, PeriodState
from billing.months import ContractYear, Month
from billing.outlook import Frame, Outlook, outlook, year_lines
from billing.rating import RatedLine, Usage, total
from billing.terms import Terms
from tenants.scope import all_cities


@dataclass(frozen=True)
class Row:
    """One month side by side; ``closed`` when its calls are those of its invoice."""

    month: Month
    calls: int
    now: Decimal
    other: Decimal
    closed: bool

    @property
    def difference(self) -> Decimal:
        return self.other - self.now


@dataclass(frozen=True)
class Comparison:
    year: ContractYear
    rows: list[Row]
    now: Outlook
    other: Outlook
    ahead: int
    known: int

    @property
    def so_far(self) -> dict[str, Decimal]:
        now, other = sum((row.now for row in self.rows), Decimal(0)), sum((row.other for row in self.rows), Decimal(0))
        return {"now": now, "other": other, "difference": other - now}

    @property
    def difference(self) -> Decimal:
        return self.other.middle - self.now.middle


def count_usage(agreement: Agreement, terms: Terms, months: Iterable[Month]) -> dict[Month, Usage]:
    """What these terms would count in each month, from the calls as the ledger has them now."""
    sums = {f"seconds_{step}": Sum((F("talked_s") + step - 1) / step * step) for step in sorted(terms.second_steps)}
    found = {}
    for month in months:
        usage = Usage()
        calls = billable_calls(agreement, terms, *month.bounds(agreement.client.zone))
        grouped = calls.annotate(in_group=group_of(terms.group_by)).values("in_group")
        for row in cast("Iterable[dict[str, Any]]", grouped.annotate(calls=Count("pk"), **sums)):
            seconds = {step: int(row[f"seconds_{step}"] or 0) for step in terms.second_steps}
            usage = usage.plus(Usage(row["calls"], seconds, {row["in_group"]: row["calls"]}))
        found[month] = usage
    return found


def compare(agreement: Agreement, year: ContractYear, other: Terms, now: datetime) -> Comparison:
    """The contract year under the agreement as it is and under ``other``; who asks may see the agreement."""
    versions = list(agreement.versions.all())
    running = Month.at(now, agreement.client.zone)
    frame = frame_of(agreement, year)

    def today(month: Month) -> Terms:
        version = version_for(agreement, month, versions) or versions[0]
        return version.prices

    past = [month for month in frame.months if month < running]
    # The range rests on up to twelve complete months, of the year before too.
    basis = [month for month in (running.plus(-back) for back in range(1, 13)) if in_force(agreement, month)]
    with all_cities("what the partner's calls would cost, asked by a party of the agreement"):
        frozen = _frozen(agreement, past)
        mine = {month: frozen.get(month) or _one(agreement, today(month), month) for month in {*past, *basis}}
        theirs = count_usage(agreement, other, {*past, *basis})
    # Months before the first call were counted elsewhere; they must not pull the mean down.
    basis.sort()
    while basis and not mine[basis[0]].calls:
        del basis[0]
    sides = [
        _side(frame, terms, {month: usage[month] for month in past}, [usage[month] for month in basis])
        for terms, usage in ((today, mine), (lambda _month: other, theirs))
    ]
    (now_lines, now_outlook), (other_lines, other_outlook) = sides
    rows = [
        Row(month, mine[month].calls, total(now_lines[month]), total(other_lines[month]), month in frozen)
        for month in past
    ]
    return Comparison(year, rows, now_outlook, other_outlook, len(frame.months) - len(past), len(basis))


def _one(agreement: Agreement, terms: Terms, month: Month) -> Usage:
    return count_usage(agreement, terms, [month])[month]


def _side(
    frame: Frame, terms_of: Callable[[Month], Terms], usage: dict[Month, Usage], behind: list[Usage]
) -> tuple[dict[Month, tuple[RatedLine, ...]], Outlook]:
    return year_lines(frame, terms_of, usage), outlook(frame, terms_of, usage, behind)


def frame_of(agreement: Agreement, year: ContractYear) -> Frame:
    months = tuple(month for month in year.months if in_force(agreement, month))
    first = year == agreement.first_year
    return Frame(
        year=year,
        months=months,
        shares={
            month: (month.share(agreement.starts_on, agreement.ends_on), month.part_before(agreement.starts_on))
            for month in months
        },
        year_share=year.share(agreement.starts_on, agreement.ends_on),
        opening_calls=agreement.opening_calls if first else 0,
        opening_net=agreement.opening_net if first else Decimal("0.00"),
    )


def _frozen(agreement: Agreement, months: list[Month]) -> dict[Month, Usage]:
    """Usage of closed months as it was frozen, late calls with the month they belong to left out."""
    periods = list(
        Period.objects.filter(
            agreement=agreement, state=PeriodState.CLOSED, month__in=[month.first for month in months]
        ).select_related("version")
    )
    if not periods:
        return {}
    known = know(periods)
    return {period.as_month: known.usage[period.pk].get(period.month, Usage()) for period in periods}


def years_of(agreement: Agreement, now: datetime) -> list[ContractYear]:
    """Contract years that can be looked at, newest first."""
    running = agreement.year_of(Month.at(now, agreement.client.zone))
    years: list[ContractYear] = []
    year = running
    while year.last.last >= agreement.counted_from and len(years) < 5:
        if any(in_force(agreement, month) for month in year.months):
            years.append(year)
        year = ContractYear(year.first.plus(-12))
    return years


def chart_of(comparison: Comparison) -> dict[str, Any]:
    """The picture: both sides of each month; its table stands below it."""
    return {
        "kind": "bars",
        "format": "euro",
        "categories": [row.month.label for row in comparison.rows],
        "series": [
            {"name": _("wie vereinbart"), "tone": "action", "values": [float(row.now) for row in comparison.rows]},
            {"name": _("im Vergleich"), "tone": "quiet", "values": [float(row.other) for row in comparison.rows]},
        ],
    }
