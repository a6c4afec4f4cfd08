"""Months and their bounds, in a zone that changes its clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.months import ContractYear, Month, closable_from

BERLIN = ZoneInfo("Europe/Berlin")
MONTHS = st.builds(Month, st.integers(2000, 2100), st.integers(1, 12))


@pytest.mark.parametrize(("month", "hours"), [("2026-10", 745), ("2026-03", 743), ("2026-02", 672), ("2028-02", 696)])
def test_month_has_its_hours(month: str, hours: int) -> None:
    """An hour lost or doubled at the change of the clock would lose or double its calls."""
    first, last = Month.parse(month).bounds(BERLIN)
    assert last - first == timedelta(hours=hours)


@pytest.mark.fault(29)
def test_last_half_hour_of_october_utc_is_november() -> None:
    """A call after local midnight would be billed a month too early."""
    assert str(Month.at(datetime(2026, 10, 31, 23, 30, tzinfo=UTC), BERLIN)) == "2026-11"
    assert str(Month.at(datetime(2026, 10, 31, 22, 59, tzinfo=UTC), BERLIN)) == "2026-10"


@given(st.integers(946_800_000, 4_102_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_moment_is_in_exactly_one_month(moment: datetime) -> None:
    """A call in no month is never billed, in two it is billed twice."""
    month = Month.at(moment, BERLIN)
    inside = [m for m in (month.plus(-1), month, month.plus(1)) if m.bounds(BERLIN)[0] <= moment < m.bounds(BERLIN)[1]]
    assert inside == [month]


@given(MONTHS)
def test_months_follow_without_gap(month: Month) -> None:
    """A gap between two months would swallow calls."""
    assert month.bounds(BERLIN)[1] == month.plus(1).bounds(BERLIN)[0]
    assert month.plus(1).plus(-1) == month
    assert Month.parse(str(month)) == month


@given(MONTHS, st.integers(1, 12))
def test_contract_year_holds_its_month(month: Month, start: int) -> None:
    """An instalment counted in the wrong contract year breaks the yearly sum."""
    year = ContractYear.containing(month, start)
    assert month in year.months
    assert year.months[year.position(month) - 1] == month
    assert year.share(date(1999, 1, 1), None) == 1


def test_grace_ends_at_local_midnight() -> None:
    """Two days of grace: closable from the third, 00:00 local time."""
    assert closable_from(Month.parse("2026-10"), 2, BERLIN) == datetime(2026, 11, 2, 23, tzinfo=UTC)


def test_share_counts_days() -> None:
    """A start in mid-month must not cost the whole month."""
    april = Month.parse("2026-04")
    assert april.share(date(2026, 4, 16), None) == Decimal("0.5")
    assert april.share(date(2026, 1, 1), date(2026, 4, 15)) == Decimal("0.5")
    assert april.share(date(2026, 5, 1), None) == 0


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "10/2026", "2026-10-01", "", "0000-01"])
def test_nonsense_is_no_month(text: str) -> None:
    """A mistyped month must not close another one."""
    with pytest.raises(ValueError, match="month"):
        Month.parse(text)
