"""What billing does: close a month, draft, review, issue, cancel, and the marks of an invoice's later life.

Every deed is one transaction with its audit entry. Whoever repeats one is told what exists already;
nothing happens twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import documents, numbering, outbox, payments, rating, reference
from billing.freezing import lock_agreements
from billing.models import ADJUSTMENTS, Dispatch, Invoice, InvoiceKind, InvoiceLine, InvoiceStatus
from billing.money import cents
from billing.month_close import Closing, close_period, draft_invoice, lines_of
from billing.parties import copied
from billing.refusals import InvoiceState
from callcenter.accounts.models import User
from callcenter.audit.services import record
from tenants.scope import all_cities, assert_in_scope

__all__ = ["Closing", "close_period"]  # of month_close; the rest of this module is its own
# Ways of sending that the outbox takes care of; what is fetched by hand is marked as sent by hand.
SENT_BY = {Dispatch.MAIL.value: "invoice_mail", Dispatch.PEPPOL.value: "peppol_file"}
# Documents that a cancellation can take back.
CANCELLABLE = {InvoiceKind.INVOICE, *ADJUSTMENTS}


def _locked(invoice: Invoice) -> Invoice:
    """The invoice as it is now, held until the transaction ends."""
    assert_in_scope(invoice.agreement.operator_id)
    return (
        Invoice.objects.select_for_update(of=("self",))
        .select_related(
            "agreement__operator", "agreement__client", "version", "period", "adjusts__agreement", "cancels"
        )
        .get(pk=invoice.pk)
    )


@transaction.atomic
def review_invoice(*, invoice: Invoice, actor: User) -> Invoice:
    """Mark a draft as found right. Raises InvoiceState when it is no draft."""
    invoice = _locked(invoice)
    if invoice.status != InvoiceStatus.DRAFT:
        raise InvoiceState(
            _("Nur ein Entwurf kann geprüft werden; diese Rechnung ist: %(status)s.")
            % {"status": invoice.get_status_display()},
            english=f"Only a draft can be reviewed; this invoice is {invoice.status}.",
        )
    invoice.status, invoice.reviewed_at, invoice.reviewed_by = InvoiceStatus.REVIEWED, timezone.now(), actor
    invoice.save(update_fields=["status", "reviewed_at", "reviewed_by"])
    _note("billing.invoice_reviewed", invoice, actor)
    return invoice


def issue_invoice(*, invoice: Invoice, actor: User | None = None, now: datetime | None = None) -> Invoice:
    """Give the number, copy the addresses, write XML and PDF, check them, store them for good.

    Raises InvoiceState when it was issued before or the four-eyes rule is not met, InvoiceIncomplete
    when the result would not be a legal e-invoice; then nothing has happened, the number included.
    """
    documents.prepare()  # seconds the first time in a process; better not while the counter is held
    with transaction.atomic():
        invoice = _locked(invoice)
        if invoice.is_issued:
            raise InvoiceState(
                _("Diese Rechnung ist schon ausgestellt: %(number)s.") % {"number": invoice.number},
                english=f"This invoice is issued already, as {invoice.number}.",
            )
        if invoice.version.four_eyes:
            _check_four_eyes(invoice, actor)
        return _issue(invoice, actor, now or timezone.now())


def _check_four_eyes(invoice: Invoice, actor: User | None) -> None:
    if invoice.status != InvoiceStatus.REVIEWED:
        raise InvoiceState(
            _("Hier gilt das Vier-Augen-Prinzip: Bitte lassen Sie den Entwurf zuerst von einer anderen Person prüfen."),
            english="Four eyes: another person must review the draft first.",
        )
    if actor is None or actor.pk == invoice.reviewed_by_id:
        raise InvoiceState(
            _("Hier gilt das Vier-Augen-Prinzip: Wer geprüft hat, kann nicht auch ausstellen."),
            english="Four eyes: whoever reviewed it cannot issue it; name another person with --as.",
        )


def _issue(invoice: Invoice, actor: User | None, now: datetime) -> Invoice:
    """Inside the transaction: number, addresses, documents, dispatch, audit."""
    agreement, version = invoice.agreement, invoice.version
    day = now.astimezone(agreement.operator.zone).date()
    sequence = numbering.next_sequence(
        operator=agreement.operator, series=agreement.series, year=day.year, first=agreement.first_number
    )
    invoice.series, invoice.year, invoice.sequence = agreement.series, day.year, sequence
    invoice.number = numbering.invoice_number(agreement.series, day.year, sequence)
    invoice.issued_at, invoice.issued_by, invoice.issued_on = now, actor, day
    invoice.due_on = day + timedelta(days=version.payment_days)
    invoice.payment_reference = _payment_reference(invoice)
    invoice.seller, invoice.buyer = copied(agreement.operator), copied(agreement.client)
    invoice.status = InvoiceStatus.ISSUED
    lines = list(invoice.lines.order_by("position"))
    made = documents.build(invoice, lines)  # refuses before anything is stored
    invoice.save()
    stored = documents.store(invoice, made)
    if kind := SENT_BY.get(version.dispatch):
        outbox.put(key=f"{kind.replace('_', '-')}:{invoice.number}", kind=kind, payload={"invoice": str(invoice.pk)})
    _note("billing.invoice_issued", invoice, actor, {"number": invoice.number, "gross": str(invoice.gross), **stored})
    if invoice.adjusts:
        payments.settle(invoice=_locked(invoice.adjusts), actor=actor)
    return invoice


def _payment_reference(invoice: Invoice) -> str:
    """By the pattern of the agreement's version; raises InvoiceIncomplete where that makes no reference."""
    facts = reference.Facts(
        number=invoice.number or "",
        year=invoice.year or 0,
        sequence=invoice.sequence or 0,
        month=invoice.period.month,
        debtor=invoice.version.debtor_number,
        client=invoice.agreement.client.ags,
    )
    try:
        return reference.render(invoice.version.payment_reference, facts)
    except reference.PatternError as error:
        raise documents.refusal([_("Muster des Kassenzeichens: %(why)s") % {"why": error}]) from error


def cancel_invoice(*, invoice: Invoice, reason: str, actor: User | None = None, now: datetime | None = None) -> Invoice:
    """Issue the mirrored document that takes the invoice back; returns the cancellation.

    The original stays as it is; its calls are open again until a new invoice is drafted for the
    month. Raises InvoiceState when there is nothing to cancel.
    """
    documents.prepare()
    with transaction.atomic():
        original = _locked(invoice)
        if not original.is_issued or original.kind not in CANCELLABLE:
            raise InvoiceState(
                _("Nur eine ausgestellte Rechnung kann storniert werden."),
                english="Only an issued invoice can be cancelled.",
            )
        if original.status == InvoiceStatus.CANCELLED:
            number = original.cancelled_by.number
            raise InvoiceState(
                _("Diese Rechnung ist schon storniert: %(number)s.") % {"number": number},
                english=f"This invoice is cancelled already, by {number}.",
            )
        living = original.adjustments.exclude(status=InvoiceStatus.CANCELLED).first()
        if living:
            raise InvoiceState(
                _("Zu dieser Rechnung gehört noch: %(document)s. Bitte heben Sie das zuerst auf.")
                % {"document": living},
                english=f"A correction or credit still belongs to this invoice: {living.number or living.pk}.",
            )
        moment = now or timezone.now()
        mirror = Invoice.objects.create(
            agreement=original.agreement,
            version=original.version,
            period=original.period,
            kind=InvoiceKind.CANCELLATION,
            cancels=original,
            reason=reason,
            net=cents(-original.net),
            tax=cents(-original.tax),
            gross=cents(-original.gross),
            tax_category=original.tax_category,
            tax_rate=original.tax_rate,
            tax_reason=original.tax_reason,
            tax_reason_code=original.tax_reason_code,
            drafted_at=moment,
        )
        turned = [_turned(line, original) for line in original.lines.order_by("position")]
        InvoiceLine.objects.bulk_create(lines_of(mirror, turned))
        mirror = _issue(_locked(mirror), actor, moment)
        original.status, original.cancelled_at = InvoiceStatus.CANCELLED, moment
        original.save(update_fields=["status", "cancelled_at"])
        _note("billing.invoice_cancelled", original, actor, {"by": mirror.number})
        if original.adjusts:
            payments.settle(invoice=_locked(original.adjusts), actor=actor)
        return mirror


def _turned(line: InvoiceLine, original: Invoice) -> rating.RatedLine:
    return rating.mirrored(
        rating.RatedLine(
            kind=line.kind,
            text=line.text,
            quantity=line.quantity,
            price=line.price,
            net=line.net,
            steps=(f"Storno der Position {line.position} der Rechnung {original.number}.",),
            source=line.source,
            unit=line.unit,
        )
    )


def redraft_invoice(*, invoice: Invoice, actor: User | None = None, now: datetime | None = None) -> Invoice:
    """A new draft for a month whose invoice was cancelled, rated anew from the same frozen list."""
    with all_cities("rating reads the client's calls for the operator"), transaction.atomic():
        original = _locked(invoice)
        lock_agreements([original.agreement])
        living = Invoice.objects.filter(period=original.period, kind=InvoiceKind.INVOICE)
        if living.exclude(status=InvoiceStatus.CANCELLED).exists():
            raise InvoiceState(
                _("Für diesen Monat gibt es schon eine gültige Rechnung. Bitte stornieren Sie diese zuerst."),
                english="There is a valid invoice for this month; cancel it first.",
            )
        draft = draft_invoice(original.period, now or timezone.now())
        _note("billing.invoice_redrafted", draft, actor, {"after": original.number})
        return draft


@transaction.atomic
def mark_sent(*, invoice: Invoice, actor: User | None = None) -> Invoice:
    """Note that the invoice left the house; a second time changes nothing."""
    invoice = _locked(invoice)
    if invoice.status == InvoiceStatus.ISSUED:
        invoice.status, invoice.sent_at = InvoiceStatus.SENT, timezone.now()
        invoice.save(update_fields=["status", "sent_at"])
        _note("billing.invoice_sent", invoice, actor)
    return invoice


def _note(action: str, invoice: Invoice, actor: User | None, data: dict[str, object] | None = None) -> None:
    record(
        action=action,
        actor_id=actor.pk if actor else None,
        tenant_id=invoice.agreement.operator_id,
        object_type="billing.invoice",
        object_id=invoice.pk,
        data=data or {},
    )
