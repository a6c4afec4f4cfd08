"""Pages: who sees what, that figures agree with their calls, and that steps say what they do."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing import pages, services
from billing.models import Agreement, Invoice, InvoiceStatus, Period
from billing.months import Month
from tenants.scope import all_cities
from tests.billing.conftest import AFTER_GRACE, make_agreement, make_calls
from tests.conftest import make_user

pytestmark = pytest.mark.django_db


def url(name: str, city: str = "duisburg", **kwargs: object) -> str:
    return reverse(f"billing:{name}", kwargs={"city": city, **kwargs})


def closed(agreement: Agreement, month: str = "2026-10") -> Invoice:
    with all_cities("test data"):
        return services.close_period(agreement=agreement, month=Month.parse(month), now=AFTER_GRACE).invoice


def issue(invoice: Invoice) -> Invoice:
    with all_cities("test data"):
        return services.issue_invoice(invoice=invoice, now=AFTER_GRACE)


@pytest.fixture
def draft(agreement: Agreement, cities) -> Invoice:
    make_calls(cities[1], "2026-10", 60)
    return closed(agreement)


@pytest.fixture
def accountant(client_for: Callable[..., Client]) -> Client:
    return client_for("accountant")


@pytest.fixture
def liaison(client_for: Callable[..., Client]) -> Client:
    return client_for("liaison")


def test_home_leads_to_ones_own_city(accountant: Client, liaison: Client) -> None:
    """Nobody should have to know an address by heart."""
    assert accountant.get("/rechnungen/")["Location"] == "/rechnungen/duisburg/"
    assert liaison.get("/rechnungen/")["Location"] == "/rechnungen/dinslaken/"


def test_empty_list_says_what_will_be_here(accountant: Client, liaison: Client, agreement: Agreement) -> None:
    """An empty page without a word looks like a fault."""
    assert "Noch keine Rechnung" in accountant.get(url("list")).text
    assert "sobald sie ausgestellt ist" in liaison.get(url("list", "dinslaken")).text


def test_city_without_agreement_says_so(accountant: Client) -> None:
    """A city alone has nothing to bill, and no error page."""
    page = accountant.get(url("list"))
    assert page.status_code == 200
    assert "gilt keine Vereinbarung" in page.text


def test_liaison_sees_issued_invoices_and_no_drafts(draft: Invoice, liaison: Client) -> None:
    """A draft is the operator's; the partner sees what it was sent."""
    address = url("invoice", "dinslaken", invoice=draft.pk)
    assert liaison.get(address).status_code == 404
    assert "Entwurf" not in liaison.get(url("list", "dinslaken")).text
    issued = issue(draft)
    page = liaison.get(address).text
    assert issued.number in page
    assert "Ausstellen" not in page
    assert "Stornieren" not in page
    assert liaison.get(url("pdf", "dinslaken", invoice=draft.pk)).content.startswith(b"%PDF")


def test_liaison_cannot_do_the_operators_steps(draft: Invoice, liaison: Client) -> None:
    """The one who pays must not be able to cancel the bill."""
    issue(draft)
    for name in ("issue", "cancel", "pay", "review", "redraft"):
        assert liaison.post(url(name, "dinslaken", own=draft.pk)).status_code == 403
        assert liaison.post(url(name, "duisburg", own=draft.pk)).status_code == 404


def test_partners_accountant_reads_but_does_not_act(draft: Invoice, cities, client_for) -> None:
    """The right role in the wrong city of the agreement opens nothing."""
    other = client_for(make_user("kasse", (cities[1], "accountant")))
    issue(draft)
    assert other.get(url("invoice", "dinslaken", invoice=draft.pk)).status_code == 200
    assert other.post(url("cancel", "dinslaken", own=draft.pk), {"reason": "x"}).status_code == 404


def test_close_button_closes_and_leads_to_the_draft(agreement: Agreement, cities, accountant: Client) -> None:
    """One press from the open month to its draft."""
    make_calls(cities[1], "2026-10", 2)
    answer = accountant.post(url("close"), {"agreement": agreement.pk, "month": "2026-10"}, follow=True)
    assert "ist abgeschlossen" in answer.text
    assert "6.666,67" in answer.text
    again = accountant.post(url("close"), {"agreement": agreement.pk, "month": "2026-10"}, follow=True)
    assert "war schon abgeschlossen" in again.text


def test_close_of_a_running_month_is_refused_with_the_date(agreement: Agreement, accountant: Client) -> None:
    """The page says from when on, and closes nothing."""
    month = Month.containing(timezone.localdate())
    answer = accountant.post(url("close"), {"agreement": agreement.pk, "month": str(month)}, follow=True)
    assert re.search(r"erst ab dem \d\d\.\d\d\.\d{4}", answer.text)
    with all_cities("test"):
        assert not Period.objects.exists()


@pytest.mark.parametrize("data", [{}, {"month": "Oktober"}])
def test_close_with_nonsense_is_422_and_says_so(agreement: Agreement, accountant: Client, data: dict) -> None:
    """A mistyped month gets a sentence, not an error page."""
    answer = accountant.post(url("close"), {"agreement": agreement.pk, **data})
    assert answer.status_code == 422
    assert "message-error" in answer.text


def test_partner_cannot_close(agreement: Agreement, cities, client_for) -> None:
    """The month is the operator's to close."""
    other = client_for(make_user("kasse", (cities[1], "accountant")))
    answer = other.post(url("close", "dinslaken"), {"agreement": agreement.pk, "month": "2026-10"})
    assert answer.status_code == 422
    with all_cities("test"):
        assert not Period.objects.exists()


def test_invoice_reads_like_the_invoice(draft: Invoice, accountant: Client) -> None:
    """Every figure with its derivation, and a way to its calls."""
    page = accountant.get(url("invoice", invoice=draft.pk)).text
    assert "Rate 10 von 12" in page
    assert "Unterschreiben" not in page  # a draft is no document yet: neither signed nor paid
    assert "noch offen" not in page
    assert "80.000,00 × 10 ÷ 12" in page
    assert url("line", invoice=draft.pk, position=1) in page
    assert "Ausstellen" in page


def test_line_lists_its_calls_and_the_total_agrees(draft: Invoice, accountant: Client) -> None:
    """The figure on the invoice is the length of the list, page by page, and no caller is in it."""
    address = url("line", invoice=draft.pk, position=1)
    first, second = accountant.get(address).text, accountant.get(f"{address}?seite=2").text
    calls = set(re.findall(r"/anruf/([0-9a-f-]{36})/", first + second))
    assert len(calls) == 60
    assert "<strong>60</strong>" in first
    assert "+49" not in first.split("<main")[1]
    one = accountant.get(url("line_call", invoice=draft.pk, position=1, call=calls.pop()))
    assert one.status_code == 200
    assert "angenommen" in one.text


def test_call_of_another_line_is_404(draft: Invoice, accountant: Client, cities) -> None:
    """A guessed id must not open a call that stands on no list of this invoice."""
    (foreign,) = make_calls(cities[0], "2026-10", 1)
    assert accountant.get(url("line_call", invoice=draft.pk, position=1, call=foreign.pk)).status_code == 404
    assert accountant.get(url("line", invoice=draft.pk, position=9)).status_code == 404


def test_issue_asks_first_and_then_does_it(draft: Invoice, accountant: Client) -> None:
    """The page says what will happen; a look alone changes nothing."""
    assert "lässt sich später nicht überschreiben" in accountant.get(url("issue", own=draft.pk)).text
    answer = accountant.post(url("issue", own=draft.pk), follow=True)
    assert "Die Rechnung ist ausgestellt" in answer.text
    assert re.search(r"IKZ-\d{4}-000001", answer.text)
    again = accountant.post(url("issue", own=draft.pk), follow=True)
    assert "schon ausgestellt" in again.text


def test_incomplete_draft_names_what_is_missing(draft: Invoice, accountant: Client, cities) -> None:
    """The accountant learns it before pressing the button, and the press refuses all the same."""
    cities[1].leitweg_id = ""
    cities[1].save()
    assert "Leitweg-ID (BT-10) fehlt" in accountant.get(url("invoice", invoice=draft.pk)).text
    answer = accountant.post(url("issue", own=draft.pk), follow=True)
    assert "Leitweg-ID (BT-10) fehlt" in answer.text
    with all_cities("test"):
        assert Invoice.objects.get().status == InvoiceStatus.DRAFT


def test_cancel_needs_a_reason_and_offers_the_way_back(draft: Invoice, accountant: Client) -> None:
    """No cancellation without its reason; afterwards a new draft is one press away."""
    issued = issue(draft)
    address = url("cancel", own=issued.pk)
    assert "Nicht stornieren" in accountant.get(address).text
    assert accountant.post(address, {"reason": " "}).status_code == 422
    answer = accountant.post(address, {"reason": "Falsche Anschrift"}, follow=True)
    assert "Aufgehoben durch" in answer.text
    again = accountant.post(url("redraft", own=issued.pk), follow=True)
    assert "Der neue Entwurf" in again.text


def test_payment_in_the_future_is_422(draft: Invoice, accountant: Client) -> None:
    """A mistyped year would mark an unpaid invoice as paid."""
    issued = issue(draft)
    assert accountant.post(url("pay", own=issued.pk), {"paid_on": "2099-01-01"}).status_code == 422
    answer = accountant.post(url("pay", own=issued.pk), {"paid_on": "2026-11-06"}, follow=True)
    assert "bezahlt" in answer.text


def test_rate_again_says_that_it_agrees(draft: Invoice, liaison: Client) -> None:
    """The partner can have the operator's figures worked out anew, any time."""
    issue(draft)
    answer = liaison.post(url("rate_again", "dinslaken", invoice=draft.pk), follow=True)
    assert "Nachgerechnet" in answer.text


def test_downloads_are_the_stored_bytes(draft: Invoice, accountant: Client) -> None:
    """What is downloaded is what was issued; a draft has no documents yet."""
    assert accountant.get(url("pdf", invoice=draft.pk)).status_code == 302
    issued = issue(draft)
    with all_cities("test"):
        stored = {item.format: bytes(item.content) for item in issued.documents.all()}
    for kind in ("xml", "pdf"):
        answer = accountant.get(url(kind, invoice=draft.pk))
        assert answer.content == stored[kind]
        assert f"{issued.number}.{kind}" in answer["Content-Disposition"]
    lines = accountant.get(url("csv", invoice=draft.pk)).getvalue().decode("utf-8-sig").splitlines()
    assert len(lines) == 61
    of_line = accountant.get(url("line_csv", invoice=draft.pk, position=1))
    assert of_line.content.decode("utf-8-sig").splitlines() == lines
    assert accountant.get(url("line_csv", invoice=draft.pk, position=9)).status_code == 404


def test_agreement_stands_in_words(agreement: Agreement, liaison: Client) -> None:
    """Both sides read the same sentences."""
    page = liaison.get(url("agreement", "dinslaken", agreement=agreement.pk)).text
    for said in ("80.000,00 EUR", "39.600", "2,02 EUR", "angenommene Anrufe", "keine Erstattung"):
        assert said in page


@pytest.mark.parametrize("name", ["list", "invoice", "line"])
def test_queries_do_not_grow_with_rows(
    name: str, cities, accountant: Client, django_assert_num_queries, agreement: Agreement
) -> None:
    """A list that asks once per row gets slower every month."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def ask() -> int:
        kwargs = {} if name == "list" else {"invoice": invoice.pk}
        kwargs |= {"position": 1} if name == "line" else {}
        with CaptureQueriesContext(connection) as queries:
            assert accountant.get(url(name, **kwargs)).status_code == 200
        return len(queries)

    make_calls(cities[1], "2026-07", 1)
    invoice = closed(agreement, "2026-07")
    one = ask()
    for month in ("2026-08", "2026-09"):
        make_calls(cities[1], month, 3)
        invoice = closed(agreement, month)
    with all_cities("test data"):
        make_agreement(cities[0], make_partner(), series="ZZ")
    assert ask() == one


def test_old_invoices_have_a_page_of_their_own_and_open_ones_stay(
    cities, accountant: Client, liaison: Client, agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After ten years the list must still be short, and no unpaid invoice may sink in it."""
    monkeypatch.setattr(pages, "INVOICES", 2)
    months = [f"2026-{number:02}" for number in range(5, 10)]
    invoices = [closed(agreement, month) for month in months]
    with all_cities("test data"):
        for number, invoice in enumerate(invoices):
            status = {"status": InvoiceStatus.PAID, "number": f"IKZ-{number}", "sequence": number} if number else {}
            Invoice.objects.filter(pk=invoice.pk).update(**status, issued_on=date(2026, 10, 1) if number else None)
    page = accountant.get(url("list")).text
    shown = [url("invoice", invoice=invoice.pk) in page for invoice in invoices]
    assert shown == [True, False, False, True, True]  # the oldest is a draft still
    assert "2 ältere Rechnungen" in page
    older = url("older", agreement=agreement.pk)
    assert older in page
    every = "".join(accountant.get(f"{older}?seite={number}").text for number in (1, 2, 3))
    assert all(url("invoice", invoice=invoice.pk) in every for invoice in invoices)
    theirs = "".join(
        liaison.get(f"{url('older', 'dinslaken', agreement=agreement.pk)}?seite={number}").text for number in (1, 2, 3)
    )
    assert url("invoice", "dinslaken", invoice=invoices[0].pk) not in theirs  # a draft is the operator's
    assert url("invoice", "dinslaken", invoice=invoices[1].pk) in theirs


def test_many_agreements_come_page_by_page(
    cities, accountant: Client, agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call centre for a hundred cities has a list that loads."""
    monkeypatch.setattr(pages, "AGREEMENTS", 1)
    with all_cities("test data"):
        second = make_agreement(cities[0], make_partner(), series="ZZ")
    addresses = [url("agreement", agreement=found.pk) for found in (agreement, second)]
    for number, own in enumerate(addresses, 1):
        page = accountant.get(f"{url('list')}?seite={number}").text
        assert [address in page for address in addresses] == [address == own for address in addresses]


def make_partner():
    from tenants.models import Tenant

    return Tenant.objects.create(slug="voerde", name="Voerde", official_name="Stadt Voerde", greeting="Guten Tag")
