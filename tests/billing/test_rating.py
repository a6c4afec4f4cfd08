"""Rating against a reference written the slow, obvious way, and the sums that must come out."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.months import ContractYear, Month
from billing.rating import Facts, LateMonth, RatedLine, Usage, YearState, instalment, mirrored, rate, rate_month, total
from billing.terms import (
    Discount,
    FlatFee,
    GroupPrice,
    Index,
    Minimum,
    PerCall,
    PerMinute,
    Settlement,
    Step,
    Terms,
    TermsError,
    Tiers,
    from_json,
    to_json,
)

OCTOBER = Month.parse("2026-10")
YEAR = ContractYear.containing(OCTOBER)
DEMO = Terms(flat=FlatFee(Decimal("80000.00")), settlement=Settlement(39_600, Decimal("2.02")))

money = st.decimals(Decimal(0), Decimal(1_000_000), places=2)
prices = st.decimals(Decimal(0), Decimal(100), places=4)
counts = st.integers(0, 5000)


@st.composite
def tiers(draw: st.DrawFn) -> Tiers:
    ends = sorted(draw(st.sets(st.integers(1, 3000), max_size=4)))
    steps = tuple(Step(end, draw(prices)) for end in [*ends, None])
    return Tiers(draw(st.sampled_from(["graduated", "volume"])), steps)


@st.composite
def agreements(draw: st.DrawFn) -> Terms:
    return Terms(
        flat=draw(st.none() | st.builds(FlatFee, money)),
        per_call=draw(st.none() | st.builds(PerCall, prices, st.integers(0, 300))),
        per_minute=draw(
            st.none() | st.builds(PerMinute, prices, st.sampled_from([1, 10, 30, 60]), st.integers(0, 100))
        ),
        tiers=draw(st.none() | tiers()),
        discount=draw(st.none() | st.builds(Discount, st.decimals(Decimal(0), Decimal(100), places=2))),
        minimum=draw(st.none() | st.builds(Minimum, money)),
        index=draw(
            st.none()
            | st.builds(
                Index,
                st.just("VPI"),
                st.decimals(Decimal(80), Decimal(130), places=1),
                st.decimals(Decimal(80), Decimal(130), places=1),
            )
        ),
    )


def half_up(value: Fraction, digits: int = 2) -> Decimal:
    """Round an exact fraction half up, away from zero: the slow, obvious way."""
    scaled = abs(value) * 10**digits
    whole = scaled.numerator // scaled.denominator
    if scaled - whole >= Fraction(1, 2):
        whole += 1
    return Decimal(whole if value >= 0 else -whole).scaleb(-digits)


def reference(terms: Terms, position: int, share: Fraction, talks: list[int]) -> Decimal:
    """One month's amount, call by call and with exact fractions."""

    def moved(price: Decimal, digits: int) -> Decimal:
        if terms.index is None:
            return price
        return half_up(Fraction(price) * Fraction(terms.index.value) / Fraction(terms.index.base), digits)

    def minutes(step: int) -> Fraction:
        seconds = 0
        for talk in talks:
            while talk % step:
                talk += 1
            seconds += talk
        return Fraction(half_up(Fraction(seconds, 60), 4))

    amounts: list[Decimal] = []
    if terms.flat:
        yearly = Fraction(moved(terms.flat.yearly, 2))
        amounts.append(half_up(yearly * (position - 1 + share) / 12) - half_up(yearly * (position - 1) / 12))
    if terms.per_call:
        charged = sum(1 for number, _ in enumerate(talks) if number >= terms.per_call.included)
        amounts.append(half_up(Fraction(moved(terms.per_call.price, 4)) * charged))
    if terms.per_minute:
        charged_minutes = max(minutes(terms.per_minute.step_s) - terms.per_minute.included, Fraction(0))
        amounts.append(half_up(Fraction(moved(terms.per_minute.price, 4)) * charged_minutes))
    if terms.tiers:
        by_tier = [0] * len(terms.tiers.steps)
        for number in range(1, len(talks) + 1):
            counted = number if terms.tiers.mode == "graduated" else len(talks)
            for index, step in enumerate(terms.tiers.steps):
                if step.up_to is None or counted <= step.up_to:
                    by_tier[index] += 1
                    break
        for count, step in zip(by_tier, terms.tiers.steps, strict=True):
            amounts.append(half_up(Fraction(moved(step.price, 4)) * count))
    result = sum(amounts, Decimal(0))
    if terms.discount:
        result -= half_up(Fraction(result) * Fraction(terms.discount.percent) / 100)
    if terms.minimum:
        result = max(result, half_up(Fraction(terms.minimum.amount) * share))
    return result


def usage_of(talks: list[int], terms: Terms) -> Usage:
    steps = terms.second_steps
    return Usage(len(talks), {step: sum(-(-talk // step) * step for talk in talks) for step in steps})


@given(
    agreements(),
    st.integers(1, 12),
    st.integers(1, 28),
    st.lists(st.integers(0, 900), max_size=400),
)
def test_month_agrees_with_slow_reference(terms: Terms, number: int, days: int, talks: list[int]) -> None:
    """A cent's difference here is a cent's difference on a legal document."""
    month = Month(2026, number)
    share = Fraction(days, 28)
    lines = rate_month(month, ContractYear.containing(month), terms, share, usage_of(talks, terms))
    assert total(lines) == reference(terms, number, share, talks)
    for line in lines:
        assert line.net == (line.quantity * line.price).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert line.price >= 0
        assert line.steps


@given(money, st.integers(1, 12))
def test_twelve_instalments_make_the_year(yearly: Decimal, start: int) -> None:
    """12 × 6,666.67 would be four cents too much."""
    assert sum(instalment(yearly, position) for position in range(1, 13)) == yearly
    assert max(instalment(yearly, p) for p in range(1, 13)) - min(
        instalment(yearly, p) for p in range(1, 13)
    ) <= Decimal("0.01")


@given(money, st.dates(date(2024, 1, 1), date(2028, 12, 31)))
def test_twelve_months_from_any_day_make_the_year(yearly: Decimal, starts_on: date) -> None:
    """A city that joins in the middle of a month pays for twelve months exactly what was agreed for a year."""
    if (starts_on.month, starts_on.day) == (2, 29):
        starts_on = date(starts_on.year, 3, 1)
    ends_on = date(starts_on.year + 1, starts_on.month, starts_on.day) - timedelta(days=1)
    month, billed = Month.containing(starts_on), Decimal(0)
    while month.first <= ends_on:
        position = ContractYear.containing(month).position(month)
        billed += instalment(yearly, position, month.share(starts_on, ends_on), month.part_before(starts_on))
        month = month.plus(1)
    # Only a February that is a day longer than the other one can upset the days.
    if 2 not in (starts_on.month, ends_on.month):
        assert billed == yearly


def test_demo_instalments_by_month() -> None:
    """The demo's instalments are known by name: 6,666.67, 6,666.66, 6,666.67 and so on."""
    found = [instalment(Decimal("80000.00"), position) for position in range(1, 13)]
    assert found == [Decimal("6666.67"), Decimal("6666.66"), Decimal("6666.67")] * 4


def year_state(calls: int, **fields: object) -> YearState:
    return YearState(year=YEAR, terms=DEMO, share=Fraction(1), calls=calls, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(("calls", "due"), [(0, "0.00"), (39_600, "0.00"), (39_601, "2.02"), (42_402, "5660.04")])
def test_settlement_counts_above_the_volume_only(calls: int, due: str) -> None:
    """Below the volume nothing is refunded, above it each call costs 2.02."""
    facts = Facts(Month.parse("2026-12"), YEAR, DEMO, Fraction(1), Usage(10), years=(year_state(calls),))
    (line,) = [line for line in rate(facts) if line.kind == "settlement"]
    assert line.net == Decimal(due)


@given(st.lists(st.integers(0, 4000), min_size=1, max_size=6))
def test_settlement_in_parts_equals_settlement_at_once(parts: list[int]) -> None:
    """Calls that come in after the year was settled are charged once, never twice."""
    seen, charged, billed = 38_000, 0, Decimal(0)
    for part in parts:
        seen += part
        state = year_state(seen, settled_calls=charged, final=False)
        for line in rate(Facts(OCTOBER, YEAR, DEMO, Fraction(1), Usage(), years=(state,))):
            if line.kind == "settlement":
                charged += int(line.quantity)
                billed += line.net
    assert billed == max(seen - 39_600, 0) * Decimal("2.02")


def late(terms: Terms, before: Usage, added: Usage) -> list[RatedLine]:
    month = LateMonth(Month.parse("2026-09"), terms, Fraction(1), YEAR, before, added)
    facts = Facts(OCTOBER, YEAR, Terms(), Fraction(1), Usage(), late=(month,))
    return [line for line in rate(facts) if line.kind == "late"]


def test_late_calls_under_a_flat_fee_cost_nothing_and_are_named() -> None:
    """The partner must see that calls came late even where they cost nothing."""
    (line,) = late(DEMO, Usage(100), Usage(3))
    assert (line.quantity, line.price, line.net) == (3, 0, Decimal("0.00"))
    assert "September 2026" in line.text


@given(agreements(), st.integers(0, 500), st.integers(1, 500))
def test_late_calls_cost_what_the_month_would_have_cost_more(terms: Terms, before: int, added: int) -> None:
    """Tiers and free volumes go on where the closed month stopped."""
    steps = terms.second_steps
    first, more = Usage(before, dict.fromkeys(steps, before * 60)), Usage(added, dict.fromkeys(steps, added * 60))
    (line,) = late(terms, first, more)
    month = Month.parse("2026-09")
    whole = total(rate_month(month, YEAR, terms, Fraction(1), first.plus(more)))
    assert total(rate_month(month, YEAR, terms, Fraction(1), first)) + line.net == whole
    assert line.net == (line.quantity * line.price).quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_groups_are_charged_by_their_own_price() -> None:
    """A call-back for an office may cost more than a plain answer."""
    terms = Terms(groups=(GroupPrice("handed_over", Decimal("1.50")),), group_by="disposition")
    (line,) = rate_month(OCTOBER, YEAR, terms, Fraction(1), Usage(10, {}, {"handed_over": 4, "settled": 6}))
    assert line.net == Decimal("6.00")


def test_yearly_minimum_is_topped_up_once() -> None:
    """The minimum holds for the year, whatever the months were."""
    terms = Terms(per_call=PerCall(Decimal("1.00")), minimum=Minimum(Decimal("1000"), "year"))
    state = YearState(YEAR, terms, Fraction(1), calls=700, net_before=Decimal("600.00"))
    lines = rate(Facts(Month.parse("2026-12"), YEAR, terms, Fraction(1), Usage(100), years=(state,)))
    assert total(lines) == Decimal("400.00")


@given(agreements(), counts)
def test_cancellation_takes_everything_back(terms: Terms, calls: int) -> None:
    """What was billed and cancelled sums to nothing, with negative quantities and never a negative price."""
    lines = rate_month(OCTOBER, YEAR, terms, Fraction(1), usage_of([60] * calls, terms))
    turned = [mirrored(line) for line in lines]
    assert total(lines) + total(turned) == 0
    assert all(line.price >= 0 for line in turned)


@given(agreements())
def test_terms_survive_the_database(terms: Terms) -> None:
    """Terms that come back changed would bill something else than was agreed."""
    import json

    assert from_json(json.loads(json.dumps(to_json(terms)))) == terms


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ({"flat": {"yearly": "-1"}}, "flat.yearly"),
        ({"flat": {"yearly": "abc"}}, "flat.yearly"),
        ({"flat": {}}, "flat"),
        ({"per_call": {"price": "1", "discount": 2}}, "per_call"),
        ({"tiers": {"mode": "graduated", "steps": [{"up_to": 10, "price": "1"}]}}, "tiers.steps"),
        ({"tiers": {"mode": "odd", "steps": [{"up_to": None, "price": "1"}]}}, "mode"),
        ({"per_minute": {"price": "1", "step_s": 0}}, "step_s"),
        ({"index": {"name": "VPI", "base": "0", "value": "100"}}, "index"),
        ({"rebate": {}}, "rebate"),
        ({"groups": [{"group": "a", "price": "1"}]}, "group_by"),
        ({"billable": {"answered": "yes"}}, "billable.answered"),
    ],
)
def test_terms_that_make_no_sense_are_refused(data: dict, part: str) -> None:
    """A mistyped price must be refused with its place, not billed."""
    with pytest.raises(TermsError, match=part):
        from_json(data)
