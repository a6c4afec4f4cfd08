"""PostgreSQL's own tools for the backup: ``pg_dump``, ``pg_restore`` and ``psql``.

The dump carries no owners and no grants: the role that restores owns the tables, and its default
privileges (docs/admin/postgresql-roles.sql) give the application its rights.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# What the backup is to replace, including tables that a later version brought.
EMPTY_SCHEMA = """
DO $$
DECLARE item record;
BEGIN
    FOR item IN SELECT c.oid::regclass AS name FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('v', 'm')
        AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') LOOP
        EXECUTE format('DROP VIEW IF EXISTS %s CASCADE', item.name);
    END LOOP;
    FOR item IN SELECT c.oid::regclass AS name FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') LOOP
        EXECUTE format('DROP TABLE IF EXISTS %s CASCADE', item.name);
    END LOOP;
    FOR item IN SELECT c.oid::regclass AS name FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S' LOOP
        EXECUTE format('DROP SEQUENCE IF EXISTS %s CASCADE', item.name);
    END LOOP;
    FOR item IN SELECT p.oid::regprocedure AS name FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') LOOP
        EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', item.name);
    END LOOP;
END $$;
"""


class ToolError(Exception):
    """A tool is missing or failed; the message says what to do."""


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise ToolError(
            f"{name} is not installed here. Install the PostgreSQL client tools (Debian: postgresql-client)."
        )
    return path


def _run(command: list[str], database: Mapping[str, Any], *, what: str) -> None:
    environment = {
        **os.environ,
        "PGHOST": str(database.get("HOST") or ""),
        "PGPORT": str(database.get("PORT") or "5432"),
        "PGUSER": str(database.get("USER") or ""),
        "PGPASSWORD": str(database.get("PASSWORD") or ""),
        "PGDATABASE": str(database["NAME"]),
        # Behind the city wall a dump without the right to see everything must fail, not be short.
        "PGOPTIONS": "-c row_security=off",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        reason = next((line for line in lines if "error" in line.lower()), lines[-1])
        hint = ""
        if "row-level security" in done.stderr or "must be owner" in done.stderr or "permission denied" in done.stderr:
            hint = " Use the DATABASE_URL of the role that owns the tables (docs/admin/install.md)."
        raise ToolError(f"{what} failed: {reason}{hint}")


def dump(database: Mapping[str, Any], target: Path) -> None:
    """Dump the schema ``public`` in PostgreSQL's compressed format, as of one moment."""
    _run(
        [_tool("pg_dump"), "--format=custom", "--compress=1", "--no-owner", "--no-privileges", "--file", str(target)],
        database,
        what="pg_dump",
    )


def load(database: Mapping[str, Any], source: Path) -> None:
    """Empty the schema and fill it from the dump, in one transaction."""
    psql = _tool("psql")
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        script = Path(folder) / "restore.sql"
        _run(
            [_tool("pg_restore"), "--no-owner", "--no-privileges", "--file", str(script), str(source)],
            database,
            what="pg_restore",
        )
        first = Path(folder) / "empty.sql"
        first.write_text(EMPTY_SCHEMA)
        _run(
            [
                psql, "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--single-transaction",
                "--output", os.devnull, "--file", str(first), "--file", str(script),
            ],
            database,
            what="psql",
        )  # fmt: skip
