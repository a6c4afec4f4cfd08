"""What callers asked and agents did not find: searches and reports, grouped by meaning, most pressing first.

Reports are made on calls, one floor above; that floor hands them down through ``register``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from callcenter.accounts.models import User
from callcenter.audit.services import record
from knowledge.grouping import Grouping
from knowledge.models import EffectiveArticle, SearchEvent, WorklistItem
from knowledge.search.analysis import Analyser
from knowledge.services import KnowledgeRefusal
from tenants.models import Tenant
from tenants.scope import assert_in_scope

LOOK_BACK = timedelta(days=60)
FLAG = 3.0  # a report by a colleague counts as much as three searches that failed
ABANDONED = 0.25  # hits were there, none was opened: often the answer stood in the line itself
TYPICAL_SECONDS = 180.0  # of handling, where no call tells
DAYS_TO_DOUBLE = 14.0  # what waits a fortnight presses twice as much


@dataclass(frozen=True)
class Report:
    """An answer that an agent called wrong, missing or unclear, during a call."""

    id: int
    kind: str
    kind_label: str
    query: str
    text: str
    article_id: UUID | None
    at: datetime
    talked_s: int | None


class Reports(Protocol):
    """Where reports come from, and how they are closed."""

    def open_reports(self, tenant: Tenant) -> list[Report]: ...

    def close_reports(self, tenant: Tenant, ids: Iterable[int], answer: str) -> None: ...


@dataclass
class Entry:
    """One question. ``score`` orders the list: weighted count × handling minutes × waiting time."""

    key: str
    title: str
    article_id: UUID | None = None
    queries: dict[str, int] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    zero_hits: int = 0
    abandoned: int = 0
    reports: list[Report] = field(default_factory=list)
    since: datetime | None = None
    item: WorklistItem | None = None
    score: float = 0.0
    number: int = 0  # its place in the list

    @property
    def is_faint(self) -> bool:
        """Asked once, hits were there, none was opened, and nobody works on it: seldom a question for editors."""
        claimed = self.item is not None and self.item.claimed_by_id is not None
        return not (self.reports or self.zero_hits or claimed) and self.abandoned == 1

    @property
    def typed(self) -> list[str]:
        """What was typed, most often first."""
        return sorted(self.queries, key=lambda query: (-self.queries[query], query))[:5]


_sources: list[Reports] = []


def register(source: Reports) -> None:
    """Called once, when the floor above is ready."""
    if source not in _sources:
        _sources.append(source)


def pressing(count: float, seconds: float, waited: timedelta) -> float:
    """How much a question presses: count × minutes of handling × (1 + days / DAYS_TO_DOUBLE)."""
    days = max(0.0, waited.total_seconds() / 86_400)
    return count * (seconds / 60) * (1 + days / DAYS_TO_DOUBLE)


def entries(*, city: Tenant, limit: int = 100) -> list[Entry]:
    """The city's open questions, the most pressing first."""
    now = timezone.now()
    items = {item.key: item for item in WorklistItem.objects.filter(tenant=city).select_related("claimed_by")}
    found: dict[str, Entry] = {}
    titles = dict(EffectiveArticle.objects.filter(tenant=city).values_list("article_id", "title"))

    def entry_for(key: str, title: str, at: datetime) -> Entry | None:
        item = items.get(key)
        if item and item.closed_at and at <= item.closed_at:
            return None
        entry = found.setdefault(key, Entry(key, title, item=item))
        entry.since = min(entry.since or at, at)
        return entry

    reports = [each for source in _sources for each in source.open_reports(city)]
    events = SearchEvent.objects.filter(tenant=city, at__gte=now - LOOK_BACK, chosen__isnull=True)
    searches = list(events.values_list("query", "hits", "at"))
    typed = [*(query for query, _hits, _at in searches), *(report.query or report.text for report in reports)]
    grouping = Grouping(_analyser(), typed, known=titles.values())

    def meaning(query: str) -> str:
        key = grouping.key(query)
        return f"words:{key}"[:250] if key else ""

    for report in reports:
        if report.article_id in titles:
            entry = entry_for(f"article:{report.article_id}", titles[report.article_id], report.at)
        else:
            entry = entry_for(meaning(report.query or report.text), report.query or report.text, report.at)
        if entry is not None:
            entry.article_id = report.article_id if report.article_id in titles else None
            entry.reports.append(report)
            _count_query(entry, report.query)
    for query, hits, at in searches:
        if (key := meaning(query)) and (entry := entry_for(key, query, at)) is not None:
            entry.zero_hits += hits == 0
            entry.abandoned += hits > 0
            _count_query(entry, query)
    for entry in found.values():
        count = entry.zero_hits + ABANDONED * entry.abandoned + FLAG * len(entry.reports)
        talked = [report.talked_s for report in entry.reports if report.talked_s]
        seconds = sum(talked) / len(talked) if talked else TYPICAL_SECONDS
        entry.score = pressing(count, seconds, now - (entry.since or now))
        if not entry.article_id and entry.typed:
            entry.title = entry.typed[0]
    ranked = sorted(found.values(), key=lambda entry: (-entry.score, entry.key))[:limit]
    for number, entry in enumerate(ranked, 1):
        entry.number = number
    return ranked


@transaction.atomic
def claim(*, city: Tenant, key: str, title: str, user: User) -> WorklistItem:
    """Take a question on, so that two editors do not write the same answer; by oneself again: give it back."""
    item = _item(city, key, title)
    if item.claimed_by_id not in (None, user.pk):
        raise KnowledgeRefusal(_("Daran arbeitet schon %(name)s.") % {"name": item.claimed_by})
    item.claimed_by = None if item.claimed_by_id == user.pk else user
    item.save(update_fields=["claimed_by"])
    return item


@transaction.atomic
def close(*, city: Tenant, key: str, title: str, answer: str, user: User) -> WorklistItem:
    """Answered, or not for us: off the list until somebody asks again."""
    entry = next((each for each in entries(city=city, limit=10_000) if each.key == key), None)
    item = _item(city, key, title)
    item.answer, item.closed_by, item.closed_at, item.claimed_by = answer.strip()[:250], user, timezone.now(), None
    item.save()
    if entry is not None:
        ids = [report.id for report in entry.reports]
        for source in _sources:
            source.close_reports(city, ids, item.answer)
    record(
        action="knowledge.question_closed",
        actor_id=user.pk,
        tenant_id=city.pk,
        object_type="worklist",
        object_id=item.pk,
    )
    return item


def _item(city: Tenant, key: str, title: str) -> WorklistItem:
    assert_in_scope(city)
    if not key:
        raise KnowledgeRefusal(_("Diese Frage gibt es nicht mehr."))
    item, _created = WorklistItem.objects.get_or_create(
        tenant=city, key=key[:250], defaults={"title": title[:250] or key[:250]}
    )
    return WorklistItem.objects.select_for_update().get(pk=item.pk)


def _count_query(entry: Entry, query: str) -> None:
    words = " ".join(query.split())
    if words:
        written = entry.written.setdefault(words.lower(), words)  # as it was typed first
        entry.queries[written] = entry.queries.get(written, 0) + 1


@cache
def _analyser() -> Analyser:
    return Analyser(settings.VAR)
