"""Periods: what a page looks at and what it is compared with."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.supervision.periods import Period, containing, steps_of

BERLIN = ZoneInfo("Europe/Berlin")
days = st.dates(date(2020, 1, 1), date(2035, 12, 31))


@given(st.sampled_from(["day", "week", "month", "quarter", "year"]), days, st.integers(-30, 30))
def test_neighbours_touch_without_gap(kind, day, steps):
    """Turning the page would skip days, or show them twice."""
    period = containing(kind, day)
    assert day in period
    moved = period.shifted(steps)
    assert moved.shifted(1).first == moved.last + timedelta(days=1)
    assert moved.shifted(-steps) == period


@given(days, st.integers(0, 800))
def test_steps_cover_the_period_once(first, length):
    """A chart would lose or double the days at the edges."""
    period = Period(first, first + timedelta(days=length))
    covered = [day for piece in steps_of(period) for day in piece]
    assert covered == list(period)
    assert len(steps_of(period)) <= 62


def test_bounds_follow_the_clock_changes():
    """The last October night would be cut by an hour."""
    day = containing("day", date(2026, 10, 25))
    start, end = day.bounds(BERLIN)
    assert (start, end) == (datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC))


def test_running_period_is_compared_with_as_many_days():
    """A month of three days would look like a collapse."""
    passed, before = containing("month", date(2026, 11, 1)).compared_with(date(2026, 11, 22))
    assert passed == Period(date(2026, 11, 1), date(2026, 11, 22))
    assert before == Period(date(2026, 10, 1), date(2026, 10, 22))
    whole, before = containing("month", date(2026, 10, 1)).compared_with(date(2026, 11, 22))
    assert (whole, before) == (containing("month", date(2026, 10, 1)), containing("month", date(2026, 9, 1)))
    _, before = Period(date(2026, 3, 1), date(2026, 3, 31)).compared_with(date(2026, 3, 30))
    assert before == containing("month", date(2026, 2, 1))


@pytest.mark.parametrize(
    ("period", "label"),
    [
        (Period(date(2026, 10, 1), date(2026, 10, 31)), "Oktober 2026"),
        (Period(date(2026, 7, 1), date(2026, 9, 30)), "3. Quartal 2026"),
        (Period(date(2026, 1, 1), date(2026, 12, 31)), "2026"),
        (Period(date(2026, 10, 5), date(2026, 10, 11)), "05.10. – 11.10.2026"),
        (Period(date(2025, 12, 29), date(2026, 1, 4)), "29.12.2025 – 04.01.2026"),
    ],
)
def test_label_reads_as_a_colleague_says_it(period, label):
    """Nobody could tell which month the figures are for."""
    assert period.label == label
