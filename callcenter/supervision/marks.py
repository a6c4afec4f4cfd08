"""Triggers that mark a city's day as stale when its calls, concerns or searches change.

In the database, because calls come in by many ways (events, imports, simulation, assignment,
the reaper) and a path that forgot its mark would be a wrong figure. A mark is a row of its own and
is never waited for: two events of one city never block each other. The mark is visible exactly
when the change is, so whoever sees no mark may trust the sums.

Installed after every migrate, because SQLite drops a table's triggers when it remakes the table;
a city is added up anew when they had been missing.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from tenants.scope import all_cities

VERSION = "1"
FUNCTION = f"supervision_mark_v{VERSION}"
CALL_COLUMNS = ("tenant_id", "line_id", "direction", "outcome", "offered_at", "waited_s", "talked_s")
CONTACT_COLUMNS = ("tenant_id", "call_id", "article_id", "disposition", "found", "opened_at", "closed_at")
SEARCH_COLUMNS = ("tenant_id", "query", "hits", "at")
WATCHED = {
    "calls_call": ("offered_at", CALL_COLUMNS),
    "calls_contact": ("opened_at", CONTACT_COLUMNS),
    "knowledge_searchevent": ("at", SEARCH_COLUMNS),
}
VERBS = ("insert", "update", "delete")
TABLE = "supervision_staleday"


def name(table: str, verb: str) -> str:
    return f"{FUNCTION}_{table}_{verb}"


def wanted() -> set[str]:
    return {name(table, verb) for table in WATCHED for verb in VERBS}


def install(connection: BaseDatabaseWrapper) -> bool:
    """Bring the triggers up to date; True when some had been missing."""
    statements = {"sqlite": _sqlite, "postgresql": _postgresql}[connection.vendor]()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        else:
            cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
        present = {row[0] for row in cursor.fetchall()}
    if wanted() <= present:
        return False
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        _forget_rules(connection.alias)
    return True


def _forget_rules(using: str) -> None:
    """Changes went unseen: the next refresh adds everything up anew."""
    from callcenter.supervision.models import RollupState

    with all_cities("triggers had been missing in every city"):
        RollupState.objects.using(using).update(rules="")


def install_after_migrate(*, using: str, **kwargs: Any) -> None:
    """Receiver of ``post_migrate``; waits until every watched table is there."""
    from django.db import connections

    connection = connections[using]
    if {*WATCHED, TABLE, "supervision_rollupstate"} <= set(connection.introspection.table_names()):
        install(connection)


def _sqlite() -> list[str]:
    """One writer at a time: a mark that is already there need not be written twice."""

    def mark(row: str, at: str) -> str:
        day = f"substr({row}.{at}, 1, 10)"
        return (
            f"INSERT INTO {TABLE} (city, day) SELECT {row}.tenant_id, {day} WHERE {row}.tenant_id IS NOT NULL "  # noqa: S608
            f"AND NOT EXISTS (SELECT 1 FROM {TABLE} WHERE city = {row}.tenant_id AND day = {day});"
        )

    statements = []
    for table, (at, columns) in WATCHED.items():
        changed = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in columns)
        both = mark("OLD", at) + mark("NEW", at)
        if table == "calls_call":
            both += (
                f"INSERT INTO {TABLE} (city, day) SELECT DISTINCT tenant_id, substr(opened_at, 1, 10) "  # noqa: S608
                "FROM calls_contact WHERE call_id = NEW.id AND OLD.line_id IS NOT NEW.line_id;"
            )
        for verb, body, when in (
            ("insert", mark("NEW", at), ""),
            ("delete", mark("OLD", at), ""),
            ("update", both, f"WHEN {changed} "),
        ):
            trigger = name(table, verb)
            statements.append(f"DROP TRIGGER IF EXISTS {trigger}")
            statements.append(f"CREATE TRIGGER {trigger} AFTER {verb.upper()} ON {table} {when}BEGIN {body} END")
    return statements


def _postgresql() -> list[str]:
    """Once per statement, over the set of rows that it touched."""
    statements = []
    for table, (at, columns) in WATCHED.items():
        function = f"{FUNCTION}_{table}"

        def day(row: str, at: str = at) -> str:
            return f"({row}.{at} AT TIME ZONE 'UTC')::date"

        def marks(rows: str) -> str:
            return (
                f"INSERT INTO {TABLE} (city, day) SELECT DISTINCT r.tenant_id, {day('r')} FROM {rows} r "  # noqa: S608
                "WHERE r.tenant_id IS NOT NULL;"
            )

        old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("o", "n"))
        changed = f"FROM new_rows n JOIN old_rows o ON o.id = n.id WHERE ({old}) IS DISTINCT FROM ({new})"
        update = (
            f"INSERT INTO {TABLE} (city, day) SELECT DISTINCT c.city, c.day FROM ("  # noqa: S608
            f"SELECT o.tenant_id AS city, {day('o')} AS day {changed} UNION "
            f"SELECT n.tenant_id, {day('n')} {changed}) c WHERE c.city IS NOT NULL;"
        )
        if table == "calls_call":
            update += (
                f"INSERT INTO {TABLE} (city, day) SELECT DISTINCT c.tenant_id, {day('c', 'opened_at')} "  # noqa: S608
                "FROM new_rows n JOIN old_rows o ON o.id = n.id JOIN calls_contact c ON c.call_id = n.id "
                "WHERE o.line_id IS DISTINCT FROM n.line_id;"
            )
        statements.append(
            f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF TG_OP = 'INSERT' THEN {marks('new_rows')} ELSIF TG_OP = 'DELETE' THEN {marks('old_rows')} "
            f"ELSE {update} END IF; RETURN NULL; END $$"
        )
        tables = {
            "insert": "NEW TABLE AS new_rows",
            "update": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
            "delete": "OLD TABLE AS old_rows",
        }
        for verb, seen in tables.items():
            trigger = name(table, verb)
            statements.append(f"DROP TRIGGER IF EXISTS {trigger} ON {table}")
            statements.append(
                f"CREATE TRIGGER {trigger} AFTER {verb.upper()} ON {table} REFERENCING {seen} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
            )
    return statements
