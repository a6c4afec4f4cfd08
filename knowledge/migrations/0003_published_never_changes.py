"""Published revisions are refused change and deletion by the database itself."""

from django.db import migrations

from knowledge import immutable


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0002_constraints_on_both_engines")]

    operations = [migrations.RunPython(immutable.install, immutable.uninstall)]
