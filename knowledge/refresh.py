"""The one writer of the effective article: what each city shows of each article, now.

Called by ``services`` after every publication, and each minute for texts whose time comes or ends.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from knowledge import effective as rules
from knowledge.models import Article, EffectiveArticle, Revision, SearchTerm, State
from knowledge.sanitise import sort_key
from knowledge.signals import article_published, article_withdrawn
from tenants.models import Tenant
from tenants.scope import all_cities


def refresh_effective(article_id: uuid.UUID, *, announce: bool = True) -> list[uuid.UUID]:
    """Write anew what each city shows of an article; returns the ids of rows that changed."""
    return refresh_many([article_id], announce=announce)


@transaction.atomic
def refresh_many(article_ids: Sequence[uuid.UUID], *, announce: bool = True) -> list[uuid.UUID]:
    """Write the effective articles of these articles, archive what newer texts have replaced, index on commit.

    The only writer of EffectiveArticle. ``announce`` tells the floors above; mass imports do not.
    """
    written: list[_Change] = []
    gone: list[EffectiveArticle] = []
    now = timezone.now()
    with all_cities("an article reaches every city its text is for"):
        cities = list(Tenant.objects.filter(is_active=True))
        for start in range(0, len(article_ids), 500):
            new, old = _refresh_batch(article_ids[start : start + 500], cities, now)
            written += new
            gone += old
        EffectiveArticle.objects.filter(pk__in=[row.pk for row in gone]).delete()
        if announce:
            for change in written:
                if change.says_something_new:
                    article_published.send(sender=EffectiveArticle, effective=change.row, is_new=change.is_new)
            for row in gone:
                article_withdrawn.send(
                    sender=EffectiveArticle, article_id=row.article_id, tenant_id=row.tenant_id, title=row.title
                )
    _index_on_commit([change.row.pk for change in written], [row.pk for row in gone])
    return [change.row.pk for change in written]


def refresh_due() -> int:
    """Refresh every article whose text begins or ends by now; returns how many. Runs each minute."""
    now = timezone.now()
    published = Revision.objects.filter(state=State.PUBLISHED)
    with all_cities("validity is a matter of time, not of a city"):
        shown = EffectiveArticle.objects.filter(Q(shared_revision=OuterRef("pk")) | Q(local_revision=OuterRef("pk")))
        begun = published.filter(valid_from__lte=now).filter(~Exists(shown))
        ended = published.filter(valid_until__lte=now)
        due = sorted({*begun.values_list("article_id", flat=True), *ended.values_list("article_id", flat=True)})
    if due:
        refresh_many(due)
    return len(due)


@dataclass(frozen=True)
class _Change:
    row: EffectiveArticle
    is_new: bool
    says_something_new: bool


FIELDS = (
    "shared_revision_id",
    "local_revision_id",
    "title",
    "sections",
    "local_keys",
    "terms",
    "published_at",
    "sort_key",
)


def _refresh_batch(
    article_ids: Sequence[uuid.UUID], cities: list[Tenant], now: datetime
) -> tuple[list[_Change], list[EffectiveArticle]]:
    """Compute and write the rows of up to a few hundred articles, in a fixed number of queries."""
    articles = list(Article.objects.filter(pk__in=article_ids))
    chains: dict[tuple[uuid.UUID, int | None], list[Revision]] = defaultdict(list)
    for revision in Revision.objects.filter(article__in=article_ids, state=State.PUBLISHED):
        chains[revision.article_id, revision.tenant_id].append(revision)
    archive_rows(Revision.objects.filter(pk__in=[old.pk for chain in chains.values() for old in _replaced(chain, now)]))
    terms: dict[tuple[uuid.UUID, int | None], list[str]] = defaultdict(list)
    for article_id, tenant_id, term in SearchTerm.objects.filter(article__in=article_ids).values_list(
        "article_id", "tenant_id", "term"
    ):
        terms[article_id, tenant_id].append(term)
    present = {(row.article_id, row.tenant_id): row for row in EffectiveArticle.objects.filter(article__in=article_ids)}
    changes: list[_Change] = []
    for article in articles:
        for city in cities:
            owned = article.owner_id is not None
            if owned and article.owner_id != city.pk:
                continue
            shared = rules.in_effect(chains[article.pk, None], now)
            local = rules.in_effect(chains[article.pk, city.pk], now)
            laid = rules.overlay(shared, local, owned=owned)
            if laid is None or (shared is None and local is None):
                continue
            row = present.pop((article.pk, city.pk), None)
            is_new = row is None
            row = row or EffectiveArticle(article=article, tenant=city)
            before = {field: getattr(row, field) for field in FIELDS}
            row.shared_revision, row.local_revision = shared, local
            row.title, row.sections, row.local_keys = laid.title, laid.sections, laid.local_keys
            row.sort_key = sort_key(laid.title)
            row.terms = sorted({*terms[article.pk, None], *terms[article.pk, city.pk]}, key=str.casefold)
            row.published_at = max(begins for each in (shared, local) if each and (begins := rules.begins_at(each)))
            after = {field: getattr(row, field) for field in FIELDS}
            if is_new or before != after:
                new_text = is_new or any(before[field] != after[field] for field in ("title", "sections"))
                changes.append(_Change(row, is_new, new_text))
    EffectiveArticle.objects.bulk_create([change.row for change in changes if change.is_new], batch_size=200)
    rows = [change.row for change in changes if not change.is_new]
    for row in rows:
        row.changed_at = now
    EffectiveArticle.objects.bulk_update(
        rows,
        [
            "shared_revision",
            "local_revision",
            "title",
            "sort_key",
            "sections",
            "local_keys",
            "terms",
            "published_at",
            "changed_at",
        ],
        batch_size=100,
    )
    return changes, list(present.values())


def _replaced(chain: Iterable[Revision], now: datetime) -> list[Revision]:
    """Published revisions of a chain that a newer one has replaced, or that have expired."""
    begun = [each for each in chain if (begins := rules.begins_at(each)) is not None and begins <= now]
    newest = max(begun, key=lambda each: each.number, default=None)
    return [each for each in begun if each is not newest or (each.valid_until is not None and each.valid_until <= now)]


def _index_on_commit(changed: list[uuid.UUID], gone: list[uuid.UUID]) -> None:
    def run() -> None:
        # The search side stands on this module's models, so it is imported when it is needed.
        from knowledge.search import api

        if gone:
            api.remove(gone)
        if changed:
            api.index(changed)

    if changed or gone:
        transaction.on_commit(run)


def archive_rows(revisions: QuerySet[Revision]) -> None:
    """Archive published revisions in one statement."""
    # update() and not save(): the database allows exactly these two columns of a published revision to change.
    revisions.filter(state=State.PUBLISHED).update(state=State.ARCHIVED, archived_at=timezone.now())
