"""What stands beside an invoice on its page: money, treasury, keeping, corrections."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.conf import settings
from django.db.models import Sum

from billing import retention, treasury
from billing.balance import days_overdue, open_amount
from billing.bookkeeping import Certification, Payment, Reminder, Step
from billing.models import ADJUSTMENTS, Invoice, InvoiceKind, InvoiceStatus
from billing.money import ZERO
from billing.reminders import next_reminder_on
from callcenter.accounts.models import Role, User
from tenants.models import Tenant


@dataclass(frozen=True)
class Money:
    """What came, what is open, and what can be done about it."""

    open: Decimal
    paid: Decimal
    adjusted: Decimal
    payments: list[Payment]
    reminders: list[Reminder]
    days_overdue: int
    remind_from: date | None
    can_remind: bool

    @property
    def has_story(self) -> bool:
        return bool(self.payments or self.reminders or self.adjusted)

    @property
    def too_much(self) -> Decimal:
        return max(-self.open, ZERO)


def money_of(invoice: Invoice, today: date) -> Money | None:
    """None for drafts and for documents that are settled with another."""
    if invoice.kind != InvoiceKind.INVOICE or not invoice.is_issued:
        return None
    payments = list(invoice.payments.select_related("recorded_by", "taken_back_by", "entry"))
    reminders = list(invoice.reminders.all())
    left = open_amount(invoice)
    living = invoice.adjustments.filter(number__isnull=False).exclude(status=InvoiceStatus.CANCELLED)
    overdue = invoice.is_overdue(today) and left > 0
    remind_from = next_reminder_on(invoice, reminders)
    return Money(
        open=left,
        paid=sum((item.amount for item in payments), ZERO),
        adjusted=living.aggregate(sum=Sum("gross"))["sum"] or ZERO,
        payments=payments,
        reminders=reminders,
        days_overdue=days_overdue(invoice, today) if overdue else 0,
        remind_from=remind_from,
        can_remind=overdue and remind_from is not None and today >= remind_from,
    )


@dataclass(frozen=True)
class Signature:
    """One step of the signed statement: who signed, or why this person cannot now (empty: they can)."""

    step: Step
    says: str
    row: Certification | None
    reason: str

    @property
    def title(self) -> str:
        label = self.step.label
        return label[0].upper() + label[1:]


def signatures_of(user: User, city: Tenant, invoice: Invoice) -> list[Signature]:
    """The city's own steps, for its accountants; nobody sees the other city's."""
    if not invoice.is_issued or not user.may(city, [Role.ACCOUNTANT]):
        return []
    done = treasury.signed(invoice, city)
    return [
        Signature(step, treasury.STATEMENTS[step], done.get(step), treasury.why_not(invoice, done, step, user))
        for step in Step
    ]


def keeping_of(invoice: Invoice) -> retention.Keeping | None:
    """Until when the document is kept by law; the database never lets it go before, nor after."""
    if invoice.issued_on is None:
        return None
    return retention.keep_until(invoice.issued_on, settings.RETENTION_YEARS[retention.VOUCHERS])


def adjustments_of(invoice: Invoice, *, drafts: bool) -> list[Invoice]:
    """Corrections and credits of an invoice, oldest first."""
    rows = invoice.adjustments.filter(kind__in=ADJUSTMENTS).select_related("period").order_by("drafted_at")
    return list(rows if drafts else rows.filter(number__isnull=False))
