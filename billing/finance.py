"""The file for a city's finance system: columns, separators and dates as the city sets them. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.money import ZERO

# Field → what it is, as the help on the page lists them.
FIELDS = {
    "nummer": "Rechnungsnummer",
    "art": "Rechnung, Stornorechnung, Rechnungskorrektur, Kaufmännische Gutschrift",
    "belegdatum": "Rechnungsdatum",
    "faellig": "Fälligkeit",
    "monat": "Leistungsmonat (JJJJ-MM)",
    "stadt": "amtlicher Name der anderen Stadt",
    "debitor": "Debitorennummer",
    "kostenstelle": "Kostenstelle",
    "kassenzeichen": "Kassenzeichen",
    "bestellzeichen": "Bestellzeichen der Partnerstadt",
    "vertrag": "Vertragszeichen",
    "netto": "Nettobetrag",
    "steuer": "Umsatzsteuer",
    "brutto": "Rechnungsbetrag",
    "betrag": "Rechnungsbetrag ohne Vorzeichen",
    "soll_haben": "S bei Forderungen, H bei Minderungen",
    "steuersatz": "Steuersatz in Prozent",
    "text": "Buchungstext",
}
DEFAULT = """Belegnummer = nummer
Belegdatum = belegdatum
Fällig = faellig
Debitor = debitor
Kassenzeichen = kassenzeichen
Betrag = betrag
S/H = soll_haben
Kostenstelle = kostenstelle
Sachkonto = "448200"
Buchungstext = text"""


class ColumnsError(ValueError):
    """A line of the columns cannot be read; the message says which, in German."""


@dataclass(frozen=True)
class Column:
    """``value`` is a field, or a fixed text where ``fixed``."""

    heading: str
    value: str
    fixed: bool = False


@dataclass(frozen=True)
class Format:
    columns: tuple[Column, ...]
    delimiter: str = ";"
    encoding: str = "utf-8"
    dates: str = "%d.%m.%Y"
    decimal_mark: str = ","  # empty: whole cents
    heading: bool = True


def parse_columns(text: str) -> tuple[Column, ...]:
    """``Überschrift = feld`` or ``Überschrift = "fester Text"``, one a line. Raises ColumnsError."""
    columns = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        heading, sign, value = (part.strip() for part in line.partition("="))
        if not sign or not heading:
            raise ColumnsError(f"Zeile {number}: Bitte schreiben Sie „Überschrift = feld“.")
        if len(value) >= 2 and value[0] == value[-1] == '"':
            columns.append(Column(heading, value[1:-1], fixed=True))
        elif value in FIELDS:
            columns.append(Column(heading, value))
        else:
            raise ColumnsError(f"Zeile {number}: Das Feld „{value}“ gibt es nicht.")
    if not columns:
        raise ColumnsError("Bitte geben Sie mindestens eine Spalte an.")
    return tuple(columns)


def amounts(gross: Decimal) -> dict[str, object]:
    """The two fields that split an amount into its size and its side."""
    return {"betrag": abs(gross), "soll_haben": "S" if gross >= ZERO else "H"}


def table(rows: Iterable[Mapping[str, object]], fmt: Format) -> list[list[str]]:
    """Every cell written out; headings are not in it."""
    return [[_cell(column, row, fmt) for column in fmt.columns] for row in rows]


def write(rows: Iterable[Mapping[str, object]], fmt: Format) -> bytes:
    """The file. A sign that the character set does not know becomes a question mark."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=fmt.delimiter, lineterminator="\r\n")
    if fmt.heading:
        writer.writerow([column.heading for column in fmt.columns])
    writer.writerows(table(rows, fmt))
    return buffer.getvalue().encode(fmt.encoding, "replace")


def _cell(column: Column, row: Mapping[str, object], fmt: Format) -> str:
    if column.fixed:
        return column.value
    value = row[column.value]
    if isinstance(value, Decimal):
        if not fmt.decimal_mark:
            return str(int(value * 100))
        return f"{value:.2f}".replace(".", fmt.decimal_mark)
    if isinstance(value, date):
        return value.strftime(fmt.dates)
    text = str(value)
    # A spreadsheet must not take a text for a formula.
    return f"'{text}" if text[:1] in {"=", "+", "@"} else text
