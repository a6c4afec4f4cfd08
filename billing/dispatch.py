"""Sending: the invoice by mail with XML and PDF, or as a file for a Peppol access point; reminders by mail."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage

from billing import peppol, reminders
from billing.bookkeeping import Reminder
from billing.models import DocumentFormat, Invoice
from billing.money import euros
from billing.services import mark_sent
from callcenter.calls.mails import send_handover_mail
from tenants.scope import all_cities

BODY = """Sehr geehrte Damen und Herren,

anbei erhalten Sie die {kind} {number} vom {day} über {gross}
({title}, {month}).

Maßgeblich ist die XML-Datei (XRechnung). Das PDF enthält dieselben Daten.

Mit freundlichen Grüßen
{seller}
"""


def send_invoice_mail(payload: dict[str, Any]) -> None:
    """Mail one issued invoice and mark it as sent; run again, it sends again rather than never."""
    with all_cities("the relay sends for every city"):
        invoice = Invoice.objects.select_related("agreement__operator", "period").get(pk=payload["invoice"])
        message = EmailMessage(
            subject=f"{invoice.get_kind_display()} {invoice.number}",
            body=BODY.format(
                kind=invoice.get_kind_display(),
                number=invoice.number,
                day=f"{invoice.issued_on:%d.%m.%Y}",
                gross=euros(invoice.gross),
                title=invoice.agreement.title,
                month=invoice.period.as_month.label,
                seller=invoice.seller["official_name"],
            ),
            to=[invoice.buyer["contact_email"] or invoice.buyer["electronic_address"]],
            reply_to=[invoice.seller["contact_email"]],
        )
        kinds = {DocumentFormat.XML: "application/xml", DocumentFormat.PDF: "application/pdf"}
        for document in invoice.documents.order_by("-format"):
            content = bytes(document.content)
            message.attach(f"{invoice.number}.{document.format}", content, kinds[DocumentFormat(document.format)])
        message.send()
        mark_sent(invoice=invoice)


def write_peppol_file(payload: dict[str, Any]) -> None:
    """Put one issued invoice into the folder that the access point collects from, and mark it as sent.

    Written beside and renamed, so that nobody collects half a file; again, it is the same file.
    """
    with all_cities("the relay sends for every city"):
        invoice = Invoice.objects.select_related("agreement__operator", "period").get(pk=payload["invoice"])
        folder = Path(settings.PEPPOL_FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{invoice.number}.xml"
        beside = target.with_suffix(".part")
        beside.write_bytes(peppol_envelope(invoice))
        beside.replace(target)
        mark_sent(invoice=invoice)


def peppol_envelope(invoice: Invoice) -> bytes:
    """The stored XML in the envelope of an access point."""
    stored = invoice.documents.get(format=DocumentFormat.XML)
    if invoice.issued_at is None:
        raise ValueError("The invoice is not issued.")
    return peppol.envelope(
        bytes(stored.content), seller=invoice.seller, buyer=invoice.buyer, made_at=invoice.issued_at.astimezone(UTC)
    )


REMINDER = """Sehr geehrte Damen und Herren,

zu unserer Rechnung {number} vom {day} sind noch {amount} offen.
Bitte überweisen Sie den Betrag bis zum {due} mit dem Verwendungszweck {reference}.
Das Schreiben und die Rechnung liegen bei.

Haben Sie inzwischen gezahlt, so betrachten Sie diese Nachricht bitte als erledigt.

Mit freundlichen Grüßen
{seller}
"""


def send_reminder_mail(payload: dict[str, Any]) -> None:
    """Mail one reminder with its letter and the invoice's PDF."""
    with all_cities("the relay sends for every city"):
        reminder = Reminder.objects.select_related(
            "invoice__agreement__operator", "invoice__agreement__client", "invoice__period", "invoice__version"
        ).get(pk=payload["reminder"])
        invoice = reminder.invoice
        heading = reminders.HEADINGS[reminder.level]
        message = EmailMessage(
            subject=f"{heading} zu {invoice.number}",
            body=REMINDER.format(
                number=invoice.number,
                day=f"{invoice.issued_on:%d.%m.%Y}",
                amount=euros(reminder.amount),
                due=f"{reminder.due_on:%d.%m.%Y}",
                reference=invoice.payment_reference,
                seller=invoice.seller["official_name"],
            ),
            to=[invoice.buyer["contact_email"] or invoice.buyer["electronic_address"]],
            reply_to=[invoice.seller["contact_email"]],
        )
        message.attach(
            f"{invoice.number}-erinnerung-{reminder.level}.pdf", reminders.letter(reminder), "application/pdf"
        )
        stored = invoice.documents.get(format=DocumentFormat.PDF)
        message.attach(f"{invoice.number}.pdf", bytes(stored.content), "application/pdf")
        message.send()


HANDLERS = {
    "invoice_mail": send_invoice_mail,
    "peppol_file": write_peppol_file,
    "reminder_mail": send_reminder_mail,
    "handover_mail": send_handover_mail,
}
