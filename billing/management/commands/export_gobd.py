"""Write a year's invoices for auditors."""

from __future__ import annotations

import json as plain_json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from billing.gobd import write_export
from billing.management.base import BillingCommand, city


class Command(BillingCommand):
    help = "Write a year's issued invoices for auditors (GoBD Z3): index.xml, CSV tables and the documents, as a ZIP."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("year", type=int)
        parser.add_argument("--tenant", metavar="S", required=True, help="the city that issued them")
        parser.add_argument("--out", type=Path, required=True, metavar="F")
        parser.add_argument("--json", action="store_true")

    def run(self, *, year: int, tenant: str, out: Path, json: bool, **options: Any) -> None:
        try:
            counts = write_export(city(tenant), year, out)
        except OSError as error:
            raise CommandError(f"Cannot write {out}: {error.strerror}.") from error
        if json:
            self.stdout.write(plain_json.dumps(counts))
        else:
            self.stdout.write(", ".join(f"{count} rows in {name}" for name, count in counts.items()))
