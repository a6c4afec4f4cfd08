"""Rows 22 and 23: the embedded database under six writers and under kill -9."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.house import house

pytestmark = pytest.mark.slow


def integrity(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]


@pytest.mark.fault(22, repetitions=6)
def test_six_writers_are_never_told_that_the_database_is_locked(tmp_path: Path) -> None:
    """Row 22: an agent's note must not fail because the schedule writes at the same time."""
    with house(tmp_path) as ours:
        ours.prepare()
        writers = [ours.start("-m", "tests.faults.inside", "write", f"writer{number}") for number in range(6)]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline(), "a writer never got through"
        time.sleep(8)
        acknowledged = []
        for writer in writers:
            assert writer.poll() is None, f"a writer gave up: {ours.errors(writer)[-500:]}"
            writer.kill()
            out, _ = writer.communicate(timeout=10)
            assert "locked" not in ours.errors(writer)
            acknowledged += [json.loads(line) for line in out.splitlines()]
        assert set(acknowledged) <= set(ours.inside("facts")["calls"])
        assert integrity(ours.var / "callcenter.sqlite3") == "ok"


@pytest.mark.fault(23, repetitions=5)
def test_kill_during_a_write_leaves_a_sound_database(tmp_path: Path) -> None:
    """Row 23: a power cut must cost at most what was not acknowledged yet."""
    with house(tmp_path) as ours:
        ours.prepare()
        acknowledged: list[str] = []
        for number in range(5):
            writer = ours.start("-m", "tests.faults.inside", "write", f"cut{number}")
            assert writer.stdout is not None
            acknowledged.append(json.loads(writer.stdout.readline()))
            time.sleep(0.05 * number)
            writer.kill()
            out, _ = writer.communicate(timeout=10)
            acknowledged += [json.loads(line) for line in out.splitlines() if line.endswith('"')]
            assert integrity(ours.var / "callcenter.sqlite3") == "ok"
        assert set(acknowledged) <= set(ours.inside("facts")["calls"])
        ours.manage("check_ledger")
