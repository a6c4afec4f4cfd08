"""The engine for many processes and machines: the index lives in PostgreSQL itself.

``search_generation`` and ``search_posting`` hold an immutable base, written by a rebuild in one
transaction. What changes afterwards goes to ``search_change`` (one row per article, ascending
``seq``), and is scored beside the base from memory. So writing one article touches one row,
every process sees it with the commit, and the ranking is the very same as with Whoosh. Posting
lists are fetched when first wanted and kept; a generation never changes.

Writers take an advisory lock, so that ``seq`` is visible in order and no reader misses a change.
"""

from __future__ import annotations

import json
import threading
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from django.db import DatabaseError, connection, transaction

from knowledge.search.documents import Impacts
from knowledge.search.found import EngineUnavailable
from knowledge.search.scorer import Docs
from knowledge.search.snapshot import CACHE_BYTES, REF, Cache, MemoryPart, Part, Raw, Snapshot, Word

LOCK = 0x5EA12C4  # advisory lock of the writers
SHAPE = 2  # of the stored rows; another shape counts as no index
FIELDS = {"s": "strong", "b": "body"}
MOST_FETCHED = 20_000
MOST_CHANGES = 300  # more than this, and tidy() asks for a new base


class _BasePart:
    """The base of one generation; its lists are fetched when wanted."""

    is_remote = True

    def __init__(self, generation: int, refs: bytes, words: str) -> None:
        self.generation = generation
        self.id = f"g{generation}"
        self.refs = np.frombuffer(refs, dtype=REF)
        self.count = len(self.refs)
        self.words: list[Word] = [(folded, stem, text, count) for folded, stem, text, count in json.loads(words)]
        self._fetched: dict[tuple[str, str], Raw | None] = {}
        # Which terms there are is known here, so that a word nobody wrote costs no query.
        self._terms: dict[str, list[str]] = {"strong": [], "body": []}
        for letter, term in _all(
            'SELECT field, term FROM search_posting WHERE generation = %s ORDER BY term COLLATE "C"', [generation]
        ):
            self._terms[FIELDS[letter]].append(term)

    def read(self, field: str, term: str) -> Raw | None:
        if (field, term) not in self._fetched:
            self.prefetch([(field, term)])
        return self._fetched.pop((field, term), None)  # the caller keeps it in its own, bounded cache

    def prefetch(self, wanted: Sequence[tuple[str, str]]) -> None:
        """One query for all lists; the planner's short column stands for the field."""
        if len(self._fetched) > MOST_FETCHED:
            self._fetched.clear()
        found: dict[tuple[str, str], Raw | None] = dict.fromkeys(wanted)
        wanted = [(field, term) for field, term in wanted if self._holds(field, term)]
        if not wanted:
            self._fetched.update(found)
            return
        rows = _all(
            "SELECT field, term, docs, impacts FROM search_posting "
            "JOIN unnest(%s::text[], %s::text[]) AS wanted(f, t) ON generation = %s AND field = f AND term = t",
            [[field[0] for field, _ in wanted], [term for _, term in wanted], self.generation],
        )
        for letter, term, docs, impacts in rows:
            found[FIELDS[letter], term] = (
                np.frombuffer(docs, dtype="<i4").astype(np.int32),
                np.frombuffer(impacts, dtype="<f4").astype(np.float32),
            )
        self._fetched.update(found)

    def has(self, term: str) -> bool:
        return self._holds("strong", term) or self._holds("body", term)

    def verify(self) -> None:
        for field, terms in self._terms.items():
            for term in terms:
                found = self.read(field, term)
                if found is None or len(found[0]) != len(found[1]) or found[0].max() >= self.count:
                    raise ValueError(f"the list of {term!r} is damaged")

    def expand(self, prefix: str, limit: int) -> Iterable[str]:
        terms = self._terms["body"]
        first = bisect_left(terms, prefix)
        return [term for term in terms[first : first + limit] if term.startswith(prefix)]

    def _holds(self, field: str, term: str) -> bool:
        terms = self._terms[field]
        at = bisect_left(terms, term)
        return at < len(terms) and terms[at] == term


class PostgresStore:
    """One per process; every method may be called from any thread."""

    def __init__(self, cache_bytes: int = CACHE_BYTES) -> None:
        self._cache = Cache(cache_bytes)
        self._lock = threading.Lock()
        self._base: _BasePart | None = None
        self._changes: dict[UUID, tuple[int, Impacts | None]] = {}
        self._state: tuple[int, int] = (0, 0)
        self._snapshot: Snapshot | None = None

    # --- reading

    def exists(self) -> bool:
        return self._newest() is not None

    def snapshot(self) -> Snapshot:
        """The newest committed state, by one short query. Raises EngineUnavailable."""
        newest = self._newest()
        if newest is None:
            raise EngineUnavailable("no index has been built in this database")
        if self._snapshot is not None and newest == self._state and not self._snapshot.is_broken:
            return self._snapshot
        with self._lock:
            if self._snapshot is not None and self._snapshot.is_broken:
                self._base, self._snapshot = None, None
            if self._snapshot is None or newest != self._state:
                self._snapshot = self._read(newest)
                self._state = newest
            return self._snapshot

    def _newest(self) -> tuple[int, int] | None:
        row = _one(
            "SELECT id, (SELECT coalesce(max(seq), 0) FROM search_change) FROM search_generation "
            "WHERE shape = %s ORDER BY id DESC LIMIT 1",
            [SHAPE],
        )
        return (int(row[0]), int(row[1])) if row else None

    def _read(self, newest: tuple[int, int]) -> Snapshot:
        generation, seq = newest
        before = self._snapshot
        since = self._state[1]
        if self._base is None or self._base.generation != generation:
            row = _one("SELECT refs, words FROM search_generation WHERE id = %s", [generation])
            if row is None:  # replaced since we looked
                raise EngineUnavailable("the index is just being replaced")
            try:
                self._base = _BasePart(generation, bytes(row[0]), row[1])
            except (ValueError, TypeError) as error:
                raise EngineUnavailable(f"the index cannot be read: {error}") from error
            self._changes, since = {}, 0
        rows = _all("SELECT seq, key, entry FROM search_change WHERE seq > %s AND seq <= %s", [since, seq])
        for number, key, entry in rows:
            self._changes[key] = (number, _unpack(key, entry) if entry else None)
        entries = [entry for _, entry in self._changes.values() if entry is not None]
        parts: list[Part] = [self._base]
        if entries:
            parts.append(MemoryPart(f"g{generation}c{seq}", entries))
        snapshot = Snapshot(parts, {self._base.id: self._superseded()}, self._cache, before)
        if before:
            self._cache.forget({group.id for group in before.groups} - {group.id for group in snapshot.groups})
        return snapshot

    def _superseded(self) -> Docs:
        """Documents of the base that have changed or gone since."""
        if self._base is None or not self._changes:
            return np.empty(0, np.int32)
        keys = np.array([key.bytes for key in self._changes], dtype="V16")
        return np.flatnonzero(np.isin(self._base.refs["key"].view("S16"), keys.view("S16"))).astype(np.int32)

    # --- writing

    def write(self, add: Sequence[Impacts] = (), remove: Sequence[UUID] = ()) -> None:
        """Replace or remove documents, all or none."""
        if not self.exists():
            raise EngineUnavailable("no index has been built in this database")
        rows = [(key, None) for key in remove] + [(entry.key, _pack(entry)) for entry in add]
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
                cursor.executemany(
                    "INSERT INTO search_change (key, entry) VALUES (%s, %s) ON CONFLICT (key) DO UPDATE "
                    "SET entry = excluded.entry, seq = nextval('search_change_seq')",
                    rows,
                )
        except DatabaseError as error:
            raise EngineUnavailable(str(error)) from error

    def rebuild(self, documents: Iterable[Impacts]) -> int:
        """Write a new base and swap, in one transaction; what changes meanwhile is kept beside it."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(max(seq), 0) FROM search_change")
            seen = cursor.fetchone()[0]
            refs, words, lists = _invert(documents)
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            cursor.execute(
                "INSERT INTO search_generation (shape, refs, words) VALUES (%s, %s, %s) RETURNING id",
                [SHAPE, refs.tobytes(), words],
            )
            generation = cursor.fetchone()[0]
            with cursor.copy(
                "COPY search_posting (generation, field, term, docs, impacts) FROM STDIN WITH (FORMAT BINARY)"
            ) as copy:
                copy.set_types(["int8", "text", "text", "bytea", "bytea"])
                for (field, term), (docs, impacts) in lists.items():
                    copy.write_row((generation, field, term, _little(docs, "<i4"), _little(impacts, "<f4")))
            cursor.execute("DELETE FROM search_posting WHERE generation <> %s", [generation])
            cursor.execute("DELETE FROM search_generation WHERE id <> %s", [generation])
            cursor.execute("DELETE FROM search_change WHERE seq <= %s", [seen])
        return len(refs)

    def verify(self) -> None:
        """Read the whole base anew. Raises EngineUnavailable when something is not as it was written."""
        fresh = PostgresStore(0)
        for part in fresh.snapshot().parts:
            try:
                part.verify()
            except (ValueError, TypeError) as error:
                raise EngineUnavailable(str(error)) from error

    def tidy(self) -> bool:
        """Whether so much has changed that a new base is due; the caller rebuilds."""
        row = _one("SELECT count(*) FROM search_change", [])
        return bool(row and row[0] > MOST_CHANGES)


def _one(sql: str, values: Sequence[Any]) -> Any:
    rows = _all(sql, values)
    return rows[0] if rows else None


def _all(sql: str, values: Sequence[Any]) -> list[Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())
    except DatabaseError as error:
        raise EngineUnavailable(str(error)) from error


def _pack(entry: Impacts) -> str:
    return json.dumps(
        [entry.tenant, entry.stamp, dict(entry.strong), dict(entry.body), sorted(entry.surfaces)], ensure_ascii=False
    )


def _unpack(key: UUID, text: str) -> Impacts:
    try:
        tenant, stamp, strong, body, surfaces = json.loads(text)
        return Impacts(key, tenant, stamp, strong, body, frozenset((a, b, c) for a, b, c in surfaces))
    except (ValueError, TypeError) as error:
        raise EngineUnavailable(f"a changed article cannot be read: {error}") from error


def _little(values: array[Any], kind: str) -> bytes:
    return np.frombuffer(values, dtype=np.int32 if kind == "<i4" else np.float32).astype(kind).tobytes()


Lists = dict[tuple[str, str], tuple["array[int]", "array[float]"]]


def _invert(documents: Iterable[Impacts]) -> tuple[Any, str, Lists]:
    """References, vocabulary and posting lists of all documents; eight bytes per posting."""
    refs: list[tuple[bytes, int, int]] = []
    counts: dict[tuple[str, str, str], int] = {}
    lists: Lists = {}
    for number, entry in enumerate(documents):
        refs.append((entry.key.bytes, entry.tenant, entry.stamp))
        for field, term, impact in _terms(entry):
            docs, impacts = lists.get((field, term)) or lists.setdefault((field, term), (array("i"), array("f")))
            docs.append(number)
            impacts.append(impact)
        for surface in entry.surfaces:
            counts[surface] = counts.get(surface, 0) + 1
    words = json.dumps([(*surface, count) for surface, count in counts.items()], ensure_ascii=False)
    return np.array(refs, dtype=REF), words, lists


def _terms(entry: Impacts) -> Iterator[tuple[str, str, float]]:
    for term, impact in entry.strong.items():
        yield "s", term, impact
    for term, impact in entry.body.items():
        yield "b", term, impact
