"""What-if, budget, costs and questions: the same figures as the invoices, and each city's own word."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import transaction
from django.db.utils import DatabaseError
from django.test import Client
from django.urls import reverse

from billing import partners, services, whatif
from billing.models import Agreement, Invoice
from billing.months import ContractYear, Month
from billing.outlook import expect
from billing.partner_models import CostBasis, LineQuestion
from billing.rating import Usage
from billing.terms import BillableRule, PerCall, Settlement, Terms
from tenants.scope import all_cities
from tests.billing.conftest import AFTER_GRACE, make_agreement, make_calls
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
YEAR = ContractYear(Month.parse("2026-01"))
LATER = datetime(2026, 11, 10, 12, tzinfo=UTC)


def url(name: str, city: str = "duisburg", **kwargs: object) -> str:
    return reverse(f"billing:{name}", kwargs={"city": city, **kwargs})


@pytest.fixture
def issued(agreement: Agreement, cities) -> Invoice:
    make_calls(cities[1], "2026-10", 3)
    with all_cities("test data"):
        draft = services.close_period(agreement=agreement, month=Month.parse("2026-10"), now=AFTER_GRACE).invoice
        return services.issue_invoice(invoice=draft, now=AFTER_GRACE)


@pytest.fixture
def accountant(client_for: Callable[..., Client]) -> Client:
    return client_for("accountant")


@pytest.fixture
def liaison(client_for: Callable[..., Client]) -> Client:
    return client_for("liaison")


# --- what-if


def test_comparison_as_agreed_is_what_was_invoiced(cities) -> None:
    """A what-if that does not even reproduce the invoices would be worth nothing."""
    with all_cities("test data"):
        agreement = make_agreement(*cities, Terms(per_call=PerCall(Decimal("2.00"))))
        for month, count in (("2026-08", 4), ("2026-09", 6)):
            make_calls(cities[1], month, count)
            services.close_period(agreement=agreement, month=Month.parse(month), now=AFTER_GRACE)
        make_calls(cities[1], "2026-10", 5)
        other = Terms(per_call=PerCall(Decimal("1.50")), billable=BillableRule(abandoned=True))
        make_calls(cities[1], "2026-09", 1, outcome="abandoned", answered_at=None, talked_s=0)
        found = whatif.compare(agreement, YEAR, other, LATER)
        invoiced = {i.period.as_month: i.net for i in Invoice.objects.all()}
    rows = {str(row.month): row for row in found.rows}
    assert {row.month: row.now for row in found.rows if row.closed} == invoiced
    assert (rows["2026-10"].now, rows["2026-10"].closed) == (Decimal("10.00"), False)
    # Seven of September's calls count under the other rule.
    assert (rows["2026-08"].other, rows["2026-09"].other) == (Decimal("6.00"), Decimal("10.50"))
    assert found.so_far["difference"] == Decimal("24.00") - Decimal("30.00")


def test_finished_year_has_no_range_and_is_settled(cities) -> None:
    """What is over is not estimated, and December's settlement belongs to it."""
    terms = Terms(per_call=PerCall(Decimal("1.00")), settlement=Settlement(5, Decimal("2.00")))
    with all_cities("test data"):
        agreement = make_agreement(*cities, terms)
        for month in ("2025-03", "2025-12"):
            make_calls(cities[1], month, 4)
        found = whatif.compare(agreement, ContractYear(Month.parse("2025-01")), terms, LATER)
        for number in range(1, 13):
            services.close_period(agreement=agreement, month=Month(2025, number), now=LATER)
        billed = sum(invoice.net for invoice in Invoice.objects.all())
    assert found.ahead == 0
    assert (found.now.low, found.now.middle, found.now.high) == (billed,) * 3 == (Decimal("14.00"),) * 3


def test_even_months_make_a_narrow_range_and_uneven_ones_a_wide_one() -> None:
    """The range must come from the months, not from optimism; two months give none at all."""
    even = expect([Usage(100), Usage(101), Usage(99), Usage(100)], 2)
    uneven = expect([Usage(40), Usage(180), Usage(20), Usage(160)], 2)
    assert even.has_range
    assert even.middle.calls == uneven.middle.calls == 100
    assert even.high.calls - even.low.calls <= 4
    assert uneven.high.calls - uneven.low.calls > 100
    assert not expect([Usage(100), Usage(50)], 2).has_range
    # By hand: mean 2, s = 1, t(80 %, df 2) = 1.886, ahead 1: 1.886 · sqrt(1 + 1/3) = 2.178.
    assert expect([Usage(1000), Usage(2000), Usage(3000)], 1).high.calls == 4178


def test_range_holds_in_four_of_five_simulated_years() -> None:
    """A range called four in five must hold about as often."""
    import random

    dice, held = random.Random(4), 0
    for _ in range(2000):
        months = [Usage(max(round(dice.gauss(3300, 200)), 0)) for _ in range(12)]
        found = expect(months[:6], 6)
        held += found.low.calls * 6 <= sum(month.calls for month in months[6:]) <= found.high.calls * 6
    assert 0.77 < held / 2000 < 0.83


def test_what_if_page_shows_both_sides_and_changes_nothing(agreement: Agreement, cities, liaison: Client) -> None:
    """The partner may play with prices; the agreement stays as it is."""
    make_calls(cities[1], "2026-01", 3)
    address = url("what_if", "dinslaken", agreement=agreement.pk)
    plain = liaison.get(address, {"jahr": "2026-01"})
    assert "80.000,00" in plain.text
    assert "whatif-chart" not in plain.text
    page = liaison.get(
        address,
        {"jahr": "2026-01", "rechnen": "1", "per_call": "2,00", "answered": "on", "step_s": "60"}
        | {"tier_mode": "graduated", "tier_unit": "calls", "minimum_span": "month"},
    )
    assert page.status_code == 200
    chart = json.loads(re.search(r'id="whatif-chart"[^>]*>(.*?)</script>', page.text)[1])  # type: ignore[index]
    assert chart["series"][1]["values"][0] == 6.0
    wrong = liaison.get(address, {"rechnen": "1", "per_call": "viel"})
    assert wrong.status_code == 422
    with all_cities("test"):
        assert agreement.versions.count() == 1


def test_what_if_takes_the_same_queries_for_few_and_many_calls(
    agreement: Agreement, cities, liaison: Client, django_assert_num_queries
) -> None:
    """A query per call would take minutes for a city."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counted = []
    for count in (1, 60):
        make_calls(cities[1], "2026-01", count)
        with CaptureQueriesContext(connection) as queries:
            liaison.get(url("what_if", "dinslaken", agreement=agreement.pk), {"jahr": "2026-01"})
        counted.append(len(queries))
    assert counted[0] == counted[1]


# --- budget and costs


def test_budget_is_the_paying_citys_own(agreement: Agreement, liaison: Client, accountant: Client) -> None:
    """The partner plans; the operator reads, and cannot write the plan."""
    data = {"jahr": "2026-01", "label": "1.11.05", "amount": "81.000,00"}
    assert accountant.post(url("budget", agreement=agreement.pk), data).status_code == 404
    answer = liaison.post(url("budget", "dinslaken", agreement=agreement.pk), data, follow=True)
    assert "81.000,00" in answer.text
    assert "bleiben voraussichtlich" in answer.text
    assert "81.000,00" in accountant.get(url("what_if", agreement=agreement.pk), {"jahr": "2026-01"}).text
    less = liaison.post(url("budget", "dinslaken", agreement=agreement.pk), {**data, "amount": "100"}, follow=True)
    assert "reicht voraussichtlich nicht" in less.text
    wrong = liaison.post(url("budget", "dinslaken", agreement=agreement.pk), {**data, "amount": "-1"})
    assert wrong.status_code == 422


def test_costs_spread_by_time_of_talk(cities) -> None:
    """By hand: 120,000 a year, ten months behind; the partner talked 300 of 1,000 seconds."""
    duisburg, dinslaken = cities
    with all_cities("test data"):
        agreement = make_agreement(duisburg, dinslaken, Terms(per_call=PerCall(Decimal("100.00"))))
        make_calls(duisburg, "2026-03", 7)
        make_calls(dinslaken, "2026-10", 3)
        make_calls(dinslaken, "2026-10", 5, outcome="abandoned", answered_at=None)
        services.close_period(agreement=agreement, month=Month.parse("2026-10"), now=AFTER_GRACE)
        costs = CostBasis.objects.create(
            tenant=duisburg,
            year=2026,
            posts=Decimal("2.00"),
            post_cost=Decimal("50000.00"),
            workplace_cost=Decimal("2500.00"),
            overhead_percent=Decimal("10.00"),
            other=Decimal("5000.00"),
        )
        proof = partners.cost_proof(duisburg, costs, LATER)
    assert (costs.staff, costs.workplaces, costs.overhead, costs.total) == (100000, 5000, 10000, 120000)
    assert (proof.months, proof.total, proof.calls, proof.talked_s) == (10, Decimal("100000.00"), 10, 1000)
    assert (proof.per_call, proof.per_minute) == (Decimal("10000.00"), Decimal("6000.00"))
    (share,) = proof.shares
    assert (share.cost, share.billed, share.coverage, share.is_above) == (
        Decimal("30000.00"),
        Decimal("300.00"),
        Decimal("1.00"),
        False,
    )


def test_costs_are_entered_and_shown(accountant: Client, agreement: Agreement, cities) -> None:
    """Commas as people write them; a price above the costs is said."""
    assert "Noch sind keine Kosten" in accountant.get(url("costs")).text
    make_calls(cities[1], "2026-01", 2)
    with all_cities("test data"):
        services.close_period(agreement=agreement, month=Month.parse("2026-01"), now=AFTER_GRACE)
    data = {"year": "2026", "posts": "0,10", "post_cost": "60.000,00", "workplace_cost": "0"}
    answer = accountant.post(url("costs"), {**data, "overhead_percent": "20", "other": "0"}, follow=True)
    assert "7.200,00" in answer.text
    assert "über den Kosten" in answer.text
    assert accountant.post(url("costs"), {**data, "posts": "-1"}).status_code == 422


# --- questions


def test_question_and_answer_stay_with_the_invoice(issued: Invoice, liaison: Client, accountant: Client) -> None:
    """The partner asks, the operator answers once; both read both."""
    place = {"invoice": issued.pk, "position": 1}
    assert "Rückfrage stellen" in liaison.get(url("line", "dinslaken", **place)).text
    asked = liaison.post(url("ask", "dinslaken", **place), {"text": "Warum Rate 10?"}, follow=True)
    assert "Warum Rate 10?" in asked.text
    assert "wartet auf Ihre Antwort" in accountant.get(url("list")).text
    with all_cities("test"):
        question = LineQuestion.objects.get()
    address = url("answer", own=issued.pk, question=question.pk)
    assert "Bitte wählen" in accountant.post(address, {"outcome": "explained", "answer": " "}, follow=True).text
    said = accountant.post(address, {"outcome": "explained", "answer": "Oktober ist der zehnte Monat."}, follow=True)
    assert "Ihre Antwort ist vermerkt" in said.text
    assert (
        "schon beantwortet" in accountant.post(address, {"outcome": "corrected", "answer": "Doch."}, follow=True).text
    )
    page = liaison.get(url("line", "dinslaken", **place)).text
    assert "Oktober ist der zehnte Monat." in page
    assert "Doch." not in page
    assert "wartet auf Ihre Antwort" not in accountant.get(url("list")).text


def test_only_the_paying_city_asks_and_only_the_operator_answers(
    issued: Invoice, liaison: Client, accountant: Client, cities, client_for
) -> None:
    """Nobody puts a question or an answer into the other city's mouth."""
    place = {"invoice": issued.pk, "position": 1}
    assert accountant.post(url("ask", **place), {"text": "x"}).status_code == 404
    liaison.post(url("ask", "dinslaken", **place), {"text": "Warum?"})
    with all_cities("test"):
        question = LineQuestion.objects.get()
    other = client_for(make_user("kasse", (cities[1], "accountant")))
    data = {"outcome": "explained", "answer": "x"}
    assert other.post(url("answer", "dinslaken", own=issued.pk, question=question.pk), data).status_code == 404
    assert liaison.post(url("answer", "dinslaken", own=issued.pk, question=question.pk), data).status_code == 403


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM billing_linequestion", "UPDATE billing_linequestion SET text = 'anders'"],
)
def test_database_keeps_the_question(issued: Invoice, liaison: Client, statement: str) -> None:
    """A question that made trouble must not vanish."""
    from django.db import connection

    liaison.post(url("ask", "dinslaken", invoice=issued.pk, position=1), {"text": "Warum?"})
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_evidence_says_which_calls_count(issued: Invoice, liaison: Client) -> None:
    """The rule stands beside the list it made."""
    page = liaison.get(url("line", "dinslaken", invoice=issued.pk, position=1)).text
    assert "Abgerechnet werden: angenommene Anrufe" in page
