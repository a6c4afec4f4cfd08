"""Close a month: freeze its calls, rate them, draft the invoices."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db.models import Q

from billing.closing import in_force
from billing.management.base import BillingCommand, city, invoice_row, month
from billing.models import Agreement, InvoiceStatus
from billing.month_close import Closing, close_periods
from billing.months import Month
from billing.refusals import Refusal
from billing.services import redraft_invoice


class Command(BillingCommand):
    help = "Close a month and draft its invoices; again: report what exists and change nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("month", type=month, help="for example 2026-10")
        parser.add_argument("--tenant", metavar="S", help="only agreements of this city")
        parser.add_argument("--redraft", action="store_true", help="draft anew where the month's invoice was cancelled")
        parser.add_argument("--json", action="store_true")

    def run(self, *, month: Month, tenant: str | None, redraft: bool, json: bool, **options: Any) -> None:
        agreements = Agreement.objects.select_related("operator", "client")
        if tenant:
            own = city(tenant)
            agreements = agreements.filter(Q(operator=own) | Q(client=own))
        valid = [agreement for agreement in agreements if in_force(agreement, month)]
        if not valid:
            raise CommandError(f"No agreement is in force in {month}" + (f" for {tenant}." if tenant else "."))
        closed: list[dict[str, Any]] = []
        existing: list[dict[str, Any]] = []
        refused: list[dict[str, str]] = []
        for agreement, result in close_periods(agreements=valid, month=month):
            try:
                if isinstance(result, Refusal):
                    raise result
                if redraft and result.invoice.status == InvoiceStatus.CANCELLED:
                    result = Closing(redraft_invoice(invoice=result.invoice), created=True)
            except Refusal as refusal:
                refused.append({"client": agreement.client.slug, "reason": refusal.english})
                continue
            row = {**invoice_row(result.invoice), "calls": result.invoice.period.calls}
            (closed if result.created else existing).append(row)
        if json:
            self.print_json({"month": str(month), "closed": closed, "existing": existing, "refused": refused})
        else:
            for verb, rows in (("closed", closed), ("closed already", existing)):
                for row in rows:
                    self.stdout.write(
                        f"{row['client']} {month} {verb}: {row['calls']} calls, net {row['net']} EUR, "
                        f"{row['status']} {row['number'] or row['id']}"
                    )
        if refused:
            raise CommandError(" ".join(item["reason"] for item in refused))
