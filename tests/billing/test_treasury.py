"""For treasuries and auditors: signed statements, orders, finance file, Peppol file, journal, export, keeping."""

from __future__ import annotations

import csv
import io
import itertools
import re
import zipfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pikepdf
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test import Client
from lxml import etree

from billing import finance, journal, ledger, payments, peppol, retention, services, tasks, treasury, triggers
from billing.bookkeeping import Certification, FinanceFormat, Step
from billing.models import Invoice, InvoiceStatus
from billing.months import Month
from billing.refusals import InvoiceIncomplete, StatementRefused
from callcenter.audit.models import AuditEntry
from tenants.models import Tenant
from tenants.scope import all_cities
from tests.billing.conftest import AFTER_GRACE, make_agreement, make_calls
from tests.billing.test_views import url
from tests.conftest import make_user

pytestmark = pytest.mark.django_db


def issue(cities, **version: object) -> Invoice:
    with all_cities("test data"):
        agreement = make_agreement(*cities, cost_centre="10.1200", debtor_number="4711", **version)
        make_calls(cities[1], "2026-10", 3)
        draft = services.close_period(agreement=agreement, month=Month.parse("2026-10"), now=AFTER_GRACE).invoice
        return services.issue_invoice(invoice=draft, now=AFTER_GRACE)


@pytest.fixture
def issued(cities) -> Invoice:
    return issue(cities)


@pytest.fixture
def accountant(client_for: Callable[..., Client]) -> Client:
    return client_for("accountant")


# --- signed statements -------------------------------------------------------------------------


def test_statement_needs_its_order_and_two_people(issued: Invoice, cities, every_city) -> None:
    """Whoever says that a sum is right must not also have it paid out."""
    one, two = (make_user(name, (cities[0], "accountant")) for name in ("one", "two"))

    def sign(step: Step, actor) -> Certification:
        return treasury.certify(invoice=issued, city=cities[0], step=step, actor=actor)

    with pytest.raises(StatementRefused, match="Zuerst"):
        sign(Step.ORDERED, two)
    sign(Step.FACTUAL, one)
    sign(Step.ARITHMETICAL, one)
    with pytest.raises(StatementRefused, match="andere Person"):
        sign(Step.ORDERED, one)
    row = sign(Step.ORDERED, two)
    assert len(row.seal) == 64
    with pytest.raises(StatementRefused, match="schon unterschrieben"):
        sign(Step.ORDERED, two)
    assert AuditEntry.objects.filter(action="billing.signed_ordered").count() == 1
    assert list(ledger.findings()) == []


def test_both_cities_sign_for_themselves(issued: Invoice, cities, every_city) -> None:
    """The client's treasury orders the payment, the operator's the income; neither signs for the other."""
    third = Tenant.objects.create(slug="voerde", name="Voerde", official_name="Stadt Voerde", greeting="Guten Tag")
    for city in cities:
        person = make_user(f"kasse-{city.slug}", (city, "accountant"))
        treasury.certify(invoice=issued, city=city, step=Step.FACTUAL, actor=person)
    assert Certification.objects.count() == 2
    with pytest.raises(StatementRefused, match="nicht beteiligt"):
        treasury.certify(invoice=issued, city=third, step=Step.FACTUAL, actor=make_user("x", (third, "accountant")))


def test_arithmetic_is_worked_out_and_not_only_clicked(issued: Invoice, cities, every_city) -> None:
    """A person signs that the sum is right; the program does not let them sign a wrong one."""
    triggers.remove(connection)
    issued.lines.update(net=Decimal(1))
    with pytest.raises(StatementRefused, match="weicht ab"):
        treasury.certify(
            invoice=issued, city=cities[0], step=Step.ARITHMETICAL, actor=make_user("one", (cities[0], "accountant"))
        )


def test_cancelled_invoice_is_signed_by_nobody(issued: Invoice, cities, every_city) -> None:
    """Nobody orders money for what no longer counts."""
    services.cancel_invoice(invoice=issued, reason="x", now=AFTER_GRACE)
    with pytest.raises(StatementRefused, match="storniert"):
        treasury.certify(
            invoice=issued, city=cities[0], step=Step.FACTUAL, actor=make_user("one", (cities[0], "accountant"))
        )


def test_signature_stays_and_its_seal_betrays_a_change(issued: Invoice, cities, every_city) -> None:
    """The database refuses; whoever gets past it is found out."""
    person = make_user("one", (cities[0], "accountant"))
    treasury.certify(invoice=issued, city=cities[0], step=Step.FACTUAL, actor=person)
    with pytest.raises(DatabaseError), transaction.atomic():
        Certification.objects.update(name="Jemand anders")
    triggers.remove(connection)
    Certification.objects.update(step=Step.ARITHMETICAL)
    assert any("seal" in finding for finding in ledger.findings())


def test_pages_sign_and_print_the_order(issued: Invoice, cities, accountant: Client, client_for) -> None:
    """Three presses by two people; the order says who, when, and with which seal."""
    page = accountant.get(url("invoice", invoice=issued.pk)).text
    assert "Kasse Duisburg" in page
    answer = accountant.post(url("sign", invoice=issued.pk, step="factual"), follow=True)
    assert "Unterschrieben und versiegelt." in answer.text
    assert accountant.post(url("sign", invoice=issued.pk, step="nonsense")).status_code == 404
    order = accountant.get(url("order", invoice=issued.pk))
    assert order["Content-Type"] == "application/pdf"
    with pikepdf.open(io.BytesIO(order.content)) as opened:
        assert opened.check_pdf_syntax() == []
        assert "Annahmeanordnung" in str(opened.docinfo.Title)
    other = client_for(make_user("kasse", (cities[1], "accountant")))
    page = other.get(url("invoice", "dinslaken", invoice=issued.pk)).text
    assert "Kasse Dinslaken" in page
    assert "Auszahlungsanordnung" in page
    with all_cities("test"):
        assert Certification.objects.get().seal not in page, "each city sees its own statement only"


def test_liaison_sees_no_treasury(issued: Invoice, client_for) -> None:
    """Reading an invoice is not keeping the books."""
    liaison = client_for("liaison")
    assert "Unterschreiben" not in liaison.get(url("invoice", "dinslaken", invoice=issued.pk)).text
    for name in ("payments", "finance", "journal", "audit"):
        assert liaison.get(url(name, "dinslaken")).status_code == 403


# --- the finance system's file -----------------------------------------------------------------

ROW = {
    "nummer": "IKZ-1",
    "belegdatum": date(2026, 11, 5),
    "brutto": Decimal("-1234.50"),
    "text": "=SUMME(A1)",
    **finance.amounts(Decimal("-1234.50")),
}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, "IKZ-1;05.11.2026;-1234,50;1234,50;H;'=SUMME(A1);4711"),
        ({"delimiter": "|", "dates": "%Y%m%d", "decimal_mark": ""}, "IKZ-1|20261105|-123450|123450|H|'=SUMME(A1)|4711"),
        ({"decimal_mark": ".", "dates": "%Y-%m-%d"}, "IKZ-1;2026-11-05;-1234.50;1234.50;H;'=SUMME(A1);4711"),
    ],
)
def test_file_is_written_as_the_city_sets_it(options: dict, line: str) -> None:
    """Every finance system wants it differently."""
    said = "Nr = nummer\nTag = belegdatum\n\nBrutto = brutto\nBetrag = betrag\nSH = soll_haben\nText = text"
    columns = finance.parse_columns(f'{said}\nKonto = "4711"')
    content = finance.write([ROW], finance.Format(columns=columns, heading=False, **options))
    assert content.decode() == line + "\r\n"


@pytest.mark.parametrize(
    ("text", "said"), [("", "mindestens eine"), ("Nummer", "Zeile 1"), ("a = nummer\nb = preis", "Zeile 2")]
)
def test_columns_that_cannot_be_read_are_named(text: str, said: str) -> None:
    """With their line."""
    with pytest.raises(finance.ColumnsError, match=said):
        finance.parse_columns(text)


def test_default_columns_use_every_kind_of_field() -> None:
    """The suggestion must be one that works."""
    assert len(finance.parse_columns(finance.DEFAULT)) == 10


def test_finance_page_previews_sets_and_hands_over(issued: Invoice, cities, accountant: Client) -> None:
    """What is seen is what is fetched, and the journal knows of it."""
    span = {"first": "2026-11-01", "last": "2026-11-30"}
    page = accountant.get(url("finance"), span).text
    assert "1 Beleg in dieser Zeit" in page
    assert "4711" in page
    form = {
        "delimiter": "|",
        "encoding": "cp1252",
        "dates": "%Y%m%d",
        "decimal_mark": ".",
        "columns": "A = nummer\nB = brutto",
    }
    assert accountant.post(url("finance"), {**form, "columns": "A = nichts"}).status_code == 422
    assert "wird ab jetzt so geschrieben" in accountant.post(url("finance"), form, follow=True).text
    with all_cities("test"):
        assert FinanceFormat.objects.get().tenant == cities[0]
    answer = accountant.get(url("finance_file"), span)
    assert answer.content == b"IKZ-2026-000001|6666.67\r\n"
    assert AuditEntry.objects.filter(action="billing.finance_file", chain=cities[0].pk).count() == 1
    nothing = accountant.get(url("finance"), {"first": "2026-01-01", "last": "2026-01-31"}).text
    assert "kein Beleg ausgestellt" in nothing
    wrong = accountant.get(url("finance"), {"first": "2026-02-01", "last": "2026-01-31"}).text
    assert "liegt vor dem ersten" in wrong


# --- Peppol ------------------------------------------------------------------------------------


def test_peppol_file_carries_the_stored_invoice(cities, tmp_path: Path, settings) -> None:
    """The access point gets exactly what was issued, addressed by the Leitweg-IDs."""
    settings.PEPPOL_FOLDER = tmp_path / "peppol"
    invoice = issue(cities, dispatch="peppol")
    with all_cities("test"):
        assert tasks.relay_outbox() == 1
        assert Invoice.objects.get().status == InvoiceStatus.SENT
        stored = bytes(invoice.documents.get(format="xml").content)
    (file,) = (tmp_path / "peppol").iterdir()
    assert file.name == "IKZ-2026-000001.xml"
    root = etree.fromstring(file.read_bytes())
    identifiers = [element.text for element in root.iter(f"{{{peppol.SBDH}}}Identifier")]
    assert identifiers[:2] == ["0204:05170008-DEMO1-35", "0204:05170008-DEMO1-35"]
    inner = root.find(f"{{{peppol.CII}}}CrossIndustryInvoice")
    assert etree.tostring(inner, method="c14n", exclusive=True) == etree.tostring(
        etree.fromstring(stored), method="c14n", exclusive=True
    )
    scopes = {s.findtext("{*}Type"): s.findtext("{*}InstanceIdentifier") for s in root.iter(f"{{{peppol.SBDH}}}Scope")}
    assert scopes["DOCUMENTID"].endswith("xrechnung_3.0::D16B")


def test_peppol_without_own_leitweg_id_is_refused_before_issue(cities) -> None:
    """The access point could not say who sends."""
    Tenant.objects.filter(pk=cities[0].pk).update(leitweg_id="")
    cities[0].refresh_from_db()
    with pytest.raises(InvoiceIncomplete, match="Peppol"):
        issue(cities, dispatch="peppol")


def test_peppol_file_and_mark_by_hand(cities, accountant: Client) -> None:
    """Who passes documents on by hand can fetch the file and says so."""
    invoice = issue(cities, dispatch="download")
    assert b"StandardBusinessDocument" in accountant.get(url("peppol", own=invoice.pk)).content
    page = accountant.post(url("send", own=invoice.pk), follow=True).text
    assert "Der Versand ist vermerkt" in page
    with all_cities("test"):
        assert Invoice.objects.get().status == InvoiceStatus.SENT


# --- journal, export, keeping ------------------------------------------------------------------


def test_every_deed_has_its_word_in_the_journal() -> None:
    """An auditor reads German, not identifiers."""
    found: set[str] = set()
    for path in Path(journal.__file__).parent.rglob("*.py"):
        if path.name != "journal.py":
            found |= set(re.findall(r'(?:action=|_note\(\s*|action = )"(billing\.\w+)"', path.read_text()))
    found |= {f"billing.signed_{step}" for step in Step}
    assert len(found) > 15
    assert found <= set(journal.WORDS)


def test_journal_lists_the_deeds_and_checks_the_chain(issued: Invoice, cities, accountant: Client) -> None:
    """Who did what, in order; and a broken link shows."""
    with all_cities("test data"):
        payments.record_payment(invoice=issued, amount=Decimal("1234.50"), paid_on=date(2026, 11, 20))
    page = accountant.get(url("journal")).text
    for said in ("Monat abgeschlossen", "Beleg ausgestellt", "Zahlung vermerkt", "1.234,50 EUR", "20.11.2026"):
        assert said in page
    assert "Die Kette ist unversehrt" in accountant.get(url("journal"), {"pruefen": "1"}).text
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_auditentry'")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {name}")
        else:
            cursor.execute("ALTER TABLE audit_auditentry DISABLE TRIGGER USER")
        cursor.execute("UPDATE audit_auditentry SET action = 'billing.x' WHERE action = 'billing.month_closed'")
    assert "Die Kette ist gebrochen" in accountant.get(url("journal"), {"pruefen": "1"}).text


def test_audit_page_hands_out_the_year(issued: Invoice, cities, accountant: Client) -> None:
    """One press for the auditor, with payments, statements and journal; the journal knows of it."""
    with all_cities("test data"):
        payments.record_payment(invoice=issued, amount=Decimal("5.00"), paid_on=date(2026, 11, 20))
        person = make_user("one", (cities[0], "accountant"))
        treasury.certify(invoice=issued, city=cities[0], step=Step.FACTUAL, actor=person)
    page = accountant.get(url("audit")).text
    assert "Prüfdaten 2026 (ZIP)" in page
    assert "31.12.2034" in page
    answer = accountant.get(url("audit_file"), {"jahr": "2026"})
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    names = {"rechnungen.csv", "positionen.csv", "anrufe.csv", "zahlungen.csv", "feststellungen.csv", "journal.csv"}
    assert names <= set(archive.namelist())

    def rows(name: str) -> list[list[str]]:
        return list(csv.reader(io.StringIO(archive.read(name).decode("cp1252")), delimiter=";"))

    assert [row[3] for row in rows("zahlungen.csv")] == ["5,00"]
    assert [row[2] for row in rows("feststellungen.csv")] == ["sachlich richtig"]
    links = rows("journal.csv")
    assert all(later[7] == earlier[8] for earlier, later in itertools.pairwise(links))
    index = etree.fromstring(archive.read("index.xml"))
    assert [table.findtext("URL") for table in index.iter("Table")] == [
        *("rechnungen.csv", "positionen.csv", "anrufe.csv", "zahlungen.csv", "feststellungen.csv", "journal.csv")
    ]
    assert AuditEntry.objects.filter(action="billing.audit_export").count() == 1
    assert accountant.get(url("audit_file"), {"jahr": "x"}).status_code == 302


def test_keeping_takes_the_later_of_the_laws() -> None:
    """The shorter law must not let a voucher go that the other still wants."""
    kept = retention.keep_until(date(2026, 3, 1), settings.RETENTION_YEARS["vouchers"])
    assert (kept.until, kept.law, kept.years) == (date(2034, 12, 31), "§ 147 AO", 8)
    assert retention.keep_until(date(2026, 3, 1), {"A": 6, "B": 12}).until == date(2038, 12, 31)
    assert retention.keep_until(date(2026, 3, 1), settings.RETENTION_YEARS["books"]).until == date(2036, 12, 31)


def test_issued_document_cannot_be_deleted_while_it_must_be_kept(issued: Invoice, every_city) -> None:
    """The page promises it; the database keeps it."""
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM billing_invoicedocument")


@pytest.mark.parametrize("name", ["journal", "finance", "audit"])
def test_pages_ask_as_often_for_three_as_for_one(name: str, cities, accountant: Client) -> None:
    """A list that asks once per row gets slower every month."""
    from django.test.utils import CaptureQueriesContext

    def ask() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert accountant.get(url(name), {"first": "2026-11-01", "last": "2026-11-30"}).status_code == 200
        return len(queries)

    issued = issue(cities)
    one = ask()
    for month in ("2026-08", "2026-09"):
        with all_cities("test data"):
            closing = services.close_period(agreement=issued.agreement, month=Month.parse(month), now=AFTER_GRACE)
            services.issue_invoice(invoice=closing.invoice, now=AFTER_GRACE)
    assert ask() == one
