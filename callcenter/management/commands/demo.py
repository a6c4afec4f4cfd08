"""Both cities with people, articles, agreement and a few days of recent calls."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

import billing.demo
import callcenter.accounts.demo
import callcenter.calls.demo
import knowledge.demo
import knowledge.demo.asked
import knowledge.demo.editing
import tenants.demo
from callcenter.accounts.models import User
from tenants.scope import all_cities


def drop_everything() -> None:
    """Drop every table: the append-only ones refuse to be emptied row by row, as they should."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("DROP SCHEMA public CASCADE")
            cursor.execute("CREATE SCHEMA public")
        else:
            cursor.execute("PRAGMA foreign_keys = OFF")
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f"DROP TABLE {connection.ops.quote_name(table)}")
            cursor.execute("PRAGMA foreign_keys = ON")


class Command(BaseCommand):
    help = "Load the demo: both cities, users, articles, the agreement, a few days of recent calls. Closes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reset", action="store_true", help="drop everything first")

    def handle(self, *args: Any, reset: bool, **options: Any) -> None:
        real = User.objects.filter(is_demo=False)
        if real.exists():
            raise CommandError("There are real accounts here; the demo is loaded into an empty installation only.")
        if reset:
            drop_everything()
            call_command("migrate", interactive=False, verbosity=0)
        cities = tenants.demo.load()
        people = callcenter.accounts.demo.load(cities)
        articles = knowledge.demo.load(author=people["editor"])["articles"]
        with all_cities("demo"):
            knowledge.demo.asked.load(people["editor"])
            knowledge.demo.editing.load(people)
        billing.demo.load(cities)
        calls = callcenter.calls.demo.load()
        self.stdout.write(
            f"Demo loaded: {len(cities)} cities, {len(people)} people, {articles} articles, {calls} calls"
        )
