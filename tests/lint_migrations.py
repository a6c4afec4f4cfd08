"""Part of ``make check``: refuses migrations that would stop a running house.

While the owner migrates, the version before goes on taking calls (docs/admin/operation.md, Upgrade). So a
migration only adds; what is no longer needed is dropped one version later. ``[tool.callcenter.migrations]`` in
pyproject.toml names the release they are held against, and exceptions with their reason. ``--all`` looks at all
of them. Reads the SQL for PostgreSQL where that answers, else SQLite's.
"""

from __future__ import annotations

import os
import sys
import tempfile
import tomllib
from pathlib import Path

from tests.run import POSTGRES_URL, postgres_answers

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callcenter.settings")
    if postgres_answers():
        # Only the SQL is written, nothing is run; any database of the server does.
        os.environ["DATABASE_URL"] = POSTGRES_URL.rsplit("/", 1)[0] + "/postgres"
    else:
        os.environ.pop("DATABASE_URL", None)
    with tempfile.TemporaryDirectory(prefix="callcenter-lint-") as folder:
        os.environ["CALLCENTER_VAR"] = folder
        return lint()


def lint() -> int:
    import django

    django.setup()
    from django.apps import apps
    from django_migration_linter import MigrationLinter

    said = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["callcenter"]["migrations"]
    accepted: dict[str, str] = said["accepted"]
    released: str = said["released"]
    everything = "--all" in sys.argv[1:]
    ours = sorted(config.label for config in apps.get_app_configs() if getattr(config, "is_ours", False))
    linter = MigrationLinter(
        str(ROOT), include_apps=ours, ignore_name=list(accepted), no_cache=True, quiet=["ok", "ignore"], no_output=False
    )
    on_disk = {name for _, name in linter.migration_loader.disk_migrations}
    if stale := sorted(set(accepted) - on_disk):
        print(f"pyproject.toml accepts migrations that are gone: {', '.join(stale)}")  # noqa: T201
        return 1
    if not released and not everything:
        print("No release yet that a migration could stop; --all looks at every one.")  # noqa: T201
        return 0
    linter.lint_all_migrations(git_commit_id=None if everything else released)
    linter.print_summary()
    return int(linter.has_errors)


if __name__ == "__main__":
    sys.exit(main())
