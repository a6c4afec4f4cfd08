"""What every command needs before it starts: folders, keys, a migrated database."""

from __future__ import annotations

from collections.abc import Sequence

# Commands that must see the database as it is, or need none at all.
WITHOUT_DATABASE = {"evaluate_search", "backtest_forecast"}


def prepare(argv: Sequence[str]) -> None:
    """Bring an empty or outdated database up to date before one of our own commands runs.

    Django's commands (migrate, shell, makemigrations, …) are left alone. On PostgreSQL only an
    empty database is set up; an outdated one belongs to the administrator's upgrade (docs/admin).
    """
    import django
    from django.core.management import get_commands

    if len(argv) < 2 or argv[1].startswith("-") or {"--help", "-h"} & set(argv[2:]):
        return
    django.setup()
    from django.apps import apps

    owner = get_commands().get(argv[1])
    own_apps = {config.name for config in apps.get_app_configs() if getattr(config, "is_ours", False)}
    if owner not in own_apps or argv[1] in WITHOUT_DATABASE:
        return
    migrate_if_needed()


def migrate_if_needed() -> None:
    """Apply pending migrations; a lock file keeps two starting processes apart."""
    import fcntl

    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    def pending() -> bool:
        executor = MigrationExecutor(connection)
        if connection.vendor == "postgresql" and executor.loader.applied_migrations:
            return False
        return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))

    if not pending():
        return
    with open(settings.VAR / "migrate.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if pending():
            call_command("migrate", verbosity=0, interactive=False)
