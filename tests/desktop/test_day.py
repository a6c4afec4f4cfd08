"""An agent's own day: what happened when, for their eyes alone, and gone tomorrow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from callcenter.calls import services
from callcenter.calls.models import Presence
from callcenter.calls.services.lifecycle import expire_personal_data
from callcenter.desktop.day import BAR, day_of

START = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def change(state: str, minutes: int, reason: str = "") -> list[str]:
    return [state, reason, at(minutes).isoformat()]


def test_day_adds_up() -> None:
    """Sums that do not add up would be worse than none."""
    told = [change("ready", 0), change("call", 30), change("wrap_up", 36), change("not_ready", 40, "Pause")]
    told += [change("ready", 60), change("not_ready", 90, "Besprechung")]
    day = day_of(told, now=at(100), calls=1)
    assert (day.talking_s, day.wrap_up_s, day.rest_s, day.other_s) == (360, 240, 1200, 600)
    assert day.signed_on_s == 6000
    assert day.break_by == at(60 + 360)
    assert (day.stretches[0].x, day.stretches[-1].x + day.stretches[-1].width) == (0, BAR)


def test_short_rest_does_not_move_the_next_break() -> None:
    """§ 4 ArbZG: less than a quarter of an hour is no rest."""
    told = [change("ready", 0), change("not_ready", 60, "Pause"), change("ready", 70)]
    assert day_of(told, now=at(80)).break_by == at(360)
    assert day_of([*told, change("not_ready", 80, "Pause")], now=at(81)).break_by is None


def test_empty_day_and_leaving_are_no_error() -> None:
    assert day_of([], now=at(0)).begun is None
    assert day_of([change("away", 0)], now=at(10)).begun is None
    assert day_of([change("ready", 5), change("away", 65)], now=at(100)).signed_on_s == 3600


@given(st.lists(st.tuples(st.sampled_from(["ready", "call", "away", "not_ready"]), st.integers(0, 600)), max_size=20))
def test_any_changes_give_a_whole_bar(told: list[tuple[str, int]]) -> None:
    """Clocks are set back now and then: stretches stay in order and fill the bar without a gap."""
    day = day_of([change(state, minutes) for state, minutes in told], now=at(300))
    for one, two in zip(day.stretches, day.stretches[1:], strict=False):
        assert (one.x + one.width, one.end) == (two.x, two.start)
        assert one.seconds >= 0
    has_length = any(each.seconds for each in day.stretches)
    assert sum(each.width for each in day.stretches) == (BAR if has_length else 0)


@pytest.mark.django_db
def test_own_day_is_shown_and_gone_the_next_day(people, client_for) -> None:
    """Staff data: for oneself, and kept no longer than it is today."""
    with time_machine.travel(datetime(2026, 11, 25, 8, 0, tzinfo=UTC)) as clock:
        services.sign_on(user=people["agent"], extension="214")
        clock.shift(timedelta(minutes=30))
        services.set_not_ready(user=people["agent"], reason="Pause")
        clock.shift(timedelta(minutes=20))
        services.set_ready(user=people["agent"])
        page = client_for("agent").get("/arbeitsplatz/tag/").content.decode()
        assert "20:00" in page
        assert "Pause" in page
        assert client_for("supervisor").get("/arbeitsplatz/tag/").status_code == 403
        clock.shift(timedelta(days=1))
        expire_personal_data()
        assert Presence.objects.get().today == []
        page = client_for("agent").get("/arbeitsplatz/tag/").content.decode()
        assert "Sobald Sie sich an einem Platz anmelden" in page
