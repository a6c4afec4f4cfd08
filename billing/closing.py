"""What the rating of a closed month may know, gathered from frozen lists.

The frozen list (``freezing.py``) is the only thing that rating reads, so it can be repeated to the
cent years later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum

from billing.freezing import billable_calls, list_hash
from billing.models import (
    Agreement,
    AgreementVersion,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    InvoiceStatus,
    Period,
    PeriodState,
    UsageRecord,
)
from billing.money import ZERO
from billing.months import ContractYear, Month
from billing.rating import Facts, LateMonth, Usage, YearState
from billing.terms import Terms

__all__ = ["Known", "carried_of", "gather", "in_force", "know", "list_hash", "version_for"]


@dataclass(frozen=True)
class Known:
    """What was read for many periods at once: their usage by month, and which months that end a year are billed."""

    usage: dict[int, dict[date, Usage]] = field(default_factory=dict)
    ended: set[tuple[UUID, date]] = field(default_factory=set)
    newest: dict[UUID, int] = field(default_factory=dict)


def version_for(agreement: Agreement, month: Month, versions: Iterable[AgreementVersion]) -> AgreementVersion | None:
    """The version that rules this month: the latest that is valid on its first day within the agreement."""
    day = max(month.first, agreement.starts_on)
    valid = [version for version in versions if version.valid_from <= day]
    return max(valid, key=lambda version: version.valid_from) if valid else None


def in_force(agreement: Agreement, month: Month) -> bool:
    """Whether this program bills the agreement in that month."""
    return month.last >= agreement.counted_from and month.share(agreement.starts_on, agreement.ends_on) > 0


def _counted(rows: QuerySet[UsageRecord], steps: frozenset[int], *keys: str) -> dict[tuple[Any, ...], Usage]:
    """Calls, rounded seconds and groups of frozen rows, by these columns; one GROUP BY."""
    sums = {f"seconds_{step}": Sum((F("talked_s") + step - 1) / step * step) for step in sorted(steps)}
    found: dict[tuple[Any, ...], Usage] = {}
    for row in rows.order_by().values(*keys, "group").annotate(calls=Count("pk"), **sums):
        key = tuple(row[name] for name in keys)
        seconds = {step: int(row[f"seconds_{step}"] or 0) for step in steps}
        found[key] = found.get(key, Usage()).plus(Usage(row["calls"], seconds, {row["group"]: row["calls"]}))
    return found


def know(periods: Sequence[Period]) -> Known:
    """Read once what ``gather`` would otherwise read period by period; the same queries for one as for fifty."""
    steps = frozenset[int]().union(*(period.version.prices.second_steps for period in periods))
    known = Known(usage={period.pk: {} for period in periods})
    for (pk, day), usage in _counted(UsageRecord.objects.filter(period__in=periods), steps, "period", "month").items():
        known.usage[pk][day] = usage
    agreements = {period.agreement_id for period in periods}
    ends = {
        last_month(period.agreement, period.agreement.year_of(Month.containing(day))).first
        for period in periods
        for day in {*known.usage[period.pk], period.month}
    }
    billed = Invoice.objects.filter(agreement__in=agreements, kind=InvoiceKind.INVOICE, period__month__in=ends)
    living = billed.exclude(status=InvoiceStatus.CANCELLED)
    known.ended.update(living.order_by().values_list("agreement", "period__month"))
    closed = Period.objects.filter(agreement__in=agreements, state=PeriodState.CLOSED).order_by()
    for agreement, count in closed.values_list("agreement").annotate(count=Count("pk")):
        known.newest[agreement] = count
    return known


def gather(period: Period, *, known: Known | None = None, carried: dict[str, Any] | None = None) -> Facts:
    """Everything the rating of this closed month may know, read from frozen lists.

    What cannot be read from lists (calls of months still open, what was settled before) is counted
    now, or taken from ``carried`` when an invoice is rated again.
    """
    agreement, version, month = period.agreement, period.version, period.as_month
    terms = version.prices
    known = known or know([period])
    usage = known.usage[period.pk]
    months = {Month.containing(day) for day in usage}
    years = _years(period, terms, months, known) if carried is None else _years_again(period, terms, carried)
    return Facts(
        month=month,
        year=agreement.year_of(month),
        terms=terms,
        share=month.share(agreement.starts_on, agreement.ends_on),
        from_start=month.part_before(agreement.starts_on),
        usage=usage.get(period.month, Usage()),
        late=tuple(_late_month(period, late) for late in sorted(months - {month})),
        years=tuple(years),
    )


def carried_of(facts: Facts, *, upto: int) -> dict[str, Any]:
    """The part of the facts that is kept with the invoice, as plain JSON; ``upto`` is the newest closing it knew."""
    years = {
        str(state.year.first): {
            "open": state.open,
            "settled_calls": state.settled_calls,
            "net_before": str(state.net_before),
            "topped_before": str(state.topped_before),
            "final": state.final,
        }
        for state in facts.years
    }
    return {"upto": upto, "years": years}


def _late_month(period: Period, month: Month) -> LateMonth:
    agreement = period.agreement
    home = Period.objects.select_related("version").get(agreement=agreement, month=month.first)
    terms = home.version.prices
    rows = UsageRecord.objects.filter(period__agreement=agreement, month=month.first)
    before = _counted(rows.filter(period__closing__lt=period.closing), terms.second_steps)
    return LateMonth(
        month=month,
        terms=terms,
        share=month.share(agreement.starts_on, agreement.ends_on),
        year=agreement.year_of(month),
        from_start=month.part_before(agreement.starts_on),
        before=before.get((), Usage()),
        added=_counted(rows.filter(period=period), terms.second_steps)[()],
    )


def _years(period: Period, terms: Terms, months: set[Month], known: Known) -> list[YearState]:
    """The contract year that ends now, and those that ended before and got further calls or another month."""
    agreement = period.agreement
    states = []
    for year in {agreement.year_of(month) for month in {*months, period.as_month}}:
        end = last_month(agreement, year)
        final = period.as_month == end
        if not final and (agreement.pk, end.first) not in known.ended:
            continue
        net, topped = _billed(period, year)
        settled = _living_lines(period).filter(kind="settlement", source__year=str(year.first))
        parts = {
            "open": open_calls(period, year),
            "settled_calls": int(settled.aggregate(sum=Sum("quantity"))["sum"] or 0),
            "net_before": net,
            "topped_before": topped,
            "final": final,
        }
        states += _year_state(period, terms, year, parts, None)
    return states


def _years_again(period: Period, terms: Terms, carried: dict[str, Any]) -> list[YearState]:
    states = []
    for first, kept in carried["years"].items():
        amounts = {name: Decimal(kept.get(name, 0)) for name in ("net_before", "topped_before")}
        parts = {**kept, **amounts}
        states += _year_state(period, terms, ContractYear(Month.parse(first)), parts, carried["upto"])
    return states


def _year_state(
    period: Period, terms: Terms, year: ContractYear, parts: dict[str, Any], upto: int | None
) -> list[YearState]:
    """Empty when the year's terms settle nothing."""
    agreement = period.agreement
    settles = period.as_month == last_month(agreement, year)
    rules = terms if settles else _terms_of_year(agreement, year) or terms
    if not rules.settlement and not (rules.minimum and rules.minimum.span == "year"):
        return []
    rows = UsageRecord.objects.filter(
        period__agreement=agreement, month__gte=year.first.first, month__lte=year.last.first
    )
    if upto is not None:
        rows = rows.filter(period__closing__lte=upto)
    opening = agreement.opening_calls if year == agreement.first_year else 0
    return [
        YearState(
            year=year,
            terms=rules,
            share=year.share(agreement.starts_on, agreement.ends_on),
            calls=opening + rows.count() + parts["open"],
            opening=opening,
            **parts,
        )
    ]


def last_month(agreement: Agreement, year: ContractYear) -> Month:
    """The month whose invoice settles the year: its last, or the agreement's."""
    if agreement.ends_on and agreement.ends_on < year.last.last:
        return Month.containing(agreement.ends_on)
    return year.last


def _terms_of_year(agreement: Agreement, year: ContractYear) -> Terms | None:
    version = version_for(agreement, last_month(agreement, year), agreement.versions.all())
    return version.prices if version else None


def open_calls(period: Period, year: ContractYear) -> int:
    """Billable calls of the year in months that are over but not closed; they count for its volume all the same."""
    agreement = period.agreement
    closed = set(
        Period.objects.filter(agreement=agreement, state=PeriodState.CLOSED).values_list("month", flat=True)
    ) | {period.month}
    versions = list(agreement.versions.all())
    count = 0
    for month in year.months:
        version = version_for(agreement, month, versions)
        if month.first in closed or month > period.as_month or version is None or not in_force(agreement, month):
            continue
        count += billable_calls(agreement, version.prices, *month.bounds(agreement.client.zone)).count()
    return count


def _living_lines(period: Period) -> QuerySet[InvoiceLine]:
    """Lines of this agreement's invoices that count, without this month's own."""
    lines = InvoiceLine.objects.filter(invoice__agreement=period.agreement, invoice__kind=InvoiceKind.INVOICE)
    return lines.exclude(invoice__status=InvoiceStatus.CANCELLED).exclude(invoice__period=period)


def _billed(period: Period, year: ContractYear) -> tuple[Decimal, Decimal]:
    """What other invoices charge for this year, whenever they were made; and how much of it tops up its minimum."""
    of_year = Q(source__year=str(year.first))
    lines = _living_lines(period).filter(of_year | Q(source__month__in=[str(month) for month in year.months]))
    sums = lines.aggregate(all=Sum("net"), topped=Sum("net", filter=of_year & Q(kind="minimum")))
    opening = period.agreement.opening_net if year == period.agreement.first_year else ZERO
    return opening + (sums["all"] or ZERO), sums["topped"] or ZERO
