"""Reminding of overdue invoices: a letter, sent through the outbox, once for each level and never before its time."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import documents, outbox, pdf
from billing.balance import open_amount
from billing.bookkeeping import Reminder
from billing.models import Invoice
from billing.money import euros
from billing.refusals import InvoiceState
from callcenter.accounts.models import User
from callcenter.audit.services import record
from tenants.scope import assert_in_scope

HEADINGS = {1: "Zahlungserinnerung", 2: "Zweite Zahlungserinnerung", 3: "Letzte Zahlungserinnerung"}


def next_reminder_on(invoice: Invoice, reminders: list[Reminder]) -> date | None:
    """From which day on the next one may go out; None when all have."""
    if len(reminders) >= len(HEADINGS) or invoice.due_on is None:
        return None
    last = max((item.due_on for item in reminders), default=invoice.due_on)
    return last + timedelta(days=1)


@transaction.atomic
def send_reminder(*, invoice: Invoice, actor: User | None = None, now: datetime | None = None) -> Reminder:
    """Queue the next reminder. Raises InvoiceState when nothing is overdue or the last one still gives time."""
    assert_in_scope(invoice.agreement.operator_id)
    invoice = Invoice.objects.select_for_update(of=("self",)).select_related("agreement__operator").get(pk=invoice.pk)
    today = (now or timezone.now()).astimezone(invoice.agreement.operator.zone).date()
    due = open_amount(invoice)
    if not invoice.is_overdue(today) or due <= 0:
        raise InvoiceState(
            _("Diese Rechnung ist nicht überfällig; es gibt nichts zu erinnern."), english="The invoice is not overdue."
        )
    before = list(invoice.reminders.all())
    earliest = next_reminder_on(invoice, before)
    if earliest is None:
        raise InvoiceState(
            _("An diese Rechnung wurde schon dreimal erinnert. Bitte klären Sie das Weitere mit der Partnerstadt."),
            english="Three reminders were sent already.",
        )
    if today < earliest:
        raise InvoiceState(
            _("Die Frist der letzten Erinnerung läuft noch. Die nächste ist ab dem %(day)s möglich.")
            % {"day": f"{earliest:%d.%m.%Y}"},
            english=f"The last reminder gives time until {earliest}.",
        )
    reminder = Reminder.objects.create(
        invoice=invoice,
        level=len(before) + 1,
        sent_on=today,
        due_on=today + timedelta(days=settings.REMINDER_DAYS),
        amount=due,
        sent_by=actor,
    )
    key = f"reminder:{invoice.number}:{reminder.level}"
    outbox.put(key=key, kind="reminder_mail", payload={"reminder": reminder.pk})
    record(
        action="billing.reminder_sent",
        actor_id=actor.pk if actor else None,
        tenant_id=invoice.agreement.operator_id,
        object_type="billing.invoice",
        object_id=invoice.pk,
        data={"level": reminder.level, "amount": str(due)},
    )
    return reminder


def letter(reminder: Reminder) -> bytes:
    """The reminder as PDF, from the addresses on the invoice."""
    invoice = reminder.invoice
    data = documents.data_of(invoice, list(invoice.lines.order_by("position")))
    number, day = invoice.number or "", f"{invoice.issued_on:%d.%m.%Y}"
    return pdf.render_letter(
        pdf.Letter(
            heading=HEADINGS[reminder.level],
            day=reminder.sent_on,
            seller=invoice.seller,
            buyer=invoice.buyer,
            facts=(
                ("Datum", f"{reminder.sent_on:%d.%m.%Y}"),
                ("Rechnungsnummer", number),
                ("Kassenzeichen", invoice.payment_reference),
                ("Leitweg-ID", invoice.buyer["leitweg_id"]),
            ),
            opening=(
                "Sehr geehrte Damen und Herren,",
                f"zu unserer Rechnung {number} vom {day} haben wir noch keinen vollständigen Zahlungseingang gefunden. "
                f"Bitte überweisen Sie den offenen Betrag bis zum {reminder.due_on:%d.%m.%Y}.",
            ),
            table=(
                ("Rechnungsbetrag", euros(invoice.gross)),
                ("fällig seit", f"{invoice.due_on:%d.%m.%Y}"),
                ("noch offen", euros(reminder.amount)),
                ("neue Frist", f"{reminder.due_on:%d.%m.%Y}"),
                ("IBAN", pdf.grouped(invoice.seller["iban"])),
                ("Verwendungszweck", invoice.payment_reference),
            ),
            closing=(
                "Haben Sie inzwischen gezahlt, so betrachten Sie dieses Schreiben bitte als erledigt.",
                f"Mit freundlichen Grüßen\n{invoice.seller['official_name']}",
            ),
            small=("Dieses Schreiben ist maschinell erstellt und ohne Unterschrift gültig.",),
            payable=data,
            amount=reminder.amount,
        )
    )
