"""What is indexed of one effective article: terms with their impact, worked out once per change.

The impact of a term is its share of the score before rarity (idf): boosts and length
normalisation are already inside, so that every engine ranks alike and only adds up.
Strong terms come from title and search terms, body terms from the text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from uuid import UUID

from knowledge.search.analysis import Analyser
from knowledge.search.fold import word_texts


@dataclass(frozen=True)
class Document:
    """One article as one city has it. ``stamp`` grows with every change (microseconds)."""

    key: UUID
    tenant: int
    title: str
    terms: Sequence[str] = ()
    body: Sequence[str] = ()
    stamp: int = 0


@dataclass(frozen=True)
class Boosts:
    """Weights of the fields; chosen on one half of the judged queries (benchmarks/search_relevance.md)."""

    title: float = 5.0
    title_part: float = 3.2
    title_norm: float = 0.9
    title_length: float = 4.0  # words of a usual title
    term: float = 4.0
    term_part: float = 2.4
    body: float = 1.6
    body_part: float = 1.0
    body_norm: float = 0.4
    body_length: float = 150.0  # words of a usual text
    saturation: float = 1.2  # BM25's k1


BOOSTS = Boosts()


@dataclass(frozen=True)
class Impacts:
    """The index entry of a document; the same for every engine."""

    key: UUID
    tenant: int
    stamp: int
    strong: Mapping[str, float]
    body: Mapping[str, float]
    surfaces: frozenset[tuple[str, str, str]] = field(default_factory=frozenset)  # (folded, stem, as written)


def impacts(document: Document, analyser: Analyser, boosts: Boosts = BOOSTS) -> Impacts:
    """Analyse a document."""
    surfaces: set[tuple[str, str, str]] = set()
    strong, from_terms = _title_and_terms(document, analyser, boosts, surfaces)
    for term, impact in from_terms.items():
        strong[term] = strong.get(term, 0.0) + impact
    return Impacts(
        document.key,
        document.tenant,
        document.stamp,
        strong,
        _body(document.body, analyser, boosts),
        frozenset(surfaces),
    )


def by_field(document: Document, analyser: Analyser, boosts: Boosts = BOOSTS) -> dict[str, Mapping[str, float]]:
    """The impacts apart: ``title`` and ``terms`` make up the strong ones, ``body`` stands for itself."""
    title, terms = _title_and_terms(document, analyser, boosts, set())
    return {"title": title, "terms": terms, "body": _body(document.body, analyser, boosts)}


def _title_and_terms(
    document: Document, analyser: Analyser, boosts: Boosts, surfaces: set[tuple[str, str, str]]
) -> tuple[dict[str, float], dict[str, float]]:
    title: dict[str, float] = {}
    _add_phrase(title, surfaces, document.title, analyser, boosts.title, boosts.title_part, boosts)
    terms: dict[str, float] = {}
    for phrase in document.terms:
        _add_phrase(terms, surfaces, phrase, analyser, boosts.term, boosts.term_part, boosts)
    return title, terms


def _add_phrase(
    into: dict[str, float],
    surfaces: set[tuple[str, str, str]],
    phrase: str,
    analyser: Analyser,
    whole: float,
    part: float,
    boosts: Boosts,
) -> None:
    """A word of a short title says more than one of a long title; the best place of a term counts."""
    found = list(analyser.words(phrase))
    for token, word in found:
        if len(word.folded) > 1 and not word.is_stop:
            surfaces.add((word.folded, word.stem, token.text))
            surfaces.update((part, term, "") for part, term in zip(word.surfaces, word.parts, strict=True))
    words = [word for _, word in found]
    for (left, first), (right, second) in pairwise(found):
        if phrase[left.end : right.start] == "-":  # Gewerbe-Anmeldung is also Gewerbeanmeldung
            words.append(analyser.word(first.folded + second.folded))
    counted = max(1, sum(not word.is_stop for _, word in found))
    norm = 1 / (1 - boosts.title_norm + boosts.title_norm * counted / boosts.title_length)
    share = (boosts.saturation + 1) / (1 + boosts.saturation / norm)
    for word in words:
        weight = 0.2 if word.is_stop else 1.0
        _keep_best(into, word.stem, whole * share * weight)
        for term in (*word.parts, *word.spans):
            _keep_best(into, term, part * share)


def _keep_best(into: dict[str, float], term: str, impact: float) -> None:
    if impact > into.get(term, 0.0):
        into[term] = impact


def _body(texts: Sequence[str], analyser: Analyser, boosts: Boosts) -> dict[str, float]:
    written: Counter[str] = Counter()
    for text in texts:
        written.update(word_texts(text))
    whole: dict[str, int] = {}
    parts: dict[str, int] = {}
    length = 0
    for text, count in written.items():
        word = analyser.word(text)
        if word.is_stop:
            continue
        length += count
        whole[word.stem] = whole.get(word.stem, 0) + count
        for part in (*word.parts, *word.spans):
            parts[part] = parts.get(part, 0) + count
    norm = 1 - boosts.body_norm + boosts.body_norm * length / boosts.body_length
    k = boosts.saturation
    found = {term: boosts.body * count * (k + 1) / (count + k * norm) for term, count in whole.items()}
    for term, count in parts.items():
        found[term] = found.get(term, 0.0) + boosts.body_part * count * (k + 1) / (count + k * norm)
    return found
