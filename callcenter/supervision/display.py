"""How figures are written: for people in their language, and for a table program."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext

from callcenter.accounts.templatetags.house import clock

Kind = Literal["text", "count", "mean", "share", "seconds", "points", "change", "given"]
Value = str | int | float | None
UNKNOWN = "–"


def shown(kind: Kind, value: Value) -> str:
    """A value as people read it; an en dash when it is unknown."""
    if value is None or value == "":
        return UNKNOWN if kind != "text" else ""
    match kind:
        case "count":
            return number_format(int(value), use_l10n=True, force_grouping=True)
        case "mean":
            return number_format(round(float(value), 1), decimal_pos=1, use_l10n=True, force_grouping=True)
        case "share":
            return f"{number_format(round(float(value) * 100, 1), decimal_pos=1, use_l10n=True)} %"
        case "seconds":
            return clock(round(float(value)))
        case "change":
            return _signed(float(value) * 100, " %")
        case "points":
            return _signed(float(value) * 100, " " + gettext("Prozentpunkte"))
    return str(value)


def _signed(value: float, unit: str) -> str:
    rounded = round(value, 1)
    sign = "+" if rounded > 0 else "−" if rounded < 0 else "±"
    return f"{sign}{number_format(abs(rounded), decimal_pos=1, use_l10n=True, force_grouping=True)}{unit}"


def calls_in_words(number: int) -> str:
    return ngettext("%(number)s Anruf", "%(number)s Anrufe", number) % {"number": shown("count", number)}


def weekday_names() -> list[str]:
    """Monday first."""
    return [
        gettext("Montag"),
        gettext("Dienstag"),
        gettext("Mittwoch"),
        gettext("Donnerstag"),
        gettext("Freitag"),
        gettext("Samstag"),
        gettext("Sonntag"),
    ]


@dataclass(frozen=True)
class Column:
    label: str
    kind: Kind = "text"

    @property
    def is_number(self) -> bool:
        """Right-aligned; ``given`` is a figure that is already written out."""
        return self.kind != "text"


def as_csv(columns: Sequence[Column], rows: Iterable[Sequence[Value]]) -> str:
    """Semicolons, decimal commas and a byte order mark, as German table programs expect."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow([column.label for column in columns])
    for row in rows:
        writer.writerow([_plain(value) for value in row])
    return "\ufeff" + out.getvalue()


def _plain(value: Value | date | datetime) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".").replace(".", ",")
    text = str(value)
    # A cell that starts like a formula would be run by the table program.
    return f"'{text}" if isinstance(value, str) and text[:1] in "=+-@\t\r" else text
