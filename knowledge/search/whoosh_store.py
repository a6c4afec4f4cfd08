"""The embedded engine: an untouched Whoosh index on disk, read by our own scorer.

On disk: ``<path>/<generation>/`` holds a Whoosh index, ``<path>/current`` names the generation in
use, ``<path>/writer.lock`` lets one process write at a time (the kernel frees it when a process
dies). A rebuild fills a new generation and renames ``current`` onto it; readers follow at the next
search. Index files are pickles: the folder is private to the program's user.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import shutil
import struct
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from whoosh import columns, fields, formats, index
from whoosh.codec.whoosh3 import W3Codec, W3PerDocReader
from whoosh.reading import SegmentReader
from whoosh.writing import NO_MERGE

from knowledge.search.documents import Impacts
from knowledge.search.found import EngineUnavailable
from knowledge.search.scorer import Docs, Scores
from knowledge.search.snapshot import CACHE_BYTES, MOST_KNOWN, REF, SMALL_SEGMENT, Cache, Part, Raw, Snapshot, Word

log = logging.getLogger(__name__)

REF_BYTES = REF.itemsize + 4  # with a check sum, because a damaged column would name other articles
CHECK = 0x5EA12C41
BLOCK = 65_536  # postings per block: one decompression per term instead of hundreds
SEPARATOR = "\x1f"
MOST_SEGMENTS = 12  # more small ones than this are merged by tidy(), and by a commit at four times as many
LOCK_SECONDS = 20.0
SHAPE = "4"  # of the index; another shape is rebuilt


class IndexBroken(EngineUnavailable):
    """There is no usable index: missing, truncated, or not ours."""


class IndexBusy(EngineUnavailable):
    """Another process kept the writer's lock for too long."""


class ImpactField(fields.FieldType):
    """Takes ready terms with their impacts; the impact is Whoosh's posting weight."""

    def __init__(self) -> None:
        self.format = formats.Existence()
        self.analyzer = None
        self.scorable = False
        self.stored = False
        self.unique = False
        self.vector = None
        self.column_type = None
        self.indexed = True

    def index(self, value: Any, **kwargs: Any) -> Iterator[tuple[bytes, int, float, bytes]]:
        for term, impact in value.items():
            yield term.encode(), 1, impact, b""


class _NoLengths(W3PerDocReader):
    """Our impacts hold the length already; Whoosh would look for its file at every posting it writes."""

    def doc_field_length(self, docnum: int, fieldname: str, default: int = 0) -> int:
        return default


class ImpactCodec(W3Codec):
    """Whoosh's own format on disk; only the writer's search for field lengths is left out."""

    def per_document_reader(self, storage: Any, segment: Any) -> _NoLengths:
        return _NoLengths(storage, segment)


def schema() -> fields.Schema:
    return fields.Schema(
        key=fields.ID(unique=True),
        ref=fields.COLUMN(columns.FixedBytesColumn(REF_BYTES)),
        strong=ImpactField(),
        body=ImpactField(),
        word=ImpactField(),
    )


class _WhooshPart:
    """One immutable Whoosh segment: its references and words in memory, its postings read when wanted.

    A small segment is read as a whole at once: after a commit its few documents are looked up by
    every search, and a dictionary answers a hundred times faster than the file.
    """

    is_remote = False

    def __init__(self, reader: Any, segment: Any) -> None:
        self.reader = reader
        # A search in another thread may still look at this part when a newer state has replaced it.
        weakref.finalize(self, _close, reader)
        self.id: str = segment.segment_id()
        self.count: int = segment.doc_count_all()
        self._reading = threading.Lock()  # Whoosh seeks in one shared file object
        column = reader.column_reader("ref")
        raw = b"".join(column[doc] for doc in range(self.count))
        self.refs = _checked(raw)
        self.words: list[Word] = []
        for text, info in reader.iter_field("word"):
            word, stem, written = text.decode().split(SEPARATOR)
            self.words.append((word, stem, written, info.doc_frequency()))
        self._has: dict[str, bool] = {}
        self._expanded: dict[str, list[str]] = {}
        self._loaded: dict[tuple[str, str], Raw] | None = None
        if self.count <= SMALL_SEGMENT:
            self._loaded = self._load()

    def read(self, field: str, term: str) -> Raw | None:
        if self._loaded is not None:
            return self._loaded.get((field, term))
        with self._reading:
            return self._read(field, term)

    def has(self, term: str) -> bool:
        if self._loaded is not None:
            return ("strong", term) in self._loaded or ("body", term) in self._loaded
        found = self._has.get(term)
        if found is None:
            if len(self._has) > MOST_KNOWN:
                self._has.clear()
            with self._reading:
                found = ("strong", term) in self.reader or ("body", term) in self.reader
            self._has[term] = found
        return found

    def expand(self, prefix: str, limit: int) -> Iterable[str]:
        if self._loaded is not None:
            return [term for field, term in self._loaded if field == "body" and term.startswith(prefix)][:limit]
        found = self._expanded.get(prefix)
        if found is None:
            if len(self._expanded) > MOST_KNOWN:
                self._expanded.clear()
            with self._reading:
                found = [text.decode() for text in islice(self.reader.expand_prefix("body", prefix), limit)]
            self._expanded[prefix] = found
        return found

    def verify(self) -> None:
        for field in ("strong", "body"):
            for text in self.reader.lexicon(field):
                self.read(field, text.decode())

    def prefetch(self, wanted: Sequence[tuple[str, str]]) -> None:
        """A file on this machine needs none."""

    def _load(self) -> dict[tuple[str, str], Raw]:
        """Every list in one pass over the terms, instead of a search for each."""
        terms = self.reader._terms
        return {
            (field, text.decode()): _raw(
                self.reader.codec().postings_reader(terms._postfile, info, self.reader.schema[field].format)
            )
            for (field, text), info in terms.items()
            if field in ("strong", "body")
        }

    def _read(self, field: str, term: str) -> Raw | None:
        if (field, term) not in self.reader:
            return None
        # Below reader.postings(): its filter over deleted documents moves the matcher when it is made.
        return _raw(self.reader._terms.matcher(field, term.encode(), self.reader.schema[field].format))


def _raw(matcher: Any) -> Raw:
    """A posting list block by block, past Whoosh's one-by-one interface."""
    docs: list[Docs] = []
    weights: list[Scores] = []
    while matcher.is_active():
        matcher._read_ids()
        matcher._read_weights()
        docs.append(np.array(matcher._ids, dtype=np.int32))
        weights.append(np.array(matcher._weights, dtype=np.float32))
        matcher._next_block()
    if len(docs) == 1:
        return docs[0], weights[0]
    return np.concatenate(docs), np.concatenate(weights)


def _packed(document: Impacts) -> bytes:
    """Key, tenant, stamp and check sum: one fixed column, read at once."""
    ref = struct.pack("!16sIQ", document.key.bytes, document.tenant, document.stamp)
    check = CHECK
    for word in struct.unpack("!7I", ref):
        check ^= word
    return ref + struct.pack("!I", check)


def _checked(raw: bytes) -> Any:
    """The references of a segment. Raises IndexBroken when they are not what was written."""
    words = np.frombuffer(raw, dtype=">u4").reshape(-1, REF_BYTES // 4)
    if (np.bitwise_xor.reduce(words, axis=1) != CHECK).any():
        raise IndexBroken("the references of a segment are damaged")
    return np.ascontiguousarray(words[:, :-1]).view(REF).reshape(-1)


def _part(reader: Any, segment: Any) -> _WhooshPart:
    try:
        return _WhooshPart(reader, segment)
    except BaseException:
        _close(reader)
        raise


def _close(reader: Any) -> None:
    with contextlib.suppress(Exception):
        reader.close()


class WhooshStore:
    """An index in a folder. Every method may be called from any thread and process."""

    def __init__(self, path: Path, cache_bytes: int = CACHE_BYTES) -> None:
        self.path = path
        self._current = str(path / "current")
        self._cache = Cache(cache_bytes)
        self._snapshot: Snapshot | None = None
        self._folder = ""  # of the generation that the snapshot shows
        self._seen: tuple[int, int] | None = None
        self._opening = threading.Lock()
        self._writing = threading.Lock()

    # --- reading

    def snapshot(self) -> Snapshot:
        """The newest state. Raises IndexBroken when there is none to be read."""
        stamp = self._stamp()
        if self._snapshot is not None and stamp == self._seen and not self._snapshot.is_broken:
            return self._snapshot
        with self._opening:
            stamp = self._stamp()
            if self._snapshot is None or stamp != self._seen or self._snapshot.is_broken:
                before = self._snapshot
                self._snapshot = self._open(None if before is None or before.is_broken else before)
                self._seen = stamp
            return self._snapshot

    def exists(self) -> bool:
        return (self.path / "current").exists()

    def _stamp(self) -> tuple[int, int]:
        """Changes whenever a generation is swapped or committed; two stat calls."""
        try:
            current = os.stat(self._current)
            if self._snapshot is not None and self._seen is not None and self._seen[0] == current.st_mtime_ns:
                folder = self._folder
            else:
                folder = str(self._generation())
            return current.st_mtime_ns, os.stat(folder).st_mtime_ns
        except (OSError, ValueError) as error:
            raise IndexBroken(f"no index at {self.path}: {error}") from error

    def _generation(self) -> Path:
        name = (self.path / "current").read_text(encoding="ascii").strip()
        shape, _, _ = name.partition("-")
        if not name or "/" in name or shape != f"g{SHAPE}":
            raise IndexBroken(f"the index is of another shape: {name[:40]!r}")
        return self.path / name

    def _open(self, before: Snapshot | None) -> Snapshot:
        for attempt in range(4):
            try:
                return self._open_once(before)
            except IndexBroken:
                raise
            except FileNotFoundError as error:
                # A merge removed a segment between reading the table of contents and opening it.
                if attempt == 3:
                    raise IndexBroken(f"files are missing: {error}") from error
                time.sleep(0.02 * (attempt + 1))
            except Exception as error:  # truncated pickles raise EOFError, UnpicklingError, struct.error, …
                raise IndexBroken(f"{type(error).__name__}: {error}") from error
        raise IndexBroken("the index could not be opened")

    def _open_once(self, before: Snapshot | None) -> Snapshot:
        folder = self._generation()
        opened = index.open_dir(str(folder))
        if set(opened.schema.names()) != set(schema().names()):
            raise IndexBroken("the index has other fields")
        toc = opened._read_toc()
        kept = {part.id: part for part in before.parts} if before else {}
        parts: list[Part] = []
        deleted: dict[str, Docs] = {}
        for item in toc.segments:
            if item.deleted_count():
                deleted[item.segment_id()] = np.array(sorted(item.deleted_docs()), dtype=np.int32)
            parts.append(kept.get(item.segment_id()) or _part(SegmentReader(opened.storage, toc.schema, item), item))
        snapshot = Snapshot(parts, deleted, self._cache, before)
        self._folder = str(folder)
        if before:
            self._cache.forget({group.id for group in before.groups} - {group.id for group in snapshot.groups})
        return snapshot

    # --- writing

    def write(self, add: Sequence[Impacts] = (), remove: Sequence[UUID] = ()) -> None:
        """Replace or remove documents in one commit. Raises IndexBroken, IndexBusy or OSError."""
        with self._lock():
            opened = self._opened()
            with _writer(opened, merge=_small_segments(opened) >= MOST_SEGMENTS * 4) as writer:
                for key in remove:
                    writer.delete_by_term("key", key.hex)
                for document in add:
                    writer.delete_by_term("key", document.key.hex)
                    _add(writer, document)

    def _opened(self) -> Any:
        try:
            return index.open_dir(str(self._generation()))
        except IndexBroken:
            raise
        except Exception as error:  # as in _open
            raise IndexBroken(f"{type(error).__name__}: {error}") from error

    def verify(self) -> None:
        """Open everything anew and read every list. Raises IndexBroken; takes a second for 50,000 articles."""
        for part in self._open(None).parts:
            try:
                part.verify()
            except Exception as error:
                raise IndexBroken(f"{type(error).__name__}: {error}") from error

    def tidy(self) -> bool:
        """Merge small segments into one when there are many; never asks for a rebuild. Not while a caller waits."""
        with self._lock():
            opened = self._opened()
            if _small_segments(opened) >= MOST_SEGMENTS:
                with _writer(opened, merge=True):
                    pass
        return False

    def rebuild(self, documents: Iterable[Impacts]) -> int:
        """Build a new generation beside the old one and swap; returns the number of documents."""
        with self._lock():
            name = f"g{SHAPE}-{time.time_ns()}-{secrets.token_hex(3)}"
            folder = self.path / name
            folder.mkdir(mode=0o700)
            count = 0
            try:
                opened = index.create_in(str(folder), schema())
                with _writer(opened, batch=True) as writer:
                    for document in documents:
                        _add(writer, document)
                        count += 1
                pointer = self.path / f"current.{name}"
                pointer.write_text(name, encoding="ascii")
                os.replace(pointer, self.path / "current")
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            self._sweep(name)
            return count

    def _sweep(self, current: str) -> None:
        """Remove generations nobody is sent to any more; one that is being read stays open on its files."""
        for entry in self.path.iterdir():
            if entry.is_dir() and entry.name != current:
                shutil.rmtree(entry, ignore_errors=True)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._writing, open(self.path / "writer.lock", "w") as file:
            until = time.monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise IndexBusy("another process is writing the index") from None
                    time.sleep(0.005)
            yield


@contextlib.contextmanager
def _writer(opened: Any, *, merge: bool = False, batch: bool = False) -> Iterator[Any]:
    """A Whoosh writer that commits or cancels.

    Without Whoosh's own lock, which stays taken when its writer meets a full disk: ``_lock`` is
    held by every caller, and the kernel gives it back.
    """
    writer = opened.writer(codec=ImpactCodec(blocklimit=BLOCK), compound=False, limitmb=256 if batch else 16, _lk=False)
    try:
        yield writer
        writer.commit(mergetype=_merge_small if merge else NO_MERGE)
    except BaseException:
        with contextlib.suppress(Exception):  # on a full disk this fails as well
            writer.cancel()
        raise


def _small_segments(opened: Any) -> int:
    return sum(segment.doc_count_all() <= SMALL_SEGMENT for segment in opened._segments())


def _merge_small(writer: Any, segments: list[Any]) -> list[Any]:
    """Whoosh's own merge of the small segments; the large ones stay as they are.

    Merged ones leave the small ones only when they have grown beyond SMALL_SEGMENT, so that each
    document is merged a few times in its life.
    """
    kept = []
    for segment in segments:
        if segment.doc_count_all() > SMALL_SEGMENT:
            kept.append(segment)
        else:
            reader = SegmentReader(writer.storage, writer.schema, segment)
            writer.add_reader(reader)
            reader.close()
    return kept


def _add(writer: Any, document: Impacts) -> None:
    words = {SEPARATOR.join(surface): 1.0 for surface in document.surfaces}
    writer.add_document(
        key=document.key.hex,
        ref=_packed(document),
        strong=document.strong,
        body=document.body,
        word=words,
    )
