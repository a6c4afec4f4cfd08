"""Tables of the PostgreSQL search engine. Not models: the index is made from the articles and can always be made again."""

from typing import Any

from django.db import migrations

CREATE = """
CREATE TABLE search_generation (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shape integer NOT NULL,
    built_at timestamptz NOT NULL DEFAULT now(),
    refs bytea NOT NULL,
    words text NOT NULL
);
CREATE TABLE search_posting (
    generation bigint NOT NULL,
    field text NOT NULL,
    term text COLLATE "C" NOT NULL,
    docs bytea NOT NULL,
    impacts bytea NOT NULL,
    PRIMARY KEY (generation, field, term)
);
ALTER TABLE search_posting ALTER COLUMN docs SET STORAGE EXTERNAL, ALTER COLUMN impacts SET STORAGE EXTERNAL;
CREATE SEQUENCE search_change_seq;
CREATE TABLE search_change (
    key uuid PRIMARY KEY,
    seq bigint NOT NULL DEFAULT nextval('search_change_seq'),
    entry text
);
CREATE INDEX search_change_by_seq ON search_change (seq);
"""
DROP = """
DROP TABLE search_change;
DROP SEQUENCE search_change_seq;
DROP TABLE search_posting;
DROP TABLE search_generation;
"""


def create(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(CREATE)


def drop(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(DROP)


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0005_imports")]

    operations = [migrations.RunPython(create, drop)]
