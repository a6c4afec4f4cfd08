"""What was issued is never changed: the database itself refuses (GoBD, section 107).

The triggers are installed after every migration, not in one: SQLite rebuilds a table for many of
the later ``ALTER`` operations and drops its triggers on the way.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

# The marks of an issued invoice's later life; every other column is fixed.
LATER_LIFE = frozenset({"status", "sent_at", "paid_at", "cancelled_at"})
NO_WAY_BACK = "an issued invoice is never changed or deleted; cancel it"
NO_WAY_BACK_LINE = "the lines of an issued invoice are never changed; cancel it"
NO_WAY_BACK_DOCUMENT = "a stored document is never changed or deleted"
NO_WAY_BACK_PERIOD = "a closed month is never changed or reopened"
NO_WAY_BACK_USAGE = "the frozen list of calls is never changed"
NO_WAY_BACK_PAYMENT = "a payment is never changed or deleted; take it back"
NO_WAY_BACK_CERTIFIED = "a signed statement is never changed or deleted"
NO_WAY_BACK_REMINDER = "a reminder that was sent is never changed or deleted"
NO_WAY_BACK_QUESTION = "a question is kept with its invoice, and answered once"
NO_WAY_BACK_NUMBER = "a number is given once; the counter never goes back"


def rules() -> list[tuple[str, str, str, str, str]]:
    """(name, table, event, condition over OLD and NEW, sentence), in SQL that both engines read."""
    from billing.models import Invoice

    fixed = " OR ".join(
        f'OLD."{column}" IS DISTINCT FROM NEW."{column}"'
        for column in (item.column for item in Invoice._meta.concrete_fields)
        if column not in LATER_LIFE
    )
    issued = "EXISTS (SELECT 1 FROM billing_invoice i WHERE i.id = {row}.invoice_id AND i.number IS NOT NULL)"
    return [
        ("billing_invoice_fixed", "billing_invoice", "UPDATE", f"OLD.number IS NOT NULL AND ({fixed})", NO_WAY_BACK),
        (
            "billing_invoice_one_way",
            "billing_invoice",
            "UPDATE",
            "OLD.number IS NOT NULL AND (NEW.status IN ('draft', 'reviewed') "
            "OR (OLD.status = 'cancelled' AND NEW.status <> 'cancelled'))",
            NO_WAY_BACK,
        ),
        ("billing_invoice_kept", "billing_invoice", "DELETE", "OLD.number IS NOT NULL", NO_WAY_BACK),
        ("billing_line_added", "billing_invoiceline", "INSERT", issued.format(row="NEW"), NO_WAY_BACK_LINE),
        ("billing_line_fixed", "billing_invoiceline", "UPDATE", issued.format(row="OLD"), NO_WAY_BACK_LINE),
        ("billing_line_kept", "billing_invoiceline", "DELETE", issued.format(row="OLD"), NO_WAY_BACK_LINE),
        ("billing_document_fixed", "billing_invoicedocument", "UPDATE", "TRUE", NO_WAY_BACK_DOCUMENT),
        ("billing_document_kept", "billing_invoicedocument", "DELETE", "TRUE", NO_WAY_BACK_DOCUMENT),
        ("billing_period_fixed", "billing_period", "UPDATE", "OLD.state = 'closed'", NO_WAY_BACK_PERIOD),
        ("billing_period_kept", "billing_period", "DELETE", "OLD.state = 'closed'", NO_WAY_BACK_PERIOD),
        ("billing_usage_fixed", "billing_usagerecord", "UPDATE", "TRUE", NO_WAY_BACK_USAGE),
        ("billing_usage_kept", "billing_usagerecord", "DELETE", "TRUE", NO_WAY_BACK_USAGE),
        ("billing_payment_fixed", "billing_payment", "UPDATE", "TRUE", NO_WAY_BACK_PAYMENT),
        ("billing_payment_kept", "billing_payment", "DELETE", "TRUE", NO_WAY_BACK_PAYMENT),
        ("billing_certified_fixed", "billing_certification", "UPDATE", "TRUE", NO_WAY_BACK_CERTIFIED),
        ("billing_certified_kept", "billing_certification", "DELETE", "TRUE", NO_WAY_BACK_CERTIFIED),
        ("billing_reminder_fixed", "billing_reminder", "UPDATE", "TRUE", NO_WAY_BACK_REMINDER),
        ("billing_reminder_kept", "billing_reminder", "DELETE", "TRUE", NO_WAY_BACK_REMINDER),
        (
            "billing_question_fixed",
            "billing_linequestion",
            "UPDATE",
            "OLD.answer <> '' OR OLD.text <> NEW.text OR OLD.line_id <> NEW.line_id "
            "OR OLD.asked_by_id <> NEW.asked_by_id",
            NO_WAY_BACK_QUESTION,
        ),
        ("billing_question_kept", "billing_linequestion", "DELETE", "TRUE", NO_WAY_BACK_QUESTION),
        ("billing_number_forward", "billing_numberseries", "UPDATE", "NEW.last < OLD.last", NO_WAY_BACK_NUMBER),
    ]


def install(connection: BaseDatabaseWrapper) -> None:
    """Create every trigger anew; does nothing on other engines."""
    if connection.vendor not in {"sqlite", "postgresql"}:
        return
    remove(connection)
    with connection.cursor() as cursor:
        for name, table, event, condition, sentence in rules():
            if connection.vendor == "sqlite":
                condition = condition.replace("IS DISTINCT FROM", "IS NOT")
                cursor.execute(
                    f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN {condition} "
                    f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
                )
            else:
                # PostgreSQL allows no sub-query in WHEN, so the condition stands in the function.
                result = "OLD" if event == "DELETE" else "NEW"
                cursor.execute(
                    f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                    f"IF {condition} THEN RAISE EXCEPTION '{sentence}' "
                    f"USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN {result}; END $$"
                )
                cursor.execute(
                    f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
                )


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take every trigger away: before ``install``, and before a test empties the tables."""
    with connection.cursor() as cursor:
        for name, table, *_ in rules():
            where = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{where}")


def remove_before_migrate(*, using: str, plan: Any, **kwargs: Any) -> None:
    """Receiver of ``pre_migrate``: on SQLite a trigger that names another table forbids renaming that one.

    Only when this app's tables are about to change; ``install_after_migrate`` brings the triggers back.
    """
    from django.db import connections

    connection = connections[using]
    if connection.vendor == "sqlite" and any(migration.app_label == "billing" for migration, _backwards in plan):
        remove(connection)


def install_after_migrate(*, using: str, **kwargs: Any) -> None:
    """Receiver of ``post_migrate``; a partly migrated database has to wait for its tables."""
    from django.db import connections

    connection = connections[using]
    tables = set(connection.introspection.table_names())
    if {table for _, table, *_ in rules()} <= tables:
        install(connection)
