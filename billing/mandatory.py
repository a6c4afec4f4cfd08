"""The terms that XRechnung 3.0 demands, each with its place in the CII document and where it is entered. Pure.

The list is that of KoSIT's specification (BR-* of EN 16931, BR-DE-* of the German rules) for the documents
this house issues. It is read from the finished XML, so that nothing between form and file can lose one.
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

NS = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}
DOCUMENT = "/rsm:CrossIndustryInvoice/rsm:ExchangedDocument"
CONTEXT = "/rsm:CrossIndustryInvoice/rsm:ExchangedDocumentContext"
TRADE = "/rsm:CrossIndustryInvoice/rsm:SupplyChainTradeTransaction"
AGREED = f"{TRADE}/ram:ApplicableHeaderTradeAgreement"
SELLER, BUYER = f"{AGREED}/ram:SellerTradeParty", f"{AGREED}/ram:BuyerTradeParty"
CONTACT = f"{SELLER}/ram:DefinedTradeContact"
SETTLED = f"{TRADE}/ram:ApplicableHeaderTradeSettlement"
TAX, SUMS = f"{SETTLED}/ram:ApplicableTradeTax", f"{SETTLED}/ram:SpecifiedTradeSettlementHeaderMonetarySummation"
PERIOD = f"{SETTLED}/ram:BillingSpecifiedPeriod"
LINE = f"{TRADE}/ram:IncludedSupplyChainTradeLineItem"
LINE_SETTLED = "ram:SpecifiedLineTradeSettlement"
DAY = "udt:DateTimeString"

CITY, AGREEMENT, PROGRAM = (
    "Bitte ergänzen Sie es in der Verwaltung der Stadt.",
    "Bitte ergänzen Sie es in der Fassung der Vereinbarung.",
    "Das setzt sonst das Programm; bitte wenden Sie sich an seine Verwaltung.",
)


@dataclass(frozen=True)
class Term:
    """One term: its number in EN 16931, its German name, its path (for lines: below the line), and the way out."""

    number: str
    name: str
    path: str
    remedy: str = PROGRAM
    when: str = ""  # an XPath that must hold for the term to be demanded


HEADER = (
    Term("BT-1", "Rechnungsnummer", f"{DOCUMENT}/ram:ID"),
    Term("BT-2", "Rechnungsdatum", f"{DOCUMENT}/ram:IssueDateTime/{DAY}"),
    Term("BT-3", "Art der Rechnung", f"{DOCUMENT}/ram:TypeCode"),
    Term("BT-5", "Währung", f"{SETTLED}/ram:InvoiceCurrencyCode"),
    Term("BT-10", "Leitweg-ID der Partnerstadt", f"{AGREED}/ram:BuyerReference", CITY),
    Term("BT-23", "Geschäftsprozess", f"{CONTEXT}/ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID"),
    Term("BT-24", "Spezifikation", f"{CONTEXT}/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID"),
    Term("BT-27", "amtlicher Name der leistenden Stadt", f"{SELLER}/ram:Name", CITY),
    Term(
        "BT-29",
        "Amtlicher Gemeindeschlüssel der leistenden Stadt",
        f"{SELLER}/ram:ID",
        CITY,
        f"{TAX}[ram:CategoryCode='O']",
    ),
    Term(
        "BT-34", "elektronische Adresse der leistenden Stadt", f"{SELLER}/ram:URIUniversalCommunication/ram:URIID", CITY
    ),
    Term("BT-35", "Straße der leistenden Stadt", f"{SELLER}/ram:PostalTradeAddress/ram:LineOne", CITY),
    Term("BT-37", "Ort der leistenden Stadt", f"{SELLER}/ram:PostalTradeAddress/ram:CityName", CITY),
    Term("BT-38", "Postleitzahl der leistenden Stadt", f"{SELLER}/ram:PostalTradeAddress/ram:PostcodeCode", CITY),
    Term("BT-40", "Land der leistenden Stadt", f"{SELLER}/ram:PostalTradeAddress/ram:CountryID", CITY),
    Term("BT-41", "Ansprechstelle der leistenden Stadt", f"{CONTACT}/ram:PersonName", CITY),
    Term(
        "BT-42", "Telefon der Ansprechstelle", f"{CONTACT}/ram:TelephoneUniversalCommunication/ram:CompleteNumber", CITY
    ),
    Term("BT-43", "E-Mail der Ansprechstelle", f"{CONTACT}/ram:EmailURIUniversalCommunication/ram:URIID", CITY),
    Term("BT-44", "amtlicher Name der Partnerstadt", f"{BUYER}/ram:Name", CITY),
    Term("BT-49", "elektronische Adresse der Partnerstadt", f"{BUYER}/ram:URIUniversalCommunication/ram:URIID", CITY),
    Term("BT-52", "Ort der Partnerstadt", f"{BUYER}/ram:PostalTradeAddress/ram:CityName", CITY),
    Term("BT-53", "Postleitzahl der Partnerstadt", f"{BUYER}/ram:PostalTradeAddress/ram:PostcodeCode", CITY),
    Term("BT-55", "Land der Partnerstadt", f"{BUYER}/ram:PostalTradeAddress/ram:CountryID", CITY),
    Term("BT-73", "Beginn des Leistungszeitraums", f"{PERIOD}/ram:StartDateTime/{DAY}"),
    Term("BT-74", "Ende des Leistungszeitraums", f"{PERIOD}/ram:EndDateTime/{DAY}"),
    Term("BT-81", "Zahlungsart", f"{SETTLED}/ram:SpecifiedTradeSettlementPaymentMeans/ram:TypeCode"),
    Term("BT-83", "Kassenzeichen", f"{SETTLED}/ram:PaymentReference", AGREEMENT),
    Term(
        "BT-84",
        "IBAN der leistenden Stadt",
        f"{SETTLED}/ram:SpecifiedTradeSettlementPaymentMeans/ram:PayeePartyCreditorFinancialAccount/ram:IBANID",
        CITY,
    ),
    Term("BT-9", "Fälligkeit", f"{SETTLED}/ram:SpecifiedTradePaymentTerms/ram:DueDateDateTime/{DAY}", AGREEMENT),
    Term("BT-20", "Zahlungsbedingungen", f"{SETTLED}/ram:SpecifiedTradePaymentTerms/ram:Description"),
    Term("BT-106", "Summe der Positionen", f"{SUMS}/ram:LineTotalAmount"),
    Term("BT-109", "Nettosumme", f"{SUMS}/ram:TaxBasisTotalAmount"),
    Term("BT-110", "Umsatzsteuer", f"{SUMS}/ram:TaxTotalAmount"),
    Term("BT-112", "Rechnungsbetrag", f"{SUMS}/ram:GrandTotalAmount"),
    Term("BT-115", "Zahlbetrag", f"{SUMS}/ram:DuePayableAmount"),
    Term("BT-116", "Bemessungsgrundlage", f"{TAX}/ram:BasisAmount"),
    Term("BT-117", "Steuerbetrag", f"{TAX}/ram:CalculatedAmount"),
    Term("BT-118", "Umsatzsteuerkategorie", f"{TAX}/ram:CategoryCode", AGREEMENT),
    Term("BT-119", "Steuersatz", f"{TAX}/ram:RateApplicablePercent", AGREEMENT),
    Term(
        "BT-120", "Grund der Steuerbefreiung", f"{TAX}/ram:ExemptionReason", AGREEMENT, f"{TAX}[ram:CategoryCode!='S']"
    ),
    Term(
        "BT-25",
        "Nummer der ursprünglichen Rechnung",
        f"{SETTLED}/ram:InvoiceReferencedDocument/ram:IssuerAssignedID",
        when=f"{DOCUMENT}[ram:TypeCode!='380']",
    ),
)
LINES = (
    Term("BT-126", "Positionsnummer", "ram:AssociatedDocumentLineDocument/ram:LineID"),
    Term("BT-129", "Menge", "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity"),
    Term("BT-130", "Einheit", "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity/@unitCode"),
    Term("BT-131", "Betrag", f"{LINE_SETTLED}/ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount"),
    Term("BT-146", "Einzelpreis", "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:ChargeAmount"),
    Term("BT-151", "Umsatzsteuerkategorie", f"{LINE_SETTLED}/ram:ApplicableTradeTax/ram:CategoryCode", AGREEMENT),
    Term(
        "BT-152",
        "Steuersatz",
        f"{LINE_SETTLED}/ram:ApplicableTradeTax/ram:RateApplicablePercent",
        AGREEMENT,
        f"{TAX}[ram:CategoryCode!='O']",
    ),
    Term("BT-153", "Leistung", "ram:SpecifiedTradeProduct/ram:Name"),
)


def missing(xml: bytes) -> list[str]:
    """A sentence for each term that is demanded and absent or empty."""
    root = etree.fromstring(xml)
    found = [_sentence(term) for term in HEADER if _demanded(root, term) and not _present(root, term.path)]
    lines = _nodes(root, LINE)
    if not lines:
        found.append("Die Rechnung hat keine Position (BG-25).")
    for place, line in enumerate(lines, 1):
        for term in LINES:
            if _demanded(root, term) and not _present(line, term.path):
                found.append(_sentence(term, f"Position {place}: "))
    return found


def _sentence(term: Term, prefix: str = "") -> str:
    return f"{prefix}{term.name} ({term.number}) fehlt. {term.remedy}"


def _demanded(root: etree._Element, term: Term) -> bool:
    return not term.when or bool(_nodes(root, term.when))


def _present(start: etree._Element, path: str) -> bool:
    nodes = _nodes(start, path)
    return bool(nodes) and all(_text(node) for node in nodes)


def _nodes(start: etree._Element, path: str) -> list[etree._Element]:
    return start.xpath(path, namespaces=NS)


def _text(node: etree._Element | str) -> str:
    return (node if isinstance(node, str) else "".join(node.itertext())).strip()
