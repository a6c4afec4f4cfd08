"""Invoice numbers without gap or double: a counter row, moved by the transaction that issues.

Measured with eight writers and a tenth of them rolled back: max + 1 and "last row FOR UPDATE" give
doubles, a sequence gives gaps; ``UPDATE … RETURNING`` on a counter row gives neither.
"""

from __future__ import annotations

from django.db import connection, transaction

from billing.models import NumberSeries
from billing.refusals import SeriesTaken
from tenants.models import Tenant


def next_sequence(*, operator: Tenant, series: str, year: int, first: int) -> int:
    """The next number of the series in that year; must be called inside the issuing transaction.

    ``first`` counts only when the series is new: an agreement that starts in mid-year goes on from
    the numbers given before. Raises SeriesTaken when the series belongs to another city.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("A number is given only inside the transaction that uses it.")
    counters = NumberSeries.objects.beyond_scope("a series is unique over all cities; the owner is checked here")
    if counters.filter(series=series).exclude(operator=operator).exists():
        raise SeriesTaken(
            f"Der Rechnungskreis „{series}“ gehört einer anderen Stadt. Bitte wählen Sie einen eigenen.",
            english=f"Series {series} belongs to another city.",
        )
    start = 1 if counters.filter(series=series).exists() else first
    NumberSeries.objects.bulk_create(
        [NumberSeries(operator=operator, series=series, year=year, first=start, last=start - 1)], ignore_conflicts=True
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE billing_numberseries SET last = last + 1 WHERE series = %s AND year = %s RETURNING last",
            [series, year],
        )
        return int(cursor.fetchone()[0])


def invoice_number(series: str, year: int, sequence: int) -> str:
    """As printed: ``IKZ-2026-000001``."""
    return f"{series}-{year}-{sequence:06}"
