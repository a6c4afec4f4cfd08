"""Opening hours: whether an office is open at a moment, until when, and when it opens next. Pure.

What counts for a day, in this order: the office's own special day, the city's, a public holiday of
the Land (closed), the hours of the week.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

import holidays

Times = tuple[tuple[time, time], ...]
LOOK_AHEAD = 60  # days in which the next opening is looked for


@dataclass(frozen=True)
class Special:
    """Other hours than the week's, ends included; no times: closed."""

    begins: date
    ends: date
    reason: str
    times: Times = ()


@dataclass(frozen=True)
class Schedule:
    """Everything that decides an office's hours. ``week`` by weekday, Monday is 0."""

    week: Mapping[int, Times]
    own: Sequence[Special] = ()
    citywide: Sequence[Special] = ()
    land: str = "NW"


@dataclass(frozen=True)
class Day:
    """One day's hours; ``reason`` says why they are not the week's."""

    times: Times
    reason: str = ""


@dataclass(frozen=True)
class Openness:
    """``until`` while it is open; ``opens_next`` (local) while it is closed, None when no opening is known."""

    is_open: bool
    today: Day
    until: time | None = None
    opens_next: datetime | None = None


@lru_cache(maxsize=64)
def public_holidays(land: str, year: int) -> Mapping[date, str]:
    """The Land's public holidays with their German names; ``land`` is its code, such as NW."""
    return dict(holidays.country_holidays("DE", subdiv=land or None, years=year, language="de").items())


def day_of(schedule: Schedule, day: date) -> Day:
    """The hours of one day."""
    for special in (*schedule.own, *schedule.citywide):
        if special.begins <= day <= special.ends:
            return Day(special.times, special.reason)
    if name := public_holidays(schedule.land, day.year).get(day):
        return Day((), name)
    return Day(schedule.week.get(day.weekday(), ()))


def openness(schedule: Schedule, now: datetime) -> Openness:
    """How it stands at ``now``, a moment in the office's own zone."""
    today, clock = day_of(schedule, now.date()), now.time()
    for opens, closes in today.times:
        if opens <= clock < closes:
            return Openness(True, today, until=closes)
    for ahead in range(LOOK_AHEAD):
        day = now.date() + timedelta(days=ahead)
        for opens, _closes in day_of(schedule, day).times:
            if ahead or opens > clock:
                return Openness(False, today, opens_next=datetime.combine(day, opens, tzinfo=now.tzinfo))
    return Openness(False, today)
