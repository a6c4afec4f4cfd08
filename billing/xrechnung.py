"""XRechnung 3.0 (CIUS of EN 16931) in CII syntax. Pure: plain values in, bytes out.

XRechnung 4.0 will not be compatible; it gets a module beside this one, and documents that were
issued keep the bytes of their day. BT and BG numbers are the terms of EN 16931.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from drafthorse.models import NS_RAM
from drafthorse.models.accounting import ApplicableTradeTax
from drafthorse.models.document import Document
from drafthorse.models.note import IncludedNote
from drafthorse.models.party import TaxRegistration, TradeParty
from drafthorse.models.payment import PaymentMeans, PaymentTerms
from drafthorse.models.tradelines import LineItem
from lxml import etree

SPECIFICATION = "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0"  # BT-24
PROCESS = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"  # BT-23
INVOICE, CREDIT, CORRECTION = "380", "381", "384"  # BT-3
TYPE_CODES = {"invoice": INVOICE, "cancellation": CORRECTION, "correction": CORRECTION, "credit": CREDIT}
HEADINGS = {
    "invoice": "Rechnung",
    "cancellation": "Stornorechnung",
    "correction": "Rechnungskorrektur",
    "credit": "Kaufmännische Gutschrift",
}
CREDIT_TRANSFER = "58"  # BT-81: SEPA


@dataclass(frozen=True)
class LineData:
    """BG-25."""

    position: int
    text: str
    description: str
    quantity: Decimal
    unit: str
    price: Decimal
    net: Decimal


@dataclass(frozen=True)
class InvoiceData:
    """Everything a document says, as it stands at the issue."""

    number: str
    kind: str  # one of TYPE_CODES; a credit's amounts are positive and are owed to the buyer
    issued_on: date
    due_on: date
    period_start: date
    period_end: date
    seller: dict[str, Any]
    buyer: dict[str, Any]
    lines: tuple[LineData, ...]
    net: Decimal
    tax: Decimal
    gross: Decimal
    tax_category: str
    tax_rate: Decimal
    tax_reason: str
    tax_reason_code: str
    payment_reference: str
    title: str
    contract_reference: str = ""
    order_reference: str = ""
    cost_centre: str = ""
    debtor_number: str = ""
    original_number: str = ""
    original_date: date | None = None
    reason: str = ""
    evidence: str = ""  # what the document rests on: length and hash of the frozen list

    @property
    def type_code(self) -> str:
        """BT-3."""
        return TYPE_CODES[self.kind]

    @property
    def heading(self) -> str:
        return HEADINGS[self.kind]

    @property
    def is_cancellation(self) -> bool:
        return self.kind == "cancellation"

    @property
    def names_original(self) -> bool:
        return self.kind != "invoice"

    @property
    def is_payable(self) -> bool:
        return self.kind in {"invoice", "correction"} and self.gross > 0

    @property
    def total_label(self) -> str:
        labels = {"credit": "Gutschriftsbetrag", "correction": "Korrekturbetrag", "cancellation": "Stornobetrag"}
        return labels.get(self.kind, "Rechnungsbetrag")

    @property
    def payment_terms(self) -> str:
        """BT-20, one sentence."""
        match self.kind:
            case "cancellation":
                return f"Diese Rechnung hebt die Rechnung {self.original_number} auf. Es ist nichts zu zahlen."
            case "credit":
                return f"Der Betrag mindert die Rechnung {self.original_number}; schon Gezahltes wird erstattet."
            case "correction" if self.gross <= 0:
                return f"Der Betrag mindert die Rechnung {self.original_number}; schon Gezahltes wird erstattet."
            case "correction":
                return f"Zusätzlich zur Rechnung {self.original_number} zahlbar bis zum {self.due_on:%d.%m.%Y}."
        if self.gross <= 0:
            return "Es ist nichts zu zahlen."
        return f"Zahlbar ohne Abzug bis zum {self.due_on:%d.%m.%Y}."

    @property
    def notes(self) -> tuple[str, ...]:
        """BT-22."""
        found = [f"{self.title}, Leistungszeitraum {self.period_start:%d.%m.%Y} bis {self.period_end:%d.%m.%Y}."]
        if self.names_original and self.original_date:
            what = {"cancellation": "Storno", "correction": "Korrektur", "credit": "Gutschrift zu"}[self.kind]
            of = "" if self.kind == "credit" else " der"
            found.insert(0, f"{what}{of} Rechnung {self.original_number} vom {self.original_date:%d.%m.%Y}.")
            if self.reason:
                found.insert(1, f"Grund: {self.reason}")
        return tuple(found)


def plain(number: Decimal) -> str:
    """A number without exponent or trailing zeros beyond two decimals; never minus zero."""
    normal = number.normalize()
    digits = max(-int(normal.as_tuple().exponent), 0)
    return f"{normal if normal else Decimal(0):.{digits}f}"


def amount(value: Decimal) -> Decimal:
    """Two decimals, never ``-0.00``, which the rules refuse."""
    return value.quantize(Decimal("0.01")) if value else Decimal("0.00")


def build(data: InvoiceData) -> bytes:
    """The XML of one document. Says what it is told; ``checks`` and ``rules`` decide whether it may leave."""
    document = Document()
    document.context.business_parameter.id = PROCESS
    document.context.guideline_parameter.id = SPECIFICATION
    document.header.id = data.number
    document.header.type_code = data.type_code
    document.header.issue_date_time = data.issued_on
    for text in (*data.notes, data.evidence):
        if not text:
            continue
        note = IncludedNote()
        note.content = text
        document.header.notes.add(note)
    _agreement(document, data)
    for line in data.lines:
        document.trade.items.add(_line(line, data))
    _settlement(document, data)
    xml: bytes = document.serialize(schema=None)
    return xml


def _party(party: TradeParty, city: dict[str, Any]) -> None:
    party.name = city["official_name"]
    party.address.postcode = city["postcode"]
    party.address.line_one = city["street"]
    party.address.city_name = city["town"]
    party.address.country_id = city["country"]


def _agreement(document: Document, data: InvoiceData) -> None:
    agreement = document.trade.agreement
    seller, buyer = data.seller, data.buyer
    agreement.buyer_reference = buyer["leitweg_id"]  # BT-10
    _party(agreement.seller, seller)
    if seller["ags"]:
        agreement.seller.id = seller["ags"]  # BT-29: needed where no VAT number may be given
    agreement.seller.contact.person_name = seller["contact_name"]  # BG-6
    agreement.seller.contact.telephone.number = seller["contact_phone"]
    agreement.seller.contact.email.address = seller["contact_email"]
    agreement.seller.electronic_address.uri_ID = ("EM", seller["electronic_address"])  # BT-34
    if data.tax_category != "O":
        # Not taxable forbids BT-31, BT-48 and BT-63.
        for scheme, value in (("VA", seller["vat_id"]), ("FC", seller["tax_number"])):
            if value:
                registration = TaxRegistration()
                registration.id = (scheme, value)
                agreement.seller.tax_registrations.add(registration)
    _party(agreement.buyer, buyer)
    if buyer["leitweg_id"]:
        agreement.buyer.electronic_address.uri_ID = ("0204", buyer["leitweg_id"])  # BT-49
    else:
        agreement.buyer.electronic_address.uri_ID = ("EM", buyer["electronic_address"])
    if data.order_reference:
        agreement.buyer_order.issuer_assigned_id = data.order_reference  # BT-13
    if data.contract_reference:
        agreement.contract.issuer_assigned_id = data.contract_reference  # BT-12


def _line(line: LineData, data: InvoiceData) -> LineItem:
    item = LineItem()
    item.document.line_id = str(line.position)
    item.product.name = line.text
    if line.description:
        item.product.description = line.description
    item.agreement.net.amount = plain(line.price)
    item.delivery.billed_quantity = (plain(line.quantity), line.unit)
    item.settlement.trade_tax.type_code = "VAT"
    item.settlement.trade_tax.category_code = data.tax_category
    if data.tax_category != "O":  # BR-O-05: no rate on lines that are not taxable
        item.settlement.trade_tax.rate_applicable_percent = plain(data.tax_rate)
    item.settlement.monetary_summation.total_amount = amount(line.net)
    return item


def _settlement(document: Document, data: InvoiceData) -> None:
    settlement = document.trade.settlement
    settlement.payment_reference = data.payment_reference  # BT-83
    settlement.currency_code = "EUR"
    means = PaymentMeans()
    means.type_code = CREDIT_TRANSFER
    means.payee_account.iban = data.seller["iban"].replace(" ", "")
    means.payee_account.account_name = data.seller["official_name"]
    if data.seller["bic"]:
        means.payee_institution.bic = data.seller["bic"]
    settlement.payment_means.add(means)
    tax = ApplicableTradeTax()  # BG-23
    tax.calculated_amount = amount(data.tax)
    tax.type_code = "VAT"
    tax.basis_amount = amount(data.net)
    tax.category_code = data.tax_category
    tax.rate_applicable_percent = plain(data.tax_rate)
    if data.tax_category != "S":
        tax.exemption_reason = data.tax_reason
        if data.tax_reason_code:
            tax.exemption_reason_code = data.tax_reason_code
    settlement.trade_tax.add(tax)
    settlement.period.start = data.period_start  # BG-14
    settlement.period.end = data.period_end
    terms = PaymentTerms()
    terms.description = data.payment_terms
    terms.due = data.due_on
    settlement.terms.add(terms)
    totals = settlement.monetary_summation
    totals.line_total = amount(data.net)
    totals.tax_basis_total = amount(data.net)
    totals.tax_total = (amount(data.tax), "EUR")
    totals.grand_total = amount(data.gross)
    totals.due_amount = amount(data.gross)
    if data.names_original:
        settlement.invoice_referenced_document.issuer_assigned_id = data.original_number  # BG-3
        settlement.invoice_referenced_document.issue_date_time = data.original_date
    if data.cost_centre:
        settlement.accounting_account.id = data.cost_centre  # BT-19


def total_of(xml: bytes) -> Decimal:
    """BT-112 of a document of ours."""
    root = etree.fromstring(xml)
    (total,) = root.iter(f"{{{NS_RAM}}}GrandTotalAmount")
    return Decimal(total.text or "")
