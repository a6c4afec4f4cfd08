"""Whether an office is open decides if a caller sets out: holidays and special days must count."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from tenants.opening import Schedule, Special, day_of, openness, public_holidays


def at(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=ZoneInfo("Europe/Berlin"))


MORNING, AFTERNOON = (time(8), time(12, 30)), (time(13, 30), time(16))
WEEK = {day: (MORNING, AFTERNOON) if day in (0, 1, 3) else (MORNING,) for day in range(5)}
OFFICE = Schedule(WEEK)


@pytest.mark.parametrize(
    ("now", "is_open", "until", "opens_next"),
    [
        (at(2026, 11, 23, 8, 0), True, time(12, 30), None),  # Monday, to the minute
        (at(2026, 11, 23, 12, 30), False, None, at(2026, 11, 23, 13, 30)),  # closing time is closed
        (at(2026, 11, 23, 7, 59), False, None, at(2026, 11, 23, 8)),
        (at(2026, 11, 25, 14, 0), False, None, at(2026, 11, 26, 8)),  # Wednesday has no afternoon
        (at(2026, 11, 28, 10, 0), False, None, at(2026, 11, 30, 8)),  # Saturday
    ],
)
def test_week(now, is_open, until, opens_next):
    state = openness(OFFICE, now)
    assert (state.is_open, state.until, state.opens_next) == (is_open, until, opens_next)


def test_public_holiday_of_the_land_is_closed_and_named():
    """A caller would stand before a locked door on Corpus Christi, which Berlin does not keep."""
    corpus_christi = date(2026, 6, 4)
    assert day_of(OFFICE, corpus_christi).times == ()
    assert day_of(OFFICE, corpus_christi).reason == "Fronleichnam"
    assert day_of(Schedule(WEEK, land="BE"), corpus_christi).times == WEEK[3]
    assert "Tag der Deutschen Einheit" in public_holidays("NW", 2026).values()


def test_special_day_of_the_office_goes_before_the_citys_and_both_before_the_week():
    christmas_eve = date(2026, 12, 24)
    city = Special(christmas_eve, date(2026, 12, 31), "Betriebsferien")
    own = Special(christmas_eve, christmas_eve, "Notdienst", ((time(9), time(11)),))
    assert day_of(Schedule(WEEK, citywide=[city]), christmas_eve).reason == "Betriebsferien"
    assert day_of(Schedule(WEEK, own=[own], citywide=[city]), christmas_eve).times == ((time(9), time(11)),)
    assert day_of(Schedule(WEEK, own=[own], citywide=[city]), date(2026, 12, 28)).times == ()


def test_special_hours_open_even_on_a_holiday():
    unity = date(2026, 10, 3)
    own = Special(unity, unity, "Wahl", ((time(10), time(12)),))
    state = openness(Schedule(WEEK, own=[own]), at(2026, 10, 3, 11))
    assert (state.is_open, state.until) == (True, time(12))


def test_next_opening_skips_holidays_and_closed_days():
    """Between the years the next opening is days away."""
    city = Special(date(2026, 12, 28), date(2026, 12, 31), "Betriebsferien")
    state = openness(Schedule(WEEK, citywide=[city]), at(2026, 12, 24, 17))
    assert state.opens_next == at(2027, 1, 4, 8)


def test_office_without_hours_names_no_opening():
    state = openness(Schedule({}), at(2026, 11, 23, 9))
    assert (state.is_open, state.opens_next) == (False, None)
