"""Hours that count: Monday to Friday without the Land's public holidays. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

HANDOVER_HOURS = timedelta(hours=24)
SATURDAY = 5


@lru_cache(maxsize=64)
def _holidays(land: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("DE", subdiv=land or None, years=year))


def counts(day: date, land: str) -> bool:
    """Whether hours of this day count; ``land`` is the German state's code, such as NW."""
    return day.weekday() < SATURDAY and day not in _holidays(land, day.year)


def due_after(start: datetime, *, zone: ZoneInfo, land: str, hours: timedelta = HANDOVER_HOURS) -> datetime:
    """The moment (UTC) when ``hours`` that count have passed since ``start`` (aware).

    Whole days count from midnight to midnight in ``zone``: Friday 15:00 and 24 hours is Monday 15:00.
    """
    moment, left = start.astimezone(UTC), hours
    while True:
        day = moment.astimezone(zone).date()
        midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone).astimezone(UTC)
        if counts(day, land):
            if midnight - moment >= left:
                return moment + left
            left -= midnight - moment
        moment = midnight
