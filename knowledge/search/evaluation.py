"""Judging a search by queries whose right answers are known."""

from __future__ import annotations

import json
import math
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge.search.documents import BOOSTS, Boosts, Document, impacts
from knowledge.search.planner import Planner
from knowledge.search.whoosh_store import WhooshStore

TENANT = 1
_SPACE = uuid.UUID("6f2a4c0e-52d1-4b53-9a47-0d1f6b7c9e11")


class BadInput(ValueError):
    """A file does not have the promised shape; the message names the line."""


@dataclass(frozen=True)
class Judged:
    query: str
    relevant: frozenset[str]


@dataclass(frozen=True)
class CorpusEntry:
    id: str
    title: str
    text: str
    keywords: tuple[str, ...]


@dataclass(frozen=True)
class Scores:
    """Shares lie between 0 and 1, times are milliseconds."""

    n: int
    hit_1: float
    hit_3: float
    hit_10: float
    mrr_10: float
    zero_hit_rate: float
    p50_ms: float
    p95_ms: float

    def as_json(self) -> dict[str, float | int]:
        return {
            "n": self.n,
            "hit@1": round(self.hit_1, 4),
            "hit@3": round(self.hit_3, 4),
            "hit@10": round(self.hit_10, 4),
            "mrr@10": round(self.mrr_10, 4),
            "zero_hit_rate": round(self.zero_hit_rate, 4),
            "p50_ms": round(self.p50_ms, 3),
            "p95_ms": round(self.p95_ms, 3),
        }


def read_corpus(path: Path) -> list[CorpusEntry]:
    """JSON Lines with id, title, text and perhaps keywords. Raises BadInput."""
    entries = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        try:
            raw = json.loads(line)
            keywords = raw.get("keywords") or []
            if not isinstance(keywords, list):
                raise BadInput(f"{path.name} line {number}: keywords must be a list")
            entries.append(
                CorpusEntry(
                    str(raw["id"]), str(raw.get("title") or ""), str(raw.get("text") or ""), tuple(map(str, keywords))
                )
            )
        except (json.JSONDecodeError, KeyError, AttributeError, TypeError) as error:
            raise BadInput(f"{path.name} line {number}: not an object with id, title and text ({error})") from error
    if not entries:
        raise BadInput(f"{path.name} holds no documents")
    return entries


def read_queries(path: Path) -> list[Judged]:
    """Tab-separated with a header that has query and relevant_ids (comma-separated). Raises BadInput."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    header = lines[0].split("\t") if lines else []
    if "query" not in header or "relevant_ids" not in header:
        raise BadInput(f"{path.name}: the header needs the columns query and relevant_ids")
    query_at, ids_at = header.index("query"), header.index("relevant_ids")
    judged = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) <= max(query_at, ids_at):
            raise BadInput(f"{path.name} line {number}: too few columns")
        relevant = frozenset(part.strip() for part in cells[ids_at].split(",") if part.strip())
        if relevant:
            judged.append(Judged(cells[query_at], relevant))
    if not judged:
        raise BadInput(f"{path.name} holds no judged queries")
    return judged


@dataclass(frozen=True)
class Outcome:
    """What a search answered to one judged query: at most ten ids, best first."""

    judged: Judged
    found: tuple[str, ...]
    milliseconds: float = 0.0

    @property
    def rank(self) -> int:
        """Where the first right answer stands; 0 when it is not among the ten."""
        return next((at for at, key in enumerate(self.found, 1) if key in self.judged.relevant), 0)


def ask_all(queries: Iterable[Judged], ask: Callable[[str], Sequence[str]]) -> list[Outcome]:
    """Ask every query once; ``ask`` returns ids, best first."""
    outcomes = []
    for judged in queries:
        started = time.perf_counter()
        found = tuple(ask(judged.query))[:10]
        outcomes.append(Outcome(judged, found, (time.perf_counter() - started) * 1000))
    return outcomes


def score(outcomes: Sequence[Outcome]) -> Scores:
    """The figures of a judged set; all zero for an empty one."""
    n = len(outcomes) or 1
    ranks = [outcome.rank for outcome in outcomes]
    times = sorted(outcome.milliseconds for outcome in outcomes)
    return Scores(
        n=len(outcomes),
        hit_1=sum(rank == 1 for rank in ranks) / n,
        hit_3=sum(0 < rank <= 3 for rank in ranks) / n,
        hit_10=sum(rank > 0 for rank in ranks) / n,
        mrr_10=sum(1 / rank for rank in ranks if rank) / n,
        zero_hit_rate=sum(not outcome.found for outcome in outcomes) / n,
        p50_ms=percentile(times, 0.50),
        p95_ms=percentile(times, 0.95),
    )


def judge(queries: Iterable[Judged], ask: Callable[[str], Sequence[str]]) -> Scores:
    """Ask every query once and score the answers."""
    return score(ask_all(queries, ask))


def confused(outcomes: Iterable[Outcome], within: int = 3) -> list[tuple[str, str, list[str]]]:
    """(the right answer, what stood first instead, the queries), for right answers below ``within``; most first."""
    pairs: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        if outcome.found and not 0 < outcome.rank <= within:
            for right in sorted(outcome.judged.relevant):
                pairs.setdefault((right, outcome.found[0]), []).append(outcome.judged.query)
    return sorted(
        ((right, instead, queries) for (right, instead), queries in pairs.items()), key=lambda pair: -len(pair[2])
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of an ascending sequence."""
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)] if ordered else 0.0


class Throwaway:
    """A corpus in an index of its own, gone when closed."""

    def __init__(self, corpus: Iterable[CorpusEntry], planner: Planner, boosts: Boosts = BOOSTS) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="callcenter-judge-")
        self.planner = planner
        self.store = WhooshStore(Path(self._folder.name))
        self._ids: dict[uuid.UUID, str] = {}
        self.entries = [impacts(self._document(entry), planner.analyser, boosts) for entry in corpus]
        self.store.rebuild(self.entries)
        self.store.snapshot().warm_up()

    def _document(self, entry: CorpusEntry) -> Document:
        key = uuid.uuid5(_SPACE, entry.id)
        self._ids[key] = entry.id
        return Document(key, TENANT, entry.title, entry.keywords, [entry.text])

    def ask(self, query: str) -> list[str]:
        view = self.store.snapshot()
        found, _ = view.search(self.planner.plan(query, view), TENANT, 10)
        return [self._ids[hit.key] for hit in found]

    def close(self) -> None:
        self._folder.cleanup()

    def __enter__(self) -> Throwaway:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
