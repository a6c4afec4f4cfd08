"""The state of an index as one search sees it, whichever engine holds the files.

An engine gives its ``Part`` objects (immutable pieces of index); grouping, caching, the vocabulary
and what the planner asks are the same for all, and so is the ranking.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID, uuid4

import numpy as np

from knowledge.search.documents import Impacts
from knowledge.search.found import EngineUnavailable, Found
from knowledge.search.plan import Plan
from knowledge.search.planner import MAX_COMPLETIONS
from knowledge.search.scorer import Docs, Postings, Scores, postings, rank, union, weights
from knowledge.search.vocabulary import Vocabulary, Word

SMALL_SEGMENT = 256  # documents; what is committed one by one stays in parts of this size
MOST_KNOWN = 20_000
CACHE_BYTES = 40_000_000
TRIAL_BYTES = 10_000_000
REF = np.dtype([("key", "V16"), ("tenant", ">u4"), ("stamp", ">u8")])
Raw = tuple[Docs, Scores]


class Part(Protocol):
    """An immutable piece of an index. ``refs`` is an array of REF, one per document."""

    id: str
    count: int
    refs: Any
    words: list[Word]
    is_remote: bool

    def read(self, field: str, term: str) -> Raw | None: ...

    def has(self, term: str) -> bool: ...

    def expand(self, prefix: str, limit: int) -> Iterable[str]:
        """Body terms that begin so."""

    def verify(self) -> None:
        """Read everything; raises whatever damage raises."""

    def prefetch(self, wanted: Sequence[tuple[str, str]]) -> None:
        """Get these (field, term) lists ready for being read next; for remote parts."""


class MemoryPart:
    """A few documents held in memory as a whole."""

    is_remote = False

    def __init__(self, name: str, entries: Sequence[Impacts]) -> None:
        self.id = name
        self.count = len(entries)
        self.refs = np.array([(entry.key.bytes, entry.tenant, entry.stamp) for entry in entries], dtype=REF)
        lists: dict[tuple[str, str], tuple[list[int], list[float]]] = {}
        counts: dict[tuple[str, str, str], int] = {}
        for number, entry in enumerate(entries):
            for field, terms in (("strong", entry.strong), ("body", entry.body)):
                for term, impact in terms.items():
                    docs, impacts = lists.setdefault((field, term), ([], []))
                    docs.append(number)
                    impacts.append(impact)
            for surface in entry.surfaces:
                counts[surface] = counts.get(surface, 0) + 1
        self._lists = {
            key: (np.array(docs, np.int32), np.array(impacts, np.float32)) for key, (docs, impacts) in lists.items()
        }
        self.words = [(*surface, count) for surface, count in counts.items()]

    def read(self, field: str, term: str) -> Raw | None:
        return self._lists.get((field, term))

    def has(self, term: str) -> bool:
        return ("strong", term) in self._lists or ("body", term) in self._lists

    def expand(self, prefix: str, limit: int) -> Iterable[str]:
        return [term for field, term in self._lists if field == "body" and term.startswith(prefix)][:limit]

    def verify(self) -> None:
        """Memory needs no check."""

    def prefetch(self, wanted: Sequence[tuple[str, str]]) -> None:
        """Everything is here already."""


class Cache:
    """Postings already read, least recently used first out, bounded by bytes; shared by all segments."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[tuple[Any, ...], Postings | None] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[Any, ...]) -> tuple[bool, Postings | None]:
        try:
            found = self._kept[key]
        except KeyError:
            return False, None
        with contextlib.suppress(KeyError):  # another thread may have dropped it
            self._kept.move_to_end(key)
        return True, found

    def put(self, key: tuple[Any, ...], value: Postings | None) -> None:
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = value
            self._bytes += 150 + (value.size_in_bytes if value else 0)
            while self._bytes > self._limit and self._kept:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= 150 + (dropped.size_in_bytes if dropped else 0)

    def forget(self, segments: set[str]) -> None:
        """Drop what belongs to segments that are gone."""
        with self._lock:
            for key in [key for key in self._kept if key[0] in segments]:
                dropped = self._kept.pop(key)
                self._bytes -= 150 + (dropped.size_in_bytes if dropped else 0)


class _Group:
    """Segments that are scored as one: a large one alone, or all small ones together."""

    def __init__(self, parts: Sequence[Part], cache: Cache) -> None:
        self.parts = parts
        self.id = "+".join(part.id for part in parts)
        self._cache = cache
        self.starts = np.cumsum([0, *(part.count for part in parts)]).tolist()
        refs = parts[0].refs if len(parts) == 1 else np.concatenate([part.refs for part in parts])
        self.keys = refs["key"]
        self.stamps = refs["stamp"].astype(np.int64)
        tenants = refs["tenant"].astype(np.int64)
        self.docs_of: dict[int, Docs] = {}
        self.local_of: dict[int, Docs] = {}
        for tenant in np.unique(tenants).tolist():
            docs = np.flatnonzero(tenants == tenant).astype(np.int32)
            local = np.full(len(tenants), -1, np.int32)
            local[docs] = np.arange(len(docs), dtype=np.int32)
            self.docs_of[tenant], self.local_of[tenant] = docs, local

    def key(self, doc: int) -> bytes:
        key: bytes = self.keys[doc].tobytes()
        return key

    def has_cached(self, key: tuple[Any, ...]) -> bool:
        return self._cache.get((self.id, *key))[0]

    def cached(self, key: tuple[Any, ...], make: Callable[[], Postings | None]) -> Postings | None:
        key = (self.id, *key)
        known, value = self._cache.get(key)
        if not known:
            value = make()
            self._cache.put(key, value)
        return value

    def read(self, field: str, term: str, tenant: int) -> Postings | None:
        known, value = self._cache.get((self.id, tenant, field, term))
        if known:
            return value
        raw = self._raw(field, term)
        for city, docs in self.docs_of.items():
            packed = None
            if raw is not None:
                local = self.local_of[city][raw[0]]
                mine = local >= 0
                if mine.all():
                    packed = postings(local, raw[1], len(docs))
                elif mine.any():
                    packed = postings(local[mine], raw[1][mine], len(docs))
            self._cache.put((self.id, city, field, term), packed)
            if city == tenant:
                value = packed
        return value

    def _raw(self, field: str, term: str) -> tuple[Docs, Scores] | None:
        found = [
            (start, raw)
            for start, part in zip(self.starts, self.parts, strict=False)
            if (raw := part.read(field, term))
        ]
        if not found:
            return None
        if len(found) == 1 and found[0][0] == 0:
            return found[0][1]
        return (
            np.concatenate([docs + np.int32(start) for start, (docs, _) in found]),
            np.concatenate([impacts for _, (_, impacts) in found]),
        )


class _Shard:
    """One city's part of a segment, as the scorer wants it."""

    def __init__(self, group: _Group, tenant: int, dead: Docs | None) -> None:
        self.group = group
        self.tenant = tenant
        self.docs = group.docs_of[tenant]
        self.size = len(self.docs)
        self._dead = dead
        self.live = self.size - (0 if dead is None else len(dead))

    def strong(self, term: str) -> Postings | None:
        return self.group.read("strong", term, self.tenant)

    def body(self, term: str) -> Postings | None:
        return self.group.read("body", term, self.tenant)

    def completed(self, prefix: str, stems: tuple[str, ...]) -> Postings | None:
        def make() -> Postings | None:
            found = [part for stem in stems if (part := self.strong(stem)) is not None]
            if not found:
                found = [part for stem in stems if (part := self.body(stem)) is not None]
            return union(found, self.size)

        return self.group.cached((self.tenant, "prefix", prefix), make)

    def dead(self) -> Docs | None:
        return self._dead


class Snapshot:
    """The index as it stood at one commit: what one search looks at from beginning to end."""

    def __init__(
        self, parts: Sequence[Part], deleted: Mapping[str, Docs], cache: Cache, before: Snapshot | None = None
    ) -> None:
        self.parts = parts
        self.is_broken = False
        self._deleted = deleted
        small = [part for part in parts if part.count <= SMALL_SEGMENT]
        self.groups = [_Group([part], cache) for part in parts if part.count > SMALL_SEGMENT]
        if small:
            self.groups.append(_Group(small, cache))
        self._dead = {group.id: _dead_of(group, deleted) for group in self.groups}
        self._shards: dict[int, list[_Shard]] = {}
        self._vocabulary: Vocabulary = (before._vocabulary if before else Vocabulary()).of(parts)
        self._known: dict[str, bool] = {}
        self._completed: dict[str, tuple[str, ...]] = {}

    def search(self, plan: Plan, tenant: int, limit: int) -> tuple[list[Found], int]:
        """The best documents of a city with their scores, ties by key, and how many match at all.

        Raises EngineUnavailable when a piece of the index cannot be read.
        """
        if not plan.clauses:
            return [], 0
        try:
            shards = self.shards(tenant)
            self._prefetch(shards, plan)
            ranking = rank(shards, plan, limit)
        except EngineUnavailable:
            self.is_broken = True
            raise
        except Exception as error:  # damage shows as anything from zlib, struct, pickle or NumPy
            self.is_broken = True
            raise EngineUnavailable(f"{type(error).__name__}: {error}") from error
        best = ranking.best
        if len(best) > limit:
            last = best[limit - 1].score  # ties with the last one stay in until the keys decide
            best = [hit for hit in best if hit.score >= last]
        found = [(-hit.score, shards[hit.shard].group.key(shards[hit.shard].docs[hit.doc])) for hit in best]
        found.sort()
        return [Found(UUID(bytes=key), -score) for score, key in found[:limit]], ranking.total

    def with_document(self, entry: Impacts) -> Snapshot:
        """The index as it would be with this document in the place of its own: for trying out, in memory."""
        deleted = dict(self._deleted)
        for part in self.parts:
            old = np.flatnonzero(part.refs["key"] == np.void(entry.key.bytes)).astype(np.int32)
            if len(old):
                known = deleted.get(part.id, np.empty(0, np.int32))
                deleted[part.id] = np.union1d(known, old).astype(np.int32)
        trial = MemoryPart(f"trial {uuid4()}", [entry])
        return Snapshot([*self.parts, trial], deleted, Cache(TRIAL_BYTES), before=self)

    def rarity(self, plan: Plan, tenant: int) -> list[tuple[float, float]]:
        """What an impact counts times in this city, per clause of the plan (see ``scorer.weights``)."""
        shards = self.shards(tenant)
        self._prefetch(shards, plan)
        return weights(shards, plan)

    def _prefetch(self, shards: Sequence[_Shard], plan: Plan) -> None:
        """Let parts that are far away send all the plan's lists at once."""
        for shard in shards:
            group = shard.group
            if not any(part.is_remote for part in group.parts):
                continue
            wanted = {(field, clause.term) for clause in plan.clauses for field in ("strong", "body")}
            for clause in plan.clauses:
                if clause.prefix and not group.has_cached((shard.tenant, "prefix", clause.prefix)):
                    wanted |= {("strong", stem) for stem in clause.completions}
            missing = [pair for pair in wanted if not group.has_cached((shard.tenant, *pair))]
            for part in group.parts:
                if missing and part.is_remote:
                    part.prefetch(missing)

    def count(self, tenant: int) -> int:
        return sum(shard.live for shard in self.shards(tenant))

    def shards(self, tenant: int) -> list[_Shard]:
        found = self._shards.get(tenant)
        if found is None:
            found = []
            for group in self.groups:
                if tenant in group.docs_of:
                    dead = group.local_of[tenant][self._dead[group.id]]
                    dead = dead[dead >= 0]
                    found.append(_Shard(group, tenant, dead if len(dead) else None))
            self._shards[tenant] = found
        return found

    def stamps(self) -> dict[UUID, int]:
        """What is indexed, with the stamp of each."""
        found: dict[UUID, int] = {}
        for group in self.groups:
            gone = set(self._dead[group.id].tolist())
            for doc, stamp in enumerate(group.stamps.tolist()):
                if doc not in gone:
                    found[UUID(bytes=group.key(doc))] = stamp
        return found

    # --- what the planner asks

    def knows(self, stem: str) -> bool:
        known = self._known.get(stem)
        if known is None:
            if len(self._known) > MOST_KNOWN:
                self._known.clear()
            known = self._known[stem] = any(part.has(stem) for part in self.parts)
        return known

    def completions(self, prefix: str, limit: int) -> tuple[str, ...]:
        found = self._completed.get(prefix)
        if found is None:
            if len(self._completed) > MOST_KNOWN:
                self._completed.clear()
            found = self._completed[prefix] = tuple(self._complete(prefix, limit))
        return found

    def _complete(self, prefix: str, limit: int) -> list[str]:
        stems = dict.fromkeys(self._vocabulary.completions(prefix, limit))
        if not stems and len(prefix) > 3:
            for part in self.parts:
                stems.update(dict.fromkeys(part.expand(prefix, 50)))
        return list(stems)

    def corrections(self, word: str) -> list[tuple[str, int]]:
        return self._vocabulary.corrections(word)

    def warm_up(self) -> None:
        """Read what the first searches will want: the speller, the strong terms, the short prefixes."""
        self._vocabulary.spellers()
        stems = {stem for _, stem in self._vocabulary.words}
        prefixes = {word[:size] for word, _ in self._vocabulary.words for size in (2, 3)}
        for group in self.groups:
            for tenant in group.docs_of:
                pairs = [(field, stem) for field in ("strong", "body") for stem in stems]
                for part in group.parts:
                    if part.is_remote:
                        part.prefetch(pairs)
                for field, stem in pairs:
                    group.read(field, stem, tenant)
        for prefix in prefixes:
            completions = self.completions(prefix, MAX_COMPLETIONS)
            for group in self.groups:
                for tenant in group.docs_of:
                    for shard in self.shards(tenant):
                        shard.completed(prefix, completions)


def _dead_of(group: _Group, deleted: Mapping[str, Docs]) -> Docs:
    found = [
        deleted[part.id] + np.int32(start)
        for start, part in zip(group.starts, group.parts, strict=False)
        if part.id in deleted
    ]
    return np.concatenate(found) if found else np.empty(0, np.int32)
