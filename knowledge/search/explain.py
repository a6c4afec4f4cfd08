"""Why a document stands where it stands: the score taken apart by word and field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from knowledge.search.analysis import Analyser
from knowledge.search.documents import Document, by_field
from knowledge.search.plan import Clause, Plan
from knowledge.search.scorer import coverages


@dataclass(frozen=True)
class Share:
    """What one word of the query adds through one field; ``term`` is the stem that was found there."""

    word: str
    term: str
    field: str  # title, terms or body
    weight: float  # of the word: how sure its meaning is, times its rarity in the city, times the document's coverage
    impact: float  # of the term in the field
    points: float


def shares(document: Document, plan: Plan, rarity: Sequence[tuple[float, float]], analyser: Analyser) -> list[Share]:
    """Every share of the document's score, the greatest first; together they are the score."""
    fields = by_field(document, analyser)
    found: list[Share] = []

    answered = 0

    def add(clause: Clause, word: str, term: str, weight: float, names: Sequence[str]) -> None:
        nonlocal answered
        for name in names:
            impact = fields[name].get(term, 0.0)
            if impact and weight:
                answered |= clause.covers
                found.append(Share(word, term, name, weight, impact, weight * impact))

    for clause, (weight, completed) in zip(plan.clauses, rarity, strict=True):
        add(clause, clause.word, clause.term, weight, ("title", "terms", "body"))
        if clause.prefix and completed:
            # Of the words the beginning may become, only the strongest in the document counts.
            title, terms = fields["title"], fields["terms"]
            best = max(clause.completions, key=lambda stem: title.get(stem, 0.0) + terms.get(stem, 0.0))
            add(clause, f"{clause.prefix}…", best, completed, ("title", "terms"))
    words = plan.covers().bit_count()
    if words > 1:
        factor = float(coverages(words)[answered.bit_count()])
        found = [replace(share, weight=share.weight * factor, points=share.points * factor) for share in found]
    return sorted(found, key=lambda share: -share.points)
