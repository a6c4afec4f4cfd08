"""Tables as a workbook: numbers stay numbers, the first row stays in sight."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import xlsxwriter

from callcenter.supervision.display import Column, Value

FORMATS = {
    "count": "#,##0",
    "mean": "#,##0.0",
    "share": "0.0 %",
    "change": "+0.0 %;-0.0 %;0.0 %",
    "points": "+0.0 %;-0.0 %;0.0 %",
    "seconds": "[m]:ss",
}
DAY_S = 86_400


@dataclass(frozen=True)
class Sheet:
    """One table; ``notes`` stand above it, the first as its heading."""

    name: str
    notes: Sequence[str]
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]


def workbook(sheets: Sequence[Sheet], *, title: str, author: str) -> bytes:
    """An .xlsx file of these tables."""
    out = io.BytesIO()
    # Text is never read as a formula or an address.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        book.set_properties({"title": title, "author": author})
        bold = book.add_format({"bold": True})
        head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        formats = {kind: book.add_format({"num_format": text}) for kind, text in FORMATS.items()}
        names: set[str] = set()
        for number, sheet in enumerate(sheets, start=1):
            page = book.add_worksheet(_name(sheet.name, number, names))
            for place, note in enumerate(sheet.notes):
                page.write_string(place, 0, note, bold if place == 0 else None)
            start = len(sheet.notes) + 1 if sheet.notes else 0
            for place, column in enumerate(sheet.columns):
                page.write_string(start, place, column.label, head)
                page.set_column(place, place, 34 if place == 0 else 16)
            for line, row in enumerate(sheet.rows, start=start + 1):
                for place, (column, value) in enumerate(zip(sheet.columns, row, strict=True)):
                    _write(page, line, place, column, value, formats)
            page.freeze_panes(start + 1, 1)
            page.repeat_rows(start)
            page.set_landscape()
            page.fit_to_pages(1, 0)
    return out.getvalue()


def _write(page: object, line: int, place: int, column: Column, value: Value, formats: dict[str, object]) -> None:
    if value is None:
        return
    if isinstance(value, str):
        page.write_string(line, place, value)  # type: ignore[attr-defined]
        return
    number = value / DAY_S if column.kind == "seconds" else value
    page.write_number(line, place, number, formats.get(column.kind))  # type: ignore[attr-defined]


def _name(wanted: str, number: int, taken: set[str]) -> str:
    """At most 31 characters, none that a workbook refuses, each only once."""
    name = re.sub(r"[\[\]:*?/\\']", " ", wanted).strip()[:31] or str(number)
    if name.lower() in taken:
        name = f"{name[:27]} {number}"
    taken.add(name.lower())
    return name
