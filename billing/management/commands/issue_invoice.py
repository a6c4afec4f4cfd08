"""Issue a draft: number, XML, PDF."""

from __future__ import annotations

import uuid
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError

from billing.management.base import BillingCommand, invoice_row, person
from billing.models import Invoice
from billing.services import issue_invoice


def identifier(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no invoice id; list_invoices shows them.") from None


class Command(BillingCommand):
    help = "Issue a draft: give it its number, write and check XML and PDF. Issued already: says so."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", type=identifier)
        parser.add_argument("--as", dest="username", metavar="USER", help="who issues; needed where four eyes are set")
        parser.add_argument("--json", action="store_true")

    def run(self, *, id: uuid.UUID, username: str | None, json: bool, **options: Any) -> None:
        actor = person(username)
        invoices = Invoice.objects.select_related("agreement__operator", "agreement__client", "period")
        invoice = invoices.filter(pk=id).first()
        if invoice is None:
            raise CommandError(f"No invoice {id}; list_invoices shows them.")
        before = invoice.number
        if before is None:
            invoice = issue_invoice(invoice=invoice, actor=actor)
        if json:
            self.print_json(invoice_row(invoice))
        else:
            self.stdout.write(f"Issued already: {before}" if before else f"Issued: {invoice.number}")
