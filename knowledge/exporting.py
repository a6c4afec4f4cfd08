"""The knowledge base as JSON Lines: one article a line, and it comes in again without change."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator

from django.utils import timezone

from knowledge.effective import in_effect
from knowledge.models import Article, Revision, SearchTerm, State
from knowledge.selectors import visible_articles
from tenants.models import Tenant
from tenants.scope import current_scope

BATCH = 200


def export_lines() -> Iterator[str]:
    """Every article in scope that is published, one JSON object a line, by title."""
    scope = current_scope()
    cities = {city.pk: city for city in Tenant.objects.filter(is_active=True) if scope.holds(city.pk)}
    ids = list(visible_articles().order_by("sort_key", "pk").values_list("pk", flat=True))
    for start in range(0, len(ids), BATCH):
        articles = Article.objects.select_related("owner").prefetch_related("categories")
        batch = articles.in_bulk(ids[start : start + BATCH])
        chains: dict[tuple[object, int | None], list[Revision]] = defaultdict(list)
        for revision in Revision.objects.filter(article__in=batch, state=State.PUBLISHED):
            chains[revision.article_id, revision.tenant_id].append(revision)
        terms: dict[tuple[object, int | None], list[str]] = defaultdict(list)
        for term in SearchTerm.objects.filter(article__in=batch):
            terms[term.article_id, term.tenant_id].append(term.term)
        for article_id in ids[start : start + BATCH]:
            line = _article(batch[article_id], cities, chains, terms)
            if line is not None:
                yield json.dumps(line, ensure_ascii=False, sort_keys=True)


def _article(
    article: Article,
    cities: dict[int, Tenant],
    chains: dict[tuple[object, int | None], list[Revision]],
    terms: dict[tuple[object, int | None], list[str]],
) -> dict[str, object] | None:
    now = timezone.now()
    main = in_effect(chains[article.pk, article.owner_id], now)
    if main is None:
        return None
    local: dict[str, dict[str, object]] = {}
    for city in cities.values() if article.owner_id is None else ():
        own = in_effect(chains[article.pk, city.pk], now)
        words = sorted(terms[article.pk, city.pk])
        if own is not None or words:
            local[city.slug] = {"sections": own.sections if own else {}, "terms": words}
    return {
        "format": "callcenter-article",
        "id": article.source_id if article.source == "export" else str(article.pk),
        "title": main.title,
        "kind": article.kind,
        "owner": article.owner.slug if article.owner else "",
        "leika_key": article.leika_key,
        "themes": sorted(category.name for category in article.categories.all()),
        "terms": sorted(terms[article.pk, article.owner_id]),
        "sections": main.sections,
        "local": local,
    }
