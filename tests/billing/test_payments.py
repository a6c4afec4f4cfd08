"""Money: bank statements read, matched and booked; parts, mistakes, reminders; corrections and credits."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pikepdf
import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from billing import adjustments, camt, ledger, matching, payments, reminders, rules, services, tasks
from billing.balance import open_amount
from billing.bookkeeping import BankEntry, BankStatement, EntryState, Payment, Reminder
from billing.models import Agreement, Invoice, InvoiceKind, InvoiceStatus
from billing.months import Month
from billing.refusals import InvoiceState, PaymentRefused
from tenants.scope import all_cities
from tests.billing.conftest import AFTER_GRACE, PARTY, make_calls
from tests.billing.test_views import url

IBAN = PARTY["iban"]
NET = Decimal("6666.67")


def camt_file(
    *bookings: tuple[str, str, str], iban: str = IBAN, version: str = "08", identifier: str = "2026-11-20"
) -> bytes:
    """A statement with credits: (amount, payer, words)."""
    entries = "".join(
        f"""<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
        <BookgDt><Dt>2026-11-20</Dt></BookgDt><AcctSvcrRef>REF{number}</AcctSvcrRef>
        <NtryDtls><TxDtls><RltdPties><Dbtr><Pty><Nm>{payer}</Nm></Pty></Dbtr></RltdPties>
        <RmtInf><Ustrd>{words}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"""
        for number, (amount, payer, words) in enumerate(bookings)
    )
    debit = """<Ntry><Amt Ccy="EUR">6666.67</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts>
        <BookgDt><Dt>2026-11-20</Dt></BookgDt><NtryDtls><TxDtls><RmtInf><Ustrd>IKZ-2026-000001</Ustrd></RmtInf>
        </TxDtls></NtryDtls></Ntry>"""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt><Stmt><Id>{identifier}</Id>
<Acct><Id><IBAN>{iban}</IBAN></Id></Acct>{entries}{debit}</Stmt></BkToCstmrStmt></Document>""".encode()


# --- the file, without a database --------------------------------------------------------------


def test_statement_is_read_with_what_was_received() -> None:
    """Debits are no income; both versions of the format say the same."""
    for version in ("02", "08"):
        (statement,) = camt.read(camt_file(("12.50", "Stadt A", "IKZ 1"), version=version))
        assert (statement.iban, statement.bookings) == (IBAN, 2)
        (booking,) = statement.received
        assert (booking.amount, booking.payer, booking.text) == (Decimal("12.50"), "Stadt A", "IKZ 1")
        assert booking.booked_on == date(2026, 11, 20)


def test_equal_bookings_stay_two_and_keep_their_keys() -> None:
    """Two equal payments of one day are two; the same file read again brings the same keys."""
    content = camt_file(("5.00", "A", "x"), ("5.00", "A", "x")).replace(b"REF1", b"REF0")
    first, second = (camt.read(content)[0].received for _ in range(2))
    assert len({booking.key for booking in first}) == 2
    assert [booking.key for booking in first] == [booking.key for booking in second]


def test_collective_booking_is_taken_apart() -> None:
    """A bank may put several payments into one entry; each part has its own amount."""
    content = camt_file(("30.00", "A", "x")).replace(
        b"<TxDtls><RltdPties><Dbtr><Pty><Nm>A",
        b'<TxDtls><AmtDtls><TxAmt><Amt Ccy="EUR">10.00</Amt></TxAmt></AmtDtls><RmtInf><Ustrd>eins</Ustrd></RmtInf>'
        b'</TxDtls><TxDtls><Amt Ccy="EUR">20.00</Amt><RltdPties><Dbtr><Pty><Nm>A',
    )
    assert [booking.amount for booking in camt.read(content)[0].received] == [Decimal(10), Decimal(20)]


def test_what_is_reserved_reversed_or_foreign_is_not_income() -> None:
    """Money that is not there must pay nothing."""
    content = camt_file(("5.00", "A", "x"))
    for old, new in (
        (b"<Cd>BOOK</Cd>", b"<Cd>PDNG</Cd>"),
        (b"<CdtDbtInd>CRDT</CdtDbtInd>", b"<CdtDbtInd>CRDT</CdtDbtInd><RvslInd>true</RvslInd>"),
        (b'<Amt Ccy="EUR">5.00', b'<Amt Ccy="USD">5.00'),
    ):
        assert camt.read(content.replace(old, new))[0].received == ()


def zipped(content: bytes, name: str = "auszug.xml") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def test_archive_of_statements_is_taken() -> None:
    """Banks wrap their files."""
    assert len(camt.read(zipped(camt_file(("5.00", "A", "x"))))) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Kontoauszug", "kein lesbares XML"),
        (b"<a/>", "kein Kontoauszug"),
        (b"PK nothing", "nicht öffnen"),
        (zipped(b"", "liesmich.txt"), "keine XML-Datei"),
        (camt_file().replace(f"<IBAN>{IBAN}</IBAN>".encode(), b""), "IBAN"),
        (camt_file(("x", "A", "y")), "keine Zahl"),
        (camt_file(("1.00", "A", "y")).replace(b"2026-11-20</Dt>", b"heute</Dt>"), "Buchungstag"),
    ],
)
def test_unreadable_file_is_refused_with_its_reason(content: bytes, said: str) -> None:
    """A sentence instead of a traceback."""
    with pytest.raises(camt.StatementError, match=said):
        camt.read(content)


def test_entities_are_not_expanded() -> None:
    """A file from outside must not read this machine's files."""
    evil = camt_file(("1.00", "A", "&e;")).replace(
        b"<Document", b'<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/hostname">]><Document', 1
    )
    assert camt.read(evil)[0].received[0].text == ""


# --- matching ---------------------------------------------------------------------------------

ONE = matching.Waiting(1, ("IKZ-2026-000001",), Decimal("100.00"))
TWO = matching.Waiting(2, ("IKZ-2026-000002", "4711/02"), Decimal("50.00"))


@pytest.mark.parametrize(
    ("text", "amount", "why", "parts"),
    [
        ("Rechnung IKZ-2026-000001", "100.00", matching.Why.EXACT, ((1, "100.00"),)),
        ("RG ikz 2026 000001 vom 05.11.", "100.00", matching.Why.EXACT, ((1, "100.00"),)),
        ("IKZ2026000001", "99.00", matching.Why.OTHER_AMOUNT, ((1, "99.00"),)),
        ("4711 02", "50.00", matching.Why.EXACT, ((2, "50.00"),)),
        ("IKZ-2026-000001, IKZ-2026-000002", "150.00", matching.Why.SEVERAL, ((1, "100.00"), (2, "50.00"))),
        ("IKZ-2026-000001 IKZ-2026-000002", "120.00", matching.Why.OTHER_AMOUNT, ((1, "100.00"), (2, "20.00"))),
        ("Telefon Oktober", "50.00", matching.Why.AMOUNT_ONLY, ((2, "50.00"),)),
    ],
)
def test_proposal_names_the_invoice(text: str, amount: str, why: matching.Why, parts: tuple) -> None:
    """What treasuries really write into the purpose."""
    found = matching.propose(text, Decimal(amount), [ONE, TWO])
    assert found is not None
    assert found.why is why
    assert found.parts == tuple((key, Decimal(share)) for key, share in parts)


def test_one_reference_for_all_of_a_debtors_invoices_pays_the_oldest() -> None:
    """Where a treasury gives each debtor one Kassenzeichen, equal instalments go to the oldest; a person confirms."""
    waiting = [matching.Waiting(n, ("4711.0815",), Decimal(due)) for n, due in enumerate(("50", "60", "60"), 1)]
    one = matching.propose("KZ 4711 0815", Decimal(50), waiting)
    assert one == matching.Proposal(matching.Why.EXACT, ((1, Decimal(50)),))
    two = matching.propose("KZ 4711 0815", Decimal(60), waiting)
    assert two == matching.Proposal(matching.Why.OLDEST, ((2, Decimal(60)),))
    assert not two.is_sure


@pytest.mark.parametrize("text", ["Hundesteuer", "IKZ-2026-0000012", "XIKZ-2026-000001"])
def test_somebody_elses_money_is_nobodys(text: str) -> None:
    """A city's account receives dog tax too; it must not be kept here."""
    assert matching.propose(text, Decimal("7.77"), [ONE, TWO]) is None


@given(
    amount=st.decimals(min_value="0.01", max_value="100000", places=2),
    opens=st.lists(st.decimals(min_value="0.01", max_value="5000", places=2), min_size=1, max_size=5),
)
def test_parts_always_sum_to_what_came(amount: Decimal, opens: list[Decimal]) -> None:
    """Not a cent of a received sum may vanish."""
    waiting = [matching.Waiting(n, (f"IKZ-2026-{n:06}",), due) for n, due in enumerate(opens, 1)]
    found = matching.propose(" ".join(item.names[0] for item in waiting), amount, waiting)
    assert found is not None
    assert sum(share for _key, share in found.parts) == amount


# --- with the database -------------------------------------------------------------------------


def issue(agreement: Agreement, month: str = "2026-10") -> Invoice:
    draft = services.close_period(agreement=agreement, month=Month.parse(month), now=AFTER_GRACE).invoice
    return services.issue_invoice(invoice=draft, now=AFTER_GRACE)


@pytest.fixture
def issued(agreement: Agreement, cities, every_city) -> Invoice:
    make_calls(cities[1], "2026-10", 3)
    return issue(agreement)


def fresh(invoice: Invoice) -> Invoice:
    return Invoice.objects.select_related("agreement__operator", "agreement__client").get(pk=invoice.pk)


def read_in(city, *bookings: tuple[str, str, str], **options: str) -> payments.Imported:
    return payments.import_statement(city=city, content=camt_file(*bookings, **options), file_name="auszug.xml")


def test_import_keeps_what_concerns_an_invoice_and_forgets_the_rest(issued: Invoice, cities) -> None:
    """Whoever pays dog tax does not end up in the call centre's books."""
    done = read_in(
        cities[0], ("6666.67", "Stadt Dinslaken", "IKZ-2026-000001"), ("96.00", "Erika Muster", "Hundesteuer Rex")
    )
    assert (done.bookings, done.kept, done.known) == (3, 1, 0)
    assert BankEntry.objects.get().payer == "Stadt Dinslaken"
    assert Payment.objects.count() == 0, "nothing is booked by itself"


def test_same_file_and_same_booking_are_known(issued: Invoice, cities) -> None:
    """Statements overlap, and people click twice."""
    booking = ("6666.67", "Stadt Dinslaken", "IKZ-2026-000001")
    read_in(cities[0], booking)
    with pytest.raises(PaymentRefused, match="schon eingelesen"):
        read_in(cities[0], booking)
    assert read_in(cities[0], booking, identifier="another").known == 1
    assert BankEntry.objects.count() == 1
    assert BankStatement.objects.count() == 2


def test_statement_of_another_account_is_refused(issued: Invoice, cities) -> None:
    """Another city's money must not pay this city's invoices."""
    with pytest.raises(PaymentRefused, match="gehört zum Konto"):
        read_in(cities[0], ("1.00", "A", "b"), iban="DE89370400440532013000")


def test_booked_entry_pays_the_invoice_once(issued: Invoice, cities) -> None:
    """Two accountants at once, one payment."""
    read_in(cities[0], ("6666.67", "Stadt Dinslaken", "IKZ-2026-000001"))
    entry = BankEntry.objects.get()
    payments.book_entry(entry=entry, parts=[(issued, NET)])
    assert fresh(issued).status == InvoiceStatus.PAID
    with pytest.raises(PaymentRefused, match="schon erledigt"):
        payments.book_entry(entry=entry, parts=[(issued, NET)])
    assert list(ledger.findings()) == []


def test_parts_that_do_not_add_up_are_refused(issued: Invoice, cities) -> None:
    """A sum is booked whole or not at all."""
    read_in(cities[0], ("6666.67", "Stadt Dinslaken", "IKZ-2026-000001"))
    with pytest.raises(PaymentRefused, match="ergeben nicht"):
        payments.book_entry(entry=BankEntry.objects.get(), parts=[(issued, Decimal(5))])
    assert BankEntry.objects.get().state == EntryState.OPEN


def test_set_aside_forgets_who_paid(issued: Invoice, cities) -> None:
    """What is none of our business is not kept."""
    read_in(cities[0], ("6666.67", "Erika Muster", "Grundsteuer"))
    payments.set_aside(entry=BankEntry.objects.get())
    entry = BankEntry.objects.get()
    assert (entry.state, entry.payer, entry.text) == (EntryState.SET_ASIDE, "", "")


def test_part_payments_leave_the_rest_open(issued: Invoice) -> None:
    """Only when the last cent is there is it paid."""
    payments.record_payment(invoice=issued, amount=Decimal("6000.00"), paid_on=date(2026, 11, 20))
    assert open_amount(fresh(issued)) == Decimal("666.67")
    assert fresh(issued).status == InvoiceStatus.ISSUED
    payments.record_payment(invoice=issued, amount=Decimal("666.67"), paid_on=date(2026, 11, 25))
    assert fresh(issued).status == InvoiceStatus.PAID
    assert list(ledger.findings()) == []


def test_payment_taken_back_opens_the_invoice_and_its_booking(issued: Invoice, cities) -> None:
    """A payment on the wrong invoice is no drama, and both rows stay."""
    read_in(cities[0], ("6666.67", "Stadt Dinslaken", "IKZ-2026-000001"))
    entry = BankEntry.objects.get()
    (payment,) = payments.book_entry(entry=entry, parts=[(issued, NET)])
    payments.take_back_payment(payment=payment)
    assert fresh(issued).status == InvoiceStatus.ISSUED
    assert Payment.objects.count() == 2
    assert list(ledger.findings()) == []
    with pytest.raises(PaymentRefused, match="schon zurückgenommen"):
        payments.take_back_payment(payment=payment)
    payments.book_entry(entry=entry, parts=[(issued, NET)])
    assert fresh(issued).status == InvoiceStatus.PAID
    assert list(ledger.findings()) == []


@pytest.mark.parametrize("statement", ["UPDATE billing_payment SET amount = 1", "DELETE FROM billing_payment"])
def test_database_refuses_to_change_a_payment(issued: Invoice, statement: str) -> None:
    """Books are corrected by another entry."""
    payments.record_payment(invoice=issued, amount=Decimal(5), paid_on=date(2026, 11, 20))
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_ledger_finds_a_paid_invoice_without_money(issued: Invoice) -> None:
    """A status is a claim; the payments are the proof."""
    Invoice.objects.filter(pk=issued.pk).update(status=InvoiceStatus.PAID)
    assert any("6666.67 EUR are open" in finding for finding in ledger.findings())


LATE = datetime(2026, 12, 20, 9, tzinfo=UTC)


def test_reminders_go_out_in_their_time_with_letter_and_invoice(issued: Invoice) -> None:
    """The partner is reminded politely, three times at most, never before the deadline it was given."""
    with pytest.raises(InvoiceState, match="nicht überfällig"):
        reminders.send_reminder(invoice=issued, now=AFTER_GRACE)
    first = reminders.send_reminder(invoice=issued, now=LATE)
    assert (first.level, first.due_on, first.amount) == (1, date(2027, 1, 3), NET)
    with pytest.raises(InvoiceState, match=r"ab dem 04\.01\.2027"):
        reminders.send_reminder(invoice=issued, now=LATE)
    tasks.relay_outbox()
    message = mail.outbox[-1]
    assert message.subject == "Zahlungserinnerung zu IKZ-2026-000001"
    assert [name for name, *_ in message.attachments] == ["IKZ-2026-000001-erinnerung-1.pdf", "IKZ-2026-000001.pdf"]
    with pikepdf.open(io.BytesIO(message.attachments[0][1])) as opened:
        assert opened.check_pdf_syntax() == []
        assert b"<pdfuaid:part>1<" in opened.Root.Metadata.read_bytes()
    for day in (datetime(2027, 1, 4, 9, tzinfo=UTC), datetime(2027, 2, 1, 9, tzinfo=UTC)):
        reminders.send_reminder(invoice=issued, now=day)
    with pytest.raises(InvoiceState, match="dreimal"):
        reminders.send_reminder(invoice=issued, now=datetime(2027, 6, 1, tzinfo=UTC))
    assert Reminder.objects.count() == 3


# --- corrections and credits -------------------------------------------------------------------


def adjusted(invoice: Invoice, kind: InvoiceKind, quantity: str, price: str) -> Invoice:
    line = adjustments.EnteredLine("Anrufe ohne Auskunft", Decimal(quantity), Decimal(price))
    draft = adjustments.draft_adjustment(
        invoice=invoice, kind=kind, reason="Störung am 12.10.", lines=[line], now=AFTER_GRACE
    )
    return services.issue_invoice(invoice=draft, now=AFTER_GRACE)


@pytest.mark.parametrize(
    ("kind", "quantity", "code", "total", "left"),
    [
        (InvoiceKind.CORRECTION, "-10", "384", "-20.20", "6646.47"),
        (InvoiceKind.CORRECTION, "10", "384", "20.20", "6686.87"),
        (InvoiceKind.CREDIT, "10", "381", "20.20", "6646.47"),
    ],
)
def test_correction_and_credit_are_legal_documents_of_their_own(
    issued: Invoice, kind: InvoiceKind, quantity: str, code: str, total: str, left: str
) -> None:
    """They pass the official rules, name the invoice, and change what is open on it."""
    made = adjusted(issued, kind, quantity, "2.02")
    assert made.number == "IKZ-2026-000002"
    xml = bytes(made.documents.get(format="xml").content)
    assert rules.violations(xml) == []
    root = etree.fromstring(xml)
    assert root.findtext(".//{*}ExchangedDocument/{*}TypeCode") == code
    assert root.findtext(".//{*}InvoiceReferencedDocument/{*}IssuerAssignedID") == issued.number
    assert root.findtext(".//{*}GrandTotalAmount") == total
    assert open_amount(fresh(issued)) == Decimal(left)
    assert list(ledger.findings()) == []


def test_credit_for_the_whole_rest_settles_the_invoice(issued: Invoice) -> None:
    """What was waived is not waited for; when the credit is cancelled, it is again."""
    credit = adjusted(issued, InvoiceKind.CREDIT, "1", "6666.67")
    assert fresh(issued).status == InvoiceStatus.PAID
    mirror = services.cancel_invoice(invoice=fresh(credit), reason="Doch nicht", now=AFTER_GRACE)
    assert mirror.gross == NET
    assert rules.violations(bytes(mirror.documents.get(format="xml").content)) == []
    assert fresh(issued).status == InvoiceStatus.ISSUED
    assert list(ledger.findings()) == []


def test_more_than_the_invoice_is_not_credited(issued: Invoice) -> None:
    """A slip of the decimal point must not give money away."""
    with pytest.raises(InvoiceState, match="mehr gutgeschrieben"):
        adjusted(issued, InvoiceKind.CREDIT, "2", "6666.67")
    with pytest.raises(InvoiceState, match="ändert sich nichts"):
        adjusted(issued, InvoiceKind.CREDIT, "0", "5")


def test_invoice_with_a_living_correction_is_not_cancelled(issued: Invoice) -> None:
    """Otherwise the correction would hang in the air."""
    made = adjusted(issued, InvoiceKind.CORRECTION, "-1", "2.02")
    with pytest.raises(InvoiceState, match=str(made.number)):
        services.cancel_invoice(invoice=fresh(issued), reason="x", now=AFTER_GRACE)
    services.cancel_invoice(invoice=fresh(made), reason="x", now=AFTER_GRACE)
    services.cancel_invoice(invoice=fresh(issued), reason="x", now=AFTER_GRACE)
    assert list(ledger.findings()) == []


def test_draft_of_a_correction_can_be_thrown_away(issued: Invoice) -> None:
    """Only as long as nothing left the house."""
    line = adjustments.EnteredLine("x", Decimal(-1), Decimal(2))
    draft = adjustments.draft_adjustment(invoice=issued, kind=InvoiceKind.CORRECTION, reason="y", lines=[line])
    assert adjustments.discard_adjustment(invoice=draft) == issued
    assert not Invoice.objects.filter(pk=draft.pk).exists()
    with pytest.raises(InvoiceState, match="verworfen"):
        adjustments.discard_adjustment(invoice=issued)


# --- pages -------------------------------------------------------------------------------------


@pytest.fixture
def accountant(client_for: Callable[..., Client]) -> Client:
    return client_for("accountant")


def upload(client: Client, content: bytes):
    return client.post(url("payments"), {"file": SimpleUploadedFile("auszug.xml", content)}, follow=True)


def test_statement_page_reads_proposes_and_books(issued: Invoice, accountant: Client) -> None:
    """From the file to the paid invoice in two steps."""
    assert "IKZ-2026-000001" in accountant.get(url("payments")).text
    page = upload(accountant, camt_file(("6666.67", "Stadt Dinslaken", "Rg. IKZ-2026-000001"))).text
    assert "1 Eingang ist zuzuordnen" in page
    assert "Kassenzeichen und Betrag stimmen." in page
    with all_cities("test"):
        entry = BankEntry.objects.get()
    answer = accountant.post(
        url("book"), {f"entry-{entry.pk}": "book", f"invoice-{entry.pk}": str(issued.pk)}, follow=True
    )
    assert "1 gebucht" in answer.text
    with all_cities("test"):
        assert fresh(issued).status == InvoiceStatus.PAID


def test_command_reads_a_statement_in(issued: Invoice, tmp_path) -> None:
    """For the folder that the bank's program fills; once."""
    file = tmp_path / "auszug.xml"
    file.write_bytes(camt_file(("6666.67", "Stadt Dinslaken", "IKZ-2026-000001")))
    out = io.StringIO()
    call_command("import_statement", str(file), "--tenant", "duisburg", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {"statements": 1, "bookings": 2, "kept": 1, "known": 0}
    with pytest.raises(CommandError, match="before"):
        call_command("import_statement", str(file), "--tenant", "duisburg")
    with pytest.raises(CommandError, match="Cannot read"):
        call_command("import_statement", str(tmp_path / "none.xml"), "--tenant", "duisburg")


def test_unreadable_statement_is_422_at_its_field(issued: Invoice, accountant: Client) -> None:
    """The sentence stands where the file was chosen."""
    answer = accountant.post(url("payments"), {"file": SimpleUploadedFile("x.xml", b"nichts")})
    assert answer.status_code == 422
    assert "kein lesbares XML" in answer.text


def test_partner_sees_what_was_received_and_no_remark(issued: Invoice, client_for: Callable[..., Client]) -> None:
    """What is open is both cities' business; the accountant's remark is not."""
    payments.record_payment(invoice=issued, amount=Decimal("1000.00"), paid_on=date(2026, 11, 20), note="intern 4711")
    page = client_for("liaison").get(url("invoice", "dinslaken", invoice=issued.pk)).text
    assert "5.666,67" in page
    assert "intern 4711" not in page
    assert "Zurücknehmen" not in page


def test_booking_for_later_stays(issued: Invoice, accountant: Client) -> None:
    """Nothing happens that was not chosen."""
    upload(accountant, camt_file(("6666.67", "Stadt Dinslaken", "Oktober")))
    accountant.post(url("book"), {})
    with all_cities("test"):
        assert BankEntry.objects.get().state == EntryState.OPEN


def test_correction_page_makes_a_draft(issued: Invoice, accountant: Client) -> None:
    """With the reason, and without touching the invoice."""
    form = {
        "kind": "correction",
        "reason": "Störung",
        "position-TOTAL_FORMS": "2",
        "position-INITIAL_FORMS": "0",
        "position-0-text": "Anrufe ohne Auskunft",
        "position-0-quantity": "-10",
        "position-0-price": "2,02",
    }
    answer = accountant.post(url("adjust", own=issued.pk), form, follow=True)
    assert "Der Entwurf liegt bereit" in answer.text
    with all_cities("test"):
        draft = Invoice.objects.get(adjusts=issued)
    assert (draft.net, draft.status) == (Decimal("-20.20"), InvoiceStatus.DRAFT)
    empty = accountant.post(url("adjust", own=issued.pk), {**form, "position-0-text": ""})
    assert empty.status_code == 422
    assert "oder keines davon" in empty.text


def test_payment_page_asks_as_often_for_three_as_for_one(
    issued: Invoice, agreement: Agreement, accountant: Client
) -> None:
    """A city with many partners must not wait longer for each."""
    from django.test.utils import CaptureQueriesContext

    def ask(*bookings: tuple[str, str, str]) -> int:
        upload(accountant, camt_file(*bookings, identifier=str(len(bookings))))
        with CaptureQueriesContext(connection) as queries:
            assert accountant.get(url("payments")).status_code == 200
        return len(queries)

    one = ask(("6666.67", "A", "IKZ-2026-000001"))
    for month in ("2026-08", "2026-09"):
        with all_cities("test data"):
            issue(agreement, month)
    assert ask(("5.00", "B", "IKZ-2026-000002"), ("5.00", "C", "IKZ-2026-000003")) == one
