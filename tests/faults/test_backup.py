"""Row 30: backup under load, then restore, as a city's IT rehearses it. Real processes, both engines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.faults.house import engines, house

pytestmark = pytest.mark.slow


def without_tools(engine: str) -> bool:
    return engine == "postgresql" and not all(shutil.which(tool) for tool in ("pg_dump", "pg_restore", "psql"))


def acknowledged(writer_output: str) -> list[str]:
    return [json.loads(line) for line in writer_output.splitlines() if line]


@pytest.mark.fault(30)
@pytest.mark.parametrize("engine", engines())
def test_backup_under_load_then_restore_brings_everything_back(engine: str, tmp_path: Path) -> None:
    """A city loses its machine: sums, invoice numbers, documents and readable caller numbers must come back."""
    if without_tools(engine):
        pytest.skip("the PostgreSQL client tools are not installed")
    archive = tmp_path / "nightly.tar.gz"
    with house(tmp_path / "old", engine) as old, house(tmp_path / "new", engine) as new:
        old.prepare(20)
        old.manage("close_month", "2026-10")
        (invoice,) = json.loads(old.manage("list_invoices", "--json"))
        old.manage("issue_invoice", invoice["id"])

        writer = old.start("-m", "tests.faults.inside", "write", "live")
        assert writer.stdout is not None
        before = [json.loads(writer.stdout.readline()) for _ in range(3)]
        old.manage("backup", str(archive))
        writer.kill()
        after = acknowledged(writer.stdout.read())
        assert after, "nothing was written while the backup ran"
        assert archive.stat().st_mode & 0o077 == 0, "the file holds the keys"

        new.manage("restore", str(archive))
        was, now = old.inside("facts"), new.inside("facts")
        restored = set(now["calls"])
        assert {f"october-{index}" for index in range(20)} | set(before) <= restored
        assert restored <= set(was["calls"])
        assert now["invoices"] == was["invoices"]
        assert now["invoices"][0][0] == "IKZ-2026-000001"
        assert now["usage"] == was["usage"] == 20
        assert now["documents"] == was["documents"]
        assert [stored == computed for _, stored, computed in now["documents"]] == [True, True]
        assert now["caller"] == "+491701234567", "the number key did not come along"
        new.manage("check_ledger")
        # The installation goes on: the next call is taken.
        new.serve()
        new.token = old.token
        assert new.event("newCall", "after-the-restore") == 200


@pytest.mark.fault(30)
def test_restore_with_replace_gives_up_what_came_later(tmp_path: Path) -> None:
    """Going back to last night means last night, files and keys included; without --replace nothing is touched."""
    archive = tmp_path / "nightly.tar.gz"
    with house(tmp_path / "old") as old, house(tmp_path / "new") as new:
        old.prepare(2)
        old.manage("backup", str(archive))
        new.prepare(3)
        (new.var / "mail" / "later.log").write_text("sent today")
        assert "--replace" in new.manage("restore", str(archive), refused=True)
        assert len(new.inside("facts")["calls"]) == 3
        new.manage("restore", str(archive), "--replace")
        assert new.inside("facts") == old.inside("facts")
        assert not (new.var / "mail" / "later.log").exists()
        assert (new.var / "keys" / "number_key").read_text() == (old.var / "keys" / "number_key").read_text()
