"""Export for auditors (GoBD, access Z3): CSV tables and the index.xml that describes them, in one ZIP.

The description follows the standard for handing over data ("Beschreibungsstandard für die
Datenträgerüberlassung", version 1.1 of its DTD, which auditors' programs bring along).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet

from billing import retention
from billing.bookkeeping import Certification, Payment
from billing.models import Invoice, InvoiceLine, UsageRecord
from callcenter.accounts.models import User
from callcenter.audit.models import AuditEntry
from callcenter.audit.services import record
from tenants.models import Tenant

TEXT, DAY = "AlphaNumeric", "Date"


@dataclass(frozen=True)
class Column:
    """A column: its name and kind; ``kind`` is a number of decimals, TEXT or DAY. The first one is the key."""

    name: str
    kind: int | str = TEXT


@dataclass(frozen=True)
class Table:
    file: str
    name: str
    columns: tuple[Column, ...]
    keys: int = 1
    invoice: str = ""  # the column that holds a number of ``rechnungen.csv``


INVOICES = Table(
    "rechnungen.csv",
    "Rechnungen",
    (
        Column("Nummer"),
        Column("Art"),
        Column("Rechnungsdatum", DAY),
        Column("Leistungsmonat"),
        Column("Leistende Stadt"),
        Column("Partnerstadt"),
        Column("Netto", 2),
        Column("Umsatzsteuer", 2),
        Column("Brutto", 2),
        Column("Stand"),
        Column("Storniert Nummer"),
        Column("Berichtigt Nummer"),
        Column("Faellig", DAY),
        Column("Kassenzeichen"),
        Column("SHA-256 XML"),
        Column("SHA-256 PDF"),
        Column("SHA-256 Anrufliste"),
    ),
)
LINES = Table(
    "positionen.csv",
    "Positionen",
    (
        Column("Nummer"),
        Column("Position", 0),
        Column("Leistung"),
        Column("Menge", 4),
        Column("Einzelpreis", 6),
        Column("Betrag", 2),
        Column("Herleitung"),
    ),
    keys=2,
    invoice="Nummer",
)
PAYMENTS = Table(
    "zahlungen.csv",
    "Zahlungen",
    (
        Column("Zahlung"),
        Column("Nummer"),
        Column("Eingang", DAY),
        Column("Betrag", 2),
        Column("Herkunft"),
        Column("Nimmt zurueck"),
        Column("Vermerkt UTC"),
    ),
    invoice="Nummer",
)
STATEMENTS = Table(
    "feststellungen.csv",
    "Feststellungen der Kasse",
    (
        Column("Nummer"),
        Column("Stadt"),
        Column("Feststellung"),
        Column("Name"),
        Column("Gezeichnet UTC"),
        Column("Siegel"),
    ),
    keys=3,
    invoice="Nummer",
)
JOURNAL = Table(
    "journal.csv",
    "Journal mit Kette der Pruefsummen",
    (
        Column("Position", 0),
        Column("Zeit UTC"),
        Column("Vorgang"),
        Column("Gegenstand"),
        Column("Kennung"),
        Column("Konto"),
        Column("Angaben"),
        Column("Pruefsumme vorher"),
        Column("Pruefsumme"),
    ),
)
CALLS = Table(
    "anrufe.csv",
    "Abgerechnete Anrufe",
    (
        Column("Anruf"),
        Column("Abrechnungsmonat"),
        Column("Monat des Anrufs"),
        Column("Partnerstadt"),
        Column("Beginn"),
        Column("Wartezeit s", 0),
        Column("Gespraech s", 0),
        Column("Ergebnis"),
        Column("Gruppe"),
    ),
)


def write_export(operator: Tenant, year: int, target: Any) -> dict[str, int]:
    """Write the ZIP of a city's invoices issued in that year to ``target`` (a path or a binary file).

    Returns the rows by file name. XML and PDF lie beside the tables, byte for byte as issued.
    """
    invoices = Invoice.objects.filter(agreement__operator=operator, number__isnull=False, year=year)
    invoices = invoices.select_related("agreement__client", "agreement__operator", "period", "cancels", "adjusts")
    counts: dict[str, int] = {}
    sums: list[str] = []
    tables: list[tuple[Table, Iterator[list[Any]]]] = [
        (INVOICES, _invoices(invoices.order_by("sequence"))),
        (LINES, _lines(invoices)),
        (CALLS, _calls(operator, invoices)),
        (PAYMENTS, _payments(invoices)),
        (STATEMENTS, _statements(invoices, operator)),
        (JOURNAL, _journal(operator, year)),
    ]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for table, rows in tables:
            digest, counts[table.file] = _csv(archive, table.file, rows)
            sums.append(f"{digest}  {table.file}")
        archive.writestr("index.xml", index_xml(operator, year, [table for table, _ in tables]))
        for invoice in invoices.order_by("sequence"):
            for document in invoice.documents.all():
                name = f"belege/{invoice.number}.{document.format}"
                archive.writestr(name, bytes(document.content))
                sums.append(f"{document.sha256}  {name}")
        archive.writestr("SHA256SUMS", "\n".join(sums) + "\n")
    return counts


def exportable_years(city: Tenant, invoices: QuerySet[Invoice]) -> list[dict[str, Any]]:
    """Years in which this city issued documents, newest first, with their number and last day of keeping."""
    found = invoices.filter(agreement__operator=city, number__isnull=False).order_by()
    laws = settings.RETENTION_YEARS[retention.VOUCHERS]
    years = found.values_list("year").annotate(count=Count("pk")).order_by("-year")
    return [
        {"year": year, "documents": count, "keeping": retention.keep_until(date(year or 1, 12, 31), laws)}
        for year, count in years
    ]


@transaction.atomic
def note_export(*, city: Tenant, year: int, counts: dict[str, int], actor: User) -> None:
    """Who fetched an auditor's export, in the city's journal."""
    record(
        action="billing.audit_export",
        actor_id=actor.pk,
        tenant_id=city.pk,
        object_type="billing.invoice",
        data={"year": year, "files": counts},
    )


def _csv(archive: zipfile.ZipFile, name: str, rows: Iterable[list[Any]]) -> tuple[str, int]:
    """German CSV without headings, as the description says; Windows-1252 is what auditors' programs expect.

    Row by row into the archive, for a year may hold millions of calls. Returns the SHA-256 and the number of rows.
    """
    digest, count = hashlib.sha256(), 0
    with archive.open(name, "w", force_zip64=True) as file:
        for row in rows:
            buffer = io.StringIO()
            writer = csv.writer(buffer, delimiter=";", lineterminator="\r\n", quoting=csv.QUOTE_ALL)
            writer.writerow([_plain(value) for value in row])
            content = buffer.getvalue().encode("cp1252", "replace")
            digest.update(content)
            file.write(content)
            count += 1
    return digest.hexdigest(), count


def _plain(value: Any) -> str:
    return f"{value:f}".replace(".", ",") if isinstance(value, Decimal) else str(value)


def _invoices(invoices: Any) -> Iterator[list[Any]]:
    for invoice in invoices:
        stored = {item.format: item.sha256 for item in invoice.documents.defer("content")}
        yield [
            invoice.number,
            invoice.get_kind_display(),
            f"{invoice.issued_on:%d.%m.%Y}",
            invoice.period.as_month,
            invoice.seller["official_name"],
            invoice.buyer["official_name"],
            invoice.net,
            invoice.tax,
            invoice.gross,
            invoice.get_status_display(),
            invoice.cancels.number if invoice.cancels else "",
            invoice.adjusts.number if invoice.adjusts else "",
            f"{invoice.due_on:%d.%m.%Y}",
            invoice.payment_reference,
            stored.get("xml", ""),
            stored.get("pdf", ""),
            invoice.period.list_hash,
        ]


def _lines(invoices: Any) -> Iterator[list[Any]]:
    lines = InvoiceLine.objects.filter(invoice__in=invoices).select_related("invoice")
    for line in lines.order_by("invoice__sequence", "position"):
        steps = " ".join(line.steps)
        yield [line.invoice.number, line.position, line.text, line.quantity, line.price, line.net, steps]


def _calls(operator: Tenant, invoices: Any) -> Iterator[list[Any]]:
    rows = UsageRecord.objects.filter(Q(period__in=invoices.values("period")), period__agreement__operator=operator)
    rows = rows.select_related("period__agreement__client").order_by("period__month", "offered_at", "call_id")
    for row in rows.iterator(5000):
        client = row.period.agreement.client
        yield [
            row.call_id,
            f"{row.period.month:%Y-%m}",
            f"{row.month:%Y-%m}",
            client.official_name,
            row.offered_at.astimezone(client.zone).strftime("%d.%m.%Y %H:%M:%S"),
            row.waited_s,
            row.talked_s,
            row.get_outcome_display(),
            row.group,
        ]


def _payments(invoices: Any) -> Iterator[list[Any]]:
    rows = Payment.objects.filter(invoice__in=invoices).select_related("invoice").order_by("paid_on", "recorded_at")
    for row in rows:
        source = "Ruecknahme" if row.takes_back_id else "Kontoauszug" if row.entry_id else "von Hand"
        taken = str(row.takes_back_id or "")
        day, at = f"{row.paid_on:%d.%m.%Y}", _utc(row.recorded_at)
        yield [row.pk, row.invoice.number, day, row.amount, source, taken, at]


def _statements(invoices: Any, operator: Tenant) -> Iterator[list[Any]]:
    rows = Certification.objects.filter(invoice__in=invoices, city=operator).select_related("invoice", "city")
    for row in rows.order_by("invoice__sequence", "signed_at"):
        said = row.get_step_display()
        yield [row.invoice.number, row.city.official_name, said, row.name, _utc(row.signed_at), row.seal]


def _journal(operator: Tenant, year: int) -> Iterator[list[Any]]:
    """Every link of the year's chain, so that it can be followed; other deeds of the city show only their hashes."""
    rows = AuditEntry.objects.filter(chain=operator.pk, at__year=year).order_by("position")
    for row in rows.iterator(2000):
        own = row.action.startswith("billing.")
        said = json.dumps(row.data, ensure_ascii=False, sort_keys=True) if own else ""
        about = [row.action, row.object_type, row.object_id, row.actor_id or "", said] if own else ["", "", "", "", ""]
        yield [row.position, _utc(row.at), *about, row.previous_hash, row.hash]


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def index_xml(operator: Tenant, year: int, tables: list[Table]) -> str:
    """The description of the tables; columns in the order of the files."""
    described = "".join(_described(table) for table in tables)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE DataSet SYSTEM "gdpdu-01-09-2004.dtd">\n'
        "<DataSet>\n <Version>1.0</Version>\n"
        f" <DataSupplier><Name>{escape(operator.official_name)}</Name><Location>{escape(operator.town)}</Location>"
        f"<Comment>Rechnungen zwischen Städten, ausgestellt {year}</Comment></DataSupplier>\n"
        f" <Media>\n  <Name>Rechnungen {year}</Name>\n{described} </Media>\n</DataSet>\n"
    )


def _described(table: Table) -> str:
    columns = "".join(_column(column, number < table.keys) for number, column in enumerate(table.columns))
    return (
        f"  <Table>\n   <URL>{table.file}</URL>\n   <Name>{table.name}</Name>\n"
        "   <DecimalSymbol>,</DecimalSymbol>\n   <DigitGroupingSymbol>.</DigitGroupingSymbol>\n   <VariableLength>\n"
        "    <ColumnDelimiter>;</ColumnDelimiter>\n    <TextEncapsulator>&quot;</TextEncapsulator>\n"
        f"{columns}{_foreign(table)}   </VariableLength>\n  </Table>\n"
    )


def _foreign(table: Table) -> str:
    if not table.invoice:
        return ""
    return f"    <ForeignKey><Name>{table.invoice}</Name><References>{INVOICES.name}</References></ForeignKey>\n"


def _column(column: Column, is_key: bool) -> str:
    tag = "VariablePrimaryKey" if is_key else "VariableColumn"
    if column.kind == DAY:
        kind = "<Date><Format>DD.MM.YYYY</Format></Date>"
    elif column.kind == TEXT:
        kind = "<AlphaNumeric/>"
    else:
        kind = f"<Numeric><Accuracy>{column.kind}</Accuracy></Numeric>"
    return f"    <{tag}><Name>{escape(column.name)}</Name>{kind}</{tag}>\n"
