"""Money that comes: recorded by hand or from a bank statement, matched by a person, taken back by its opposite."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from billing import camt, matching
from billing.balance import open_amount, waiting_invoices
from billing.bookkeeping import BankEntry, BankStatement, EntryState, Payment
from billing.models import Invoice, InvoiceKind, InvoiceStatus
from billing.money import euros
from billing.refusals import InvoiceState, PaymentRefused
from callcenter.accounts.models import User
from callcenter.audit.services import record
from tenants.models import Tenant
from tenants.scope import assert_in_scope


@dataclass(frozen=True)
class Imported:
    """What came of reading a file in."""

    statements: int
    bookings: int
    kept: int
    known: int


def _locked(invoice: Invoice) -> Invoice:
    assert_in_scope(invoice.agreement.operator_id)
    rows = Invoice.objects.select_for_update(of=("self",)).select_related("agreement__operator", "agreement__client")
    return rows.get(pk=invoice.pk)


@transaction.atomic
def record_payment(
    *,
    invoice: Invoice,
    amount: Decimal,
    paid_on: date,
    actor: User | None = None,
    entry: BankEntry | None = None,
    note: str = "",
) -> Payment:
    """Note money that came; in full or in part. Raises InvoiceState unless the invoice waits for money."""
    invoice = _locked(invoice)
    if invoice.kind != InvoiceKind.INVOICE or invoice.status not in {InvoiceStatus.ISSUED, InvoiceStatus.SENT}:
        raise InvoiceState(
            _("Diese Rechnung wartet auf keine Zahlung; sie ist: %(status)s.")
            % {"status": invoice.get_status_display()},
            english=f"This invoice waits for no payment; it is {invoice.status}.",
        )
    if amount <= 0:
        raise PaymentRefused(
            _("Der Betrag muss über null liegen. Eine falsche Zahlung nehmen Sie bei der Rechnung zurück."),
            english="The amount must be above zero.",
        )
    payment = Payment.objects.create(
        invoice=invoice, amount=amount, paid_on=paid_on, entry=entry, note=note, recorded_by=actor
    )
    _note("billing.payment_recorded", invoice, actor, {"amount": str(amount), "on": str(paid_on)})
    settle(invoice=invoice, actor=actor)
    return payment


@transaction.atomic
def take_back_payment(*, payment: Payment, actor: User | None = None) -> Payment:
    """Undo a payment noted by mistake by a second row with the opposite amount; the first one stays.

    The bank's booking behind it is open again. Raises PaymentRefused the second time.
    """
    invoice = _locked(payment.invoice)
    payment = Payment.objects.select_related("entry", "takes_back").get(pk=payment.pk)
    if payment.takes_back_id or Payment.objects.filter(takes_back=payment).exists():
        raise PaymentRefused(
            _("Diese Zahlung ist schon zurückgenommen."), english="This payment was taken back already."
        )
    opposite = Payment.objects.create(
        invoice=invoice,
        amount=-payment.amount,
        paid_on=payment.paid_on,
        takes_back=payment,
        entry=payment.entry,
        recorded_by=actor,
    )
    if payment.entry:
        payment.entry.state = EntryState.OPEN
        payment.entry.save(update_fields=["state"])
    _note("billing.payment_taken_back", invoice, actor, {"amount": str(payment.amount), "payment": str(payment.pk)})
    settle(invoice=invoice, actor=actor)
    return opposite


def settle(*, invoice: Invoice, actor: User | None = None) -> None:
    """Make the status agree with what is open: paid when nothing is, waiting again when something is."""
    open_now = open_amount(invoice)
    if invoice.status in {InvoiceStatus.ISSUED, InvoiceStatus.SENT} and open_now <= 0:
        last = invoice.payments.order_by("paid_on").last()
        day = last.paid_on if last else invoice.issued_on
        invoice.status = InvoiceStatus.PAID
        invoice.paid_at = datetime(day.year, day.month, day.day, 12, tzinfo=invoice.agreement.operator.zone)  # type: ignore[union-attr]
        action = "billing.invoice_paid"
    elif invoice.status == InvoiceStatus.PAID and open_now > 0:
        invoice.status = InvoiceStatus.SENT if invoice.sent_at else InvoiceStatus.ISSUED
        invoice.paid_at = None
        action = "billing.invoice_open_again"
    else:
        return
    invoice.save(update_fields=["status", "paid_at"])
    _note(action, invoice, actor, {"open": str(open_now)})


@transaction.atomic
def import_statement(*, city: Tenant, content: bytes, file_name: str, actor: User | None = None) -> Imported:
    """Read a camt.053 file of this city's account; keep what may concern an open invoice, forget the rest.

    The same file, or a booking that another file brought, changes nothing. Raises PaymentRefused.
    """
    assert_in_scope(city)
    digest = hashlib.sha256(content).hexdigest()
    before = BankStatement.objects.filter(tenant=city, sha256=digest).first()
    if before:
        raise PaymentRefused(
            _("Diese Datei wurde schon eingelesen: %(name)s.") % {"name": before.file_name},
            english="This file was read in before.",
        )
    try:
        statements = camt.read(content)
    except camt.StatementError as error:
        raise PaymentRefused(str(error), english="The file is no readable camt.053 statement.") from error
    invoices = list(waiting_invoices(city))
    own = {_bare(city.iban), *(_bare(invoice.seller["iban"]) for invoice in invoices)}
    for statement in statements:
        if _bare(statement.iban) not in own:
            raise PaymentRefused(
                _("Der Auszug gehört zum Konto %(iban)s. In der Verwaltung der Stadt steht ein anderes.")
                % {"iban": statement.iban},
                english=f"The statement is of another account: {statement.iban}.",
            )
    waiting = candidates(invoices)
    total = Imported(len(statements), 0, 0, 0)
    kept_all = known_all = 0
    for number, statement in enumerate(statements):
        keys = set(
            BankEntry.objects.filter(key__in=[item.key for item in statement.received]).values_list("key", flat=True)
        )
        fresh = [item for item in statement.received if item.key not in keys]
        kept = [item for item in fresh if matching.propose(item.text, item.amount, waiting)]
        row = BankStatement.objects.create(
            tenant=city,
            file_name=file_name[:160],
            sha256=digest if number == 0 else hashlib.sha256(f"{digest}{number}".encode()).hexdigest(),
            identifier=statement.identifier[:80],
            iban=statement.iban,
            bookings=statement.bookings,
            kept=len(kept),
            known=len(keys),
            imported_by=actor,
        )
        BankEntry.objects.bulk_create(
            BankEntry(
                tenant=city,
                statement=row,
                key=item.key,
                booked_on=item.booked_on,
                amount=item.amount,
                payer=item.payer[:140],
                text=item.text[:500],
            )
            for item in kept
        )
        kept_all, known_all = kept_all + len(kept), known_all + len(keys)
        total = Imported(len(statements), total.bookings + statement.bookings, kept_all, known_all)
    record(
        action="billing.statement_imported",
        actor_id=actor.pk if actor else None,
        tenant_id=city.pk,
        object_type="billing.bankstatement",
        object_id=digest[:16],
        data={"sha256": digest, "bookings": total.bookings, "kept": total.kept, "known": total.known},
    )
    return total


def _bare(iban: str) -> str:
    return iban.replace(" ", "").upper()


def candidates(invoices: Iterable[Invoice]) -> list[matching.Waiting]:
    """The invoices as the matching knows them; a payer may also name a correction."""
    listed = list(invoices)
    names: dict[object, list[str]] = {invoice.pk: [] for invoice in listed}
    further = Invoice.objects.filter(adjusts__in=listed, number__isnull=False)
    for original, number, reference in further.values_list("adjusts", "number", "payment_reference"):
        names[original] += [str(number), reference]
    return [
        matching.Waiting(
            key=invoice.pk,
            names=tuple({str(invoice.number), invoice.payment_reference, *names[invoice.pk]} - {""}),
            open=invoice.open,  # type: ignore[attr-defined]
        )
        for invoice in listed
    ]


@transaction.atomic
def book_entry(
    *, entry: BankEntry, parts: Sequence[tuple[Invoice, Decimal]], actor: User | None = None
) -> list[Payment]:
    """Note a received sum as payment of these invoices. Raises PaymentRefused when it is booked or does not add up."""
    entry = _entry(entry)
    left = unbooked(entry)
    if sum((amount for _invoice, amount in parts), Decimal(0)) != left:
        raise PaymentRefused(
            _("Die Teile ergeben nicht die empfangenen %(amount)s.") % {"amount": euros(left)},
            english="The parts do not sum to the booking.",
        )
    entry.state = EntryState.BOOKED
    entry.save(update_fields=["state"])
    return [
        record_payment(invoice=invoice, amount=amount, paid_on=entry.booked_on, actor=actor, entry=entry)
        for invoice, amount in parts
    ]


def unbooked(entry: BankEntry) -> Decimal:
    """What of a received sum is not noted as a payment; a payment taken back has its opposite there."""
    return Decimal(entry.amount - (entry.payments.aggregate(sum=Sum("amount"))["sum"] or 0))


@transaction.atomic
def set_aside(*, entry: BankEntry, actor: User | None = None) -> None:
    """The sum concerns no invoice; who paid it, and why, is nothing for this program any more."""
    entry = _entry(entry)
    entry.state, entry.payer, entry.text = EntryState.SET_ASIDE, "", ""
    entry.save(update_fields=["state", "payer", "text"])
    record(
        action="billing.booking_set_aside",
        actor_id=actor.pk if actor else None,
        tenant_id=entry.tenant_id,
        object_type="billing.bankentry",
        object_id=entry.pk,
    )


def _entry(entry: BankEntry) -> BankEntry:
    assert_in_scope(entry.tenant_id)
    entry = BankEntry.objects.select_for_update().get(pk=entry.pk)
    if entry.state != EntryState.OPEN:
        raise PaymentRefused(
            _("Diese Buchung ist schon erledigt: %(state)s.") % {"state": entry.get_state_display()},
            english=f"This booking is {entry.state} already.",
        )
    return entry


def _note(action: str, invoice: Invoice, actor: User | None, data: dict[str, object]) -> None:
    record(
        action=action,
        actor_id=actor.pk if actor else None,
        tenant_id=invoice.agreement.operator_id,
        object_type="billing.invoice",
        object_id=invoice.pk,
        data=data,
    )
