"""List folded calls without personal data, with where each stands in billing."""

from __future__ import annotations

import argparse
import json as plain_json
from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import Any

from django.utils import timezone

from billing.management.base import BillingCommand, city
from billing.months import midnight
from billing.selectors import BillingStates
from callcenter.calls.models import Call

CHUNK = 500


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it as 2026-10-01.") from None


class Command(BillingCommand):
    help = "List the folded calls since a day (local midnight), oldest first, without personal data."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--since", type=day, required=True, metavar="DAY", help="for example 2026-10-01")
        parser.add_argument("--tenant", metavar="S")
        parser.add_argument("--json", action="store_true")

    def run(self, *, since: date, tenant: str | None, json: bool, **options: Any) -> None:
        zone = city(tenant).zone if tenant else timezone.get_default_timezone()
        calls = Call.objects.filter(offered_at__gte=midnight(since, zone)).select_related("tenant")
        if tenant:
            calls = calls.filter(tenant__slug=tenant)
        rows = self.rows(calls.order_by("offered_at", "id").iterator(CHUNK))
        if not json:
            for row in rows:
                self.stdout.write("  ".join(str(value if value is not None else "–") for value in row.values()))
            return
        # Written row by row: a month has tens of thousands.
        self.stdout.write("[", ending="")
        for number, row in enumerate(rows):
            self.stdout.write((",\n" if number else "") + plain_json.dumps(row), ending="")
        self.stdout.write("]")

    def rows(self, calls: Iterator[Call]) -> Iterator[dict[str, Any]]:
        states = BillingStates()
        while chunk := list(islice(calls, CHUNK)):
            found = states.of(chunk)
            for call in chunk:
                yield {
                    "id": str(call.pk),
                    "connector_call_id": call.connector_call_id,
                    "tenant": call.tenant.slug if call.tenant else None,
                    "direction": call.direction,
                    "state": call.state,
                    "outcome": call.outcome,
                    "waited_s": call.waited_s,
                    "talked_s": call.talked_s,
                    "legs": call.legs,
                    "billing": found[call.pk].state,
                }
