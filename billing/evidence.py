"""Evidence for an invoice: its calls as CSV, without anything about callers or staff."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC

from django.db.models import QuerySet

from billing.models import Invoice, InvoiceLine, UsageRecord
from billing.selectors import line_calls

HEADER = ["Monat", "Anruf", "Beginn (Ortszeit)", "Beginn (UTC)", "Wartezeit s", "Gespräch s", "Ergebnis", "Gruppe"]


def invoice_csv(invoice: Invoice) -> Iterator[str]:
    """Line by line, semicolons, German headings: what was frozen for the invoice's month, late calls included."""
    return _csv(UsageRecord.objects.filter(period=invoice.period).order_by("offered_at", "call_id"), invoice)


def line_csv(line: InvoiceLine) -> Iterator[str]:
    """The same columns, for the calls behind one line."""
    return _csv(line_calls(line), line.invoice)


def _csv(rows: QuerySet[UsageRecord], invoice: Invoice) -> Iterator[str]:
    zone = invoice.agreement.client.zone
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";", lineterminator="\r\n")

    def taken() -> str:
        text = buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        return text

    writer.writerow(HEADER)
    for number, row in enumerate(rows.iterator(2000), 1):
        writer.writerow(
            [
                f"{row.month:%Y-%m}",
                row.call_id,
                row.offered_at.astimezone(zone).strftime("%d.%m.%Y %H:%M:%S"),
                row.offered_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                row.waited_s,
                row.talked_s,
                row.get_outcome_display(),
                row.group,
            ]
        )
        if number % 1000 == 0:
            yield taken()
    yield taken()
