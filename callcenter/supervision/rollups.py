"""Figures from the kept sums; what the sums do not (yet) say is read from the ledger (``selectors.py``).

Each function here has its slow twin in ``selectors``, and tests hold them equal.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from uuid import UUID

from django.db.models import BigIntegerField, Case, Count, F, Max, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Cast, ExtractIsoWeekDay

from callcenter.calls.models import Disposition, Outcome
from callcenter.supervision import selectors
from callcenter.supervision.adding_up import in_ranges, local_days, rules_of
from callcenter.supervision.measures import Counts, Rate, total
from callcenter.supervision.models import (
    Grain,
    HalfHourCalls,
    RollupState,
    SearchedWords,
    SettledConcerns,
    StaleDay,
    WaitedCalls,
)
from callcenter.supervision.periods import Period, containing
from callcenter.supervision.selectors import NUMBERS, Look, Settled, Topic, Unanswered
from tenants.models import Tenant

DAY = timedelta(days=1)
NOTHING = Counts()
LONG_DAYS = 400  # from here on charts show months, and whole months are read as such
MOST_PIECES = 6


@dataclass
class Sources:
    """Days read from the sums (``kept``) and from the ledger (``live``).

    ``grains`` are the kept days as whole months and single days, ``steps`` as a chart needs them: days, but
    months in a long period.
    """

    look: Look
    kept: list[Period]
    live: list[Period]
    grains: list[tuple[Grain, Period]]
    steps: list[tuple[Grain, Period]]

    @cached_property
    def slots(self) -> dict[datetime, Counts]:
        """The ledger's days by local half-hour."""
        return {
            slot: counts
            for period in self.live
            for slot, counts in selectors.by_half_hour(self.look.over(period)).items()
        }


def has_sums(city: Tenant) -> bool:
    """Whether the city was added up by the rules that hold now."""
    state = RollupState.objects.filter(tenant=city).first()
    return state is not None and state.rules == rules_of(city)


def sources(look: Look, *, summed: bool | None = None) -> Sources:
    """Where this look is to be read from, decided once per page; ``summed`` is ``has_sums``, where it is known."""
    whole = look.period
    if look.topic or not (has_sums(look.city) if summed is None else summed):
        return Sources(look, [], [whole], [], [])
    marked = StaleDay.objects.filter(city=look.city.pk, day__range=(whole.first - DAY, whole.last + DAY))
    stale = local_days(marked.values_list("day", flat=True).distinct(), look.city)
    live = in_ranges(day for day in stale if day in whole)
    if len(live) > MOST_PIECES:
        live = [Period(live[0].first, live[-1].last)]
    kept = _without(whole, live)
    months = [piece for period in kept for piece in _grains(period)]
    days = [(Grain.DAY, period) for period in kept]
    return Sources(look, kept, live, months, months if len(whole) > LONG_DAYS else days)


def sources_by_day(look: Look, *, summed: bool | None = None) -> Sources:
    """The same, but never a whole month in one."""
    found = sources(look, summed=summed)
    return replace(found, steps=[(Grain.DAY, period) for period in found.kept])


def _without(whole: Period, gaps: list[Period]) -> list[Period]:
    found, day = [], whole.first
    for gap in gaps:
        if day < gap.first:
            found.append(Period(day, gap.first - DAY))
        day = gap.last + DAY
    return [*found, Period(day, whole.last)] if day <= whole.last else found


def _grains(period: Period) -> list[tuple[Grain, Period]]:
    """A period as whole months, with the days at its ends."""
    starts = containing("month", period.first)
    first = starts.first if starts.first == period.first else starts.last + DAY
    ends = containing("month", period.last)
    last = period.last if ends.last == period.last else ends.first - DAY
    if last < first:
        return [(Grain.DAY, period)]
    pieces = [(Grain.MONTH, Period(first, last))]
    if period.first < first:
        pieces.append((Grain.DAY, Period(period.first, first - DAY)))
    if last < period.last:
        pieces.append((Grain.DAY, Period(last + DAY, period.last)))
    return pieces


def _narrowed(rows: QuerySet, look: Look) -> QuerySet:
    rows = rows.filter(tenant=look.city).order_by()
    if look.line:
        rows = rows.filter(line=look.line)
    return rows.filter(in_service=True) if look.service_only else rows


def _summed(rows: QuerySet, pieces: Iterable[tuple[Grain, Period]]) -> QuerySet:
    inside = Q(pk__in=())  # without a piece nothing, and no question to the database
    for grain, period in pieces:
        inside |= Q(grain=grain, first__range=(period.first, period.last))
    return rows.filter(inside)


def _half_hours(look: Look, found: Sources) -> QuerySet[HalfHourCalls]:
    inside = Q(pk__in=())
    for period in found.kept:
        inside |= Q(day__range=(period.first, period.last))
    return _narrowed(HalfHourCalls.objects.all(), look).filter(inside)


SECONDS = Cast("waited_s", BigIntegerField()) * F("calls")


def _by_band(look: Look, pieces: Iterable[tuple[Grain, Period]], *by: str) -> list[tuple]:
    """(…by, outcome, in time, short, calls, seconds waited, seconds talked): what every ``Counts`` is made of.

    Three sums by few bands are several times quicker than a filtered sum for each figure.
    """
    within, short = look.city.answer_within_seconds, look.targets.short_abandon_s
    rows = _summed(_narrowed(WaitedCalls.objects.all(), look), pieces)
    banded = rows.annotate(
        in_time=Case(When(waited_s__lte=within, then=Value(True)), default=Value(False)),
        short=Case(When(waited_s__lt=short, then=Value(True)), default=Value(False)),
    )
    grouped = banded.values_list(*by, "outcome", "in_time", "short")
    return list(grouped.annotate(n=Sum("calls"), waited=Sum(SECONDS), talked=Sum("talked_s")))


def _counts(outcome: str, in_time: bool, short: bool, calls: int, waited: int, talked: int) -> Counts:
    answered, abandoned = outcome == Outcome.ANSWERED, outcome == Outcome.ABANDONED
    return Counts(
        offered=calls,
        answered=calls * answered,
        abandoned=calls * abandoned,
        voicemail=calls * (outcome == Outcome.VOICEMAIL),
        rejected=calls * (outcome == Outcome.REJECTED),
        in_time=calls * (answered and in_time),
        short=calls * (abandoned and short),
        abandoned_in_time=calls * (abandoned and in_time),
        short_in_time=calls * (abandoned and short and in_time),
        waited_answered_s=waited * answered,
        waited_abandoned_s=waited * abandoned,
        talked_s=talked * answered,
    )


def by_day(look: Look, found: Sources) -> dict[date, Counts]:
    """Counts by local day; in a long period whole months stand under their first day."""
    counted: dict[date, Counts] = {}
    for day, outcome, in_time, short, *sums in _by_band(look, found.steps, "first"):
        counted[day] = counted.get(day, NOTHING) + _counts(outcome, bool(in_time), bool(short), *map(int, sums))
    for slot, counts in found.slots.items():
        counted[slot.date()] = counted.get(slot.date(), NOTHING) + counts
    return counted


def in_total(look: Look, found: Sources) -> Counts:
    kept = (
        _counts(outcome, bool(in_time), bool(short), *map(int, sums))
        for outcome, in_time, short, *sums in _by_band(look, found.grains)
    )
    return total([*kept, *(selectors.in_total(look.over(period)) for period in found.live)])


def active_days(look: Look, found: Sources) -> int:
    """Days on which somebody called."""
    days = _half_hours(look, found).aggregate(days=Count("day", distinct=True))["days"]
    return int(days) + len({slot.date() for slot in found.slots})


def by_weekday_and_half(look: Look, found: Sources) -> dict[tuple[int, int], int]:
    """Calls by weekday (Monday is 0) and half-hour of the day."""
    rows = _half_hours(look, found).annotate(weekday=ExtractIsoWeekDay("day")).values_list("weekday", "half")
    counted = {(weekday - 1, half): int(calls) for weekday, half, calls in rows.annotate(n=Sum("calls"))}
    for slot, counts in found.slots.items():
        place = slot.weekday(), slot.hour * 2 + slot.minute // 30
        counted[place] = counted.get(place, 0) + counts.offered
    return counted


def offered_by_half_hour(look: Look) -> dict[datetime, int]:
    """Calls by local half-hour (naive wall clock)."""
    found = sources(look)
    counted: dict[datetime, int] = defaultdict(int)
    for day, half, calls in _half_hours(look, found).values_list("day", "half").annotate(n=Sum("calls")):
        counted[datetime.combine(day, time(half // 2, half % 2 * 30))] += calls
    for slot, counts in found.slots.items():
        counted[slot] += counts.offered
    return dict(counted)


def waiting_times(look: Look, found: Sources) -> dict[str, Counter[int]]:
    """Cases by whole seconds waited, for answered and for abandoned calls."""
    histogram: dict[str, Counter[int]] = {Outcome.ANSWERED.value: Counter(), Outcome.ABANDONED.value: Counter()}
    rows = _summed(_narrowed(WaitedCalls.objects.filter(outcome__in=histogram), look), found.grains)
    for outcome, seconds, cases in rows.values_list("outcome", "waited_s").annotate(cases=Sum("calls")):
        histogram[outcome][seconds] = int(cases)
    for period in found.live:
        for outcome, more in selectors.waiting_times(look.over(period)).items():
            histogram[outcome].update(more)
    return histogram


def waits_by_day(look: Look, found: Sources) -> dict[date, Counter[int]]:
    """Seconds waited by answered calls, by the day (or month) that ``by_day`` names."""
    histogram: dict[date, Counter[int]] = defaultdict(Counter)
    rows = _summed(_narrowed(WaitedCalls.objects.filter(outcome=Outcome.ANSWERED), look), found.steps)
    for first, seconds, cases in rows.values_list("first", "waited_s").annotate(cases=Sum("calls")):
        histogram[first][seconds] = int(cases)
    for day in (day for period in found.live for day in period):
        histogram[day].update(selectors.waiting_times(look.over(Period(day, day)))[Outcome.ANSWERED])
    return histogram


def settled_by_day(look: Look, found: Sources) -> dict[date, Settled]:
    """What became of concerns, by the day (or month) on which they were opened."""
    counted: dict[date, Settled] = defaultdict(lambda: Settled({}, Rate(0, 0)))
    concerns = _summed(_narrowed(SettledConcerns.objects.exclude(disposition=""), look), found.steps)
    rows = concerns.values_list("first", "disposition", "found")
    for first, kind, was_found, number in rows.annotate(n=Sum("concerns")):
        cases = int(number)
        known = Rate(cases if was_found else 0, 0 if was_found is None else cases)
        counted[first] += Settled({kind: cases}, known)
    for day in (day for period in found.live for day in period):
        counted[day] += selectors.dispositions(look.over(Period(day, day)))
    return counted


def settled_by_article(look: Look, found: Sources) -> dict[UUID | None, Settled]:
    """What became of concerns, by the article that answered them."""
    counted: dict[UUID | None, Settled] = defaultdict(lambda: Settled({}, Rate(0, 0)))
    rows = _concerns(look, found).exclude(disposition="").values_list("article_key", "disposition", "found")
    live = [row for period in found.live for row in selectors.settled_rows(look.over(period))]
    for article, kind, was_found, number in [*rows.annotate(n=Sum("concerns")), *live]:
        cases = int(number)
        known = Rate(cases if was_found else 0, 0 if was_found is None else cases)
        counted[article] += Settled({kind: cases}, known)
    return counted


def _concerns(look: Look, found: Sources) -> QuerySet[SettledConcerns]:
    return _summed(_narrowed(SettledConcerns.objects.all(), look), found.grains)


def dispositions(look: Look, found: Sources) -> Settled:
    """Closed concerns by what became of them."""
    by_disposition: Counter[str] = Counter()
    known = asked = 0
    rows = _concerns(look, found).values_list("disposition", "found").annotate(n=Sum("concerns"))
    for kind, was_found, cases in rows:
        if kind:
            by_disposition[kind] += int(cases)
            asked += 0 if was_found is None else int(cases)
            known += int(cases) if was_found else 0
    for period in found.live:
        more = selectors.dispositions(look.over(period))
        by_disposition.update(more.by_disposition)
        known, asked = known + more.knowledge.numerator, asked + more.knowledge.denominator
    return Settled(dict(by_disposition), Rate(known, asked))


@dataclass
class _Asked:
    cases: int = 0
    settled: int = 0
    closed: int = 0


def _by_article(look: Look, found: Sources) -> dict[UUID | None, _Asked]:
    counted: dict[UUID | None, _Asked] = defaultdict(_Asked)
    rows = (
        _concerns(look, found)
        .values_list("article_key")
        .annotate(
            cases=Sum("concerns"),
            settled=Sum("concerns", filter=Q(disposition=Disposition.SETTLED), default=0),
            closed=Sum("concerns", filter=~Q(disposition=""), default=0),
        )
    )
    live = [row for period in found.live for row in selectors.by_article(look.over(period))]
    for article, cases, settled, closed in [*rows, *live]:
        one = counted[article]
        one.cases += int(cases)
        one.settled += int(settled)
        one.closed += int(closed)
    return counted


def topics(look: Look, found: Sources, before: Period, found_before: Sources) -> list[Topic]:
    """Concerns by the article that answered them, most frequent first; None is 'without an article'."""
    now, earlier = _by_article(look, found), _by_article(look.over(before), found_before)
    names = selectors.titles(look.city, {article for article in [*now, *earlier] if article})
    nothing = _Asked()
    listed = [
        Topic(
            article,
            names.get(article, "") if article else "",
            now.get(article, nothing).cases,
            earlier.get(article, nothing).cases,
            Rate(now.get(article, nothing).settled, now.get(article, nothing).closed),
        )
        for article in now.keys() | earlier.keys()
    ]
    return sorted(listed, key=lambda topic: (-topic.cases, -topic.before, topic.title))


def _searched(look: Look, found: Sources) -> QuerySet[SearchedWords]:
    return _summed(SearchedWords.objects.filter(tenant=look.city).order_by(), found.grains)


def searches(look: Look, found: Sources) -> Rate:
    """Searches without a hit ÷ all searches of the period."""
    sums = _searched(look, found).aggregate(
        empty=Sum("searches", filter=Q(without_hit=True), default=0), every=Sum("searches", default=0)
    )
    live = [selectors.searches(look.over(period)) for period in found.live]
    return Rate(
        int(sums["empty"]) + sum(rate.numerator for rate in live),
        int(sums["every"]) + sum(rate.denominator for rate in live),
    )


def searches_without_hit(look: Look, found: Sources, most: int = 20) -> list[Unanswered]:
    """What was typed and found nothing, most frequent first; long numbers are left out of the wording."""
    cases: Counter[str] = Counter()
    last: dict[str, datetime] = {}
    rows = _searched(look, found).filter(without_hit=True).values_list("words")
    live = [row for period in found.live for row in selectors.words_without_hit(look.over(period))]
    for words, number, at in [*rows.annotate(n=Sum("searches"), at=Max("last_at")), *live]:
        cases[words] += int(number)
        last[words] = max(at.astimezone(UTC), last.get(words, at))
    listed = sorted(cases, key=lambda words: (-cases[words], words))[:most]
    return [Unanswered(NUMBERS.sub("…", words), cases[words], last[words]) for words in listed]
