"""Every invariant of calls, usage, invoices, numbers and hash chains, as one list of sentences."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

from django.db.models import Count, F, Q, Sum

from billing import closing, documents, rating, xrechnung
from billing.balance import WAITING, with_balance
from billing.bookkeeping import BankEntry, Certification, EntryState
from billing.models import (
    ADJUSTMENTS,
    DocumentFormat,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    InvoiceStatus,
    NumberSeries,
    Period,
    PeriodState,
    UsageRecord,
)
from billing.money import ZERO, cents
from billing.pdf import embedded_xml
from callcenter.audit.services import broken_links
from callcenter.calls.models import Call


def findings() -> Iterator[str]:
    """Everything that is broken, in English sentences; needs an all-cities scope."""
    yield from _calls()
    yield from _periods()
    yield from _invoices()
    yield from _numbers()
    yield from _money()
    yield from _statements()
    yield from broken_links()


def _calls() -> Iterator[str]:
    for call in Call.objects.filter(tenant__isnull=True, line__isnull=False).values_list("pk", flat=True)[:20]:
        yield f"call {call}: has a line but no city"
    foreign = UsageRecord.objects.exclude(call__tenant_id=F("period__agreement__client_id"))
    for call_id, period in foreign.values_list("call_id", "period__month")[:20]:
        yield f"call {call_id}: billed in {period:%Y-%m} to another city than the one it rang for"
    outside = UsageRecord.objects.filter(Q(month__gt=F("period__month")))
    for call_id in outside.values_list("call_id", flat=True)[:20]:
        yield f"call {call_id}: billed before its own month"
    changed = UsageRecord.objects.exclude(
        offered_at=F("call__offered_at"), talked_s=F("call__talked_s"), waited_s=F("call__waited_s")
    ).filter(call__reaped=False)
    moved = changed.exclude(call__offered_at__gte=F("period__starts_at"), call__offered_at__lt=F("period__ends_at"))
    for call_id in moved.filter(month=F("period__month")).values_list("call_id", flat=True)[:20]:
        yield f"call {call_id}: moved to another month after it was billed"


def _periods() -> Iterator[str]:
    lists = dict(UsageRecord.objects.order_by().values_list("period").annotate(count=Count("pk")))
    for lost in set(lists) - set(Period.objects.values_list("pk", flat=True)):
        yield f"{lists[lost]} frozen calls name a month that is not there: {lost}"
    for period in Period.objects.select_related("agreement__operator", "agreement__client", "version"):
        if period.state != PeriodState.CLOSED:
            if lists.get(period.pk):
                yield f"{period}: has a frozen list but is not closed"
            continue
        if lists.get(period.pk, 0) != period.calls:
            yield f"{period}: {period.calls} calls were frozen, {lists.get(period.pk, 0)} are there"
        if list_hash_differs(period):
            yield f"{period}: the frozen list does not have its hash"
        if (period.starts_at, period.ends_at) != period.as_month.bounds(period.agreement.client.zone):
            yield f"{period}: its bounds are not those of the month in the client's zone"
        living = period.invoices.filter(kind=InvoiceKind.INVOICE)
        if not living.exists():
            yield f"{period}: closed without an invoice"
        if living.exclude(status=InvoiceStatus.CANCELLED).count() > 1:
            yield f"{period}: more than one valid invoice"


def list_hash_differs(period: Period) -> bool:
    """Whether the frozen list is not the one that was closed."""
    return closing.list_hash(period) != period.list_hash


def _invoices() -> Iterator[str]:
    invoices = Invoice.objects.select_related(
        "agreement__operator",
        "agreement__client",
        "version",
        "period__version",
        "period__agreement__client",
        "cancels",
        "adjusts",
    )
    for invoice in invoices.prefetch_related("lines", "documents").order_by("drafted_at"):
        name = invoice.number or f"draft {invoice.pk}"
        lines = sorted(invoice.lines.all(), key=lambda line: line.position)
        yield from (f"{name}: {problem}" for problem in _sums(invoice, lines))
        if invoice.kind == InvoiceKind.INVOICE:
            yield from (f"{name}: {problem}" for problem in rerating_problems(invoice, lines))
        if invoice.is_issued:
            yield from (f"{name}: {problem}" for problem in _stored(invoice, lines))
        if invoice.kind in ADJUSTMENTS and (not invoice.adjusts or not invoice.adjusts.is_issued):
            yield f"{name}: belongs to no issued invoice"
        if invoice.kind == InvoiceKind.CANCELLATION:
            original = invoice.cancels
            if original is None or original.status != InvoiceStatus.CANCELLED or original.gross + invoice.gross != 0:
                yield f"{name}: does not take its original back"


def _sums(invoice: Invoice, lines: list[InvoiceLine]) -> Iterator[str]:
    for line in lines:
        if cents(line.quantity * line.price) != line.net:
            yield f"line {line.position} is not quantity × price"
    if sum((line.net for line in lines), ZERO) != invoice.net:
        yield "the lines do not sum to the net total"
    if invoice.net + invoice.tax != invoice.gross:
        yield "net and tax do not make the gross total"
    if [line.position for line in lines] != list(range(1, len(lines) + 1)):
        yield "the lines are not numbered through"


def rerating_problems(invoice: Invoice, lines: list[InvoiceLine]) -> Iterator[str]:
    """Rate the frozen list again; every line must come out to the cent."""
    again = rating.rate(closing.gather(invoice.period, carried=invoice.carried))
    then = [(line.kind, line.text, Decimal(line.quantity), Decimal(line.price), line.net) for line in lines]
    now = [(line.kind, line.text, line.quantity, line.price, line.net) for line in again]
    if now != then:
        yield f"rating the frozen list again gives {rating.total(again)} EUR in {len(now)} lines, not the same lines"


def _stored(invoice: Invoice, lines: list[InvoiceLine]) -> Iterator[str]:
    stored = {item.format: item for item in invoice.documents.all()}
    for kind in DocumentFormat.values:
        if kind not in stored:
            yield f"its {kind} is missing"
        elif hashlib.sha256(bytes(stored[kind].content)).hexdigest() != stored[kind].sha256:
            yield f"its {kind} does not have its SHA-256"
    if set(stored) == set(DocumentFormat.values):
        xml = bytes(stored[DocumentFormat.XML].content)
        if embedded_xml(bytes(stored[DocumentFormat.PDF].content)) != xml:
            yield "the PDF carries another XML than the one stored"
        sign = -1 if invoice.kind == InvoiceKind.CREDIT else 1
        if xrechnung.total_of(xml) != sign * invoice.gross:
            yield "the stored XML has another total"
    if found := documents.checks.findings(documents.data_of(invoice, lines)):
        yield "; ".join(found)


def _money() -> Iterator[str]:
    """Paid is what nothing is open on, and nothing else; bookings and their payments agree."""
    for invoice in with_balance(Invoice.objects.filter(kind=InvoiceKind.INVOICE, number__isnull=False)):
        left = cents(Decimal(invoice.open))  # type: ignore[attr-defined]
        if invoice.status == InvoiceStatus.PAID and left > 0:
            yield f"{invoice.number}: is paid, but {left} EUR are open"
        if invoice.status in WAITING and left <= 0 < invoice.gross:
            yield f"{invoice.number}: nothing is open, but it is not paid"
    for entry in BankEntry.objects.filter(state=EntryState.BOOKED).annotate(booked=Sum("payments__amount")):
        # Payments that were taken back leave the booking open, so what is booked counts once.
        if cents(Decimal(entry.booked or 0)) not in {entry.amount}:
            yield f"bank booking {entry.pk}: {entry.booked} of {entry.amount} EUR are noted as payments"


def _statements() -> Iterator[str]:
    rows = Certification.objects.select_related("invoice")
    for row in rows:
        if row.seal != seal_of(row.invoice, row.step, row.signed_by_id, row.signed_at):
            yield f"{row.invoice.number}: the seal of the statement {row.step} does not fit"


def seal_of(invoice: Invoice, step: str, person: int, moment: datetime) -> str:
    """Binds a person's signed statement to what was issued: number, amount, the stored XML, step, person, time."""
    digest = invoice.documents.get(format=DocumentFormat.XML).sha256
    at = moment.astimezone(UTC).isoformat(timespec="microseconds")
    said = ";".join([str(invoice.number), f"{invoice.gross:.2f}", digest, step, str(person), at])
    return hashlib.sha256(said.encode()).hexdigest()


def _numbers() -> Iterator[str]:
    given: dict[tuple[str, int | None], list[int | None]] = defaultdict(list)
    issued = Invoice.objects.filter(number__isnull=False).order_by("sequence")
    for series, year, sequence in issued.values_list("series", "year", "sequence"):
        given[series, year].append(sequence)
    for counter in NumberSeries.objects.all():
        numbers = given.pop((counter.series, counter.year), [])
        if numbers != list(range(counter.first, counter.last + 1)):
            span = f"from {counter.first} to {counter.last}"
            yield f"series {counter.series}-{counter.year}: {len(numbers)} numbers do not run {span}"
    for series, year in given:
        yield f"series {series}-{year}: numbers were given without a counter"


def summary() -> dict[str, object]:
    """Figures beside the findings."""
    totals = Invoice.objects.filter(number__isnull=False).aggregate(gross=Sum("gross"), count=Count("pk"))
    return {
        "calls": Call.objects.count(),
        "unassigned": Call.objects.filter(tenant__isnull=True).count(),
        "frozen": UsageRecord.objects.count(),
        "issued": totals["count"],
        "gross": f"{totals['gross'] or ZERO:.2f}",
    }
