"""The database's own refusal to change what was published: triggers for both engines.

A published revision may only become ``archived`` (with its time); an archived one never changes;
neither is ever deleted. Migration 0003 sets the triggers.
"""

from __future__ import annotations

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# Every column of knowledge_revision but the two that archiving sets; a test compares it with the model.
FIXED_COLUMNS = (
    "id", "article_id", "tenant_id", "number", "title", "sections", "valid_from", "valid_until", "based_on_id",
    "author_id", "reviewer_id", "note", "lock_version", "created_at", "changed_at", "published_at",
)  # fmt: skip
REFUSAL = "A published revision never changes; publish a newer one."


def create_statements(vendor: str) -> list[str]:
    same = " AND ".join(
        f"NEW.{c} {'IS' if vendor == 'sqlite' else 'IS NOT DISTINCT FROM'} OLD.{c}" for c in FIXED_COLUMNS
    )
    allowed = f"OLD.state = 'published' AND NEW.state = 'archived' AND NEW.archived_at IS NOT NULL AND {same}"
    if vendor == "sqlite":
        return [
            "CREATE TRIGGER revision_keeps_its_text BEFORE UPDATE ON knowledge_revision "
            f"WHEN OLD.state IN ('published', 'archived') AND NOT ({allowed}) "
            f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
            "CREATE TRIGGER revision_stays BEFORE DELETE ON knowledge_revision "
            f"WHEN OLD.state IN ('published', 'archived') BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
        ]
    return [
        "CREATE OR REPLACE FUNCTION knowledge_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER revision_keeps_its_text BEFORE UPDATE ON knowledge_revision FOR EACH ROW "
        f"WHEN (OLD.state IN ('published', 'archived') AND NOT ({allowed})) EXECUTE FUNCTION knowledge_refuse_change()",
        "CREATE TRIGGER revision_stays BEFORE DELETE ON knowledge_revision FOR EACH ROW "
        "WHEN (OLD.state IN ('published', 'archived')) EXECUTE FUNCTION knowledge_refuse_change()",
    ]


def drop_statements(vendor: str) -> list[str]:
    on_table = "" if vendor == "sqlite" else " ON knowledge_revision"
    statements = [f"DROP TRIGGER {name}{on_table}" for name in ("revision_keeps_its_text", "revision_stays")]
    return statements if vendor == "sqlite" else [*statements, "DROP FUNCTION knowledge_refuse_change()"]


def install(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in create_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def uninstall(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in drop_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)
