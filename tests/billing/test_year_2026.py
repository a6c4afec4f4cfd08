"""A whole year of three agreements: every document is a legal e-invoice, and no demanded term can be left out."""

from __future__ import annotations

import dataclasses
import io
import shutil
import subprocess
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from lxml import etree

from billing import checks, ledger, mandatory, pdf, rules, services, xrechnung
from billing.demo import TERMS
from billing.models import Invoice
from billing.months import Month
from billing.terms import Terms, from_json
from tenants.models import Tenant
from tests.billing.conftest import complete, make_agreement, make_calls

AGREEMENTS: dict[str, tuple[Terms, dict[str, Any]]] = {
    "flat fee, not taxable": (TERMS, {"tax_category": "O"}),
    "tiers, minutes and a minimum, taxable": (
        from_json(
            {
                "per_minute": {"price": "0.1234", "step_s": 1},
                "tiers": {
                    "mode": "graduated",
                    "steps": [{"up_to": 2, "price": "2.5"}, {"up_to": None, "price": "1.5"}],
                },
                "discount": {"percent": "3.5"},
                "minimum": {"amount": "20"},
            }
        ),
        {"tax_category": "S", "tax_rate": Decimal("19.00"), "tax_reason": "", "tax_reason_code": ""},
    ),
    "per call with an index, exempt": (
        from_json(
            {
                "per_call": {"price": "1.9333", "included": 1},
                "index": {"name": "VPI", "base": "117.4", "value": "121.3"},
            }
        ),
        {"tax_category": "E", "tax_reason": "Steuerfrei nach § 4 Nr. 29 UStG", "tax_reason_code": ""},
    ),
}


def structure_problems(document: bytes, path: Path) -> list[str]:
    """What qpdf (as a library, and as a program where there is one) and the metadata say against a PDF."""
    found: list[str] = []
    with pikepdf.open(io.BytesIO(document)) as opened:
        found += [str(problem) for problem in opened.check_pdf_syntax()]
        xmp = opened.Root.Metadata.read_bytes()
        said = (
            b"<pdfaid:part>3<",
            b"<pdfaid:conformance>A<",
            b"<pdfuaid:part>1<",
            b"<fx:DocumentType>INVOICE<",
            b"<fx:DocumentFileName>xrechnung.xml<",
            b"<fx:ConformanceLevel>XRECHNUNG<",
        )
        found += [f"no {wanted.decode()}" for wanted in said if wanted not in xmp]
        if xmp.count(b"<rdf:RDF") != 1:
            found.append("more than one rdf:RDF")
        if [str(file.AFRelationship) for file in opened.Root.AF] != ["/Alternative"]:
            found.append("the XML is not its alternative")
        if not opened.Root.MarkInfo.Marked or "/StructTreeRoot" not in opened.Root:
            found.append("not tagged")
        if not opened.Root.ViewerPreferences.DisplayDocTitle:
            found.append("its title is not shown")
    program = shutil.which("qpdf")
    if program:
        path.write_bytes(document)
        done = subprocess.run([program, "--check", str(path)], capture_output=True, text=True, check=False)
        if done.returncode:
            found.append(done.stdout + done.stderr)
    return found


@pytest.mark.django_db
@pytest.mark.usefixtures("every_city")
def test_twelve_months_of_three_agreements_are_legal_documents(duisburg, tmp_path: Path) -> None:
    """A partner's portal takes all of them, and so does a reader of PDF/A."""
    documents = 0
    for number, (name, (terms, settings)) in enumerate(AGREEMENTS.items(), 1):
        client = Tenant.objects.create(
            slug=f"partner-{number}",
            name="Nachbar",
            official_name="Stadt Nachbar",
            greeting="Guten Tag",
            ags="05170999",
        )
        complete(duisburg, client)
        agreement = make_agreement(duisburg, client, terms, series=f"J{number}", **settings)
        for month in range(1, 13):
            make_calls(client, f"2026-{month:02}", month % 4, talked_s=61 + month)
            closing = services.close_period(
                agreement=agreement, month=Month(2026, month), now=datetime(2027, 2, 1, tzinfo=UTC)
            )
            issued = services.issue_invoice(invoice=closing.invoice, now=datetime(2027, 2, 1, tzinfo=UTC))
            stored = {item.format: bytes(item.content) for item in issued.documents.all()}
            assert rules.violations(stored["xml"]) == [], (name, month)
            assert mandatory.missing(stored["xml"]) == [], (name, month)
            assert structure_problems(stored["pdf"], tmp_path / "x.pdf") == [], (name, month)
            assert pdf.embedded_xml(stored["pdf"]) == stored["xml"]
            documents += 1
    assert documents == 36
    assert Invoice.objects.count() == 36
    assert list(ledger.findings()) == []


PARTY = {
    "official_name": "Stadt Musterstadt",
    "street": "Musterweg 1",
    "postcode": "47051",
    "town": "Musterstadt",
    "country": "DE",
    "contact_name": "Rechnungsstelle",
    "contact_phone": "+49 203 5550100",
    "contact_email": "rechnung@stadt.example",
    "electronic_address": "rechnung@stadt.example",
    "leitweg_id": "05170008-DEMO1-35",
    "ags": "05170008",
    "vat_id": "",
    "tax_number": "109/123/45678",
    "iban": "DE02100500000054540402",
    "bic": "BELADEBEXXX",
    "bank_name": "Sparkasse",
}


def sample(**changes: Any) -> xrechnung.InvoiceData:
    """A complete document; ``changes`` replace fields."""
    line = xrechnung.LineData(1, "Anrufe", "Zwei Anrufe.", Decimal(2), "C62", Decimal("2.02"), Decimal("4.04"))
    whole = xrechnung.InvoiceData(
        number="IKZ-2026-000001",
        kind="invoice",
        issued_on=date(2026, 11, 5),
        due_on=date(2026, 12, 5),
        period_start=date(2026, 10, 1),
        period_end=date(2026, 10, 31),
        seller=PARTY,
        buyer=PARTY,
        lines=(line,),
        net=Decimal("4.04"),
        tax=Decimal("0.00"),
        gross=Decimal("4.04"),
        tax_category="O",
        tax_rate=Decimal("0.00"),
        tax_reason="Nicht steuerbar",
        tax_reason_code="VATEX-EU-O",
        payment_reference="IKZ-2026-000001",
        title="Telefonservice",
    )
    return dataclasses.replace(whole, **changes)


TAXED = {"tax_category": "S", "tax_rate": Decimal("19.00"), "tax": Decimal("0.77"), "gross": Decimal("4.81")}
MIRROR = {"kind": "cancellation", "original_number": "IKZ-2026-000001", "original_date": date(2026, 11, 5)}


def of_term(term: mandatory.Term) -> xrechnung.InvoiceData:
    """A document in which this term is demanded."""
    return sample(**(TAXED if term.number == "BT-152" else MIRROR if term.number == "BT-25" else {}))


def test_complete_document_misses_nothing() -> None:
    """Otherwise the next tests would prove nothing."""
    for data in (sample(), sample(**TAXED)):
        assert checks.findings(data) == []
        assert mandatory.missing(xrechnung.build(data)) == []
        assert rules.violations(xrechnung.build(data)) == []


@pytest.mark.parametrize("emptied", [True, False], ids=["emptied", "deleted"])
@pytest.mark.parametrize("term", [*mandatory.HEADER, *mandatory.LINES], ids=lambda term: term.number)
def test_demanded_term_is_named_when_it_is_gone(term: mandatory.Term, emptied: bool) -> None:
    """The sentence says which one, and where to enter it."""
    root = etree.fromstring(xrechnung.build(of_term(term)))
    start = root.find(".//{*}IncludedSupplyChainTradeLineItem") if term in mandatory.LINES else root
    path, _, attribute = term.path.partition("/@")
    (element,) = start.xpath(path, namespaces=mandatory.NS)
    if attribute:
        element.set(attribute, "") if emptied else element.attrib.pop(attribute)
    elif emptied:
        element.text = " "
    else:
        element.getparent().remove(element)
    (sentence,) = (
        said for said in mandatory.missing(etree.tostring(root)) if f"{term.name} ({term.number}) fehlt." in said
    )
    assert "Bitte" in sentence or "bitte" in sentence


@pytest.mark.parametrize("field", checks.DOCUMENT)
def test_emptied_field_of_the_document_is_named(field: str) -> None:
    """Before any file is made: the check speaks of the figure, not of a path in XML."""
    empty = () if field == "lines" else "" if isinstance(getattr(sample(), field), str) else None
    found = checks.findings(sample(**{field: empty}))
    assert any(checks.DOCUMENT[field].split(" (")[0] in sentence for sentence in found), found


@pytest.mark.parametrize("field", checks.LINE)
def test_emptied_field_of_a_line_is_named(field: str) -> None:
    """With its position, so that nobody has to search."""
    line = dataclasses.replace(sample().lines[0], **{field: "" if field in {"text", "unit"} else None})
    found = checks.findings(sample(lines=(line,)))
    assert any(f"Position 1: Es fehlt: {checks.LINE[field]}" in sentence for sentence in found), found


@pytest.mark.parametrize("side", ["seller", "buyer"])
def test_emptied_field_of_a_city_is_named(side: str) -> None:
    """Each field of both cities by its name."""
    for field, label in (checks.SELLER if side == "seller" else checks.BUYER).items():
        found = checks.findings(sample(**{side: {**PARTY, field: " "}}))
        assert any(label in sentence for sentence in found), (field, found)


def test_every_term_of_the_list_is_guarded() -> None:
    """The list of the reference, so that a term dropped from ours is noticed."""
    wanted = {1, 2, 3, 5, 10, 23, 24, 27, 29, 34, 35, 37, 38, 40, 41, 42, 43, 44, 49, 52, 53, 55, 73, 74, 81, 83, 84}
    wanted |= {119, 120, 126, 129, 130, 131, 146, 151, 153, 25}
    assert {f"BT-{number}" for number in wanted} <= {term.number for term in (*mandatory.HEADER, *mandatory.LINES)}


def test_typeface_is_unpacked_whole() -> None:
    """A broken font file would print an invoice in a face that nobody chose."""
    from billing import fonts

    folder = fonts.folder()
    assert folder
    for name in fonts.NAMES:
        data = (Path(folder.name) / f"{name}.ttf").read_bytes()
        assert data[:4] == b"\0\1\0\0"
    with pytest.raises(ValueError, match="WOFF"):
        fonts.opentype(b"\0" * 20)
    with pikepdf.open(io.BytesIO(pdf.render(sample(), xrechnung.build(sample())))) as opened:
        used = {str(font.BaseFont) for font in opened.pages[0].Resources.Font.values()}
    assert all("NotoSans" in name for name in used)
