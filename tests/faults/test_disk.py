"""Rows 26 and 27: the disk is full, at the index and at the database. A real file system of a few megabytes."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.faults.house import House, eventually, house
from tests.faults.servers import OwnPostgres
from tests.faults.test_sqlite import integrity

pytestmark = pytest.mark.slow


def may_mount() -> bool:
    """Whether a small file system can be mounted here (root with CAP_SYS_ADMIN)."""
    try:
        with small_disk(Path("/tmp") / f"callcenter-mount-{os.getpid()}", 1):  # noqa: S108
            return True
    except (subprocess.CalledProcessError, OSError):
        return False


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system in memory that is soon full."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "none", str(folder)],
        check=True, capture_output=True,
    )  # fmt: skip
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def write_without_end(file: IO[bytes], block: bytes) -> None:
    while True:
        file.write(block)


def fill(folder: Path) -> Path:
    """Write until nothing more goes in; returns the file to delete."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 512):
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                write_without_end(file, b"\0" * size)
    return ballast


needs_mount = pytest.mark.skipif(not may_mount(), reason="a small file system needs root")


def play(here: House, disk: Path) -> tuple[int, int]:
    """Calls on a full disk, and after it was cleared; returns (refused, acknowledged but lost)."""
    assert here.event("newCall", "before") == 200
    ballast = fill(disk)
    statuses: dict[str, int] = {}
    for index in range(400):
        statuses[f"full-{index}"] = here.event("newCall", f"full-{index}")
        if list(statuses.values()).count(503) >= 20:
            break
    assert set(statuses.values()) <= {200, 503, 507}, set(statuses.values())
    refused = [name for name, status in statuses.items() if status != 200]
    assert len(refused) >= 20, "the disk was never full"
    ballast.unlink()
    eventually(lambda: here.event("newCall", "room again") == 200, seconds=30)
    for name in refused:
        assert here.event("newCall", name) == 200
    stored = {call["connector_call_id"] for call in here.calls()}
    return len(refused), len(set(statuses) - stored)


@needs_mount
@pytest.mark.fault(27)
def test_full_disk_under_sqlite_is_never_a_false_200(tmp_path: Path, tally: Callable[..., None]) -> None:
    """A telephone system that was told 200 never sends again: what was not stored must be a 503."""
    with small_disk(tmp_path / "disk", 24) as disk, house(disk) as here:
        here.prepare()
        here.serve()
        refused, lost = play(here, disk)
        assert integrity(here.var / "callcenter.sqlite3") == "ok"
        here.manage("check_ledger")
        tally(27, repetitions=refused, lost=lost)
        assert lost == 0


@needs_mount
@pytest.mark.fault(27)
@pytest.mark.postgresql
def test_full_disk_under_postgresql_is_never_a_false_200(tmp_path: Path, tally: Callable[..., None]) -> None:
    """The same on the server, whose disk is its own."""
    # Not below tmp_path, which only its owner may enter: PostgreSQL runs as somebody else.
    with small_disk(Path(tempfile.mkdtemp(prefix="callcenter-disk-")), 160) as disk:
        room = disk / "pg"
        room.mkdir()
        with (
            OwnPostgres(folder=room, max_wal_size="'32MB'", min_wal_size="'32MB'") as server,
            house(tmp_path, postgres=server) as here,
        ):
            here.prepare()
            here.serve()
            refused, lost = play(here, disk)
            here.manage("check_ledger")
            tally(27, repetitions=refused, lost=lost)
            assert lost == 0


@needs_mount
@pytest.mark.fault(26)
def test_full_disk_at_the_index_keeps_the_article(tmp_path: Path, tally: Callable[..., None]) -> None:
    """An editor publishes while the index cannot be written: the text is saved, found at once, and indexed later."""
    with house(tmp_path / "house") as here:
        here.prepare()
        here.inside("publish", "Hund anmelden")
        index = here.var / "index"
        kept = tmp_path / "kept"
        shutil.copytree(index, kept)
        with small_disk(index, 1):
            shutil.copytree(kept, index, dirs_exist_ok=True)
            ballast = fill(index)
            here.inside("publish", "Katze chippen")
            said = here.inside("find", "Katze chippen")
            assert (said["titles"], said["from_index"]) == (["Katze chippen"], False), "the database must answer"
            ballast.unlink()
            assert here.inside("reconcile") >= 1
            said = here.inside("find", "Katze chippen")
            assert (said["titles"], said["from_index"]) == (["Katze chippen"], True)
        tally(26, repetitions=1)
