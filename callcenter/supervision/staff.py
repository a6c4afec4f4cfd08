"""Measures that come from the work of people, and the rules that keep each of them unknown.

By default (§ 18 DSG NRW, § 72 Abs. 3 LPVG NRW): handling time is shown on fixed groupings only
(city and whole calendar month), from k agents on, complements included; nobody is ranked; one's
own figures are shown to oneself alone; every look of somebody else is written down.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import TypeVar

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Count, F, Q, Sum, Value, When

from callcenter.accounts.models import User
from callcenter.audit.models import AuditEntry
from callcenter.audit.services import record
from callcenter.calls.models import Call, Outcome, counted
from callcenter.supervision import selectors
from callcenter.supervision.local_time import Epoch
from callcenter.supervision.measures import in_steps
from callcenter.supervision.models import Targets
from callcenter.supervision.periods import Period, containing
from callcenter.supervision.selectors import Look
from tenants.models import Tenant

LEAST_AGENTS = 5
HANDLING_STEPS = (60, 120, 180, 240, 300, 420, 600, 900)
LOOKED = "supervision.staff_measure_seen"
Key = TypeVar("Key", bound=Hashable)


def least_agents() -> int:
    """k; a setting may raise it and never lower it."""
    return max(LEAST_AGENTS, int(getattr(settings, "STAFF_LEAST_AGENTS", LEAST_AGENTS)))


@dataclass(frozen=True)
class Handling:
    """Talk plus wrap-up of answered calls; ``people`` are those known to stand behind them."""

    seconds: int
    calls: int
    people: frozenset[int]
    steps: tuple[int, ...] = ()  # calls by handling time, as HANDLING_STEPS bounds them

    def __add__(self, other: Handling) -> Handling:
        steps = tuple(map(sum, zip_longest(self.steps, other.steps, fillvalue=0)))
        return Handling(self.seconds + other.seconds, self.calls + other.calls, self.people | other.people, steps)

    @property
    def agents(self) -> int:
        return len(self.people)

    @property
    def mean_s(self) -> float | None:
        return self.seconds / self.calls if self.calls else None


def together(groups: Sequence[Handling]) -> Handling:
    return sum(groups, Handling(0, 0, frozenset()))


def released(groups: Mapping[Key, Handling], k: int) -> tuple[dict[Key, Handling], Handling | None]:
    """The groups that may be shown, and their total, or None when not even that may.

    Whatever is left out can be computed from the total: so what is left out, taken together, has
    k people as well, or more is left out. Empty groups hide nobody and are left out freely.
    """
    filled = {key: group for key, group in groups.items() if group.calls}
    whole = together(list(filled.values()))
    shown = {key: group for key, group in filled.items() if group.agents >= k}
    hidden = [group for key, group in filled.items() if key not in shown]
    while hidden and together(hidden).agents < k and shown:
        smallest = min(shown, key=lambda key: (shown[key].agents, shown[key].calls))
        hidden.append(shown.pop(smallest))
    return shown, whole if whole.agents >= k else None


def handling_by_city(cities: Sequence[Tenant], month: Period) -> dict[int, Handling]:
    """Handling of a whole calendar month by city; nothing here is to be shown before ``released``."""
    if month.kind != "month":
        raise ValueError("Staff measures are computed for whole calendar months only.")
    found = {}
    for city in cities:
        rows = selectors.calls(Look(city, month, Targets(tenant=city))).filter(outcome=Outcome.ANSWERED)
        wrapped = Epoch(F("wrapped_up_at")) - Epoch(F("ended_at"))
        handled = F("talked_s") + Case(When(wrapped_up_at__gte=F("ended_at"), then=wrapped), default=Value(0))
        histogram = dict(rows.annotate(handled=handled).values_list("handled").annotate(cases=Count("pk")))
        people = rows.exclude(agent=None).values_list("agent", flat=True).distinct()
        found[city.pk] = Handling(
            sum(seconds * cases for seconds, cases in histogram.items()),
            sum(histogram.values()),
            frozenset(people),
            tuple(in_steps(histogram, HANDLING_STEPS)),
        )
    return found


def months_shown(today: Period, number: int = 6) -> list[Period]:
    """Whole months that are over, the newest first."""
    return [containing("month", today.first).shifted(-n) for n in range(1, number + 1)]


@dataclass(frozen=True)
class Own:
    """One's own month: for nobody else's eyes."""

    month: Period
    calls: int
    talked_s: float | None
    wrapped_s: float | None


def own_months(user: User, today: datetime, number: int = 3) -> list[Own]:
    """The user's own answered calls by month, as long as the calls still carry the name."""
    zone = today.tzinfo
    months = [containing("month", today.date()).shifted(-n) for n in range(number)]
    found = []
    for month in months:
        start, end = month.bounds(zone)  # type: ignore[arg-type]
        rows = Call.objects.filter(
            counted(), agent=user, outcome=Outcome.ANSWERED, offered_at__gte=start, offered_at__lt=end
        )
        sums = rows.aggregate(
            calls=Count("pk"),
            talked=Sum("talked_s", default=0),
            wraps=Count("pk", filter=Q(wrapped_up_at__gte=F("ended_at"))),
            wrapped=Sum(
                Epoch(F("wrapped_up_at")) - Epoch(F("ended_at")), filter=Q(wrapped_up_at__gte=F("ended_at")), default=0
            ),
        )
        found.append(
            Own(
                month,
                sums["calls"],
                sums["talked"] / sums["calls"] if sums["calls"] else None,
                sums["wrapped"] / sums["wraps"] if sums["wraps"] else None,
            )
        )
    return found


@transaction.atomic
def note_look(*, user: User, cities: Sequence[Tenant], measure: str) -> None:
    """Write down that somebody looked at a staff measure, in the trail of each city."""
    for city in cities:
        record(action=LOOKED, actor_id=user.pk, tenant_id=city.pk, object_type="measure", object_id=measure)


def looks(cities: Sequence[Tenant], most: int = 50) -> list[tuple[datetime, str, str, str]]:
    """Who looked at which measure of which city, newest first."""
    by_id = {city.pk: city.name for city in cities}
    entries = list(AuditEntry.objects.filter(chain__in=by_id, action=LOOKED).order_by("-at")[:most])
    names = dict(User.objects.filter(pk__in={entry.actor_id for entry in entries}).values_list("pk", "name"))
    return [(entry.at, names.get(entry.actor_id or 0, "–"), entry.object_id, by_id[entry.chain]) for entry in entries]
