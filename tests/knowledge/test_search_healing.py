"""The embedded index under bad luck: killed, truncated, foreign files, a full disk, six writers."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from whoosh.filedb.filestore import FileStorage

from knowledge.search import whoosh_store
from knowledge.search.documents import Document, Impacts, impacts
from knowledge.search.found import EngineUnavailable
from knowledge.search.memory import planner
from knowledge.search.whoosh_store import WhooshStore

FORK = multiprocessing.get_context("fork")


def entry(number: int, title: str = "") -> Impacts:
    document = Document(uuid.UUID(int=number + 1), 1, title or f"Artikel wort{number}", (), ["Text dazu"], number)
    return impacts(document, planner(settings.VAR).analyser)


def ask(store: WhooshStore, query: str) -> list[uuid.UUID]:
    view = store.snapshot()
    return [hit.key for hit in view.search(planner(settings.VAR).plan(query, view), 1, 10)[0]]


@pytest.fixture
def store(tmp_path: Path) -> WhooshStore:
    filled = WhooshStore(tmp_path / "index")
    filled.rebuild([entry(number) for number in range(30)])
    return filled


def reopened(store: WhooshStore) -> WhooshStore:
    return WhooshStore(store.path)


def files(store: WhooshStore, suffix: str) -> list[Path]:
    return sorted(store.path.rglob(f"*{suffix}"))


def ask_for_all(store: WhooshStore) -> None:
    for number in range(30):
        assert ask(store, f"wort{number} ") == [entry(number).key]
    raise AssertionError("the damage went unnoticed")


# Whoosh leaves files open when it raises on a damaged one.
@pytest.mark.fault(25)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("suffix", [".toc", ".trm", ".pst", ".col"])
@pytest.mark.parametrize("damage", ["truncated", "emptied", "missing", "foreign"])
def test_damaged_file_is_noticed_and_a_rebuild_heals(store: WhooshStore, suffix: str, damage: str) -> None:
    """Agents would see an error page, or no article at all, until somebody reads the log."""
    harm: dict[str, Callable[[Path], object]] = {
        "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
        "emptied": lambda path: os.truncate(path, 0),
        "missing": lambda path: path.unlink(),
        "foreign": lambda path: path.write_bytes(b"\x89PNG not an index" * 64),
    }
    for path in files(store, suffix):
        harm[damage](path)
    fresh = reopened(store)
    with pytest.raises(EngineUnavailable):
        ask_for_all(fresh)
    with pytest.raises(EngineUnavailable):
        fresh.verify()
    fresh.rebuild([entry(number) for number in range(30)])
    fresh.verify()
    assert ask(fresh, "wort7 ") == [entry(7).key]


@pytest.mark.parametrize("content", ["", "elsewhere", "../../etc", "g0-old"])
def test_foreign_pointer_is_no_index(store: WhooshStore, content: str) -> None:
    """An index of another version, or a pointer out of the folder, would be read as ours."""
    (store.path / "current").write_text(content)
    with pytest.raises(EngineUnavailable):
        reopened(store).snapshot()


@pytest.mark.fault(25)
def test_removed_folder_is_noticed_by_an_open_reader(store: WhooshStore) -> None:
    """A restored backup without the index would leave the search silent."""
    import shutil

    assert ask(store, "wort1 ")
    shutil.rmtree(store.path)
    with pytest.raises(EngineUnavailable):
        ask(store, "wort1 ")
    store.rebuild([entry(1)])
    assert ask(store, "wort1 ") == [entry(1).key]


@pytest.mark.fault(26)
def test_full_disk_gives_an_error_and_the_lock_back(store: WhooshStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a full disk nothing could ever be indexed again until a restart."""

    def full(self: object, *args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(FileStorage, "create_file", full)
        with pytest.raises(OSError, match="No space left"):
            store.write([entry(99)])
        with pytest.raises(OSError, match="No space left"):
            store.rebuild([entry(99)])
    assert ask(store, "wort3 ") == [entry(3).key]
    store.write([entry(99)])
    assert ask(store, "wort99 ") == [entry(99).key]
    assert len([path for path in store.path.iterdir() if path.is_dir()]) == 1


def _write_forever(path: Path, ready: FORK.Event) -> None:  # type: ignore[name-defined]
    store = WhooshStore(path)
    number = 1000
    while True:
        store.write([entry(number)])
        ready.set()
        number += 1


@pytest.mark.fault(24)
def test_killed_writer_leaves_a_searchable_index_and_no_lock(store: WhooshStore) -> None:
    """A killed worker would stop all indexing, or break the search."""
    for _ in range(3):
        ready = FORK.Event()
        writer = FORK.Process(target=_write_forever, args=(store.path, ready))
        writer.start()
        assert ready.wait(30)
        time.sleep(0.03)
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        assert ask(reopened(store), "wort5 ") == [entry(5).key]
        store.write([entry(500)])
        assert ask(store, "wort500 ") == [entry(500).key]


@pytest.mark.fault(24)
def test_killed_rebuild_leaves_the_old_index(store: WhooshStore) -> None:
    """A restart in the middle of a rebuild would leave no search at all."""

    def endless():  # type: ignore[no-untyped-def]
        yield entry(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.rebuild(endless())
    assert ask(reopened(store), "wort5 ") == [entry(5).key]


def _write_some(path: Path, first: int, count: int) -> None:
    store = WhooshStore(path)
    for number in range(first, first + count):
        store.write([entry(number)])


def test_six_writers_lose_nothing(store: WhooshStore) -> None:
    """Two editors who publish at once would lose one of two articles in the search."""
    writers = [FORK.Process(target=_write_some, args=(store.path, 1000 + 100 * n, 8)) for n in range(6)]
    for writer in writers:
        writer.start()
    seen = 0
    while any(writer.is_alive() for writer in writers):
        assert ask(store, "wort5 ") == [entry(5).key]  # readers go on meanwhile
        seen += 1
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert seen
    assert len(store.snapshot().stamps()) == 30 + 6 * 8


def test_busy_index_is_said_so_in_time(store: WhooshStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that publishes would hang for as long as another process builds the index."""
    monkeypatch.setattr(whoosh_store, "LOCK_SECONDS", 0.1)
    with reopened(store)._lock(), pytest.raises(EngineUnavailable, match="writing"):
        store.write([entry(99)])
