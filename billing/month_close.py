"""Closing months: freeze the lists of calls, rate them, draft the invoices; one city or five hundred.

A batch of agreements is one transaction, and takes the queries of a single one. Whoever repeats a
close is told what exists already; nothing happens twice.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import closing, freezing, rating
from billing.models import (
    Agreement,
    AgreementVersion,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    InvoiceStatus,
    Period,
    PeriodState,
    TaxCategory,
)
from billing.money import ZERO, cents
from billing.months import Month, closable_from
from billing.refusals import CallBilledElsewhere, MonthNotClosable, NoAgreement, Refusal
from callcenter.accounts.models import User
from callcenter.audit.services import Deed, record_all
from tenants.scope import all_cities, assert_in_scope

log = logging.getLogger(__name__)
Results = dict[UUID, "Closing | Refusal"]
BATCH = 250  # agreements in one transaction


@dataclass(frozen=True)
class Closing:
    """What closing a month came to: its invoice, and whether it was made now or existed."""

    invoice: Invoice
    created: bool


def close_period(
    *, agreement: Agreement, month: Month, actor: User | None = None, now: datetime | None = None
) -> Closing:
    """Freeze the month's list of calls, rate it and draft its invoice; again: report what exists.

    Raises NoAgreement when the agreement is not in force in that month, MonthNotClosable while the
    month or its grace still runs.
    """
    result = _close_together([agreement], month, actor, now or timezone.now())[agreement.pk]
    if isinstance(result, Refusal):
        raise result
    return result


def close_periods(
    *, agreements: Iterable[Agreement], month: Month, actor: User | None = None, now: datetime | None = None
) -> Iterator[tuple[Agreement, Closing | Refusal]]:
    """The same for many agreements, by the batch; one that is refused, or fails, stops no other."""
    moment, everyone = now or timezone.now(), list(agreements)
    for start in range(0, len(everyone), BATCH):
        batch = everyone[start : start + BATCH]
        try:
            results = _close_together(batch, month, actor, moment)
        except IntegrityError:
            results = {}
            for agreement in batch:
                results |= _close_alone(agreement, month, actor, moment)
        yield from ((agreement, results[agreement.pk]) for agreement in batch)


def _close_alone(agreement: Agreement, month: Month, actor: User | None, now: datetime) -> Results:
    try:
        return _close_together([agreement], month, actor, now)
    except IntegrityError:
        log.exception("%s of %s could not be closed", month, agreement)
        refusal = CallBilledElsewhere(
            _("Im %(month)s steht ein Anruf schon auf der Liste einer anderen Vereinbarung: %(agreement)s.")
            % {"month": month.label, "agreement": agreement},
            english=f"{month} of {agreement}: a call stands on another agreement's list already; see the log.",
        )
        return {agreement.pk: refusal}


def _close_together(agreements: Sequence[Agreement], month: Month, actor: User | None, now: datetime) -> Results:
    for agreement in agreements:
        assert_in_scope(agreement.operator_id)
    # Opened only now: the lists hold the clients' calls, and the right to close is the operator's.
    with all_cities("closing reads the clients' calls for the operator"), transaction.atomic():
        freezing.lock_agreements(agreements)
        results: Results = {}
        ready: dict[UUID, tuple[Agreement, AgreementVersion]] = {}
        versions = defaultdict(list)
        for version in AgreementVersion.objects.filter(agreement__in=agreements):
            versions[version.agreement_id].append(version)
        for agreement in agreements:
            try:
                ready[agreement.pk] = (agreement, _closable(agreement, month, versions[agreement.pk], now))
            except Refusal as refusal:
                results[agreement.pk] = refusal
        periods = _periods(ready, month)
        for period in periods:
            if period.state == PeriodState.CLOSED:
                results[period.agreement_id] = Closing(_latest_invoice(period), created=False)
        fresh = [period for period in periods if period.state != PeriodState.CLOSED]
        if fresh:
            results |= {invoice.agreement_id: Closing(invoice, created=True) for invoice in _close(fresh, actor, now)}
        return results


def _closable(
    agreement: Agreement, month: Month, versions: Sequence[AgreementVersion], now: datetime
) -> AgreementVersion:
    """The version that rules the month, once it may be closed."""
    version = closing.version_for(agreement, month, versions)
    if version is None or not closing.in_force(agreement, month):
        raise NoAgreement(
            _("Im %(month)s gilt die Vereinbarung %(agreement)s nicht, oder sie wurde damals nicht hier abgerechnet.")
            % {"month": month.label, "agreement": agreement},
            english=f"The agreement {agreement} is not in force, or not billed here, in {month}.",
        )
    zone = agreement.client.zone
    closable = closable_from(month, version.grace_days, zone)
    if now < closable:
        day = closable.astimezone(zone).date()
        raise MonthNotClosable(
            _("Der %(month)s kann erst ab dem %(day)s abgeschlossen werden.")
            % {"month": month.label, "day": f"{day:%d.%m.%Y}"},
            english=f"{month} of {agreement} can be closed from {day} on: the month and its grace must be over.",
        )
    return version


def _periods(ready: dict[UUID, tuple[Agreement, AgreementVersion]], month: Month) -> list[Period]:
    """Each agreement's month, made where it is missing."""
    made = []
    for agreement, version in ready.values():
        starts_at, ends_at = month.bounds(agreement.client.zone)
        made.append(
            Period(agreement=agreement, version=version, month=month.first, starts_at=starts_at, ends_at=ends_at)
        )
    Period.objects.bulk_create(made, ignore_conflicts=True)
    periods = list(Period.objects.filter(agreement__in=list(ready), month=month.first))
    for period in periods:
        period.agreement, version = ready[period.agreement_id]
        if period.version_id == version.pk:
            period.version = version
    return periods


def _close(periods: Sequence[Period], actor: User | None, now: datetime) -> list[Invoice]:
    freezing.freeze(periods)
    hashes = freezing.list_hashes(periods)
    known = closing.know(periods)
    for period in periods:
        period.calls = sum(usage.calls for usage in known.usage[period.pk].values())
        period.list_hash = hashes[period.pk]
        period.closing = known.newest[period.agreement_id] = known.newest.get(period.agreement_id, 0) + 1
        period.state, period.closed_at = PeriodState.CLOSED, now
    Period.objects.bulk_update(periods, ["calls", "list_hash", "closing", "state", "closed_at"])
    invoices = _draft(periods, known, now)
    deeds = defaultdict(list)
    for period, invoice in zip(periods, invoices, strict=True):
        data = {
            "month": str(period.as_month),
            "calls": period.calls,
            "list": period.list_hash,
            "net": str(invoice.net),
        }
        deed = Deed("billing.month_closed", actor.pk if actor else None, "billing.invoice", invoice.pk, data)
        deeds[period.agreement.operator_id].append(deed)
    for operator, entries in sorted(deeds.items()):
        record_all(tenant_id=operator, deeds=entries)
    return invoices


def _latest_invoice(period: Period) -> Invoice:
    """The month's living invoice; the cancelled one when none was drafted anew."""
    invoices = Invoice.objects.filter(period=period, kind=InvoiceKind.INVOICE).select_related("agreement__client")
    living = invoices.exclude(status=InvoiceStatus.CANCELLED).first()
    return living or invoices.latest("drafted_at")


def draft_invoice(period: Period, now: datetime) -> Invoice:
    """A draft for a month that is closed, rated from its frozen list."""
    (invoice,) = _draft([period], closing.know([period]), now)
    return invoice


def _draft(periods: Sequence[Period], known: closing.Known, now: datetime) -> list[Invoice]:
    invoices, lines = [], []
    for period in periods:
        facts = closing.gather(period, known=known)
        rated = rating.rate(facts)
        version = period.version
        net = rating.total(rated)
        tax = cents(net * version.tax_rate / 100) if version.tax_category == TaxCategory.STANDARD else ZERO
        invoice = Invoice(
            agreement=period.agreement,
            version=version,
            period=period,
            net=net,
            tax=tax,
            gross=net + tax,
            tax_category=version.tax_category,
            tax_rate=version.tax_rate,
            tax_reason=version.tax_reason,
            tax_reason_code=version.tax_reason_code,
            drafted_at=now,
            carried=closing.carried_of(facts, upto=known.newest[period.agreement_id]),
        )
        invoices.append(invoice)
        lines += lines_of(invoice, rated)
    Invoice.objects.bulk_create(invoices)
    InvoiceLine.objects.bulk_create(lines)
    return invoices


def lines_of(invoice: Invoice, rated: Iterable[rating.RatedLine]) -> list[InvoiceLine]:
    """Rated lines as rows of the invoice, numbered through; not saved."""
    return [
        InvoiceLine(
            invoice=invoice,
            position=position,
            kind=line.kind,
            text=line.text,
            quantity=line.quantity,
            unit=line.unit,
            price=line.price,
            net=line.net,
            steps=list(line.steps),
            source=dict(line.source),
        )
        for position, line in enumerate(rated, 1)
    ]
