"""PostgreSQL wakes the streams itself: every new live event is notified when its transaction commits."""

from django.db import migrations

INSTALL = """
CREATE OR REPLACE FUNCTION desktop_live_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('callcenter_live', '');
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS desktop_live_notify ON desktop_liveevent;
CREATE TRIGGER desktop_live_notify AFTER INSERT ON desktop_liveevent
    FOR EACH STATEMENT EXECUTE FUNCTION desktop_live_notify();
"""
REMOVE = """
DROP TRIGGER IF EXISTS desktop_live_notify ON desktop_liveevent;
DROP FUNCTION IF EXISTS desktop_live_notify();
"""


def install(apps, editor):
    if editor.connection.vendor == "postgresql":
        editor.execute(INSTALL)


def remove(apps, editor):
    if editor.connection.vendor == "postgresql":
        editor.execute(REMOVE)


class Migration(migrations.Migration):
    dependencies = [("desktop", "0002_audience")]
    operations = [migrations.RunPython(install, remove, elidable=False)]
