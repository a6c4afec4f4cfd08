"""What is still open on an invoice: its amount, its corrections and credits, less what was paid."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from billing.bookkeeping import Payment
from billing.models import Invoice, InvoiceKind, InvoiceStatus
from billing.money import ZERO
from tenants.models import Tenant

AMOUNT: DecimalField[Any, Any] = DecimalField(max_digits=14, decimal_places=2)
WAITING = (InvoiceStatus.ISSUED, InvoiceStatus.SENT)


def with_balance(invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """Adds ``paid``, ``adjusted`` and ``open`` to each row, in the same query."""
    paid = Payment.objects.filter(invoice=OuterRef("pk")).order_by().values("invoice")
    living = Invoice.objects.filter(adjusts=OuterRef("pk"), number__isnull=False)
    adjusted = living.exclude(status=InvoiceStatus.CANCELLED).order_by().values("adjusts")
    return invoices.annotate(
        paid=_sum(paid, "amount"),
        adjusted=_sum(adjusted, "gross"),
        open=F("gross") + F("adjusted") - F("paid"),
    )


def _sum(rows: QuerySet[Any], column: str) -> Any:
    total = Subquery(rows.values(total=Sum(column)).values("total"), output_field=AMOUNT)
    return Coalesce(total, ZERO, output_field=AMOUNT)


def open_amount(invoice: Invoice) -> Decimal:
    """Reckoned anew; negative when too much was paid. A cancelled invoice is owed nothing."""
    payments = invoice.payments.aggregate(sum=Sum("amount"))["sum"] or ZERO
    if invoice.status == InvoiceStatus.CANCELLED:
        return Decimal(-payments)
    living = invoice.adjustments.filter(number__isnull=False).exclude(status=InvoiceStatus.CANCELLED)
    adjusted = living.aggregate(sum=Sum("gross"))["sum"] or ZERO
    return Decimal(invoice.gross + adjusted - payments)


def waiting_invoices(city: Tenant) -> QuerySet[Invoice]:
    """Issued invoices of this city that wait for money, the longest overdue first."""
    invoices = Invoice.objects.filter(agreement__operator=city, kind=InvoiceKind.INVOICE, status__in=WAITING)
    return (
        with_balance(invoices)
        .filter(Q(("open__gt", 0)))
        .select_related("agreement__operator", "agreement__client", "version", "period")
        .order_by("due_on", "number")
    )


def days_overdue(invoice: Invoice, today: date) -> int:
    """From the day after it was due; 0 while there is time."""
    return max((today - invoice.due_on).days, 0) if invoice.due_on else 0
