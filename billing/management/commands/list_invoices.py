"""List every invoice, drafts included."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from billing.management.base import BillingCommand, invoice_row
from billing.models import Invoice


class Command(BillingCommand):
    help = "List every invoice, drafts included, oldest month first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true")

    def run(self, *, json: bool, **options: Any) -> None:
        invoices = Invoice.objects.select_related("agreement__client", "period")
        rows = [invoice_row(invoice) for invoice in invoices.order_by("period__month", "drafted_at")]
        if json:
            self.print_json(rows)
            return
        for row in rows:
            self.stdout.write(
                f"{row['period']}  {row['client']:<12} {row['kind']:<12} {row['status']:<9} "
                f"{row['number'] or '–':<16} {row['gross']:>12} EUR  {row['id']}"
            )
