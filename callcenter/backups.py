"""One file that holds the whole installation, and the way back from it.

The archive is a gzipped tar: ``manifest.json`` first (with the SHA-256 of every other member), then
the database, then what lies in the program's folder: keys, mail, documents. What rebuilds itself
stays out: the search index, the job queue and the schedule's memory.

Both engines give a consistent picture while people go on working: SQLite by its online backup,
PostgreSQL by ``pg_dump``. Restoring writes the database in one transaction, so that a restore
that fails half-way leaves what was there.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from callcenter import backup_postgresql

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = {"sqlite": "database.sqlite3", "postgresql": "database.pgdump"}
FILES = "files/"
# Made anew by the program itself, or only meaningful to the process that wrote it.
REBUILT = {"index", "broker", "cache"}
LOCKED_FOR = 60  # seconds
FLEETING = (".lock", ".pid", ".partial", "-wal", "-shm", "-journal")


class BackupError(Exception):
    """Backup or restore was refused; the message says what to do."""


@dataclass(frozen=True)
class Member:
    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    format: int
    made_at: str  # ISO 8601, UTC
    engine: str  # sqlite or postgresql
    migrations: list[str]  # "app.name", everything that was applied
    number_key: str  # fingerprint: the key that reads the caller numbers in this database
    keys_included: bool  # False where a key comes from the environment and must be kept by hand
    members: list[Member]

    @classmethod
    def read(cls, text: bytes) -> Manifest:
        try:
            said = json.loads(text)
            said["members"] = [Member(**member) for member in said["members"]]
            return cls(**said)
        except (ValueError, TypeError, KeyError) as error:
            raise BackupError("The file's manifest cannot be read; it is no backup of this program.") from error


# --- making one -----------------------------------------------------------------------------------


def backup(target: Path) -> Manifest:
    """Write the installation to ``target``, which must not exist. Raises BackupError.

    The file appears under its name only when it is complete; it is readable by its owner alone,
    because it holds the keys.
    """
    target = target.absolute()
    if target.exists():
        raise BackupError(f"{target} exists already; choose another name.")
    if not target.parent.is_dir():
        raise BackupError(f"There is no folder {target.parent}.")
    if target.is_relative_to(settings.VAR):
        raise BackupError("The backup must lie outside the program's own folder, or each would hold the one before.")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as folder:
        staged = Path(folder)
        database = staged / DATABASE[connection.vendor]
        _dump(database)
        sources = [(database.name, database), *((FILES + name, path) for name, path in _own_files())]
        members = [Member(name, path.stat().st_size, sha256_of(path)) for name, path in sources]
        manifest = Manifest(
            format=FORMAT,
            made_at=timezone.now().isoformat(timespec="seconds"),
            engine=connection.vendor,
            migrations=_applied(),
            number_key=fingerprint(settings.NUMBER_KEY),
            keys_included=not _keys_from_environment(),
            members=members,
        )
        partial = staged / "archive"
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as archive:
                _add(archive, MANIFEST, json.dumps(asdict(manifest), indent=1).encode())
                for (name, path), member in zip(sources, members, strict=True):
                    _add_file(archive, name, path, member.size)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    return manifest


def _dump(target: Path) -> None:
    if connection.vendor == "postgresql":
        try:
            backup_postgresql.dump(connection.settings_dict, target)
        except backup_postgresql.ToolError as error:
            raise BackupError(str(error)) from error
        return
    connection.ensure_connection()
    # Page by page through SQLite's own interface: writers go on, and the copy is of one moment.
    with closing(sqlite3.connect(target)) as copy:
        connection.connection.backup(copy, progress=_patience())
        copy.execute("PRAGMA journal_mode=DELETE")


def _patience() -> Callable[[int, int, int], None]:
    """SQLite's copy waits for locks without end; this ends it. Called after each attempt."""
    deadline = time.monotonic() + LOCKED_FOR

    def check(status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise BackupError("The database stays locked by another process. Stop the services and try again.")

    return check


def _own_files() -> Iterator[tuple[str, Path]]:
    """(name relative to the folder, path) of every file worth keeping, in a stable order."""
    database = Path(str(connection.settings_dict["NAME"])).name if connection.vendor == "sqlite" else ""
    for path in sorted(settings.VAR.rglob("*")):
        name = path.relative_to(settings.VAR)
        if not path.is_file() or path.is_symlink() or name.parts[0] in REBUILT:
            continue
        if any(part.endswith(FLEETING) for part in name.parts) or path.name.startswith("celerybeat-schedule"):
            continue
        if database and len(name.parts) == 1 and path.name.startswith(database):
            continue
        yield name.as_posix(), path


def _keys_from_environment() -> bool:
    return any(f"CALLCENTER_{name}" in os.environ for name in ("SECRET_KEY", "NUMBER_KEY"))


def _applied() -> list[str]:
    loader = MigrationLoader(connection)
    return sorted(f"{app}.{name}" for app, name in loader.applied_migrations)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600
    archive.addfile(entry, io.BytesIO(content))


def _add_file(archive: tarfile.TarFile, name: str, path: Path, size: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    with path.open("rb") as file:
        archive.addfile(entry, file)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(key: str) -> str:
    """Tells two keys apart without telling the key."""
    return hashlib.sha256(f"callcenter backup {key}".encode()).hexdigest()[:16]


# --- the way back ---------------------------------------------------------------------------------


def verify(source: Path) -> Manifest:
    """Read the whole archive and compare every member with its SHA-256. Raises BackupError; writes nothing."""
    with tempfile.TemporaryDirectory(dir=settings.VAR, prefix="verify-", suffix=".partial") as folder:
        return _unpack(source, Path(folder))


def restore(source: Path, *, replace: bool = False) -> Manifest:
    """Put the installation back as it was when the backup was made. Raises BackupError.

    Refuses an installation in use unless ``replace`` is set; then everything in it is gone. The
    archive is checked as a whole before the first change.
    """
    if not replace and in_use():
        raise BackupError("This installation holds cities or accounts. To give them up for the backup, add --replace.")
    with tempfile.TemporaryDirectory(dir=settings.VAR, prefix="restore-", suffix=".partial") as folder:
        staged = Path(folder)
        manifest = _unpack(source, staged)
        _check_fits(manifest)
        _load(staged / DATABASE[manifest.engine])
        _replace_files(staged / FILES)
    return manifest


def in_use() -> bool:
    """Whether there is anything a restore would destroy: a city or an account."""
    from callcenter.accounts.models import User
    from tenants.models import Tenant

    tables = connection.introspection.table_names()
    return any(model._meta.db_table in tables and model.objects.exists() for model in (Tenant, User))


def _unpack(source: Path, folder: Path) -> Manifest:
    try:
        with tarfile.open(source, "r:gz") as archive:
            entry = archive.next()
            content = archive.extractfile(entry) if entry is not None and entry.name == MANIFEST else None
            if content is None:
                raise BackupError(f"{source} is no backup of this program: its manifest is missing.")
            manifest = Manifest.read(content.read())
            if manifest.format != FORMAT:
                raise BackupError(f"The backup has format {manifest.format}; this version reads format {FORMAT}.")
            archive.extractall(folder, filter="data")
    except (OSError, EOFError, tarfile.TarError) as error:
        raise BackupError(f"{source} cannot be read: {error}") from error
    for member in manifest.members:
        path = folder / member.name
        if not path.is_file() or path.stat().st_size != member.size or sha256_of(path) != member.sha256:
            raise BackupError(f"{member.name} in the backup is damaged: its SHA-256 differs. Nothing was changed.")
    return manifest


def _check_fits(manifest: Manifest) -> None:
    if manifest.engine != connection.vendor:
        raise BackupError(
            f"The backup was made on {manifest.engine}, this installation runs on {connection.vendor}. "
            "Set DATABASE_URL to the same engine."
        )
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if unknown := sorted(set(manifest.migrations) - known):
        raise BackupError(f"The backup was made by a newer version (with {unknown[0]}); install that first.")
    if not manifest.keys_included and manifest.number_key != fingerprint(settings.NUMBER_KEY):
        raise BackupError(
            "Caller numbers in the backup were encrypted with another key, which came from the environment and is "
            "not in the file. Set CALLCENTER_NUMBER_KEY and CALLCENTER_SECRET_KEY to the values used then."
        )


def _load(database: Path) -> None:
    if connection.vendor == "postgresql":
        connection.close()
        try:
            backup_postgresql.load(connection.settings_dict, database)
        except backup_postgresql.ToolError as error:
            raise BackupError(str(error)) from error
        return
    with closing(sqlite3.connect(database)) as copy:
        if (answer := copy.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            raise BackupError(f"The database in the backup is damaged: {answer}. Nothing was changed.")
        connection.ensure_connection()
        # Into the live file, under its lock: a process that still has it open sees the old or the new, never a mix.
        copy.backup(connection.connection, progress=_patience())
    connection.close()


def _replace_files(files: Path) -> None:
    before = dict(_own_files())
    restored = {path.relative_to(files).as_posix(): path for path in sorted(files.rglob("*")) if path.is_file()}
    for name, path in restored.items():
        target = settings.VAR / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.chmod(0o600)
        os.replace(path, target)
    for name in before.keys() - restored.keys():
        before[name].unlink()
    for name in REBUILT:
        shutil.rmtree(settings.VAR / name, ignore_errors=True)


def as_plain(manifest: Manifest) -> dict[str, Any]:
    """The manifest for ``--json``."""
    return asdict(manifest)
