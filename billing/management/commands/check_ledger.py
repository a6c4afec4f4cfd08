"""Check every invariant of calls, usage, invoices, numbers and hash chains."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from billing import ledger
from billing.management.base import BillingCommand


class Command(BillingCommand):
    help = "Check every invariant of calls, usage, invoices, numbers and hash chains; exit 1 when one is broken."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true")

    def run(self, *, json: bool, **options: Any) -> None:
        broken = list(ledger.findings())
        summary = ledger.summary()
        if json:
            self.print_json({**summary, "broken": broken})
        elif not broken:
            self.stdout.write("All invariants hold: " + ", ".join(f"{value} {name}" for name, value in summary.items()))
        if broken:
            raise CommandError("\n".join(broken))
