"""Offices and people of a city, found with the same understanding as articles; a small index in this process's memory.

Read anew when rows come or go and after a minute; what is shown is read from the database at each search.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Max

from knowledge.search.documents import Document, Impacts, impacts
from knowledge.search.memory import steered
from knowledge.search.plan import Plan
from knowledge.search.rules import current as steering
from knowledge.search.snapshot import Cache, MemoryPart, Snapshot
from knowledge.search.steering import Steering
from tenants.models import Office, StaffMember, Tenant
from tenants.scope import assert_in_scope

KEPT_SECONDS = 60.0
CITIES_KEPT = 50
CANDIDATES = 24
OFFICE, PERSON = "office", "person"
_SPACE = uuid.UUID("5f6a2a9c-91a4-4a0c-a9c5-62a3c63b7c55")

_lock = threading.Lock()
_kept: dict[int, _City] = {}


@dataclass(frozen=True)
class _City:
    stamp: tuple[object, ...]
    read_at: float
    view: Snapshot
    entries: dict[uuid.UUID, tuple[str, int, Impacts]]


def find(query: str, *, tenant: Tenant, rules: Steering, limit: int = 10) -> list[tuple[str, int]]:
    """(OFFICE or PERSON, primary key) of who answers to every word of the query, the best first."""
    assert_in_scope(tenant)
    city = _city(tenant, rules)
    plan = steered(settings.VAR, rules).plan(query, city.view)
    found, _total = city.view.search(plan, tenant.pk, max(CANDIDATES, limit))
    answering = (city.entries[hit.key] for hit in found)
    return [(kind, key) for kind, key, entry in answering if _answers_all(entry, plan)][:limit]


def warm_up(tenant: Tenant) -> None:
    """Read the city's directory, so that the first search need not."""
    _city(tenant, steering()).view.warm_up()


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
    rows = Office.objects.filter(tenant=tenant).aggregate(
        offices=Count("pk", distinct=True), last=Max("pk"), people=Count("staff"), newest=Max("staff")
    )
    stamp = (rules.stamp, *rows.values())
    kept = _kept.get(tenant.pk)
    if kept is not None and kept.stamp == stamp and time.monotonic() - kept.read_at < KEPT_SECONDS:
        return kept
    city = _read(tenant, rules, stamp)
    with _lock:
        while len(_kept) >= CITIES_KEPT:
            del _kept[next(iter(_kept))]
        _kept[tenant.pk] = city
    return city


def _read(tenant: Tenant, rules: Steering, stamp: tuple[object, ...]) -> _City:
    analyser = steered(settings.VAR, rules).analyser
    entries = {}
    for kind, key, document in _documents(tenant):
        entries[document.key] = (kind, key, impacts(document, analyser))
    part = MemoryPart("directory", [entry for _kind, _key, entry in entries.values()])
    view = Snapshot([part] if entries else [], {}, Cache(2_000_000))
    return _City(stamp, time.monotonic(), view, entries)


def _documents(tenant: Tenant) -> Iterator[tuple[str, int, Document]]:
    offices = Office.objects.filter(tenant=tenant).values_list("pk", "name", "responsibility")
    for key, name, task in offices:
        yield OFFICE, key, Document(uuid.uuid5(_SPACE, f"{OFFICE}{key}"), tenant.pk, name, (), [task])
    people = StaffMember.objects.filter(tenant=tenant).values_list("pk", "name", "function", "office__name")
    for key, name, function, office in people:
        terms = [function] if function else []
        yield PERSON, key, Document(uuid.uuid5(_SPACE, f"{PERSON}{key}"), tenant.pk, name, terms, [office])


def matching(query: str, texts: Sequence[tuple[str, str]], *, tenant: Tenant, rules: Steering) -> list[int]:
    """Places of the few short texts (title, further words) that answer to every word of the query, the best first."""
    if not texts:
        return []
    understanding = steered(settings.VAR, rules)
    entries = {
        uuid.UUID(int=place + 1): impacts(
            Document(uuid.UUID(int=place + 1), tenant.pk, title, (), [more]), understanding.analyser
        )
        for place, (title, more) in enumerate(texts)
    }
    view = Snapshot([MemoryPart("texts", list(entries.values()))], {}, Cache(200_000))
    plan = understanding.plan(query, view)
    found, _total = view.search(plan, tenant.pk, len(texts))
    return [hit.key.int - 1 for hit in found if _answers_all(entries[hit.key], plan)]
