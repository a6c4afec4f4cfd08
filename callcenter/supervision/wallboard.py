"""What happens now: waiting callers, today by city, desks by state. Counts only, never a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import fmean

from django.core.cache import cache
from django.db.models import Count, Min

from callcenter.accounts.models import Role
from callcenter.calls.models import (
    Call,
    CallState,
    Direction,
    Handover,
    HandoverState,
    Presence,
    PresenceState,
    counted,
)
from callcenter.supervision import measures, rollups, selectors
from callcenter.supervision.measures import Counts, Rate, service_level
from callcenter.supervision.models import Targets
from callcenter.supervision.periods import Period, containing
from callcenter.supervision.selectors import Look
from tenants.models import ServiceHours, Tenant

HALF_HOUR = timedelta(minutes=30)
SEEN_WITHIN = timedelta(hours=14)  # a desk that was left without signing off is no desk of today
LONGEST_RING = timedelta(hours=6)  # an older one lost its hangup; the bound also keeps to the index by time
EXPECTED_WEEKS = 6
EXPECTED_KEPT_S = 3_600


@dataclass(frozen=True)
class CityNow:
    """One city today; ``half_hours`` are (local time, calls so far, calls expected)."""

    city: Tenant
    targets: Targets
    counts: Counts
    first_contact: Rate
    waiting: int
    longest_wait_s: int
    handovers_due: int
    half_hours: list[tuple[datetime, int, float]]

    @property
    def service_level(self) -> Rate:
        return service_level(self.counts)

    @property
    def hours(self) -> tuple[datetime, datetime] | None:
        """From when to when the picture reaches; None while it has nothing to show."""
        return (self.half_hours[0][0], self.half_hours[-1][0] + HALF_HOUR) if self.half_hours else None

    @property
    def alarm(self) -> bool:
        """Too many wait, or somebody waits too long."""
        return self.waiting >= self.targets.alarm_waiting or self.longest_wait_s >= self.targets.alarm_wait_s

    @property
    def below_promise(self) -> bool:
        value = self.service_level.value
        return value is not None and value < float(self.targets.service_level)


@dataclass(frozen=True)
class Now:
    at: datetime
    cities: list[CityNow]
    desks: dict[str, int]

    @property
    def waiting(self) -> int:
        return sum(one.waiting for one in self.cities)

    @property
    def longest_wait_s(self) -> int:
        return max((one.longest_wait_s for one in self.cities), default=0)

    @property
    def alarm(self) -> bool:
        return any(one.alarm for one in self.cities)

    @property
    def counts(self) -> Counts:
        return measures.total(one.counts for one in self.cities)

    @property
    def service_level(self) -> Rate:
        """Each city's calls by its own promise, added up."""
        return service_level(self.counts)

    @property
    def first_contact(self) -> Rate:
        return Rate(
            sum(one.first_contact.numerator for one in self.cities),
            sum(one.first_contact.denominator for one in self.cities),
        )

    @property
    def abandoned(self) -> Rate:
        return self.counts.abandon_rate


def now_in(cities: Sequence[Tenant], at: datetime) -> Now:
    """The wallboard of these cities; the scope must hold them."""
    waiting = {
        city: (cases, since)
        for city, cases, since in Call.objects.filter(
            counted(),
            tenant__in=cities,
            state=CallState.OFFERED,
            direction=Direction.IN,
            offered_at__gte=at - LONGEST_RING,
        )
        .order_by()
        .values_list("tenant")
        .annotate(cases=Count("pk"), since=Min("offered_at"))
    }
    due: Counter[int] = Counter()
    for city in cities:
        tonight = containing("day", at.astimezone(city.zone).date()).bounds(city.zone)[1]
        due[city.pk] = Handover.objects.filter(
            counted("contact__call"), tenant=city, state__in=HandoverState.owed(), due_at__lt=tonight
        ).count()
    return Now(at, [_city_now(city, at, waiting.get(city.pk), due[city.pk]) for city in cities], desks(cities, at))


def _city_now(city: Tenant, at: datetime, waiting: tuple[int, datetime] | None, due: int) -> CityNow:
    today = at.astimezone(city.zone).date()
    targets = Targets.of(city)
    look = Look(city, Period(today, today), targets, service_only=targets.service_hours_only)
    slots = selectors.by_half_hour(look)
    likely = expected(look)
    number, since = waiting or (0, at)
    return CityNow(
        city=city,
        targets=look.targets,
        counts=measures.total(slots.values()),
        first_contact=selectors.dispositions(look).first_contact,
        waiting=number,
        longest_wait_s=max(0, int((at - since).total_seconds())),
        handovers_due=due,
        half_hours=[(slot, slots.get(slot, Counts()).offered, likely.get(slot, 0.0)) for slot in _shown(slots, likely)],
    )


def _shown(slots: dict[datetime, Counts], likely: dict[datetime, float]) -> list[datetime]:
    """Every half-hour from the first to the last that has, or expects, calls worth a bar."""
    worth = max(0.5, 0.03 * max(likely.values(), default=0))
    used = sorted([*slots, *(slot for slot, calls in likely.items() if calls >= worth)])
    if not used:
        return []
    count = int((used[-1] - used[0]) / HALF_HOUR) + 1
    return [used[0] + HALF_HOUR * n for n in range(count)]


def expected(look: Look) -> dict[datetime, float]:
    """Mean calls of the same half-hour on the same weekday of the last weeks; kept for an hour."""
    today = look.period.first
    key = f"wallboard-expected-{look.city.pk}-{today}-{look.service_only}"
    found = cache.get(key)
    if found is None:
        found = _expected(look, today)
        cache.set(key, found, EXPECTED_KEPT_S)
    return found


def _expected(look: Look, today: date) -> dict[datetime, float]:
    days = [today - timedelta(weeks=n) for n in range(1, EXPECTED_WEEKS + 1)]
    earlier = [rollups.offered_by_half_hour(look.over(Period(day, day))) for day in days]
    times = {slot.time() for slots in earlier for slot in slots}
    return {
        datetime.combine(today, time): fmean(
            slots.get(datetime.combine(day, time), 0) for day, slots in zip(days, earlier, strict=True) if slots
        )
        for time in times
    }


def desks(cities: Sequence[Tenant], at: datetime) -> dict[str, int]:
    """Desks by what is done there now; counted over all cities, because agents answer for all of them."""
    rows = (
        Presence.objects.filter(seen_at__gte=at - SEEN_WITHIN, user__is_active=True)
        .filter(user__memberships__tenant__in=cities, user__memberships__role=Role.AGENT)
        .exclude(state=PresenceState.AWAY)
        .values_list("state")
        .annotate(cases=Count("user", distinct=True))
    )
    return dict(rows.order_by())


def opening(cities: Sequence[Tenant], day: date) -> str:
    """Today's service hours when all cities share them, else nothing."""
    hours = {
        city.pk: tuple(ServiceHours.objects.filter(tenant=city, weekday=day.weekday()).values_list("opens", "closes"))
        for city in cities
    }
    shared = set(hours.values())
    if len(shared) != 1:
        return ""
    return ", ".join(f"{opens:%-H:%M} – {closes:%-H:%M}" for opens, closes in shared.pop())
