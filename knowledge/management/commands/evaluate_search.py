"""Judge the search with any judged set, in a throw-away index and without a database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from knowledge.search.evaluation import BadInput, Throwaway, judge, read_corpus, read_queries
from knowledge.search.memory import planner


class Command(BaseCommand):
    help = "Measure hit@1/3/10, MRR@10, queries without a hit and times, with the analysis and synonyms as shipped."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("queries", type=Path, help="TSV with a header: query, relevant_ids (comma-separated)")
        parser.add_argument("--corpus", type=Path, required=True, help="JSON Lines: id, title, text, keywords (list)")
        parser.add_argument("--json", action="store_true", help="pure JSON on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            corpus, queries = read_corpus(options["corpus"]), read_queries(options["queries"])
        except (BadInput, OSError, UnicodeDecodeError) as error:
            raise CommandError(str(error)) from error
        with Throwaway(corpus, planner(settings.VAR)) as index:
            scores = judge(queries, index.ask).as_json()
        if options["json"]:
            self.stdout.write(json.dumps(scores))
            return
        for name, value in scores.items():
            self.stdout.write(f"{name:14} {value}")
