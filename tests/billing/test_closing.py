"""Closing a month: the right calls, once, and never again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db.utils import DatabaseError

from billing import closing, ledger, month_close, schedule, services
from billing.models import Agreement, Invoice, InvoiceStatus, Period, UsageRecord
from billing.months import Month
from billing.refusals import CallBilledElsewhere, InvoiceState, MonthNotClosable, NoAgreement
from billing.selectors import BillingStates, billing_status, line_calls, line_totals
from billing.terms import BillableRule, PerCall, Terms
from callcenter.calls.models import Call, Contact
from callcenter.calls.signals import month_guard
from tenants.models import Tenant
from tenants.scope import ScopeError, all_cities, scoped
from tests.billing.conftest import AFTER_GRACE, make_agreement, make_calls

OCTOBER = Month.parse("2026-10")
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_city")]


def close(agreement: Agreement, month: str = "2026-10", now: datetime = AFTER_GRACE) -> Invoice:
    return services.close_period(agreement=agreement, month=Month.parse(month), now=now).invoice


def test_close_freezes_answered_inbound_calls_of_the_client_only(agreement: Agreement, cities) -> None:
    """A call of the wrong city, kind or month on the invoice would be somebody else's money."""
    duisburg, dinslaken = cities
    charged = make_calls(dinslaken, "2026-10", 5)
    make_calls(duisburg, "2026-10", 4)
    make_calls(None, "2026-10", 1)
    make_calls(dinslaken, "2026-09", 2)
    make_calls(dinslaken, "2026-10", 1, direction="out")
    make_calls(dinslaken, "2026-10", 1, outcome="abandoned", answered_at=None, talked_s=0)
    make_calls(dinslaken, "2026-10", 1, outcome="voicemail")
    make_calls(dinslaken, "2026-10", 1, state="connected", outcome=None, ended_at=None)
    invoice = close(agreement)
    assert set(UsageRecord.objects.values_list("call_id", flat=True)) == {call.pk for call in charged}
    assert invoice.period.calls == 5
    assert invoice.net == Decimal("6666.67")
    assert list(ledger.findings()) == []


def test_close_again_changes_nothing(agreement: Agreement, cities, django_assert_max_num_queries) -> None:
    """Two people press the button: one invoice, and the second is told that it exists."""
    make_calls(cities[1], "2026-10", 3)
    first = services.close_period(agreement=agreement, month=OCTOBER, now=AFTER_GRACE)
    make_calls(cities[1], "2026-10", 3)
    second = services.close_period(agreement=agreement, month=OCTOBER, now=AFTER_GRACE + timedelta(days=1))
    assert (first.created, second.created) == (True, False)
    assert first.invoice == second.invoice
    assert UsageRecord.objects.count() == 3


@pytest.mark.parametrize("now", ["2026-10-20T12:00", "2026-10-31T22:30", "2026-11-01T12:00", "2026-11-02T22:59"])
def test_close_before_the_grace_ends_is_refused_with_the_date(agreement: Agreement, now: str) -> None:
    """Late events of the last days would be missing; the refusal says from when on."""
    with pytest.raises(MonthNotClosable, match=r"03\.11\.2026") as refusal:
        close(agreement, now=datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert "2026-11-03" in refusal.value.english
    assert not Period.objects.exists()


def test_close_at_the_end_of_grace_works(agreement: Agreement) -> None:
    """From local midnight on, not an hour later."""
    assert close(agreement, now=datetime(2026, 11, 2, 23, tzinfo=UTC)).status == InvoiceStatus.DRAFT


def test_close_outside_the_agreement_is_refused(agreement: Agreement) -> None:
    """There is nothing to bill before the agreement began."""
    with pytest.raises(NoAgreement):
        close(agreement, "2023-12")


def test_close_needs_the_operator_in_scope(agreement: Agreement, cities) -> None:
    """The partner city must not be able to close its own month."""
    with scoped([cities[1]]), pytest.raises(ScopeError):
        close(agreement)


@pytest.mark.fault(29)
@pytest.mark.parametrize(
    ("moment", "month"),
    [
        (datetime(2026, 10, 31, 23, 30, tzinfo=UTC), "2026-11"),
        (datetime(2026, 10, 31, 22, 59, 59, tzinfo=UTC), "2026-10"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "2026-10"),  # the doubled hour
        (datetime(2026, 9, 30, 22, 0, tzinfo=UTC), "2026-10"),
        (datetime(2026, 9, 30, 21, 59, 59, 999999, tzinfo=UTC), "2026-09"),
    ],
)
def test_call_at_the_edge_is_in_exactly_one_month(agreement: Agreement, cities, moment: datetime, month: str) -> None:
    """At the edge of a month a call must neither vanish nor be billed twice."""
    make_calls(cities[1], "2026-10", 1, offered_at=moment)
    for name in ("2026-09", "2026-10", "2026-11"):
        close(agreement, name, now=datetime(2027, 1, 5, tzinfo=UTC))
    usage = UsageRecord.objects.get()
    assert f"{usage.month:%Y-%m}" == month
    assert usage.period.month == usage.month


@pytest.mark.fault(28)
def test_late_call_goes_on_the_next_invoice_with_a_label(agreement: Agreement, cities) -> None:
    """The closed month keeps its list and its hash; the late call is not lost."""
    make_calls(cities[1], "2026-09", 3)
    september = close(agreement, "2026-09").period
    make_calls(cities[1], "2026-09", 2, waited_s=30)
    make_calls(cities[1], "2026-10", 4)
    october = close(agreement)
    line = october.lines.get(kind="late")
    assert "September 2026" in line.text
    assert (line.quantity, line.net) == (2, Decimal("0.00"))
    assert {usage.month for usage in line_calls(line)} == {date(2026, 9, 1)}
    before = september.list_hash
    september.refresh_from_db()
    assert (september.calls, september.list_hash, closing.list_hash(september)) == (3, before, before)
    assert october.period.calls == 6
    assert list(ledger.findings()) == []


def test_late_calls_of_several_months_and_versions(cities) -> None:
    """Each late call costs what its own month agreed on, not what today's version says."""
    agreement = make_agreement(*cities, Terms(per_call=PerCall(Decimal("1.00"))))
    agreement.versions.create(
        valid_from=date(2026, 9, 1), terms={"per_call": {"price": "3.00"}}, tax_reason="nicht steuerbar"
    )
    for month in ("2026-08", "2026-09"):
        close(agreement, month)
    make_calls(cities[1], "2026-08", 2)
    make_calls(cities[1], "2026-09", 5)
    october = close(agreement)
    assert {line.text: line.net for line in october.lines.filter(kind="late")} == {
        "Nachgemeldete Anrufe aus August 2026": Decimal("2.00"),
        "Nachgemeldete Anrufe aus September 2026": Decimal("15.00"),
    }
    assert list(ledger.findings()) == []


def test_call_still_talking_at_the_close_is_a_late_call_once_it_ended(agreement: Agreement, cities) -> None:
    """A call over midnight of the close must not fall between two invoices."""
    (talking,) = make_calls(cities[1], "2026-10", 1, state="connected", outcome=None, ended_at=None)
    close(agreement)
    Call.objects.filter(pk=talking.pk).update(state="ended", outcome="answered", ended_at=talking.offered_at)
    november = close(agreement, "2026-11", now=datetime(2026, 12, 5, tzinfo=UTC))
    assert november.lines.get(kind="late").quantity == 1


def test_december_settles_the_year(cities) -> None:
    """What was agreed above the volume is due with December's invoice, frozen months and open ones alike."""
    agreement = make_agreement(*cities)
    Agreement.objects.filter(pk=agreement.pk).update(opening_calls=39_590, starts_on=date(2025, 1, 1))
    agreement.refresh_from_db()
    make_calls(cities[1], "2025-10", 8)
    make_calls(cities[1], "2025-11", 4)  # never closed, counts all the same
    close(agreement, "2025-10")
    make_calls(cities[1], "2025-12", 6)
    december = close(agreement, "2025-12")
    line = december.lines.get(kind="settlement")
    assert (line.quantity, line.net) == (8, Decimal("16.16"))
    assert line_totals(line)["calls"] == 14
    assert list(ledger.findings()) == []
    # November closed afterwards and a late call of December: only the new call is charged.
    assert not close(agreement, "2025-11").lines.filter(kind="settlement").exists()
    make_calls(cities[1], "2025-12", 1)
    january = close(agreement, "2026-01")
    assert january.lines.get(kind="settlement").net == Decimal("2.02")
    assert list(ledger.findings()) == []


def test_instalment_does_not_depend_on_what_was_closed_before(cities) -> None:
    """October costs 6,666.67 whether or not September was ever closed."""
    agreement = make_agreement(*cities)
    assert close(agreement, "2026-11", now=datetime(2026, 12, 9, tzinfo=UTC)).net == Decimal("6666.66")
    assert close(agreement).net == Decimal("6666.67")


def test_year_of_twelve_invoices_is_exact(cities) -> None:
    """Twelve invoices sum to 80,000.00 EUR, not to 80,000.04."""
    agreement = make_agreement(*cities)
    nets = [close(agreement, f"2025-{number:02}").net for number in range(1, 13)]
    assert sum(nets) == Decimal("80000.00")


def test_grouped_prices_count_the_first_concern(cities) -> None:
    """Prices per kind of ending must count every call once."""
    terms = {"groups": [{"group": "settled", "price": "0.50"}], "group_by": "disposition"}
    agreement = make_agreement(*cities)
    agreement.versions.update(terms=terms)
    calls = make_calls(cities[1], "2026-10", 3)
    for position, call in enumerate(calls[:2]):
        Contact.objects.create(
            tenant=cities[1], call=call, opened_at=call.offered_at, disposition="settled", position=1
        )
        Contact.objects.create(
            tenant=cities[1], call=call, opened_at=call.offered_at, disposition="dropped", position=2 + position
        )
    assert close(agreement).net == Decimal("1.00")


def test_two_agreements_can_never_bill_the_same_call(agreement: Agreement, cities) -> None:
    """The call is the key of the frozen list: the database refuses the second time."""
    make_calls(cities[1], "2026-10", 1)
    close(agreement)
    second = make_agreement(*cities, series="ZWEI")
    with pytest.raises(IntegrityError), transaction.atomic():
        close(second)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_usagerecord SET talked_s = 0",
        "DELETE FROM billing_usagerecord",
        "UPDATE billing_period SET calls = 0",
        "DELETE FROM billing_period",
    ],
)
def test_database_refuses_to_change_a_closed_month(agreement: Agreement, cities, statement: str) -> None:
    """Not even somebody at the database's own prompt rewrites what was frozen."""
    from django.db import connection

    make_calls(cities[1], "2026-10", 1)
    close(agreement)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert UsageRecord.objects.count() == 1


def test_billing_states_are_exclusive_and_match_the_close(cities) -> None:
    """What a page calls open must be exactly what the close will bill."""
    duisburg, dinslaken = cities
    agreement = make_agreement(*cities)
    rule = BillableRule(answered=True, abandoned=True, abandoned_after_s=20, min_talk_s=10)
    agreement.versions.update(terms={"per_call": {"price": "1"}, "billable": rule.__dict__})
    every = [
        call
        for city in (duisburg, dinslaken, None)
        for direction in ("in", "out")
        for outcome in ("answered", "abandoned", "voicemail", "rejected", None)
        for seconds in (5, 50)
        for call in make_calls(
            city, "2026-10", 1, direction=direction, outcome=outcome, waited_s=seconds, talked_s=seconds
        )
    ]
    before = billing_status(call.pk for call in every)
    assert {before[call.pk] for call in every if call.tenant_id is None} == {"unassigned"}
    assert {before[call.pk] for call in every if call.tenant_id == duisburg.pk} == {"not_billable"}
    close(agreement)
    billed = set(UsageRecord.objects.values_list("call_id", flat=True))
    assert {pk for pk, state in before.items() if state == "open"} == billed
    assert len(billed) == 2
    after = billing_status(call.pk for call in every)
    assert {pk for pk, state in after.items() if state == "billed"} == billed
    reasons = BillingStates().of(every)
    assert all(bool(found.reason) == (found.state == "not_billable") for found in reasons.values())


def test_before_the_agreement_nothing_is_billable(agreement: Agreement, cities) -> None:
    """Calls of the time before must not wait as open for ever."""
    (call,) = make_calls(cities[1], "2023-11", 1)
    assert billing_status([call.pk]) == {call.pk: "not_billable"}


def test_other_agreements_do_not_mix_into_the_states(agreement: Agreement, cities) -> None:
    """Each agreement answers with its own versions."""
    third = Tenant.objects.create(slug="voerde", name="Voerde", official_name="Stadt Voerde", greeting="Guten Tag")
    make_agreement(
        cities[0], third, series="VOE", terms=Terms(per_call=PerCall(Decimal(1)), billable=BillableRule(False))
    )
    (own,), (other,) = make_calls(cities[1], "2026-10"), make_calls(third, "2026-10")
    assert billing_status([own.pk, other.pk]) == {own.pk: "open", other.pk: "not_billable"}


def test_closed_month_is_not_replaced(agreement: Agreement, cities) -> None:
    """The simulator and imports ask before they replace a month."""
    close(agreement)
    answers = [answer for _, answer in month_guard.send(None, tenant=cities[1], year=2026, month=10) if answer]
    assert answers
    assert "2026-10" in answers[0]
    assert not [a for _, a in month_guard.send(None, tenant=cities[1], year=2026, month=11) if a]
    assert not [a for _, a in month_guard.send(None, tenant=cities[0], year=2026, month=10) if a]


def test_schedule_closes_the_newest_month_first_and_then_what_is_due(agreement: Agreement) -> None:
    """The job closes on the third, catches up after a pause, and does not dig up the years before it existed."""
    on_the_second = datetime(2026, 11, 2, 2, tzinfo=UTC)
    on_the_third = datetime(2026, 11, 3, 2, tzinfo=UTC)
    assert schedule.close_due_months(on_the_second) == 0
    assert schedule.close_due_months(on_the_third) == 1
    assert schedule.close_due_months(on_the_third) == 0
    assert schedule.close_due_months(datetime(2027, 2, 3, 2, tzinfo=UTC)) == 3
    assert [f"{day:%Y-%m}" for day in Period.objects.order_by("month").values_list("month", flat=True)] == [
        "2026-10",
        "2026-11",
        "2026-12",
        "2027-01",
    ]


def test_schedule_begins_with_the_first_month_billed_here(agreement: Agreement) -> None:
    """A city that joined in August must not wait for somebody to remember August."""
    agreement.billed_from = date(2026, 8, 1)
    agreement.save()
    assert schedule.close_due_months(AFTER_GRACE) == 3


def test_batch_closes_all_and_one_that_fails_stops_no_other(cities) -> None:
    """Of fifty cities in one statement, the one whose call is billed elsewhere must not hold up forty-nine."""
    first = make_agreement(*cities)
    third = Tenant.objects.create(slug="voerde", name="Voerde", official_name="Stadt Voerde", greeting="Guten Tag")
    rule = Terms(per_call=PerCall(Decimal("1.00")), billable=BillableRule(abandoned=True))
    second = make_agreement(cities[0], third, rule, series="VOE")
    twin = make_agreement(*cities, series="ZWEI")
    early = make_agreement(cities[0], third, series="SPAET", starts_on=date(2027, 1, 1))
    make_calls(cities[1], "2026-10", 3)
    make_calls(third, "2026-10", 2)
    make_calls(third, "2026-10", 2, outcome="abandoned", answered_at=None)
    everyone = [first, second, twin, early]
    results = dict(month_close.close_periods(agreements=everyone, month=OCTOBER, now=AFTER_GRACE))
    assert results[first].invoice.period.calls == 3  # type: ignore[union-attr]
    assert results[second].invoice.net == Decimal("4.00")  # type: ignore[union-attr]
    assert isinstance(results[twin], CallBilledElsewhere)
    assert isinstance(results[early], NoAgreement)
    again = dict(month_close.close_periods(agreements=[first, second], month=OCTOBER, now=AFTER_GRACE))
    assert not any(result.created for result in again.values())  # type: ignore[union-attr]
    assert list(ledger.findings()) == []


def test_batch_takes_the_same_queries_for_one_and_many_cities(cities) -> None:
    """Twenty-five queries a city would be minutes for five hundred."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    agreements, counted = [make_agreement(*cities)], []
    for month, count in (("2026-08", 0), ("2026-09", 0), ("2026-10", 5)):
        for number in range(count):
            client = Tenant.objects.create(slug=f"s{number}", name="S", official_name="S", greeting="Guten Tag")
            agreements.append(make_agreement(cities[0], client))
            make_calls(client, month, 1)
        with CaptureQueriesContext(connection) as queries:
            list(month_close.close_periods(agreements=agreements, month=Month.parse(month), now=AFTER_GRACE))
        counted.append(len(queries))
    assert counted[1] == counted[2]


def test_lists_hash_changes_with_any_figure(agreement: Agreement, cities) -> None:
    """A hash that does not notice a changed second would prove nothing."""
    make_calls(cities[1], "2026-10", 2)
    invoice = close(agreement)
    before = closing.list_hash(invoice.period)
    from django.db import connection

    from billing import triggers

    triggers.remove(connection)
    UsageRecord.objects.filter(pk=UsageRecord.objects.first().pk).update(talked_s=101)
    assert closing.list_hash(invoice.period) != before
    assert any("hash" in finding for finding in ledger.findings())


def test_redraft_after_cancellation_rates_the_same_list(agreement: Agreement, cities) -> None:
    """After a cancellation the month can be billed again, from the same frozen calls."""
    make_calls(cities[1], "2026-10", 3)
    draft = close(agreement)
    with pytest.raises(InvoiceState):
        services.redraft_invoice(invoice=draft)
    issued = services.issue_invoice(invoice=draft, now=AFTER_GRACE)
    services.cancel_invoice(invoice=issued, reason="Anschrift", now=AFTER_GRACE)
    states = set(billing_status(UsageRecord.objects.values_list("call_id", flat=True)).values())
    assert states == {"open"}
    again = services.redraft_invoice(invoice=issued, now=AFTER_GRACE + timedelta(hours=1))
    assert (again.net, again.period_id, again.status) == (issued.net, issued.period_id, InvoiceStatus.DRAFT)
    assert set(billing_status(UsageRecord.objects.values_list("call_id", flat=True)).values()) == {"billed"}
    assert list(ledger.findings()) == []


def test_unknown_call_has_no_state(agreement: Agreement) -> None:
    """A made-up id must not look like an open call."""
    assert billing_status([uuid.uuid4()]) == {}


def test_closing_takes_the_same_queries_for_few_and_many_calls(
    cities, django_assert_num_queries, calls: Callable[..., list[Call]]
) -> None:
    """One query per call would take minutes for a city."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    agreement = make_agreement(*cities)
    close(agreement, "2026-07")
    counted = []
    for month, count in (("2026-08", 1), ("2026-09", 300)):
        make_calls(cities[1], month, count)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            close(agreement, month)
        counted.append(len(queries))
    assert counted[0] == counted[1]


def test_all_cities_is_not_left_open(agreement: Agreement, cities) -> None:
    """Closing opens the wide scope for itself only."""
    from tenants.scope import current_scope

    with scoped([cities[0]]):
        close(agreement)
        assert current_scope().tenant_ids == {cities[0].pk}
    with all_cities("test"):
        assert Invoice.objects.count() == 1


def test_list_hash_is_the_documented_one(agreement: Agreement, cities) -> None:
    """An auditor must be able to work the hash out from the CSV, on either engine."""
    import hashlib

    make_calls(cities[1], "2026-10", 3)
    make_calls(cities[1], "2026-10", 1, offered_at=datetime(2026, 10, 5, 7, tzinfo=UTC))
    invoice = close(agreement)
    lines = [
        f"{usage.call_id.hex};{usage.month};{usage.offered_at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f};"
        f"{usage.waited_s};{usage.talked_s};{usage.outcome};{usage.group}\n"
        for usage in UsageRecord.objects.order_by("call_id")
    ]
    assert invoice.period.list_hash == hashlib.sha256("".join(lines).encode()).hexdigest()
