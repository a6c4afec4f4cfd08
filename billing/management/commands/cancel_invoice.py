"""Cancel an issued invoice by its mirror."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from billing.management.base import BillingCommand, invoice_numbered, invoice_row, person
from billing.models import InvoiceStatus
from billing.services import cancel_invoice


class Command(BillingCommand):
    help = "Cancel an issued invoice: issue the mirrored document that takes it back. Cancelled already: says so."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", metavar="NUMBER")
        parser.add_argument("--reason", default="Berichtigung", help="stands on the document, so in German")
        parser.add_argument("--as", dest="username", metavar="USER")
        parser.add_argument("--json", action="store_true")

    def run(self, *, number: str, reason: str, username: str | None, json: bool, **options: Any) -> None:
        actor = person(username)
        invoice = invoice_numbered(number)
        done = invoice.status == InvoiceStatus.CANCELLED
        mirror = invoice.cancelled_by if done else cancel_invoice(invoice=invoice, reason=reason, actor=actor)
        if json:
            self.print_json(invoice_row(mirror))
        else:
            self.stdout.write(f"{'Cancelled already' if done else 'Cancelled'}: {number} by {mirror.number}")
