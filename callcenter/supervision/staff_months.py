"""Handling time by month: decided once over all cities, the same for everybody who may see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from callcenter.audit.services import record
from callcenter.supervision.models import StaffMonth
from callcenter.supervision.periods import Period, containing
from callcenter.supervision.staff import Handling, handling_by_city, least_agents, released
from tenants.models import Tenant
from tenants.scope import all_cities

SETTLED_AFTER = timedelta(days=2)  # late hangups and wrap-ups of the last day


@dataclass(frozen=True)
class Shown:
    """One group's figures as they may be shown. ``steps`` counts calls by handling time (``staff.HANDLING_STEPS``)."""

    seconds: int
    calls: int
    agents: int
    steps: list[int]

    @property
    def mean_s(self) -> float | None:
        return self.seconds / self.calls if self.calls else None


def _kept(group: Handling) -> dict[str, object]:
    return {"seconds": group.seconds, "calls": group.calls, "agents": group.agents, "steps": list(group.steps)}


def decide(*, month: Period, now: datetime) -> StaffMonth | None:
    """The month's decision, made now if nobody made it yet; None while the month is not over and settled."""
    found = StaffMonth.objects.filter(month=month.first).first()
    if found is not None or now.date() < month.last + SETTLED_AFTER:
        return found
    with all_cities("groups are decided over all cities, so that no two people can subtract theirs"):
        cities = list(Tenant.objects.all())
        groups = handling_by_city(cities, month)
        k = least_agents()
        shown, whole = released(groups, k)
        try:
            with transaction.atomic():
                found = StaffMonth.objects.create(
                    month=month.first,
                    k=k,
                    shown={str(city): _kept(group) for city, group in shown.items()},
                    whole=_kept(whole) if whole else None,
                    cities=[city for city, group in groups.items() if group.calls],
                    decided_at=now,
                )
                record(action="supervision.staff_month_decided", data={"month": f"{month.first:%Y-%m}", "k": k})
        except IntegrityError:  # somebody else decided it in this moment
            found = StaffMonth.objects.get(month=month.first)
    return found


def decide_due(now: datetime | None = None) -> int:
    """Decide the last months while the names behind their calls are still known; returns how many were new."""
    now = now or timezone.now()
    before = StaffMonth.objects.count()
    for back in (1, 2):
        decide(month=containing("month", now.date()).shifted(-back), now=now)
    return StaffMonth.objects.count() - before


def of_cities(month: StaffMonth | None, cities: Sequence[Tenant]) -> tuple[dict[int, Shown], Shown | None]:
    """What may be shown to somebody who sees these cities; the whole only to who sees every city in it."""
    if month is None:
        return {}, None
    ids = {city.pk for city in cities}
    shown = {int(city): Shown(**figures) for city, figures in month.shown.items() if int(city) in ids}
    whole = Shown(**month.whole) if month.whole and set(month.cities) <= ids else None
    return shown, whole


def handling_of(cities: Sequence[Tenant], today: date, now: datetime) -> Shown | None:
    """Last month's handling time for planning: all cities together, or the one city somebody sees."""
    for back in (1, 2):
        month = decide(month=containing("month", today).shifted(-back), now=now)
        shown, whole = of_cities(month, cities)
        if found := whole or (next(iter(shown.values())) if len(shown) == 1 else None):
            return found
    return None
