"""From draft to document: numbers, both walls of checks, byte-for-byte storage, cancellation, dispatch."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pikepdf
import pytest
from django.core import mail
from django.db import connection, transaction
from django.db.utils import DatabaseError
from lxml import etree

from billing import checks, documents, ledger, numbering, outbox, payments, pdf, rules, services, tasks, xrechnung
from billing.dispatch import HANDLERS
from billing.models import Agreement, Invoice, InvoiceKind, InvoiceStatus, NumberSeries, Outbox
from billing.months import Month
from billing.refusals import InvoiceIncomplete, InvoiceState, SeriesTaken
from callcenter.audit.models import AuditEntry
from tenants.models import Tenant
from tests.billing.conftest import AFTER_GRACE, make_agreement, make_calls
from tests.conftest import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_city")]
RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"


@pytest.fixture
def draft(agreement: Agreement, cities) -> Invoice:
    make_calls(cities[1], "2026-10", 3)
    return services.close_period(agreement=agreement, month=Month.parse("2026-10"), now=AFTER_GRACE).invoice


@pytest.fixture
def issued(draft: Invoice) -> Invoice:
    return services.issue_invoice(invoice=draft, now=AFTER_GRACE)


def content(invoice: Invoice, kind: str) -> bytes:
    return bytes(invoice.documents.get(format=kind).content)


def test_issue_gives_number_dates_and_documents(issued: Invoice) -> None:
    """The partner's treasury needs number, date, due date and both documents."""
    assert (issued.number, issued.status) == ("IKZ-2026-000001", InvoiceStatus.ISSUED)
    assert (issued.issued_on, issued.due_on) == (date(2026, 11, 5), date(2026, 12, 5))
    for kind in ("xml", "pdf"):
        document = issued.documents.get(format=kind)
        assert hashlib.sha256(bytes(document.content)).hexdigest() == document.sha256
    assert AuditEntry.objects.filter(action="billing.invoice_issued", object_id=str(issued.pk)).count() == 1
    assert list(ledger.findings()) == []


def test_issued_xml_passes_the_official_rules_and_says_what_the_page_says(issued: Invoice) -> None:
    """A treasury's portal throws away what breaks the rules."""
    xml = content(issued, "xml")
    assert rules.violations(xml) == []
    root = etree.fromstring(xml)
    assert xrechnung.total_of(xml) == issued.gross
    assert [element.text for element in root.iter(f"{RAM}CategoryCode")] == ["O", "O"]
    assert not list(root.iter(f"{RAM}SpecifiedTaxRegistration"))
    assert b"-0.00" not in xml
    assert next(root.iter(f"{RAM}BuyerReference")).text == "05170008-DEMO1-35"
    (start,) = root.iter(f"{RAM}StartDateTime")
    assert start[0].text == "20261001"


def test_xml_follows_the_schema(issued: Invoice) -> None:
    """The order and names of elements are part of the format."""
    import importlib.util
    from pathlib import Path

    spec = importlib.util.find_spec("facturx")
    assert spec is not None
    assert spec.origin is not None
    (schema,) = Path(spec.origin).parent.rglob("*EXTENDED.xsd")
    etree.XMLSchema(file=str(schema)).assertValid(etree.fromstring(content(issued, "xml")))


def test_pdf_carries_the_same_xml_and_names_it(issued: Invoice) -> None:
    """Who reads only the PDF must find the very same data set in it, by one set of metadata."""
    data = content(issued, "pdf")
    assert pdf.embedded_xml(data) == content(issued, "xml")
    with pikepdf.open(io.BytesIO(data)) as opened:
        assert opened.check_pdf_syntax() == []
        xmp = opened.Root.Metadata.read_bytes()
        assert xmp.count(b"<rdf:RDF") == 1
        for said in (
            b"<fx:DocumentFileName>xrechnung.xml<",
            b"<fx:ConformanceLevel>XRECHNUNG<",
            b"<fx:Version>3.0<",
            b"<pdfaid:part>3<",
            b"<pdfaid:conformance>A<",
        ):
            assert said in xmp
        (file,) = opened.Root.AF
        assert str(file.AFRelationship) == "/Alternative"
        assert opened.Root.MarkInfo.Marked
        assert str(opened.Root.Lang) == "de-DE"


def test_same_invoice_gives_the_same_bytes(issued: Invoice) -> None:
    """A document that comes out different each time could not be checked again."""
    lines = list(issued.lines.all())
    again = documents.build(Invoice.objects.get(pk=issued.pk), lines)
    assert again.xml == content(issued, "xml")
    assert again.pdf == content(issued, "pdf")


def test_issue_twice_is_refused_and_loses_nothing(issued: Invoice) -> None:
    """Two clicks must not make two numbers."""
    with pytest.raises(InvoiceState, match="IKZ-2026-000001"):
        services.issue_invoice(invoice=issued)
    assert NumberSeries.objects.get().last == 1


@pytest.mark.parametrize(
    ("side", "field", "named"),
    [("operator", field, label) for field, label in checks.SELLER.items()]
    + [("client", field, label) for field, label in checks.BUYER.items()]
    + [("operator", "ags", "Gemeindeschlüssel")],
)
def test_each_missing_term_is_named_before_issue(draft: Invoice, side: str, field: str, named: str) -> None:
    """Nobody should learn from the partner's portal that a telephone number was missing."""
    Tenant.objects.filter(pk=getattr(draft.agreement, f"{side}_id")).update(**{field: ""})
    draft = Invoice.objects.get(pk=draft.pk)
    with pytest.raises(InvoiceIncomplete) as refusal:
        services.issue_invoice(invoice=draft, now=AFTER_GRACE)
    assert named.split(" (")[0] in str(refusal.value)
    draft.refresh_from_db()
    assert (draft.number, draft.status) == (None, InvoiceStatus.DRAFT)
    assert not NumberSeries.objects.exists()


@pytest.mark.parametrize(
    ("side", "field", "value", "named"),
    [
        ("client", "leitweg_id", "04011000-12345-34", "Prüfziffer"),
        ("operator", "iban", "DE02100500000054540403", "IBAN"),
        ("operator", "bic", "XX", "BIC"),
    ],
)
def test_wrong_check_digits_are_refused(draft: Invoice, side: str, field: str, value: str, named: str) -> None:
    """The official rules let these pass; the money would not arrive."""
    Tenant.objects.filter(pk=getattr(draft.agreement, f"{side}_id")).update(**{field: value})
    with pytest.raises(InvoiceIncomplete, match=named):
        services.issue_invoice(invoice=Invoice.objects.get(pk=draft.pk))


def test_wrong_sums_are_refused(draft: Invoice) -> None:
    """A cent too much is not a matter of taste."""
    Invoice.objects.filter(pk=draft.pk).update(net=draft.net + Decimal("0.90"))
    with pytest.raises(InvoiceIncomplete, match="Nettosumme"):
        services.issue_invoice(invoice=Invoice.objects.get(pk=draft.pk))


def test_missing_tax_reason_is_refused(draft: Invoice) -> None:
    """Without its reason an invoice without tax is no invoice."""
    Invoice.objects.filter(pk=draft.pk).update(tax_reason="", tax_reason_code="")
    with pytest.raises(InvoiceIncomplete, match="BT-120"):
        services.issue_invoice(invoice=Invoice.objects.get(pk=draft.pk))


@pytest.mark.parametrize(("category", "rate", "tax"), [("S", "19.00", "1266.67"), ("E", "0", "0.00")])
def test_taxable_and_exempt_treatment_pass_the_rules(cities, category: str, rate: str, tax: str) -> None:
    """From 2027 a city may have to charge tax; that must be a new version, not a new program."""
    agreement = make_agreement(*cities, tax_category=category, tax_rate=Decimal(rate), tax_reason_code="")
    draft = services.close_period(agreement=agreement, month=Month.parse("2026-10"), now=AFTER_GRACE).invoice
    issued = services.issue_invoice(invoice=draft)
    assert issued.tax == Decimal(tax)
    assert issued.gross == issued.net + issued.tax
    assert rules.violations(content(issued, "xml")) == []
    assert list(ledger.findings()) == []


def test_cancellation_mirrors_the_original(issued: Invoice) -> None:
    """A mistake is taken back by a document of its own, never overwritten."""
    mirror = services.cancel_invoice(invoice=issued, reason="Falsche Anschrift", now=AFTER_GRACE)
    issued.refresh_from_db()
    assert (mirror.number, mirror.kind, mirror.gross) == ("IKZ-2026-000002", InvoiceKind.CANCELLATION, -issued.gross)
    assert issued.status == InvoiceStatus.CANCELLED
    assert all(line.quantity < 0 <= line.price for line in mirror.lines.all())
    xml = content(mirror, "xml")
    assert rules.violations(xml) == []
    root = etree.fromstring(xml)
    assert next(root.iter(f"{RAM}TypeCode")).text == "384"
    (original,) = root.iter(f"{RAM}InvoiceReferencedDocument")
    assert original[0].text == "IKZ-2026-000001"
    assert list(ledger.findings()) == []
    for again in (issued, mirror):
        with pytest.raises(InvoiceState):
            services.cancel_invoice(invoice=again, reason="noch einmal")


def test_draft_cannot_be_cancelled(draft: Invoice) -> None:
    """There is nothing to take back before it left the house."""
    with pytest.raises(InvoiceState):
        services.cancel_invoice(invoice=draft, reason="x")


def test_year_of_documents_with_every_kind_of_price_passes_the_rules(cities) -> None:
    """Tiers, minutes, discounts, minimum and index must all come out as legal e-invoices."""
    terms = {
        "per_call": {"price": "0.3333", "included": 2},
        "per_minute": {"price": "0.1234", "step_s": 1},
        "tiers": {"mode": "graduated", "steps": [{"up_to": 2, "price": "2"}, {"up_to": None, "price": "1.5"}]},
        "discount": {"percent": "3.5"},
        "minimum": {"amount": "100"},
        "index": {"name": "VPI", "base": "117.4", "value": "121.3"},
    }
    agreement = make_agreement(*cities)
    agreement.versions.update(terms=terms)
    for number in range(1, 4):
        make_calls(cities[1], f"2026-{number:02}", 5, talked_s=77)
        draft = services.close_period(agreement=agreement, month=Month(2026, number), now=AFTER_GRACE).invoice
        issued = services.issue_invoice(invoice=draft)
        assert rules.violations(content(issued, "xml")) == []
    assert list(ledger.findings()) == []


def test_first_number_goes_on_from_the_old_ledger(cities) -> None:
    """A city that joins in mid-year keeps its series without a gap or a double."""
    agreement = make_agreement(*cities, first_number=48)
    numbers = []
    for month in ("2026-08", "2026-09"):
        draft = services.close_period(agreement=agreement, month=Month.parse(month), now=AFTER_GRACE).invoice
        numbers.append(services.issue_invoice(invoice=draft, now=AFTER_GRACE).number)
    draft = services.close_period(agreement=agreement, month=Month.parse("2026-10"), now=AFTER_GRACE).invoice
    numbers.append(services.issue_invoice(invoice=draft, now=datetime(2027, 1, 4, tzinfo=UTC)).number)
    assert numbers == ["IKZ-2026-000048", "IKZ-2026-000049", "IKZ-2027-000001"]
    assert list(ledger.findings()) == []


def test_series_of_another_city_is_refused(issued: Invoice, cities) -> None:
    """Two cities in one series would tear holes into both."""
    other = make_agreement(cities[1], cities[0])
    draft = services.close_period(agreement=other, month=Month.parse("2026-10"), now=AFTER_GRACE).invoice
    with pytest.raises(SeriesTaken):
        services.issue_invoice(invoice=draft)


def test_number_outside_a_transaction_is_refused(agreement: Agreement, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number given outside the deed would be lost when the deed fails."""
    monkeypatch.setattr(numbering, "connection", SimpleNamespace(in_atomic_block=False))
    with pytest.raises(transaction.TransactionManagementError):
        numbering.next_sequence(operator=agreement.operator, series="IKZ", year=2026, first=1)


def test_failed_issue_gives_the_number_to_the_next(draft: Invoice, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between number and document must leave no gap."""
    with monkeypatch.context() as patch:
        patch.setattr(pdf, "render", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError):
            services.issue_invoice(invoice=draft)
    assert services.issue_invoice(invoice=Invoice.objects.get(pk=draft.pk)).number.endswith("-000001")
    assert list(ledger.findings()) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_invoice SET net = 1",
        "UPDATE billing_invoice SET number = 'X'",
        "UPDATE billing_invoice SET seller = '{}'",
        "UPDATE billing_invoice SET status = 'draft'",
        "DELETE FROM billing_invoiceline",
        "UPDATE billing_invoiceline SET net = 1",
        "UPDATE billing_invoicedocument SET sha256 = ''",
        "DELETE FROM billing_invoicedocument",
        "UPDATE billing_numberseries SET last = 0",
    ],
)
def test_database_refuses_to_change_what_was_issued(issued: Invoice, statement: str) -> None:
    """GoBD: what was issued is never changed, by nobody."""
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_database_refuses_a_further_line(issued: Invoice) -> None:
    """Nor can anything be added to it."""
    line = issued.lines.get()
    line.pk, line.position = None, 2
    with pytest.raises(DatabaseError), transaction.atomic():
        line.save(force_insert=True)


def test_address_on_an_issued_invoice_stays(issued: Invoice) -> None:
    """A city that moves must not move its old invoices."""
    Tenant.objects.filter(pk=issued.agreement.client_id).update(street="Neue Straße 9")
    issued.refresh_from_db()
    assert issued.buyer["street"] == "Musterweg 1"
    assert list(ledger.findings()) == []


def test_four_eyes_need_two_people(cities) -> None:
    """Whoever checked must not also issue, where the agreement says so."""
    agreement = make_agreement(*cities, four_eyes=True)
    one, two = (make_user(name, (cities[0], "accountant")) for name in ("one", "two"))
    draft = services.close_period(agreement=agreement, month=Month.parse("2026-10"), now=AFTER_GRACE).invoice
    with pytest.raises(InvoiceState, match="Vier-Augen"):
        services.issue_invoice(invoice=draft, actor=one)
    services.review_invoice(invoice=draft, actor=one)
    for actor in (one, None):
        with pytest.raises(InvoiceState, match="Vier-Augen"):
            services.issue_invoice(invoice=draft, actor=actor)
    assert services.issue_invoice(invoice=draft, actor=two).issued_by == two


def test_issue_queues_one_mail_and_the_relay_sends_it_once(issued: Invoice) -> None:
    """The partner gets the invoice with both files, once."""
    assert Outbox.objects.count() == 1
    assert tasks.relay_outbox() == 1
    assert tasks.relay_outbox() == 0
    (message,) = mail.outbox
    assert message.to == ["rechnung@stadt.example"]
    assert [name for name, *_ in message.attachments] == ["IKZ-2026-000001.xml", "IKZ-2026-000001.pdf"]
    issued.refresh_from_db()
    assert issued.status == InvoiceStatus.SENT
    assert list(ledger.findings()) == []


def test_mail_that_fails_is_tried_again(issued: Invoice, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail server that is down for a night must not swallow an invoice."""
    with monkeypatch.context() as patch:
        patch.setitem(HANDLERS, "invoice_mail", lambda payload: (_ for _ in ()).throw(OSError("no route")))
        assert tasks.relay_outbox() == 0
    message = Outbox.objects.get()
    assert (message.attempts, message.error) == (1, "no route")
    assert outbox.relay(HANDLERS) == 0  # not before its time
    Outbox.objects.update(not_before=AFTER_GRACE - timedelta(days=365))
    assert outbox.relay(HANDLERS) == 1
    issued.refresh_from_db()
    assert issued.status == InvoiceStatus.SENT


def test_payment_is_noted_once(issued: Invoice) -> None:
    """A paid invoice must leave the list of those that wait."""
    paid = payments.record_payment(invoice=issued, amount=issued.gross, paid_on=date(2026, 11, 20)).invoice
    assert paid.status == InvoiceStatus.PAID
    with pytest.raises(InvoiceState):
        payments.record_payment(invoice=issued, amount=issued.gross, paid_on=date(2026, 11, 20))
    assert list(ledger.findings()) == []


def test_giro_code_says_what_the_invoice_says(issued: Invoice) -> None:
    """A code that pays the wrong sum is worse than none."""
    svg, words = pdf.giro_code(documents.data_of(issued, list(issued.lines.all())))
    assert svg.startswith("<svg")
    assert "6.666,67 EUR" in words
    assert "IKZ-2026-000001" in words


def test_ledger_finds_a_forged_document(issued: Invoice) -> None:
    """Whoever gets past the database's guard is still found out."""
    from billing import triggers

    triggers.remove(connection)
    issued.documents.filter(format="xml").update(content=b"<forged/>")
    assert any("SHA-256" in finding for finding in ledger.findings())


def test_ledger_finds_a_gap(issued: Invoice) -> None:
    """Auditors ask about gaps."""
    NumberSeries.objects.update(last=2)
    assert any("do not run" in finding for finding in ledger.findings())


@pytest.mark.django_db(transaction=True)
def test_table_of_invoices_can_change_in_a_later_release() -> None:
    """On SQLite a trigger that names the table forbids rebuilding it; an update must not fail on real books."""
    from billing import triggers

    plan = [(SimpleNamespace(app_label="billing"), False)]
    constraint = next(item for item in Invoice._meta.constraints if item.name == "invoice_number_once")
    triggers.remove_before_migrate(using="default", plan=plan)
    try:
        with connection.schema_editor() as editor:
            editor.remove_constraint(Invoice, constraint)
            editor.add_constraint(Invoice, constraint)
    finally:
        triggers.install(connection)
