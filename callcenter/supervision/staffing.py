"""How many desks the coming days need, and what would change: all cities together, for one team answers for all."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from django.core.cache import cache
from django.utils import timezone

from callcenter.supervision import rollups
from callcenter.supervision.backtest import Forecast, history_of, with_interval
from callcenter.supervision.erlang import Staffing, agents_needed, on_the_payroll, staffing
from callcenter.supervision.forecast import FEWEST_DAYS, SLOTS, Array, History
from callcenter.supervision.known_events import event_days
from callcenter.supervision.local_time import HALF_HOUR
from callcenter.supervision.models import Targets
from callcenter.supervision.periods import Period
from callcenter.supervision.selectors import Look
from callcenter.supervision.staff_months import handling_of
from tenants.models import Tenant

LOOKED_BACK_DAYS = 3 * 366
HORIZON_DAYS = 7
KEPT_S = 6 * 3_600
LONGEST_SILENCE = 4  # more empty days in a row than any holiday has: nobody recorded them
ASSUMED_HANDLING_S = 240
WEEKLY_HOURS = 39  # a full post by TVöD
WORTH_PLANNING = 0.5


def history(cities: Sequence[Tenant], until: date) -> History | None:
    """Calls of these cities by local half-hour, up to the day before ``until``; None while too few days are known."""
    counts: dict[datetime, float] = defaultdict(float)
    for city in cities:
        look = Look(
            city, Period(until - timedelta(days=LOOKED_BACK_DAYS), until - timedelta(days=1)), Targets(tenant=city)
        )
        for slot, calls in rollups.offered_by_half_hour(look).items():
            counts[slot] += calls
    if not counts:
        return None
    found = history_of(counts, cities[0].land)
    table = np.vstack([found.counts, np.full(((until - found.first).days - len(found.counts), SLOTS), np.nan)])
    whole = History(found.first, _with_quiet_days(table), found.land, event_days(cities))
    return whole if whole.recorded >= FEWEST_DAYS else None


def _with_quiet_days(table: Array) -> Array:
    """Few empty days in a row are days without callers; a longer silence was not recorded."""
    filled, run = table.copy(), 0
    empty = [bool(np.isnan(day).any()) for day in table]
    for n in range(len(table) + 1):
        if n < len(table) and empty[n]:
            run += 1
            continue
        if run and run <= LONGEST_SILENCE:
            filled[n - run : n] = 0.0
        run = 0
    return filled


@dataclass(frozen=True)
class Outlook:
    """The coming days: calls of all cities with their interval, and each city's own share."""

    together: Forecast
    by_city: dict[int, Array]
    handling_s: float | None
    handling_agents: int


def outlook(cities: Sequence[Tenant], today: date) -> Outlook | None:
    """Forecast from today on; kept for some hours, because it reads years of calls."""
    said = hashlib.sha256(repr(event_days(cities)).encode()).hexdigest()[:12]
    key = f"staffing-outlook-{'-'.join(str(city.pk) for city in cities)}-{today}-{said}"
    found = cache.get(key)
    if found is None:
        found = _outlook(cities, today)
        if found is not None:
            cache.set(key, found, KEPT_S)
    return found


def _outlook(cities: Sequence[Tenant], today: date) -> Outlook | None:
    whole = history(cities, today)
    if whole is None:
        return None
    together = with_interval(whole, HORIZON_DAYS)
    # Each city's part of every half-hour, by its part of the weeks before: the parts add up to the whole.
    parts = {}
    for city in cities:
        own = history([city], today)
        totals = own.totals[-8 * 7 :] if own is not None else np.zeros(1)
        parts[city.pk] = float(np.nansum(totals))
    every = sum(parts.values()) or 1.0
    measured = handling_of(cities, today, timezone.now())
    by_city = {pk: together.mean * part / every for pk, part in parts.items()}
    return Outlook(together, by_city, measured.mean_s if measured else None, measured.agents if measured else 0)


@dataclass(frozen=True)
class Plan:
    """What is assumed. ``fewer`` desks are taken away from (or, negative, added to) what is needed."""

    handling_s: float
    within_s: int
    service_level: float
    shrinkage: float
    more_calls: float = 0.0  # a month, spread like the others
    fewer: int = 0


@dataclass(frozen=True)
class HalfHour:
    """One half-hour of the plan; ``desks`` keep the promise, ``changed_desks`` are those of the what-if."""

    start: str
    calls: float
    low: float | None
    high: float | None
    desks: int
    occupancy: float
    changed_calls: float
    changed_desks: int
    changed_level: float


@dataclass(frozen=True)
class DayPlan:
    day: date
    half_hours: list[HalfHour]

    @property
    def calls(self) -> float:
        return sum(half.calls for half in self.half_hours)

    @property
    def busiest(self) -> HalfHour | None:
        return max(self.half_hours, key=lambda half: half.desks, default=None)

    @property
    def desk_hours(self) -> float:
        return sum(half.desks for half in self.half_hours) / 2

    @property
    def changed_desk_hours(self) -> float:
        return sum(half.changed_desks for half in self.half_hours) / 2

    @property
    def changed_level(self) -> float | None:
        """Share answered in time over the day, half-hours weighted by their calls."""
        calls = sum(half.changed_calls for half in self.half_hours)
        return sum(half.changed_level * half.changed_calls for half in self.half_hours) / calls if calls else None


def plan_days(forecast: Forecast, plan: Plan) -> list[DayPlan]:
    """Desks for each half-hour of the forecast, as planned and as in the what-if."""
    month = float(forecast.mean.sum()) / len(forecast.mean) * 30.44
    growth = 1 + plan.more_calls / month if month else 1.0
    days = []
    for n, day in enumerate(forecast.days):
        halves = []
        for slot in range(SLOTS):
            calls = float(forecast.mean[n, slot])
            if calls < WORTH_PLANNING:
                continue
            desks, needed = (_desks(calls * factor, plan) for factor in (1.0, growth))
            changed = max(0, needed - plan.fewer)
            base, what_if = (
                staffing(
                    calls=volume, seconds=HALF_HOUR, handling_s=plan.handling_s, target_s=plan.within_s, agents=people
                )
                for volume, people in ((calls, desks), (calls * growth, changed))
            )
            halves.append(
                HalfHour(
                    start=f"{slot // 2}:{slot % 2 * 30:02}",
                    calls=calls,
                    low=None if forecast.low is None else float(forecast.low[n, slot]),
                    high=None if forecast.high is None else float(forecast.high[n, slot]),
                    desks=desks,
                    occupancy=base.occupancy,
                    changed_calls=calls * growth,
                    changed_desks=changed,
                    changed_level=what_if.service_level,
                )
            )
        days.append(DayPlan(day, halves))
    return days


def _desks(calls: float, plan: Plan) -> int:
    return agents_needed(
        calls=calls,
        seconds=HALF_HOUR,
        handling_s=plan.handling_s,
        target_s=plan.within_s,
        service_level=plan.service_level,
    )


def _result(calls: float, desks: int, plan: Plan) -> Staffing:
    return staffing(calls=calls, seconds=HALF_HOUR, handling_s=plan.handling_s, target_s=plan.within_s, agents=desks)


def posts(desk_hours: float, shrinkage: float) -> float:
    """Full posts that a week of desk hours takes, leave and illness included."""
    return desk_hours / (1 - shrinkage) / WEEKLY_HOURS


def people(desks: int, shrinkage: float) -> int:
    """People on the rota so that so many desks are taken."""
    return on_the_payroll(desks, shrinkage)


def rounded_up(seconds: float) -> int:
    """Handling time as a form shows it: whole ten seconds."""
    return math.ceil(seconds / 10) * 10
