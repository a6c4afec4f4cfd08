"""What backup and restore refuse, and that a refusal changes nothing. The rehearsal is in tests/faults."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from callcenter.backups import MANIFEST, BackupError, backup, fingerprint, restore, verify
from tenants.models import Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def archive(django_db_setup: None, django_db_blocker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The empty test installation, saved outside any transaction."""
    if connection.vendor == "postgresql" and not shutil.which("pg_dump"):
        pytest.skip("the PostgreSQL client tools are not installed")
    path = tmp_path_factory.mktemp("backup") / "ours.tar.gz"
    with django_db_blocker.unblock():
        backup(path)
    return path


@pytest.fixture
def rewritten(archive: Path, tmp_path: Path) -> Callable[[Callable[[str, bytes], bytes]], Path]:
    """The archive again, each member passed through a function."""

    def write(change: Callable[[str, bytes], bytes]) -> Path:
        path = tmp_path / "rewritten.tar.gz"
        with tarfile.open(archive) as source, tarfile.open(path, "w:gz") as target:
            for entry in source:
                file = source.extractfile(entry)
                assert file is not None
                content = change(entry.name, file.read())
                entry.size = len(content)
                target.addfile(entry, io.BytesIO(content))
        return path

    return write


def with_manifest(**values: object) -> Callable[[str, bytes], bytes]:
    return lambda name, content: json.dumps({**json.loads(content), **values}).encode() if name == MANIFEST else content


def test_backup_holds_keys_and_database_but_nothing_that_rebuilds_itself(archive: Path) -> None:
    """Without the keys the numbers are lost; with the index the file is needlessly large."""
    with tarfile.open(archive) as content:
        names = content.getnames()
    assert names[0] == MANIFEST
    assert {"files/keys/number_key", "files/keys/secret_key"} <= set(names)
    assert not [name for name in names if name.startswith(("files/index", "files/broker"))]
    assert archive.stat().st_mode & 0o077 == 0
    manifest = verify(archive)
    assert manifest.number_key == fingerprint(settings.NUMBER_KEY)
    assert settings.NUMBER_KEY not in json.dumps([manifest.number_key])


def test_backup_refuses_to_overwrite(archive: Path) -> None:
    """Last night's backup must not be lost to this night's."""
    before = archive.read_bytes()
    with pytest.raises(BackupError, match="exists already"):
        backup(archive)
    assert archive.read_bytes() == before


def test_backup_refuses_to_grow_into_itself() -> None:
    """A backup inside the folder it saves would hold every one before it."""
    with pytest.raises(BackupError, match="outside"):
        backup(settings.VAR / "mine.tar.gz")


def test_restore_refuses_an_installation_in_use(archive: Path, duisburg: Tenant) -> None:
    """A restore in the wrong window must not wipe out a working day."""
    with pytest.raises(CommandError, match="--replace"):
        call_command("restore", str(archive))
    assert Tenant.objects.get() == duisburg


def test_restore_refuses_a_damaged_database(rewritten: Callable[..., Path]) -> None:
    """A backup that rotted on the tape must be told before anything is overwritten."""

    def flip(name: str, content: bytes) -> bytes:
        middle = len(content) // 2
        return (
            content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :] if "database" in name else content
        )

    with pytest.raises(BackupError, match="damaged"):
        restore(rewritten(flip))


@pytest.mark.parametrize("kept", [0, 200, -1500])
def test_restore_refuses_half_a_file(archive: Path, tmp_path: Path, kept: int) -> None:
    """A copy that broke off is no backup."""
    half = tmp_path / "half.tar.gz"
    half.write_bytes(archive.read_bytes()[:kept])
    with pytest.raises(BackupError, match=r"cannot be read|damaged|manifest"):
        restore(half)


def test_restore_refuses_another_program_s_archive(tmp_path: Path) -> None:
    """Somebody's photographs are not an installation."""
    foreign = tmp_path / "foreign.tar.gz"
    with tarfile.open(foreign, "w:gz") as target:
        target.addfile(tarfile.TarInfo("holiday.jpg"))
    with pytest.raises(BackupError, match="no backup of this program"):
        restore(foreign)


def test_restore_refuses_a_member_outside_its_folder(rewritten: Callable[..., Path], tmp_path: Path) -> None:
    """An archive from elsewhere must not write into the system."""
    path = tmp_path / "climbing.tar.gz"
    with tarfile.open(path, "w:gz") as target:
        manifest = json.dumps(
            {"format": 1, "made_at": "", "engine": "sqlite", "migrations": [], "number_key": "", "keys_included": True,
             "members": []}
        ).encode()  # fmt: skip
        for name, content in ((MANIFEST, manifest), ("../../evil", b"x")):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            target.addfile(entry, io.BytesIO(content))
    with pytest.raises(BackupError, match="cannot be read"):
        restore(path)


def test_restore_refuses_a_newer_version(rewritten: Callable[..., Path]) -> None:
    """Tables this version does not know would be half understood."""
    with pytest.raises(BackupError, match="newer version"):
        restore(rewritten(with_manifest(migrations=["calls.9999_of_the_future"])))


def test_restore_refuses_when_the_key_is_another(rewritten: Callable[..., Path]) -> None:
    """Numbers that nobody can read must be told at once, not at the first callback."""
    with pytest.raises(BackupError, match="CALLCENTER_NUMBER_KEY"):
        restore(rewritten(with_manifest(keys_included=False, number_key="0" * 16)))


def test_restore_refuses_the_other_engine(rewritten: Callable[..., Path]) -> None:
    """A dump of PostgreSQL is no SQLite file."""
    other = "sqlite" if connection.vendor == "postgresql" else "postgresql"
    with pytest.raises(BackupError, match="DATABASE_URL"):
        restore(rewritten(with_manifest(engine=other)))


@pytest.mark.sqlite
def test_backup_gives_up_on_a_database_that_stays_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A nightly job that hangs for ever is noticed only when the backup is needed."""
    monkeypatch.setattr("callcenter.backups.LOCKED_FOR", 0)
    Tenant.objects.create(slug="offen", name="Offen", official_name="Stadt Offen", greeting="Guten Tag.")
    with pytest.raises(BackupError, match="locked"):
        backup(tmp_path / "never.tar.gz")
    assert list(tmp_path.iterdir()) == []
