"""The invoice as PDF/A-3a and PDF/UA-1 (tagged for screen readers) with its XML inside (Factur-X, XRECHNUNG).

Typst draws it from a wheel, without system libraries; pikepdf adds the metadata by which readers
find the XML. Both documents are made from the same values, so they cannot differ.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pikepdf
import segno.helpers
import typst

from billing import fonts
from billing.money import euros, plain
from billing.xrechnung import InvoiceData
from billing.xrechnung import amount as to_cents

LAYOUTS = Path(__file__).parent / "layout"
XML_NAME = "xrechnung.xml"
FACTUR_X = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
EXTENSION_SCHEMA = """
<rdf:Description rdf:about="" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
    xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
    xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
  <pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
    <pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>
    <pdfaSchema:namespaceURI>urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#</pdfaSchema:namespaceURI>
    <pdfaSchema:prefix>fx</pdfaSchema:prefix>
    <pdfaSchema:property><rdf:Seq>
      {properties}
    </rdf:Seq></pdfaSchema:property>
  </rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>"""
PROPERTY = """<rdf:li rdf:parseType="Resource">
        <pdfaProperty:name>{name}</pdfaProperty:name><pdfaProperty:valueType>Text</pdfaProperty:valueType>
        <pdfaProperty:category>external</pdfaProperty:category>
        <pdfaProperty:description>{text}</pdfaProperty:description>
      </rdf:li>"""
PROPERTIES = {
    "DocumentFileName": ("name of the embedded XML invoice file", XML_NAME),
    "DocumentType": ("INVOICE", "INVOICE"),
    "Version": ("the version of the XML schema", "3.0"),
    "ConformanceLevel": ("the conformance level of the XML", "XRECHNUNG"),
}


def render(data: InvoiceData, xml: bytes) -> bytes:
    """The PDF of one document, with ``xml`` embedded unchanged."""
    return _with_metadata(_drawn("invoice.typ", data=json.dumps(_values(data)), xml=xml.decode()))


def _drawn(layout: str, **inputs: str) -> bytes:
    return typst.compile(
        str(LAYOUTS / layout),
        format="pdf",
        pdf_standards=["a-3a", "ua-1"],
        font_paths=fonts.collection(),
        sys_inputs=inputs,
    )


@dataclass(frozen=True)
class Letter:
    """A letter beside the invoice, written out: ``table`` are pairs, ``statements`` are heading, text, small print."""

    heading: str
    day: date
    seller: dict[str, str]
    buyer: dict[str, str]
    facts: tuple[tuple[str, str], ...]
    opening: tuple[str, ...]
    table: tuple[tuple[str, str], ...]
    closing: tuple[str, ...] = ()
    statements: tuple[tuple[str, str, str], ...] = ()
    small: tuple[str, ...] = ()
    payable: InvoiceData | None = None  # gives the letter a GiroCode
    amount: Decimal | None = None


def render_letter(letter: Letter) -> bytes:
    """The PDF of a letter: PDF/A-3a and PDF/UA-1 like the invoice, with nothing inside."""
    code, code_text = giro_code(letter.payable, letter.amount) if letter.payable else ("", "")
    values = {
        "title": letter.heading,
        "heading": letter.heading,
        "description": f"{letter.heading} vom {letter.day:%d.%m.%Y}",
        "day": f"{letter.day:%d.%m.%Y}",
        "date": [letter.day.year, letter.day.month, letter.day.day],
        "seller": _party(letter.seller),
        "buyer": _party(letter.buyer),
        "facts": letter.facts,
        "opening": letter.opening,
        "table": letter.table,
        "closing": letter.closing,
        "statements": letter.statements,
        "small": letter.small,
        "code": code,
        "code_text": code_text,
    }
    return _drawn("letter.typ", data=json.dumps(values))


def _with_metadata(drawn: bytes) -> bytes:
    """Add the Factur-X properties to the one rdf:RDF there is; a second one breaks readers."""
    from lxml import etree

    rdf = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
    with pikepdf.open(io.BytesIO(drawn)) as pdf:
        stream = pdf.Root.Metadata
        head, _, _ = stream.read_bytes().partition(b"<x:xmpmeta")
        packet = etree.fromstring(stream.read_bytes().replace(head, b"", 1).partition(b"<?xpacket end")[0])
        (root,) = packet.iter(f"{rdf}RDF")
        properties = "".join(PROPERTY.format(name=name, text=text) for name, (text, _) in PROPERTIES.items())
        known = next(packet.iter("{http://www.aiim.org/pdfa/ns/extension/}schemas"), None)
        extension = etree.fromstring(EXTENSION_SCHEMA.format(properties=properties))
        if known is None:
            root.append(extension)
        else:
            known[0].append(next(extension.iter(f"{rdf}li")))
        described = etree.SubElement(root, f"{rdf}Description", {f"{rdf}about": ""}, nsmap={"fx": FACTUR_X})
        for name, (_, value) in PROPERTIES.items():
            etree.SubElement(described, f"{{{FACTUR_X}}}{name}").text = value
        stream.write(
            b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
            + etree.tostring(packet)
            + b'\n<?xpacket end="r"?>'
        )
        result = io.BytesIO()
        # A fixed id and no new dates: the same invoice gives the same bytes.
        pdf.save(result, deterministic_id=True, fix_metadata_version=False)
    return result.getvalue()


def giro_code(data: InvoiceData, due: Decimal | None = None) -> tuple[str, str]:
    """The EPC code as SVG, and what it says in words; empty when there is nothing to pay.

    ``due`` is what is left of the amount, for a reminder.
    """
    amount = data.gross if due is None else due
    if not data.is_payable or amount <= 0:
        return "", ""
    code = segno.helpers.make_epc_qr(
        name=data.seller["official_name"][:70],
        iban=data.seller["iban"],
        bic=data.seller["bic"] or None,
        amount=amount,
        text=data.payment_reference,
    )
    picture = io.BytesIO()
    code.save(picture, kind="svg", border=2, scale=3, xmldecl=False)
    words = (
        f"GiroCode für eine Überweisung: {euros(amount)} an {data.seller['official_name']}, "
        f"IBAN {grouped(data.seller['iban'])}, Verwendungszweck {data.payment_reference}"
    )
    return picture.getvalue().decode(), words


def grouped(iban: str) -> str:
    """In groups of four, as people read it."""
    bare = iban.replace(" ", "")
    return " ".join(bare[start : start + 4] for start in range(0, len(bare), 4))


UNITS = {"C62": "Stück", "MIN": "Minuten", "MON": "Monate"}


def _values(data: InvoiceData) -> dict[str, object]:
    """What the layout prints, written out; nothing is computed there."""
    heading = f"{data.heading} {data.number}"
    code, code_text = giro_code(data)
    return {
        "title": heading,
        "heading": heading,
        "description": f"{heading} vom {data.issued_on:%d.%m.%Y}: {data.seller['official_name']} an "
        f"{data.buyer['official_name']}, {euros(data.gross)}",
        "day": f"{data.issued_on:%d.%m.%Y}",
        "date": [data.issued_on.year, data.issued_on.month, data.issued_on.day],
        "seller": _party(data.seller, taxed=data.tax_category != "O"),
        "buyer": _party(data.buyer),
        "facts": _facts(data),
        "notes": [*data.notes],
        "lines": [
            {
                "position": line.position,
                "text": line.text,
                "steps": line.description.split("\n") if line.description else [],
                "quantity": plain(line.quantity),
                "unit": UNITS.get(line.unit, line.unit),
                "price": euros(line.price) if line.price == to_cents(line.price) else f"{plain(line.price, 2)} EUR",
                "net": euros(line.net),
            }
            for line in data.lines
        ],
        "totals": _totals(data),
        "tax_note": data.tax_reason if data.tax_category != "S" else "",
        "payment": [data.payment_terms],
        "account": _account(data) if data.is_payable else [],
        "code": code,
        "code_text": code_text,
        "closing": _closing(data),
    }


def _facts(data: InvoiceData) -> list[list[str]]:
    """The information block: numbers and dates that treasuries look for; what is empty is left out."""
    facts = [
        ("Rechnungsnummer", data.number),
        ("Rechnungsdatum", f"{data.issued_on:%d.%m.%Y}"),
        ("Leistungszeitraum", f"{data.period_start:%d.%m.%Y} – {data.period_end:%d.%m.%Y}"),
        ("Fällig am", f"{data.due_on:%d.%m.%Y}" if data.is_payable else ""),
        ("Kassenzeichen", data.payment_reference),
        ("Debitorennummer", data.debtor_number),
        ("Leitweg-ID", data.buyer["leitweg_id"]),
        ("Vertragszeichen", data.contract_reference),
        ("Ihr Bestellzeichen", data.order_reference),
        ("Ihre Kostenstelle", data.cost_centre),
    ]
    return [[label, value] for label, value in facts if value]


def _totals(data: InvoiceData) -> list[list[str]]:
    totals = [["Summe netto", euros(data.net)]] if data.tax_category == "S" else []
    if data.tax_category == "S":
        totals.append([f"zuzüglich Umsatzsteuer {plain(data.tax_rate)} %", euros(data.tax)])
    return [*totals, [data.total_label, euros(data.gross)]]


def _account(data: InvoiceData) -> list[list[str]]:
    facts = [
        ("Zahlbar an", data.seller["official_name"]),
        ("IBAN", grouped(data.seller["iban"])),
        ("BIC", data.seller["bic"]),
        ("Verwendungszweck", data.payment_reference),
        ("Betrag", euros(data.gross)),
    ]
    return [[label, value] for label, value in facts if value]


def _closing(data: InvoiceData) -> list[str]:
    said = [data.evidence] if data.evidence else []
    said.append("Dieses Schreiben ist maschinell erstellt und ohne Unterschrift gültig.")
    said.append(f"Maßgeblich ist der Datensatz XRechnung 3.0; er liegt diesem PDF als {XML_NAME} bei.")
    return said


def _party(city: dict[str, str], taxed: bool = False) -> dict[str, str]:
    tax = f"USt-IdNr. {city['vat_id']}" if city["vat_id"] else f"Steuernummer {city['tax_number']}"
    return {
        "name": city["official_name"],
        "street": city["street"],
        "town": f"{city['postcode']} {city['town']}",
        "contact": city["contact_name"],
        "phone": city["contact_phone"],
        "email": city["contact_email"],
        "bank": city["bank_name"],
        "iban": grouped(city["iban"]),
        "bic": city["bic"],
        "tax": tax if taxed else "",
    }


def embedded_xml(pdf_bytes: bytes) -> bytes:
    """The XML inside a PDF of ours."""
    with pikepdf.open(io.BytesIO(pdf_bytes)) as pdf:
        return bytes(pdf.attachments[XML_NAME].get_file().read_bytes())
