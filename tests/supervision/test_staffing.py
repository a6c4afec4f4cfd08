"""Desks for the coming days: from the calls of all cities, with figures a planner can check."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
import time_machine
from django.core.cache import cache

from callcenter.calls.models import Call
from callcenter.supervision.backtest import Forecast
from callcenter.supervision.erlang import agents_needed
from callcenter.supervision.forecast import History, expected_calls
from callcenter.supervision.known_events import event_days
from callcenter.supervision.models import KnownEvent
from callcenter.supervision.staffing import Plan, history, outlook, plan_days, posts
from tenants.scope import all_cities, scoped
from tests.supervision.conftest import a_call, moment
from tests.supervision.series import years_of_calls

TODAY = date(2026, 11, 23)  # a Monday
PLAN = Plan(handling_s=240, within_s=30, service_level=0.75, shrinkage=0.3)


@pytest.fixture(autouse=True)
def _nothing_kept():
    cache.clear()


@pytest.fixture
def ten_weeks(duisburg, dinslaken):
    """Working days of ten weeks, three hours each: Duisburg 30 calls in a half-hour, Dinslaken 3."""
    with all_cities("test data"):
        calls = []
        for back in range(1, 71):
            day = TODAY - timedelta(days=back)
            if day.weekday() < 5:
                for city, number in ((duisburg, 30), (dinslaken, 3)):
                    start = moment(f"{day} 08:00")
                    for slot in range(6):
                        calls += [
                            a_call(city, start + timedelta(minutes=30 * slot, seconds=50 * n), talked=200)
                            for n in range(number)
                        ]
        Call.objects.bulk_create(calls)


def test_history_knows_quiet_days_from_silence(duisburg):
    """Three weeks before the telephone system came would be forecast as three weeks without callers."""
    with all_cities("test data"):
        days = [*range(1, 36), *range(60, 90)]
        Call.objects.bulk_create(
            a_call(duisburg, moment(f"{TODAY - timedelta(days=back)} 08:00"))
            for back in days
            if (TODAY - timedelta(days=back)).weekday() < 5
        )
        found = history([duisburg], TODAY)
    assert found is not None
    totals = dict(zip((found.first + timedelta(days=n) for n in range(len(found.totals))), found.totals, strict=True))
    assert totals[date(2026, 11, 21)] == 0  # a Saturday
    assert np.isnan(totals[TODAY - timedelta(days=45)])
    assert totals[date(2026, 11, 20)] == 1


def test_outlook_adds_the_cities_up(duisburg, dinslaken, ten_weeks):
    """The rota would be made for one city and the other's callers would wait."""
    with scoped([duisburg, dinslaken]):
        found = outlook([duisburg, dinslaken], TODAY)
    assert found is not None
    assert found.together.days[0] == TODAY
    monday = found.together.mean[0]
    assert monday.sum() == pytest.approx(6 * 33, rel=0.05)
    assert sum(part[0].sum() for part in found.by_city.values()) == pytest.approx(monday.sum())
    assert found.by_city[dinslaken.pk][0].sum() == pytest.approx(18, rel=0.1)
    assert found.together.mean[5].sum() == 0  # Saturday


def test_outlook_without_four_weeks_is_none(duisburg):
    """A plan would be made from nothing."""
    with scoped([duisburg]):
        assert outlook([duisburg], TODAY) is None


def flat(calls: float) -> Forecast:
    mean = np.zeros((7, 48))
    mean[:5, 16:36] = calls
    return Forecast(TODAY, mean, None, None, None, None)


def test_plan_keeps_the_promise_with_as_few_desks_as_possible():
    """One desk too many all year, or a promise that is broken every day."""
    day = plan_days(flat(100), PLAN)[0]
    needed = agents_needed(calls=100, seconds=1_800, handling_s=240, target_s=30, service_level=0.75)
    assert {half.desks for half in day.half_hours} == {needed}
    assert len(day.half_hours) == 20
    assert day.desk_hours == needed * 10
    assert posts(day.desk_hours, 0.3) == pytest.approx(needed * 10 / 0.7 / 39)


def test_plan_with_one_desk_fewer_says_what_it_costs():
    """'One agent fewer' would look free."""
    fewer = plan_days(flat(100), Plan(240, 30, 0.75, 0.3, fewer=1))[0]
    as_needed = plan_days(flat(100), PLAN)[0]
    assert fewer.changed_level < 0.75 <= as_needed.changed_level
    assert fewer.half_hours[0].changed_desks == fewer.half_hours[0].desks - 1


def test_plan_with_another_city_grows_less_than_its_calls():
    """The gain of one team for several cities would be invisible."""
    forecast = flat(20)
    month = float(forecast.mean.sum()) / 7 * 30.44
    doubled = plan_days(forecast, Plan(240, 30, 0.75, 0.3, more_calls=month))[0]
    assert doubled.half_hours[0].changed_calls == pytest.approx(40)
    assert doubled.desk_hours < doubled.changed_desk_hours < 2 * doubled.desk_hours


def test_staffing_page_shows_the_what_if_of_its_address(client_for, ten_weeks):
    """A colleague who gets the link would see another plan."""
    with time_machine.travel("2026-11-23T06:00:00Z", tick=False):
        client = client_for("supervisor")
        page = client.get("/auswertung/besetzung/").content.decode()
        assert "Am Montag, 23. November werden" in page
        assert "im Fall darunter" not in page
        page = client.get("/auswertung/besetzung/?mehr=4000&weniger=1&tag=1").content.decode()
        assert "Dienstag, 24. November" in page
        assert "im Fall darunter" in page
        assert 'value="4000"' in page
        wrong = client.get("/auswertung/besetzung/?dauer=5")
        assert wrong.status_code == 422
        assert client_for("liaison").get("/auswertung/besetzung/").status_code == 403


def test_staffing_page_without_history_says_what_it_needs(client_for):
    """An empty page would look broken in the first month."""
    assert "vier Wochen mit Anrufen" in client_for("supervisor").get("/auswertung/besetzung/").content.decode()


def test_known_event_changes_the_forecast_of_its_days(client_for, people, duisburg):
    """Everybody knows that the tax letters go out in January; the rota would not."""
    history = years_of_calls(7, days=760, wild=False)
    letters = [date(year, 1, day) for year in (2023, 2024, 2025) for day in range(10, 25)]
    known = History(history.first, history.counts, events={"tax": letters})
    until = (date(2025, 1, 13) - history.first).days  # a Monday in the third January
    told, untold = (expected_calls(one.until(until), 5).sum() for one in (known, history))
    actual = history.counts[until : until + 5].sum()
    assert abs(told - actual) < abs(untold - actual)
    client = client_for("supervisor")
    values = {"kind": "tax", "name": "Bescheide", "first": "2026-01-10", "last": "2026-01-12"}
    assert client.post("/auswertung/duisburg/ereignisse/", {**values, "last": "2026-01-09"}).status_code == 422
    client.post("/auswertung/duisburg/ereignisse/", values)
    with scoped([duisburg]):
        assert event_days([duisburg]) == {"tax": [date(2026, 1, 10), date(2026, 1, 11), date(2026, 1, 12)]}
        event = KnownEvent.objects.get()
    assert "Bescheide" in client.get("/auswertung/duisburg/ereignisse/").content.decode()
    client.post(f"/auswertung/duisburg/ereignisse/{event.pk}/loeschen")
    with scoped([duisburg]):
        assert event_days([duisburg]) == {}
