"""Figures read from the ledger by the database, in sets; nothing here loops over calls."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Lower, Trim

from callcenter.accounts.models import User
from callcenter.calls.models import (
    Call,
    CallerNumber,
    Contact,
    Direction,
    Disposition,
    Handover,
    HandoverState,
    Outcome,
    counted,
)
from callcenter.supervision.local_time import HalfHourNumber, local_seconds, moment_of, service_time
from callcenter.supervision.measures import Counts, Rate
from callcenter.supervision.models import ReportSubscription, Targets
from callcenter.supervision.periods import Period, containing
from knowledge.models import EffectiveArticle, Revision, SearchEvent
from tenants.models import Line, Tenant

TALKED_BEFORE, TALKED_AFTER = timedelta(days=1), timedelta(days=2)  # a concern's beginning, seen from its call's


@dataclass(frozen=True)
class Look:
    """What a page looks at: one city, one period, and what it is narrowed to."""

    city: Tenant
    period: Period
    targets: Targets
    line: Line | None = None
    topic: UUID | None = None
    service_only: bool = False

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        return self.period.bounds(self.city.zone)

    def over(self, period: Period) -> Look:
        return replace(self, period=period)

    def query(self, period: Period) -> dict[str, str]:
        """As it stands in an address, over a period."""
        query = dict(period.query)
        if self.line:
            query["leitung"] = str(self.line.pk)
        if self.topic:
            query["thema"] = str(self.topic)
        if self.service_only != self.targets.service_hours_only:
            query["servicezeit"] = "on" if self.service_only else "alle"
        return query


def _in_service(rows: QuerySet, look: Look, moment: str) -> QuerySet:
    second_of_week, inside = service_time(look.city, moment, look.period.first, look.period.last)
    return rows.alias(second_of_week=second_of_week).filter(inside) if inside else rows


def calls(look: Look) -> QuerySet[Call]:
    """Incoming calls of the city whose first ring lies in the period."""
    start, end = look.bounds
    rows = Call.objects.filter(
        counted(), tenant=look.city, direction=Direction.IN, offered_at__gte=start, offered_at__lt=end
    ).order_by()
    if look.line:
        rows = rows.filter(line=look.line)
    if look.topic:
        # Bounded by time, so that a month's topic does not read ten years of it; a concern opens while people talk.
        about = Contact.objects.filter(tenant=look.city, article=look.topic)
        about = about.filter(opened_at__gte=start - TALKED_BEFORE, opened_at__lt=end + TALKED_AFTER)
        rows = rows.filter(pk__in=about.values("call"))
    return _in_service(rows, look, "offered_at") if look.service_only else rows


def calls_behind(look: Look, outcome: str = "") -> QuerySet[Call]:
    """The calls that a figure counted, newest first; never who answered them."""
    rows = calls(look).select_related("line").order_by("-offered_at", "pk")
    return rows.filter(outcome=outcome) if outcome else rows


def contacts(look: Look) -> QuerySet[Contact]:
    """Concerns answered with this city's knowledge, opened in the period."""
    start, end = look.bounds
    rows = Contact.objects.filter(counted("call"), tenant=look.city, opened_at__gte=start, opened_at__lt=end).order_by()
    if look.line:
        rows = rows.filter(call__line=look.line)
    if look.topic:
        rows = rows.filter(article=look.topic)
    return _in_service(rows, look, "opened_at") if look.service_only else rows


def count_expressions(within_s: int, short_s: int) -> dict[str, Count | Sum]:
    """The aggregates behind every field of ``Counts``."""

    def having(**conditions: object) -> Count:
        return Count("pk", filter=Q(**conditions))

    abandoned = {"outcome": Outcome.ABANDONED}
    return {
        "offered": Count("pk"),
        "answered": having(outcome=Outcome.ANSWERED),
        "abandoned": having(**abandoned),
        "voicemail": having(outcome=Outcome.VOICEMAIL),
        "rejected": having(outcome=Outcome.REJECTED),
        "in_time": having(outcome=Outcome.ANSWERED, waited_s__lte=within_s),
        "short": having(**abandoned, waited_s__lt=short_s),
        "abandoned_in_time": having(**abandoned, waited_s__lte=within_s),
        "short_in_time": having(**abandoned, waited_s__lt=min(short_s, within_s + 1)),
        "waited_answered_s": Sum("waited_s", filter=Q(outcome=Outcome.ANSWERED), default=0),
        "waited_abandoned_s": Sum("waited_s", filter=Q(outcome=Outcome.ABANDONED), default=0),
        "talked_s": Sum("talked_s", filter=Q(outcome=Outcome.ANSWERED), default=0),
    }


def _expressions(look: Look) -> dict[str, Count | Sum]:
    return count_expressions(look.city.answer_within_seconds, look.targets.short_abandon_s)


def by_half_hour(look: Look) -> dict[datetime, Counts]:
    """Counts by local half-hour (naive wall clock); half-hours without calls are left out."""
    slot = HalfHourNumber(local_seconds("offered_at", look.city.zone, *look.bounds))
    fields = _expressions(look)
    rows = calls(look).annotate(slot=slot).values_list("slot").annotate(**fields)
    return {moment_of(row[0]): Counts(**dict(zip(fields, row[1:], strict=True))) for row in rows}


def in_total(look: Look) -> Counts:
    return Counts(**calls(look).aggregate(**_expressions(look)))


def waiting_times(look: Look) -> dict[str, Counter[int]]:
    """Cases by whole seconds waited, for answered and for abandoned calls."""
    histogram: dict[str, Counter[int]] = {Outcome.ANSWERED.value: Counter(), Outcome.ABANDONED.value: Counter()}
    rows = calls(look).filter(outcome__in=histogram).values_list("outcome", "waited_s").annotate(cases=Count("pk"))
    for outcome, seconds, cases in rows:
        histogram[outcome][seconds] = cases
    return histogram


@dataclass(frozen=True)
class Settled:
    """What became of concerns. ``knowledge`` is how often the answer stood in the knowledge base."""

    by_disposition: dict[str, int]
    knowledge: Rate

    def __add__(self, other: Settled) -> Settled:
        both = Counter(self.by_disposition) + Counter(other.by_disposition)
        known = Rate(
            self.knowledge.numerator + other.knowledge.numerator,
            self.knowledge.denominator + other.knowledge.denominator,
        )
        return Settled(dict(both), known)

    @property
    def closed(self) -> int:
        return sum(self.by_disposition.values())

    @property
    def first_contact(self) -> Rate:
        """Settled ÷ closed. Transferred, handed over, not responsible and dropped ones stand below the line only."""
        return Rate(self.by_disposition.get(Disposition.SETTLED, 0), self.closed)


def dispositions(look: Look) -> Settled:
    """Closed concerns by what became of them; one without a disposition is not closed."""
    rows = (
        contacts(look)
        .exclude(disposition="")
        .filter(closed_at__isnull=False)
        .values("disposition")
        .annotate(cases=Count("pk"), known=Count("pk", filter=Q(found=True)), asked=Count("found"))
    )
    found = list(rows)
    return Settled(
        {row["disposition"]: row["cases"] for row in found},
        Rate(sum(row["known"] for row in found), sum(row["asked"] for row in found)),
    )


def settled_rows(look: Look) -> list[tuple[UUID | None, str, bool | None, int]]:
    """(article, disposition, answer stood in the knowledge base, closed concerns)."""
    closed = contacts(look).exclude(disposition="").filter(closed_at__isnull=False)
    return list(closed.values_list("article", "disposition", "found").annotate(cases=Count("pk")))


@dataclass(frozen=True)
class Topic:
    article: UUID | None
    title: str
    cases: int
    before: int
    settled: Rate = field(default_factory=lambda: Rate(0, 0))


def by_article(look: Look) -> list[tuple[UUID | None, int, int, int]]:
    """(article, concerns, of these settled, of these closed)."""
    settled = Count("pk", filter=Q(disposition=Disposition.SETTLED, closed_at__isnull=False))
    closed = Count("pk", filter=~Q(disposition="") & Q(closed_at__isnull=False))
    return list(contacts(look).values_list("article").annotate(cases=Count("pk"), settled=settled, closed=closed))


def topics(look: Look, before: Period) -> list[Topic]:
    """Concerns by the article that answered them, most frequent first; None is 'without an article'."""
    now = {article: (cases, settled, closed) for article, cases, settled, closed in by_article(look)}
    earlier = dict(contacts(look.over(before)).values_list("article").annotate(cases=Count("pk")))
    names = titles(look.city, {article for article in [*now, *earlier] if article})
    listed = [
        Topic(
            article,
            names.get(article, "") if article else "",
            now.get(article, (0, 0, 0))[0],
            earlier.get(article, 0),
            Rate(*now.get(article, (0, 0, 0))[1:]),
        )
        for article in now.keys() | earlier.keys()
    ]
    return sorted(listed, key=lambda topic: (-topic.cases, -topic.before, topic.title))


def titles(city: Tenant, articles: Iterable[UUID]) -> dict[UUID, str]:
    """Titles as the city shows them; of an article that is gone, the last title it had."""
    wanted = set(articles)
    found = dict(EffectiveArticle.objects.filter(tenant=city, article__in=wanted).values_list("article", "title"))
    if missing := wanted - found.keys():
        last = Revision.objects.filter(article__in=missing).exclude(title="").order_by("number")
        for article, title in last.filter(Q(tenant=city) | Q(tenant__isnull=True)).values_list("article", "title"):
            found[article] = title
    return found


NUMBERS = re.compile(r"\d{5,}|\+\d[\d /-]{6,}")


@dataclass(frozen=True)
class Unanswered:
    query: str
    cases: int
    last: datetime


def searches(look: Look) -> Rate:
    """Searches without a hit ÷ all searches of the period."""
    start, end = look.bounds
    found = SearchEvent.objects.filter(tenant=look.city, at__gte=start, at__lt=end).aggregate(
        empty=Count("pk", filter=Q(hits=0)), every=Count("pk")
    )
    return Rate(found["empty"], found["every"])


def searches_without_hit(look: Look, most: int = 20) -> list[Unanswered]:
    """What was typed and found nothing, most frequent first; long numbers are left out of the wording."""
    rows = sorted(words_without_hit(look), key=lambda row: (-row[1], row[0]))[:most]
    return [Unanswered(NUMBERS.sub("…", words), cases, last) for words, cases, last in rows]


def words_without_hit(look: Look) -> list[tuple[str, int, datetime]]:
    """(words, searches, the last one) of what found nothing."""
    start, end = look.bounds
    rows = SearchEvent.objects.filter(tenant=look.city, at__gte=start, at__lt=end, hits=0).order_by()
    words = rows.annotate(words=Lower(Trim("query"))).values("words").annotate(cases=Count("pk"), last=Max("at"))
    return [(row["words"], row["cases"], row["last"]) for row in words]


@dataclass(frozen=True)
class HandoverCounts:
    """Call-backs the offices owed: created in the period, kept when done by the time they were due."""

    created: int
    kept: int
    late: int
    waiting: int

    @property
    def in_time(self) -> Rate:
        """Done in time ÷ (done in time + done late or overdue); those not due yet are left out."""
        return Rate(self.kept, self.kept + self.late)


def handovers(look: Look, now: datetime) -> HandoverCounts:
    start, end = look.bounds
    done, kept = Q(state=HandoverState.DONE), Q(done_at__lte=F("due_at"))
    rows = Handover.objects.filter(
        counted("contact__call"), tenant=look.city, created_at__gte=start, created_at__lt=end
    )
    found = rows.aggregate(
        created=Count("pk"),
        kept=Count("pk", filter=done & kept),
        late=Count("pk", filter=(done & ~kept) | (~done & Q(due_at__lt=now))),
        waiting=Count("pk", filter=~done & Q(due_at__gte=now)),
    )
    return HandoverCounts(**found)


REPEAT_WITHIN = timedelta(days=7)


def repeats(look: Look) -> Rate:
    """Calls whose number had called the same city within the seven days before ÷ calls whose number is still kept."""
    earlier = CallerNumber.objects.filter(
        counted("call"),
        keyed_hash=OuterRef("keyed_hash"),
        seen_at__lt=OuterRef("seen_at"),
        seen_at__gte=OuterRef("seen_at") - REPEAT_WITHIN,
        call__tenant=look.city,
    )
    start, end = look.bounds
    first_kept = CallerNumber.objects.filter(call__tenant=look.city).order_by("seen_at").values_list("seen_at")[:1]
    oldest = next((at for (at,) in first_kept), None)
    if oldest is None or oldest >= end:
        return Rate(0, 0)
    # Numbers go after some weeks: the years before them need not be read.
    first = max(look.period.first, (oldest - timedelta(days=1)).astimezone(look.city.zone).date())
    known = calls(look.over(Period(first, look.period.last)))
    every = CallerNumber.objects.beyond_scope("narrowed to calls of the city, which are in the scope")
    rows = every.filter(seen_at__gte=start, seen_at__lt=end, call__in=known).order_by()
    found = rows.aggregate(known=Count("pk"), again=Count("pk", filter=Exists(earlier)))
    return Rate(found["again"], found["known"])


def last_month_with_calls(cities: Iterable[Tenant], today: date) -> Period:
    """The month of the newest call that is not in the future; the running month when there is none."""
    newest: datetime | None = None
    zone = None
    for city in cities:
        end = containing("day", today).bounds(city.zone)[1]
        rows = Call.objects.filter(counted(), tenant=city, offered_at__lt=end)
        found = rows.aggregate(newest=Max("offered_at"))["newest"]
        if found and (newest is None or found > newest):
            newest, zone = found, city.zone
    return containing("month", newest.astimezone(zone).date() if newest else today)


def lines(city: Tenant) -> list[Line]:
    return list(Line.objects.filter(tenant=city))


def is_subscribed(city: Tenant, user: User) -> bool:
    """Whether the user gets this city's monthly report by mail."""
    return ReportSubscription.objects.filter(tenant=city, user=user).exists()
