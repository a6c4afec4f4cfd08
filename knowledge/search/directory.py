"""Offices, people and notices of a city, found with the same understanding as articles; small indexes in memory.

The database is asked at most once a second whether rows came or went, and everything is read anew after a minute:
an agent presses more keys in that second than rows change in a day. What is shown of an office or a person is read
from the database at each search.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.db.models import Count, Max
from django.utils import timezone

from knowledge.models import EffectiveArticle, NoticeCity
from knowledge.search.documents import Document, Impacts, impacts
from knowledge.search.memory import steered
from knowledge.search.plan import Plan
from knowledge.search.rules import current as steering
from knowledge.search.snapshot import Cache, MemoryPart, Snapshot
from knowledge.search.steering import Steering
from tenants.models import Office, StaffMember, Tenant
from tenants.scope import assert_in_scope

KEPT_SECONDS = 60.0
ASKED_SECONDS = 1.0  # between two looks at whether anything changed
CITIES_KEPT = 50
CANDIDATES = 24
OFFICE, PERSON = "office", "person"
_SPACE = uuid.UUID("5f6a2a9c-91a4-4a0c-a9c5-62a3c63b7c55")

_lock = threading.Lock()
_kept: dict[int, _City] = {}


@dataclass(frozen=True)
class Notice:
    """A notice of a city; ``effective_id`` is its article as the city answers it."""

    text: str
    valid_from: datetime
    valid_until: datetime
    effective_id: uuid.UUID | None


@dataclass(frozen=True)
class _Index:
    """A few short texts with what stands behind each."""

    view: Snapshot
    entries: dict[uuid.UUID, tuple[object, Impacts]]

    def find(self, query: str, tenant: int, rules: Steering, limit: int) -> list[object]:
        """What answers to every word of the query, the best first."""
        if not self.entries:
            return []
        plan = steered(settings.VAR, rules).plan(query, self.view)
        found, _total = self.view.search(plan, tenant, limit)
        return [self.entries[hit.key][0] for hit in found if _answers_all(self.entries[hit.key][1], plan)]


@dataclass(frozen=True)
class _City:
    """``stamp`` tells of offices and people, ``notices_stamp`` of notices."""

    stamp: tuple[object, ...]
    read_at: float
    asked_at: float
    directory: _Index
    notices_stamp: tuple[object, ...]
    notices: _Index


def find(query: str, *, tenant: Tenant, rules: Steering, limit: int = 10) -> list[tuple[str, int]]:
    """(OFFICE or PERSON, primary key) of who answers to every word of the query, the best first."""
    found = _city(tenant, rules).directory.find(query, tenant.pk, rules, max(CANDIDATES, limit))
    return cast("list[tuple[str, int]]", found[:limit])


def find_notices(query: str, *, tenant: Tenant, rules: Steering) -> list[Notice]:
    """The city's notices in force that answer to every word of the query, the best first."""
    now = timezone.now()
    found = cast("list[Notice]", _city(tenant, rules).notices.find(query, tenant.pk, rules, CANDIDATES))
    return [notice for notice in found if notice.valid_from <= now < notice.valid_until]


def warm_up(tenant: Tenant) -> None:
    """Read the city's directory, so that the first search need not."""
    city = _city(tenant, steering())
    city.directory.view.warm_up()
    city.notices.view.warm_up()


def forget() -> None:
    """Read every city anew at its next search."""
    with _lock:
        _kept.clear()


def _answers_all(entry: Impacts, plan: Plan) -> bool:
    answered = 0
    for clause in plan.clauses:
        if (
            clause.term in entry.strong
            or clause.term in entry.body
            or any(stem in entry.strong for stem in clause.completions)
        ):
            answered |= clause.covers
    return answered == plan.covers()


def _city(tenant: Tenant, rules: Steering) -> _City:
    assert_in_scope(tenant)
    now = time.monotonic()
    kept = _kept.get(tenant.pk)
    if kept is not None and kept.stamp[0] == rules.stamp and now - kept.asked_at < ASKED_SECONDS:
        return kept
    stamp = _stamp(tenant, rules)
    rows = _notice_rows(tenant)
    notices_stamp = (rules.stamp, *rows)
    if kept is not None and now - kept.read_at >= KEPT_SECONDS:
        kept = None
    city = _City(
        stamp=stamp,
        read_at=kept.read_at if kept else now,
        asked_at=now,
        directory=kept.directory if kept and kept.stamp == stamp else _index(tenant, rules, _documents(tenant)),
        notices_stamp=notices_stamp,
        notices=kept.notices
        if kept and kept.notices_stamp == notices_stamp
        else _index(tenant, rules, _notices(tenant, rows)),
    )
    with _lock:
        while len(_kept) >= CITIES_KEPT and tenant.pk not in _kept:
            del _kept[next(iter(_kept))]
        _kept[tenant.pk] = city
    return city


def _stamp(tenant: Tenant, rules: Steering) -> tuple[object, ...]:
    rows = Office.objects.filter(tenant=tenant).aggregate(
        offices=Count("pk", distinct=True), last=Max("pk"), people=Count("staff"), newest=Max("staff")
    )
    return (rules.stamp, *rows.values())


def _index(tenant: Tenant, rules: Steering, documents: Iterable[tuple[object, Document]]) -> _Index:
    analyser = steered(settings.VAR, rules).analyser
    entries = {document.key: (behind, impacts(document, analyser)) for behind, document in documents}
    parts = [MemoryPart("directory", [entry for _behind, entry in entries.values()])] if entries else []
    return _Index(Snapshot(parts, {}, Cache(2_000_000)), entries)


def _documents(tenant: Tenant) -> Iterator[tuple[object, Document]]:
    offices = Office.objects.filter(tenant=tenant).values_list("pk", "name", "responsibility")
    for key, name, task in offices:
        yield (OFFICE, key), Document(uuid.uuid5(_SPACE, f"{OFFICE}{key}"), tenant.pk, name, (), [task])
    people = StaffMember.objects.filter(tenant=tenant).values_list("pk", "name", "function", "office__name")
    for key, name, function, office in people:
        terms = [function] if function else []
        yield (PERSON, key), Document(uuid.uuid5(_SPACE, f"{PERSON}{key}"), tenant.pk, name, terms, [office])


def _notice_rows(tenant: Tenant) -> list[tuple[Any, ...]]:
    """Notices that are not over; one that begins soon is among them."""
    rows = NoticeCity.objects.filter(
        tenant=tenant, notice__ended_at__isnull=True, notice__valid_until__gt=timezone.now()
    ).order_by("notice")
    fields = ("text", "valid_from", "valid_until", "article_id", "article__title")
    return list(rows.values_list("notice_id", *(f"notice__{field}" for field in fields)))


def _notices(tenant: Tenant, rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[object, Document]]:
    articles = {row[4] for row in rows} - {None}
    effective: dict[uuid.UUID, uuid.UUID] = {}
    if articles:
        answers = EffectiveArticle.objects.filter(tenant=tenant, article__in=articles)
        effective = dict(answers.values_list("article_id", "pk"))
    for key, text, valid_from, valid_until, article, title in rows:
        notice = Notice(text, valid_from, valid_until, effective.get(article))
        yield notice, Document(key, tenant.pk, text, (), [title or ""])
