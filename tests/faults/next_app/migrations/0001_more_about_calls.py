"""What additive migrations do: a new column, a new table, an index on a table that is written to meanwhile."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [("calls", "0001_initial")]

    operations = [
        migrations.CreateModel("Later", [("id", models.BigAutoField(primary_key=True)), ("text", models.TextField())]),
        migrations.RunSQL(
            "ALTER TABLE calls_call ADD COLUMN later varchar(20) NULL", "ALTER TABLE calls_call DROP COLUMN later"
        ),
    ]
