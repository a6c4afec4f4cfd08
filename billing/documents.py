"""XML and PDF of an invoice: built, checked by both walls, stored byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.translation import gettext as _

from billing import checks, mandatory, pdf, reference, rules, xrechnung
from billing.models import Dispatch, DocumentFormat, Invoice, InvoiceDocument, InvoiceKind, InvoiceLine
from billing.money import cents, plain
from billing.refusals import InvoiceIncomplete


@dataclass(frozen=True)
class Built:
    """Both documents of one invoice."""

    xml: bytes
    pdf: bytes


def prepare() -> None:
    """Do what takes seconds the first time in a process."""
    rules.prepare()


def data_of(invoice: Invoice, lines: Sequence[InvoiceLine]) -> xrechnung.InvoiceData:
    """The invoice as plain values for XML and PDF alike."""
    agreement, version = invoice.agreement, invoice.version
    month = invoice.period.as_month
    original = invoice.cancels or invoice.adjusts
    # A credit is stored as what is owed less, and written as what is owed to the buyer.
    sign = -1 if invoice.kind == InvoiceKind.CREDIT else 1
    end = min(month.last, agreement.ends_on) if agreement.ends_on else month.last
    return xrechnung.InvoiceData(
        number=invoice.number or "",
        kind=invoice.kind,
        issued_on=_day(invoice.issued_on),
        due_on=_day(invoice.due_on),
        period_start=max(month.first, agreement.starts_on),
        period_end=end,
        seller=invoice.seller,
        buyer=invoice.buyer,
        lines=tuple(
            xrechnung.LineData(
                position=line.position,
                text=line.text,
                description="\n".join(line.steps),
                quantity=sign * line.quantity,
                unit=line.unit,
                price=line.price,
                net=cents(sign * line.net),
            )
            for line in lines
        ),
        net=cents(sign * invoice.net),
        tax=cents(sign * invoice.tax),
        gross=cents(sign * invoice.gross),
        tax_category=invoice.tax_category,
        tax_rate=invoice.tax_rate,
        tax_reason=invoice.tax_reason,
        tax_reason_code=invoice.tax_reason_code,
        payment_reference=invoice.payment_reference,
        title=agreement.title,
        contract_reference=agreement.reference,
        order_reference=version.order_reference,
        cost_centre=version.cost_centre,
        debtor_number=version.debtor_number,
        original_number=(original.number or "") if original else "",
        original_date=original.issued_on if original else None,
        reason=invoice.reason,
        evidence=_evidence(invoice),
    )


def _evidence(invoice: Invoice) -> str:
    """What both offices compare: how long the frozen list is, and its hash."""
    period = invoice.period
    if invoice.kind != InvoiceKind.INVOICE:
        return ""
    calls = f"{plain(period.calls)} Anruf" + ("" if period.calls == 1 else "e")
    return f"Grundlage: eingefrorene Liste über {calls}, Prüfsumme (SHA-256) {period.list_hash}."


def _day(day: date | None) -> date:
    if day is None:
        raise ValueError("The invoice has no date yet.")
    return day


def build(invoice: Invoice, lines: Sequence[InvoiceLine]) -> Built:
    """Both documents; raises InvoiceIncomplete with every reason when they must not leave the house."""
    data = data_of(invoice, lines)
    if found := [*checks.findings(data), *_version_findings(invoice, data)]:
        raise refusal(found)
    xml = xrechnung.build(data)
    if found := mandatory.missing(xml):
        raise refusal(found)
    if found := rules.violations(xml):
        raise refusal([_("Die amtlichen Regeln lehnen die Rechnung ab: %(rule)s") % {"rule": rule} for rule in found])
    return Built(xml=xml, pdf=pdf.render(data, xml))


def _version_findings(invoice: Invoice, data: xrechnung.InvoiceData) -> list[str]:
    """What the way of sending and the pattern of the Kassenzeichen ask beyond the format."""
    try:
        reference.example(invoice.version.payment_reference)
    except reference.PatternError as error:
        return [_("Muster des Kassenzeichens: %(why)s") % {"why": error}]
    if invoice.version.dispatch == Dispatch.PEPPOL and not data.seller["leitweg_id"]:
        return [_("Leistende Stadt: Für den Versand über Peppol fehlt ihre eigene Leitweg-ID.")]
    return []


def refusal(found: list[str]) -> InvoiceIncomplete:
    return InvoiceIncomplete(" ".join(found), english="The invoice cannot be issued: " + " ".join(found))


def store(invoice: Invoice, made: Built) -> dict[str, str]:
    """Keep both for good; returns their SHA-256 by format."""
    digests = {}
    for kind, content in ((DocumentFormat.XML, made.xml), (DocumentFormat.PDF, made.pdf)):
        digest = hashlib.sha256(content).hexdigest()
        InvoiceDocument.objects.create(invoice=invoice, format=kind, content=content, sha256=digest)
        digests[kind.value] = digest
    return digests


def preview(invoice: Invoice, lines: Sequence[InvoiceLine], today: date) -> list[str]:
    """What would be refused if the draft were issued today, so that it can be put right before."""
    from billing.parties import copied

    invoice = copy(invoice)  # the draft itself stays one: no number, no date
    invoice.number = invoice.number or "ENTWURF"
    invoice.issued_on = invoice.issued_on or today
    invoice.due_on = invoice.due_on or today + timedelta(days=invoice.version.payment_days)
    invoice.payment_reference = invoice.payment_reference or "ENTWURF"
    invoice.seller = invoice.seller or copied(invoice.agreement.operator)
    invoice.buyer = invoice.buyer or copied(invoice.agreement.client)
    data = data_of(invoice, lines)
    found = [*checks.findings(data), *_version_findings(invoice, data)]
    return found or mandatory.missing(xrechnung.build(data))
