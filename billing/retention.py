"""How long what must be kept: the later of the laws that apply. Pure; the years come from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

VOUCHERS, BOOKS = "vouchers", "books"


@dataclass(frozen=True)
class Keeping:
    """The last day of keeping, and the law that asks for the longest."""

    until: date
    law: str
    years: int


def keep_until(day: date, laws: Mapping[str, int]) -> Keeping:
    """From the end of the calendar year in which it came about (§ 147 Abs. 4 AO, § 59 KomHVO NRW)."""
    law, years = max(laws.items(), key=lambda entry: entry[1])
    return Keeping(date(day.year + years, 12, 31), law, years)
