"""An index that is built beside the writers where the database can do that."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def build(apps: object, editor: BaseDatabaseSchemaEditor) -> None:
    beside = "CONCURRENTLY" if editor.connection.vendor == "postgresql" else ""
    editor.execute(
        f"CREATE INDEX {beside} event_by_receipt_next ON calls_telephonyevent (received_at, connector_call_id)"
    )


def drop(apps: object, editor: BaseDatabaseSchemaEditor) -> None:
    editor.execute("DROP INDEX event_by_receipt_next")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("next", "0001_more_about_calls")]

    operations = [migrations.RunPython(build, drop)]
