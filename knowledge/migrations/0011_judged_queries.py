import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import tenants.ids


class Migration(migrations.Migration):
    dependencies = [
        ("knowledge", "0010_search_rules"),
        ("tenants", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="JudgedQuery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("query", models.CharField(max_length=250, verbose_name="Frage")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("articles", models.ManyToManyField(related_name="+", to="knowledge.article")),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.tenant"
                    ),
                ),
            ],
            options={
                "ordering": ["query"],
                "constraints": [models.UniqueConstraint(fields=("tenant", "query"), name="judged_query_once_per_city")],
            },
        ),
        migrations.CreateModel(
            name="JudgedRun",
            fields=[
                ("id", models.UUIDField(default=tenants.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("figures", models.JSONField(help_text="As evaluate_search prints them: n, hit@1, hit@3, …")),
                (
                    "answers",
                    models.JSONField(
                        help_text="By judged query: rank (0: not among ten) and the first three article ids."
                    ),
                ),
                (
                    "actor",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.tenant"
                    ),
                ),
            ],
            options={
                "ordering": ["-at"],
                "indexes": [models.Index(fields=["tenant", "-at"], name="judged_run_by_day")],
            },
        ),
    ]
