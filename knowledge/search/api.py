"""The one door to the search: everybody asks and tells here, whichever engine is behind.

answer = api.find("perso verloren", tenant=duisburg)
api.index(effective_ids); api.remove(effective_ids)      after commit, by knowledge.services
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.db.models.fields.json import KT
from django.utils.translation import gettext as _

from knowledge.models import EffectiveArticle
from knowledge.search import directory, explain, fallback
from knowledge.search import engine as engines
from knowledge.search.articles import document_of, stamp_of
from knowledge.search.documents import Impacts, impacts
from knowledge.search.found import EngineUnavailable, Found
from knowledge.search.highlight import Segment, mark, matches
from knowledge.search.memory import steered
from knowledge.search.plan import Plan
from knowledge.search.planner import Planner
from knowledge.search.rules import current as steering
from knowledge.search.snapshot import Snapshot
from knowledge.search.steering import Steering
from tenants.models import Tenant
from tenants.scope import all_cities, assert_in_scope

log = logging.getLogger(__name__)

BATCH = 500
SMALL = 2000  # articles that are indexed in a few seconds, so that the first index need not wait for a worker
HEAL_AGAIN_AFTER = 10.0  # seconds; a broken index is reported by every search until it is healed
_healing_asked_at = 0.0


@dataclass(frozen=True)
class Hit:
    """One article for one city. ``why`` names what was understood, as ``Perso → Personalausweis``, or where the
    match stands when the title does not show it.

    ``pinned``: an editor put it first for this query; its score is what it would have had.
    """

    article_id: UUID
    effective_id: UUID
    tenant_id: int
    title: str
    summary: str
    score: float
    why: list[str]
    title_marked: list[Segment]
    pinned: bool = False


class Row(NamedTuple):
    """What a hit needs of its article's answer for the city: nothing that every key press would read in vain."""

    pk: UUID
    article_id: UUID
    tenant_id: int
    title: str
    summary: str
    terms: list[str]


@dataclass(frozen=True)
class SearchAnswer:
    """``total`` counts every article with anything in common; ``from_index`` is false when the database answered."""

    query: str
    hits: list[Hit]
    total: int
    did_you_mean: str
    milliseconds: float
    from_index: bool = True
    plan: Plan = field(default=Plan(()), repr=False, compare=False)
    understanding: Planner | None = field(default=None, repr=False, compare=False)


def find(query: str, *, tenant: Tenant, limit: int = 10, rules: Steering | None = None) -> SearchAnswer:
    """The best articles of a city for whatever was typed; the scope must hold the city.

    ``rules``: those in force, where the caller has read them for other searches as well.
    """
    started = time.perf_counter()
    assert_in_scope(tenant)
    rules = rules or steering()
    understanding = steered(settings.VAR, rules)
    pins = rules.pinned(query, tenant.pk, understanding.analyser)
    found, total, plan, from_index = _find(query, tenant.pk, limit, understanding)
    rows = _rows(found)
    # A hit that is no row proves it; silence is checked.
    if from_index and (len(rows) < len(found) or (not found and _index_differs(tenant.pk))):
        _ask_for_healing("the index holds other articles than the database")
        found, total, plan, from_index = _from_database(query, tenant.pk, limit, understanding)
        rows = _rows(found)
    hits = [_hit(rows[hit.key], hit.score, plan, understanding) for hit in found if hit.key in rows]
    if pins:
        hits = _with_pins(hits, pins, tenant, plan, understanding)[:limit]
        total = max(total, len(hits))
    milliseconds = (time.perf_counter() - started) * 1000
    return SearchAnswer(
        query, hits, total if hits else 0, plan.did_you_mean, milliseconds, from_index, plan, understanding
    )


def marked(text: str, answer: SearchAnswer) -> list[Segment]:
    """A text of a hit cut into pieces, with what matched; joined they are the text again."""
    return mark(text, answer.plan, answer.understanding.analyser) if text and answer.understanding else []


def ranked(query: str, *, tenant: Tenant, steering: Steering, limit: int = 10) -> list[UUID]:
    """The effective articles in order under a steering that may not be in force, pinned ones first."""
    assert_in_scope(tenant)
    understanding = steered(settings.VAR, steering)
    found, _total, _plan, _from_index = _find(query, tenant.pk, limit, understanding)
    pins = steering.pinned(query, tenant.pk, understanding.analyser)
    first = [row.pk for row in _pinned_rows(pins, tenant)]
    return [*first, *(hit.key for hit in found if hit.key not in first)][:limit]


def first_three(query: str, *, tenant: Tenant, steering: Steering) -> list[UUID]:
    """The effective articles that would stand first under a steering that may not be in force."""
    return ranked(query, tenant=tenant, steering=steering, limit=3)


def first_three_with(queries: Sequence[str], *, answer: EffectiveArticle) -> list[tuple[list[UUID], list[UUID]]]:
    """Per query the first three as they are, and as they would be were this the answer of its city.

    The answer need not be stored. Nothing is known, and nothing is returned, while the index is away.
    """
    assert_in_scope(answer.tenant)
    rules = steering()
    understanding = steered(settings.VAR, rules)
    try:
        now = engines.current().snapshot()
        views = (now, now.with_document(impacts(document_of(answer), understanding.analyser)))
        return [_first_three(query, answer.tenant, views, rules, understanding) for query in queries]
    except EngineUnavailable as error:
        _ask_for_healing(str(error))
        return []


def _first_three(
    query: str, tenant: Tenant, views: tuple[Snapshot, Snapshot], rules: Steering, understanding: Planner
) -> tuple[list[UUID], list[UUID]]:
    pins = [row.pk for row in _pinned_rows(rules.pinned(query, tenant.pk, understanding.analyser), tenant)]
    before, after = (
        [hit.key for hit in view.search(understanding.plan(query, view), tenant.pk, 3)[0]] for view in views
    )
    return [*pins, *(key for key in before if key not in pins)][:3], [
        *pins,
        *(key for key in after if key not in pins),
    ][:3]


def explained(query: str, *, tenant: Tenant, limit: int = 10) -> list[tuple[Hit, list[explain.Share]]]:
    """The hits with what each word adds in each field; the shares of a hit sum up to its score."""
    answer = find(query, tenant=tenant, limit=limit)
    understanding = steered(settings.VAR, steering())
    try:
        view = engines.current().snapshot()
    except EngineUnavailable:
        return [(hit, []) for hit in answer.hits]
    plan = understanding.plan(query, view)
    rarity = view.rarity(plan, tenant.pk)
    rows = EffectiveArticle.objects.select_related("article").in_bulk([hit.effective_id for hit in answer.hits])
    return [
        (hit, explain.shares(document_of(rows[hit.effective_id]), plan, rarity, understanding.analyser))
        for hit in answer.hits
    ]


def index(effective_ids: Sequence[UUID]) -> None:
    """Bring these articles up to date in the index; what is gone from the database is removed.

    Never raises for a broken or busy index: the article is saved, and the index is healed later.
    """
    analyser = steered(settings.VAR, steering()).analyser
    try:
        store = engines.current()
        if not store.exists() and _is_small():
            rebuild()
            return
        for start in range(0, len(effective_ids), BATCH):
            batch = effective_ids[start : start + BATCH]
            with all_cities("the index holds every city"):
                rows = EffectiveArticle.objects.in_bulk(batch)
            store.write(
                [impacts(document_of(row), analyser) for row in rows.values()], [k for k in batch if k not in rows]
            )
    except (EngineUnavailable, OSError) as error:
        _ask_for_healing(f"{len(effective_ids)} articles could not be indexed: {error}")


def remove(effective_ids: Sequence[UUID]) -> None:
    """Take articles out of the index. Never raises for a broken or busy index."""
    try:
        engines.current().write(remove=effective_ids)
    except (EngineUnavailable, OSError) as error:
        _ask_for_healing(f"{len(effective_ids)} articles could not be removed: {error}")


def rebuild() -> int:
    """Build the whole index anew and swap it in; returns the number of articles. May raise OSError."""
    with all_cities("the index holds every city"):
        return engines.current().rebuild(_all_impacts())


def reconcile(*, suspected: bool = False) -> int:
    """Make index and database agree; returns how many articles were put right. Runs by itself, each minute.

    ``suspected``: a search stumbled over the index, so every list in it is read as well.
    """
    store = engines.current()
    with all_cities("the index holds every city"):
        wanted = {key: stamp_of(at) for key, at in EffectiveArticle.objects.values_list("pk", "changed_at").iterator()}
    try:
        if suspected:
            store.verify()
        if store.tidy():
            return rebuild()
        indexed = store.snapshot().stamps()
    except EngineUnavailable as error:
        log.warning("The index is rebuilt: %s", error)
        return rebuild()
    stale = [key for key, stamp in wanted.items() if indexed.get(key) != stamp]
    gone = [key for key in indexed if key not in wanted]
    if len(stale) + len(gone) > max(200, len(wanted) // 5):
        return rebuild()
    if gone:
        remove(gone)
    if stale:
        index(stale)
    return len(stale) + len(gone)


def warm_up() -> None:
    """Read what the first searches will want; for a server's start, in a thread of its own. Never raises."""
    try:
        steered(settings.VAR, steering())
        engines.current().snapshot().warm_up()
        with all_cities("every city's directory, kept by city"):
            for city in Tenant.objects.filter(is_active=True)[: directory.CITIES_KEPT]:
                directory.warm_up(city)
    except EngineUnavailable as error:
        log.info("nothing to warm up: %s", error)
    except Exception:  # a thread's death would only be a line in the log; say what it was about
        log.exception("The search could not be warmed up")
    finally:
        connection.close()


def _find(query: str, tenant: int, limit: int, understanding: Planner) -> tuple[list[Found], int, Plan, bool]:
    try:
        view = engines.current().snapshot()
        plan = understanding.plan(query, view)
        found, total = view.search(plan, tenant, limit)
        return found, total, plan, True
    except EngineUnavailable as error:
        _ask_for_healing(str(error))
        return _from_database(query, tenant, limit, understanding)


def _from_database(query: str, tenant: int, limit: int, understanding: Planner) -> tuple[list[Found], int, Plan, bool]:
    plan = understanding.plan(query, fallback.NoLexicon())
    found, total = fallback.search(plan, query, tenant, limit, understanding.analyser)
    return found, total, plan, False


def _pinned_rows(pins: Sequence[UUID], tenant: Tenant) -> list[Row]:
    if not pins:
        return []
    rows = {row.article_id: row for row in _read(EffectiveArticle.objects.filter(tenant=tenant, article__in=pins))}
    return [rows[article] for article in pins if article in rows]


def _with_pins(hits: list[Hit], pins: Sequence[UUID], tenant: Tenant, plan: Plan, understanding: Planner) -> list[Hit]:
    scores = {hit.article_id: hit.score for hit in hits}
    first = [
        replace(_hit(row, scores.get(row.article_id, 0.0), plan, understanding), pinned=True)
        for row in _pinned_rows(pins, tenant)
    ]
    return [*first, *(hit for hit in hits if hit.article_id not in {one.article_id for one in first})]


def _rows(found: Sequence[Found]) -> dict[UUID, Row]:
    """The hits read again through the scoped manager: an index can be late, or wrong about a city."""
    if not found:
        return {}
    return {row.pk: row for row in _read(EffectiveArticle.objects.filter(pk__in=[hit.key for hit in found]))}


def _read(answers: QuerySet[EffectiveArticle]) -> list[Row]:
    rows = answers.order_by().values_list("pk", "article_id", "tenant_id", "title", KT("sections__summary"), "terms")
    return [
        Row(pk, article, tenant, title, summary or "", terms) for pk, article, tenant, title, summary, terms in rows
    ]


def _index_differs(tenant: int) -> bool:
    try:
        return engines.current().snapshot().count(tenant) != EffectiveArticle.objects.filter(tenant=tenant).count()
    except EngineUnavailable:
        return True


def _is_small() -> bool:
    with all_cities("the index holds every city"):
        return EffectiveArticle.objects.count() <= SMALL


def _hit(row: Row, score: float, plan: Plan, understanding: Planner) -> Hit:
    title = mark(row.title, plan, understanding.analyser)
    return Hit(
        article_id=row.article_id,
        effective_id=row.pk,
        tenant_id=row.tenant_id,
        title=row.title,
        summary=row.summary,
        score=score,
        why=_why(row, title, plan, understanding),
        title_marked=title,
    )


def _why(row: Row, title: Sequence[Segment], plan: Plan, understanding: Planner) -> list[str]:
    """Synonyms and corrections that this article answers to; else the search term, or that it is the text."""
    analyser = understanding.analyser
    if plan.reasons:
        words = [word for text in (row.title, *row.terms) for _, word in analyser.short(text)]
        reasons = [
            f"{reason.typed} → {reason.meant}"
            for reason in plan.reasons
            if all(any(matches(word, frozenset({stem})) for word in words) for stem in reason.stems)
        ]
        if reasons:
            return reasons[:3]
    if any(is_match for _text, is_match in title):
        return []
    for term in row.terms:
        if any(is_match for _text, is_match in mark(term, plan, analyser)):
            return [_("Suchwort: %(term)s") % {"term": term}]
    return [_("im Text")]


def _all_impacts() -> Iterator[Impacts]:
    analyser = steered(settings.VAR, steering()).analyser
    for row in EffectiveArticle.objects.order_by("tenant_id", "pk").iterator(BATCH):
        yield impacts(document_of(row), analyser)


def _ask_for_healing(reason: str) -> None:
    """Queue a reconciliation, but not for every key that is pressed meanwhile."""
    global _healing_asked_at
    now = time.monotonic()
    if _healing_asked_at and now - _healing_asked_at < HEAL_AGAIN_AFTER:
        return
    _healing_asked_at = now
    log.warning("The search index needs healing: %s", reason)
    from knowledge.tasks import reconcile_index

    try:
        reconcile_index.delay(suspected=True)
    except Exception:  # the broker may be down as well; the minutely job comes by
        log.exception("Healing could not be queued")
