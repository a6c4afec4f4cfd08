"""Figures for editors: how articles are used, how old they are, and whether each city answers what is asked most.

Calls are one floor above; that floor hands down what was opened in them through ``register``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from knowledge.grouping import Grouping
from knowledge.models import EffectiveArticle, SearchEvent
from knowledge.search.analysis import Analyser
from tenants.models import Tenant

TOPICS = 100
ENOUGH = 3  # searches of a city that say something about its answer; one that led nowhere says nothing yet
COVERED_FROM = 0.5  # of the searches for a topic that led to an opened article
PERIODS = (30, 90, 365)  # days


@dataclass(frozen=True)
class Use:
    """One article in the calls of a period. ``opened`` counts concerns; ``used`` those it carried the answer in."""

    calls: int = 0
    opened: int = 0
    used: int = 0
    flags: int = 0


class Usage(Protocol):
    """What the ledger of calls knows of articles."""

    def by_article(self, city: Tenant, since: datetime) -> dict[UUID, Use]: ...

    def concerns(self, city: Tenant, since: datetime) -> tuple[int, int]:
        """(concerns with at least one opened article, all concerns)."""


@dataclass(frozen=True)
class Row:
    """One article of the city. ``age`` in days since its text was published; shares are None without a denominator."""

    article_id: UUID
    title: str
    use: Use
    age: int
    review_on: date | None
    is_overdue: bool

    @property
    def used_share(self) -> float | None:
        return self.use.used / self.use.opened if self.use.opened else None


@dataclass
class Topic:
    """What callers ask, in whatever words. ``searches`` and ``opened`` by tenant id."""

    title: str
    searches: Counter[int] = field(default_factory=Counter)
    opened: Counter[int] = field(default_factory=Counter)
    articles: Counter[UUID] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.searches.total()

    def is_covered(self, tenant_id: int, published: frozenset[UUID]) -> bool:
        """Whether a city answers it: half of its own searches led to an article; where hardly anybody there asked, an
        article that answered it, there or elsewhere, is published there.
        """
        asked = self.searches[tenant_id]
        if asked >= ENOUGH:
            return self.opened[tenant_id] / asked >= COVERED_FROM
        return any(article in published for article in self.articles)


@dataclass(frozen=True)
class Coverage:
    """The most asked topics, and for each city how many of them it answers. ``cells`` go with ``cities``."""

    cities: Sequence[Tenant]
    topics: Sequence[tuple[Topic, list[bool]]]

    @property
    def covered(self) -> list[int]:
        return [sum(cells[place] for _topic, cells in self.topics) for place in range(len(self.cities))]

    @property
    def gaps(self) -> list[tuple[Topic, list[bool]]]:
        """Topics that at least one city does not answer."""
        return [entry for entry in self.topics if not all(entry[1])]


@dataclass(frozen=True)
class Figures:
    rows: Sequence[Row]
    linked: int
    concerns: int

    @property
    def link_rate(self) -> float | None:
        """Concerns in which an article was opened ÷ all concerns (KCS calls it the link rate)."""
        return self.linked / self.concerns if self.concerns else None

    @property
    def never_opened(self) -> int:
        return sum(not row.use.opened for row in self.rows)

    @property
    def overdue(self) -> int:
        return sum(row.is_overdue for row in self.rows)

    @property
    def median_age(self) -> int:
        ages = sorted(row.age for row in self.rows)
        return ages[len(ages) // 2] if ages else 0


_sources: list[Usage] = []


def register(source: Usage) -> None:
    """Called once, when the floor above is ready."""
    if source not in _sources:
        _sources.append(source)


ORDERS = {
    "anrufe": lambda row: (-row.use.calls, row.title),
    "genutzt": lambda row: (row.used_share if row.used_share is not None else 2, -row.use.opened, row.title),
    "hinweise": lambda row: (-row.use.flags, -row.use.calls, row.title),
    "alter": lambda row: (-row.age, row.title),
}


def figures(*, city: Tenant, days: int, order: str = "anrufe") -> Figures:
    """Every article the city shows, and how it was used in the last ``days``."""
    now = timezone.now()
    since = now - timedelta(days=days)
    uses: dict[UUID, Use] = {}
    linked = concerns = 0
    for source in _sources:
        uses |= source.by_article(city, since)
        with_article, asked = source.concerns(city, since)
        linked, concerns = linked + with_article, concerns + asked
    today = timezone.localdate(timezone=city.zone)
    shown = EffectiveArticle.objects.filter(tenant=city).values_list(
        "article_id", "title", "published_at", "article__review_on"
    )
    rows = [
        Row(
            article_id,
            title,
            uses.get(article_id, Use()),
            max(0, (now - published_at).days),
            review_on,
            review_on is not None and review_on <= today,
        )
        for article_id, title, published_at, review_on in shown
    ]
    return Figures(sorted(rows, key=ORDERS.get(order, ORDERS["anrufe"])), linked, concerns)


def coverage(*, cities: Sequence[Tenant], days: int, limit: int = TOPICS) -> Coverage:
    """The topics asked most in all these cities together, and which city answers them."""
    since = timezone.now() - timedelta(days=days)
    ids = [city.pk for city in cities]
    searches = list(
        SearchEvent.objects.filter(tenant__in=ids, at__gte=since).values_list("tenant_id", "query", "chosen_id")
    )
    published: dict[int, set[UUID]] = defaultdict(set)
    titles: list[str] = []
    for tenant_id, article_id, title in EffectiveArticle.objects.filter(tenant__in=ids).values_list(
        "tenant_id", "article_id", "title"
    ):
        published[tenant_id].add(article_id)
        titles.append(title)
    topics = _topics(searches, titles)
    most = sorted(topics.values(), key=lambda topic: (-topic.total, topic.title))[:limit]
    here = {pk: frozenset(articles) for pk, articles in published.items()}
    return Coverage(
        cities, [(topic, [topic.is_covered(pk, here.get(pk, frozenset())) for pk in ids]) for topic in most]
    )


def _topics(searches: Iterable[tuple[int, str, UUID | None]], titles: Iterable[str]) -> Mapping[str, Topic]:
    searches = list(searches)
    grouping = Grouping(_analyser(), (query for _city, query, _chosen in searches), known=titles)
    topics: dict[str, Topic] = {}
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for tenant_id, query, chosen in searches:
        key = grouping.key(query)
        if not key:
            continue
        topic = topics.setdefault(key, Topic(query))
        topic.searches[tenant_id] += 1
        spellings[key][" ".join(query.split())] += 1
        if chosen is not None:
            topic.opened[tenant_id] += 1
            topic.articles[chosen] += 1
    for key, topic in topics.items():
        topic.title = min(spellings[key], key=lambda text: (-spellings[key][text], text))
    return topics


@cache
def _analyser() -> Analyser:
    return Analyser(settings.VAR)
