"""What an agent would see."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from knowledge.search import api
from tenants.models import Tenant
from tenants.scope import scoped


class Command(BaseCommand):
    help = "Search a city's articles as an agent would; nothing found is exit 0 with an empty list."
    requires_system_checks: list[str] = []  # pages are not needed to search

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("query")
        parser.add_argument("--tenant", required=True, help="short name of the city, as in its addresses")
        parser.add_argument("--limit", type=int, default=10)
        parser.add_argument("--json", action="store_true", help="pure JSON on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        city = Tenant.objects.filter(slug=options["tenant"]).first()
        if city is None:
            known = ", ".join(Tenant.objects.values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no city {options['tenant']!r}; known: {known}")
        if not 1 <= options["limit"] <= 100:
            raise CommandError("--limit must lie between 1 and 100", returncode=2)
        with scoped([city]):
            answer = api.find(options["query"], tenant=city, limit=options["limit"])
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(answer), ensure_ascii=False))
            return
        for rank, hit in enumerate(answer.hits, 1):
            marked = "".join(f"[{text}]" if matched else text for text, matched in hit.title_marked)
            why = f"   ({'; '.join(hit.why)})" if hit.why else ""
            self.stdout.write(f"{rank:2} {hit.score:7.2f}  {marked}{why}")
        if answer.did_you_mean:
            self.stdout.write(f"Did you mean: {answer.did_you_mean}")
        source = "index" if answer.from_index else "database"
        self.stdout.write(f"{len(answer.hits)} of {answer.total} in {answer.milliseconds:.1f} ms from the {source}")


def _as_json(answer: api.SearchAnswer) -> dict[str, Any]:
    return {
        "query": answer.query,
        "total": answer.total,
        "did_you_mean": answer.did_you_mean,
        "milliseconds": round(answer.milliseconds, 3),
        "from_index": answer.from_index,
        "hits": [
            {
                "article": str(hit.article_id),
                "title": hit.title,
                "summary": hit.summary,
                "score": round(hit.score, 3),
                "why": hit.why,
            }
            for hit in answer.hits
        ],
    }
