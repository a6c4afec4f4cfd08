"""The published knowledge base as JSON Lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from knowledge.exporting import export_lines
from tenants.scope import all_cities


class Command(BaseCommand):
    help = "Write every published article of every city as JSON Lines; import_knowledge reads it in without change."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, help="file to write; standard output when left out")

    def handle(self, *args: Any, **options: Any) -> None:
        with all_cities("the whole knowledge base is exported"):
            if options["out"] is None:
                for line in export_lines():
                    self.stdout.write(line)
                return
            count = 0
            try:
                with options["out"].open("w", encoding="utf-8") as file:
                    for line in export_lines():
                        file.write(line + "\n")
                        count += 1
            except OSError as problem:
                raise CommandError(f"{options['out']} cannot be written: {problem.strerror}") from None
        self.stdout.write(f"{count} articles written to {options['out'].name}")
