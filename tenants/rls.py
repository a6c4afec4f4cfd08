"""The second wall between cities: PostgreSQL's row-level security below the scoped ORM.

Every table of a scoped model has a policy that reads ``callcenter.tenants``: ``*`` for all cities,
else the ids of the open scope, else nothing. ``Wall`` sets it inside the transaction, from the open
scope, before the first statement that could see it differ. It works for a database role that
neither owns the tables nor has BYPASSRLS; for others (and on SQLite) nothing happens and nothing is
spent. docs/decisions/0008 says why; docs/admin/postgresql-roles.sql makes the roles.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.constants import LOOKUP_SEP

from tenants.scope import ScopedManager, database_scope

SETTING = "callcenter.tenants"
POLICY = "city_wall"

# Sub-selects, so that PostgreSQL reads the setting once per statement and not once per row.
SEES_ALL = f"(SELECT current_setting('{SETTING}', true)) = '*'"
SEEN = f"((SELECT string_to_array(nullif(current_setting('{SETTING}', true), '*'), ','))::bigint[])"
ANY_SCOPE = f"(SELECT current_setting('{SETTING}', true)) <> ''"


# --- policies -------------------------------------------------------------------------------------


def walled_models() -> list[type[models.Model]]:
    """Every model whose manager is scoped, in a stable order."""
    return sorted(
        (
            model
            for config in apps.get_app_configs()
            if getattr(config, "is_ours", False)
            for model in config.get_models()
            if isinstance(model._default_manager, ScopedManager) and model._meta.managed
        ),
        key=lambda model: model._meta.db_table,
    )


def condition(model: type[models.Model]) -> str:
    """SQL over one row of the model's table: may the open scope see it?

    A row reached through another (a call's leg) is seen where that other row is: the policy of the
    parent's table decides. Rows without a city are seen in every scope, but never without one.
    """
    manager: Any = model._default_manager
    paths: list[str] = manager.city_paths()
    first, *further = paths[0].split(LOOKUP_SEP)
    if further:
        link: Any = model._meta.get_field(first)
        parent = link.related_model._meta
        return (
            f'EXISTS (SELECT 1 FROM "{parent.db_table}" parent '  # noqa: S608  (names from the models)
            f'WHERE parent."{parent.pk.column}" = "{model._meta.db_table}"."{link.column}")'
        )
    parts = [SEES_ALL]
    for path in paths:
        field: Any = model._meta.get_field(path.removesuffix("_id"))
        parts.append(f'"{field.column}" = ANY {SEEN}')
        if field.null:
            parts.append(f'("{field.column}" IS NULL AND {ANY_SCOPE})')
    return " OR ".join(parts)


def policy_name(rule: str) -> str:
    """The name tells the rule's version, so that one look at the catalogue says what must be renewed."""
    return f"{POLICY}_{hashlib.sha256(rule.encode()).hexdigest()[:10]}"


def install(connection: BaseDatabaseWrapper) -> list[str]:
    """Bring every policy up to date; returns the tables that changed. Needs the tables' owner."""
    if connection.vendor != "postgresql":
        return []
    wanted = {model._meta.db_table: condition(model) for model in walled_models()}
    present = _present(connection)
    changed = []
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for table, rule in wanted.items():
            if table not in present or present[table] == {policy_name(rule)}:
                continue
            for old in present[table] - {None}:
                cursor.execute(f'DROP POLICY "{old}" ON "{table}"')
            cursor.execute(f'CREATE POLICY "{policy_name(rule)}" ON "{table}" USING ({rule}) WITH CHECK ({rule})')
            cursor.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY')
            changed.append(table)
    return changed


def _present(connection: BaseDatabaseWrapper) -> dict[str, set[str | None]]:
    """Our policies by table, for every table; none counts where row security is not forced."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, CASE WHEN c.relrowsecurity AND c.relforcerowsecurity THEN p.polname END "
            "FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polname LIKE %s "
            "WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace",
            [f"{POLICY}\\_%"],
        )
        found: dict[str, set[str | None]] = {}
        for table, policy in cursor.fetchall():
            found.setdefault(table, set()).add(policy)
    return found


def install_after_migrate(*, using: str, **kwargs: Any) -> None:
    """Receiver of ``post_migrate``: a new model cannot be forgotten."""
    from django.db import connections

    install(connections[using])


# --- the setting ----------------------------------------------------------------------------------

_in_force: dict[tuple[object, ...], bool] = {}


def is_in_force(connection: BaseDatabaseWrapper) -> bool:
    """Whether this connection's role is held by the policies; asked once per process and database."""
    settings = connection.settings_dict
    key = (settings["HOST"], settings["PORT"], settings["NAME"], settings["USER"])
    if key not in _in_force:
        row = connection.connection.execute(
            "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        _in_force[key] = not row[0]
    return _in_force[key]


class Wall:
    """An execute wrapper of one connection: tells the database the open scope before it matters.

    Set inside the transaction (``set_config(…, true)``), so that neither a pool nor a proxy can carry it
    to somebody else. Outside a transaction a statement that has a scope gets one of its own.
    """

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        self.told: str | None = None  # in the transaction that is open now

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        from psycopg.pq import TransactionStatus

        wanted = database_scope()
        status = self.connection.connection.pgconn.transaction_status
        if status == TransactionStatus.IDLE:
            self.told = ""  # the setting ends with its transaction
            if wanted and self.connection.get_autocommit():
                with transaction.atomic(using=self.connection.alias):
                    self._tell(wanted)
                    return execute(sql, params, many, context)
        if status != TransactionStatus.INERROR and wanted != self.told:
            self._tell(wanted)
        try:
            return execute(sql, params, many, context)
        finally:
            if isinstance(sql, str) and sql.startswith("ROLLBACK TO"):
                self.told = None  # a savepoint takes its settings with it

    def _tell(self, wanted: str) -> None:
        self.connection.connection.execute(f"SELECT set_config('{SETTING}', %s, true)", [wanted])
        self.told = wanted


def raise_wall(*, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Receiver of ``connection_created``."""
    if connection.vendor != "postgresql":
        return
    connection.execute_wrappers[:] = [one for one in connection.execute_wrappers if not isinstance(one, Wall)]
    if is_in_force(connection):
        connection.execute_wrappers.append(Wall(connection))


def policies() -> Iterator[tuple[str, str]]:
    """(table, rule) for each walled table, for documentation and tests."""
    for model in walled_models():
        yield model._meta.db_table, condition(model)
