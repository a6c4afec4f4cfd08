"""The database answers while there is no usable index: same analysis, titles and search terms only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_

from django.db.models import Q

from knowledge.models import EffectiveArticle
from knowledge.search.analysis import Analyser
from knowledge.search.documents import Document, impacts
from knowledge.search.found import Found
from knowledge.search.plan import Plan

MOST_ROWS = 3000  # a city with more is narrowed by title first, so that the answer still comes at once


class NoLexicon:
    """Nothing is known about the indexed words: every word is taken as typed."""

    def knows(self, stem: str) -> bool:
        return True

    def completions(self, prefix: str, limit: int) -> Sequence[str]:
        return ()

    def corrections(self, word: str) -> Sequence[tuple[str, int]]:
        return ()


def search(plan: Plan, query: str, tenant: int, limit: int, analyser: Analyser) -> tuple[list[Found], int]:
    """Rank the city's articles without an index. Needs an open scope that holds the city."""
    words = [word for _, word in analyser.words(query)]
    if not words:
        return [], 0
    rows = EffectiveArticle.objects.filter(tenant=tenant)
    if rows.count() > MOST_ROWS:
        rows = rows.filter(reduce(or_, (Q(title__icontains=word.folded) for word in words)))
    typed = words[-1].folded
    found = []
    for key, title, terms in rows.values_list("pk", "title", "terms")[:MOST_ROWS]:
        entry = impacts(Document(key, tenant, title, terms), analyser)
        score = sum(clause.weight * entry.strong.get(clause.term, 0.0) for clause in plan.clauses)
        if len(typed) > 1 and any(surface.startswith(typed) for surface, _, _ in entry.surfaces):
            score += 1.0
        if score > 0:
            found.append(Found(key, score))
    found.sort(key=lambda hit: (-hit.score, hit.key))
    return found[:limit], len(found)
