"""Write one document of an issued invoice to a file."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from billing.evidence import invoice_csv
from billing.management.base import BillingCommand, invoice_numbered
from billing.models import DocumentFormat


class Command(BillingCommand):
    help = "Write the XML or PDF of an issued invoice as stored, or the CSV of the calls behind it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", metavar="NUMBER")
        parser.add_argument("--format", choices=["xml", "pdf", "csv"], required=True)
        parser.add_argument("--out", type=Path, required=True, metavar="F")

    def run(self, *, number: str, format: str, out: Path, **options: Any) -> None:
        invoice = invoice_numbered(number)
        if format == "csv":
            content = "".join(invoice_csv(invoice)).encode("utf-8-sig")
        else:
            content = bytes(invoice.documents.get(format=DocumentFormat(format)).content)
        try:
            out.write_bytes(content)
        except OSError as error:
            raise CommandError(f"Cannot write {out}: {error.strerror}.") from error
        self.stdout.write(f"{number}: {len(content)} bytes written to {out}")
