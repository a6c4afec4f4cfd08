"""Build the search index anew."""

from __future__ import annotations

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from knowledge.search import api
from knowledge.search.found import EngineUnavailable


class Command(BaseCommand):
    help = "Build the search index anew beside the old one and swap it in. Searches go on meanwhile."
    requires_system_checks: list[str] = []  # pages are not needed to search

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="pure JSON on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.perf_counter()
        try:
            count = api.rebuild()
        except (EngineUnavailable, OSError) as error:
            raise CommandError(f"The index could not be built: {error}") from error
        seconds = time.perf_counter() - started
        if options["json"]:
            self.stdout.write(json.dumps({"articles": count, "seconds": round(seconds, 3)}))
        else:
            self.stdout.write(f"{count} articles indexed in {seconds:.1f} s")
