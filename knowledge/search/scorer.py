"""Ranking: adds up impacts over dense arrays, one per segment of the index. Needs NumPy only.

Score of a document = sum over clauses of weight × idf × impact, times its coverage: what answers to all
words of a question comes before what answers to one of them very strongly. The impacts of a term are kept
per city, so that a city's search touches its own articles only. A lower bound of the last wanted
score is known before anything is sorted (a document that is k-th best by one clause alone is at
least that good by all), so that only a handful of scores is ever compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from knowledge.search.plan import Clause, Plan

Docs = NDArray[np.int32]
Scores = NDArray[np.float32]

BEST_KEPT = 24
PREFIX_WEIGHT = 0.8
# A clause that half of all articles answer to decides nothing, but still breaks ties.
LOWEST_IDF = 0.1
# Chosen on the halves that may be tuned on (benchmarks/search_relevance.md).
COVERAGE = 0.4


@dataclass(frozen=True, slots=True)
class Postings:
    """Who has a term and how strongly. ``docs`` is none when ``impacts`` is dense (every document)."""

    docs: Docs | None
    impacts: Scores
    count: int
    best: Scores  # the highest impacts, descending

    @property
    def size_in_bytes(self) -> int:
        return self.impacts.nbytes + (0 if self.docs is None else self.docs.nbytes) + self.best.nbytes + 200


def postings(docs: Docs, impacts: Scores, size: int) -> Postings:
    """Pack what was read; long lists become dense arrays, which add faster."""
    count = len(docs)
    if count > BEST_KEPT:
        best = np.sort(np.partition(impacts, count - BEST_KEPT)[count - BEST_KEPT :])[::-1]
    else:
        best = np.sort(impacts)[::-1]
    if count * 3 > size:
        dense = np.zeros(size, np.float32)
        dense[docs] = impacts
        return Postings(None, dense, count, best)
    return Postings(docs, impacts, count, best)


def union(parts: Sequence[Postings], size: int) -> Postings | None:
    """The stronger of several terms for each document."""
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    dense = np.zeros(size, np.float32)
    for part in parts:
        if part.docs is None:
            np.maximum(dense, part.impacts, out=dense)
        else:
            dense[part.docs] = np.maximum(dense[part.docs], part.impacts)
    docs = np.flatnonzero(dense).astype(np.int32)
    return postings(docs, dense[docs], size)


class Shard(Protocol):
    """One city's documents in one segment of an index."""

    size: int
    live: int  # documents that are not deleted

    def strong(self, term: str) -> Postings | None: ...

    def body(self, term: str) -> Postings | None: ...

    def completed(self, prefix: str, stems: tuple[str, ...]) -> Postings | None: ...

    def dead(self) -> Docs | None: ...


@dataclass(frozen=True, slots=True)
class Ranked:
    shard: int
    doc: int
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    best: list[Ranked]
    total: int


def idf(documents: int, having: int) -> float:
    """Rarity of a term (Robertson & Spärck Jones, smoothed, never negative)."""
    return max(LOWEST_IDF, math.log(1 + (documents - having + 0.5) / (having + 0.5)))


def coverages(words: int) -> Scores:
    """What a score counts times, by the number of words that were answered to, out of so many."""
    return ((np.arange(words + 1, dtype=np.float32) / words) ** COVERAGE).astype(np.float32)


def rank(shards: Sequence[Shard], plan: Plan, limit: int) -> Ranking:
    """The ``limit`` best documents of all shards, and how many have anything in common with the plan."""
    documents = sum(shard.live for shard in shards)
    parts: list[list[tuple[Postings, float, int]]] = [[] for _ in shards]
    floor = 0.0
    covers = plan.covers()
    words = covers.bit_count()
    factors = coverages(words) if words > 1 else None
    for clause in plan.clauses:
        bound = _resolve(shards, clause, documents, parts, limit)
        # Whoever has such a clause answers to one word at least; without one, to none perhaps.
        floor = max(floor, bound if factors is None else bound * float(factors[1]) if clause.covers else 0.0)
    found: list[Ranked] = []
    total = 0
    for number, shard in enumerate(shards):
        if not parts[number]:
            continue
        scores = np.zeros(shard.size, np.float32)
        for part, weight, _bits in parts[number]:
            if part.docs is None:
                scores += part.impacts * np.float32(weight)
            else:
                scores[part.docs] += part.impacts * np.float32(weight)
        if factors is not None:
            scores *= factors[_answered(parts[number], shard.size)]
        dead = shard.dead()
        if dead is not None:
            scores[dead] = 0
            candidates = np.flatnonzero(scores)
            total += len(candidates)
        else:
            total += int(np.count_nonzero(scores))
            candidates = np.flatnonzero(scores >= np.float32(floor * 0.9999)) if floor else np.flatnonzero(scores)
        reached = scores[candidates]
        if len(candidates) > limit * 8:
            # Equal scores at the edge stay in, so that ties are broken by the caller's order.
            edge = np.partition(reached, len(reached) - limit)[len(reached) - limit]
            keep = reached >= edge
            candidates, reached = candidates[keep], reached[keep]
        found.extend(map(Ranked, [number] * len(candidates), candidates.tolist(), reached.tolist()))
    found.sort(key=lambda hit: -hit.score)
    return Ranking(found[: limit * 4], total)


def _answered(parts: Sequence[tuple[Postings, float, int]], size: int) -> NDArray[np.uint8]:
    """How many words of the question each document answers to."""
    bits = np.zeros(size, np.uint32)
    for part, _weight, covers in parts:
        if not covers:
            continue
        if part.docs is None:
            bits |= np.where(part.impacts > 0, np.uint32(covers), np.uint32(0))
        else:
            bits[part.docs] |= np.uint32(covers)
    return np.bitwise_count(bits)


def _resolve(
    shards: Sequence[Shard],
    clause: Clause,
    documents: int,
    parts: list[list[tuple[Postings, float, int]]],
    limit: int,
) -> float:
    """Add a clause's postings with their final weights; returns its lower bound for the last wanted score."""
    floor = 0.0
    strong = [shard.strong(clause.term) for shard in shards]
    body = [shard.body(clause.term) for shard in shards]
    having = max(sum(p.count for p in strong if p), sum(p.count for p in body if p))
    lists = [(strong, clause.weight * idf(documents, having)), (body, clause.weight * idf(documents, having))]
    if clause.prefix:
        completed = [shard.completed(clause.prefix, clause.completions) for shard in shards]
        weight = clause.weight * PREFIX_WEIGHT * idf(documents, sum(p.count for p in completed if p))
        lists.append((completed, weight))
    for found, weight in lists:
        for number, part in enumerate(found):
            if part is not None:
                parts[number].append((part, weight, clause.covers))
                if len(part.best) >= limit and shards[number].dead() is None:
                    floor = max(floor, float(part.best[limit - 1]) * weight)
    return floor


def weights(shards: Sequence[Shard], plan: Plan) -> list[tuple[float, float]]:
    """Per clause: what an impact counts times for its term, and for its completions (0 where there are none)."""
    documents = sum(shard.live for shard in shards)
    found = []
    for clause in plan.clauses:
        strong = sum(part.count for shard in shards if (part := shard.strong(clause.term)))
        body = sum(part.count for shard in shards if (part := shard.body(clause.term)))
        completed = 0.0
        if clause.prefix:
            lists = [shard.completed(clause.prefix, clause.completions) for shard in shards]
            having = sum(part.count for part in lists if part)
            completed = clause.weight * PREFIX_WEIGHT * idf(documents, having)
        found.append((clause.weight * idf(documents, max(strong, body)), completed))
    return found
