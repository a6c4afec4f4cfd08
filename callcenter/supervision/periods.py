"""Periods of whole local days: what a page looks at, and what it is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext

DAY = timedelta(days=1)
LONGEST_DAYS = 3_660  # ten years; longer is a typing error


@dataclass(frozen=True)
class Period:
    """``first`` to ``last``, both inclusive, in the city's own days."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError("A period ends on or after its first day.")

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        return (self.first + DAY * n for n in range(len(self)))

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The half-open stretch of UTC that these local days cover; 23 or 25 hours on days the clock changes."""
        start = datetime.combine(self.first, time(), zone).astimezone(UTC)
        return start, datetime.combine(self.last + DAY, time(), zone).astimezone(UTC)

    @property
    def kind(self) -> str:
        """day, week, month, quarter, year, or range when it is none of them."""
        for kind in ("day", "week", "month", "quarter", "year"):
            if containing(kind, self.first) == self:
                return kind
        return "range"

    def shifted(self, steps: int) -> Period:
        """The neighbour ``steps`` periods of the same kind later (negative: earlier)."""
        kind = self.kind
        if kind in {"day", "week", "range"}:
            move = DAY * len(self) * steps
            return Period(self.first + move, self.last + move)
        months = {"month": 1, "quarter": 3, "year": 12}[kind]
        count = self.first.year * 12 + self.first.month - 1 + months * steps
        return containing(kind, date(count // 12, count % 12 + 1, 1))

    def compared_with(self, today: date) -> tuple[Period, Period]:
        """What of this period has passed, and as many days of the one before.

        A month that is still running is compared with the same number of days of last month, so
        that a change never comes from the calendar page alone.
        """
        before = self.shifted(-1)
        if not self.first <= today < self.last:
            return self, before
        passed = Period(self.first, today)
        return passed, Period(before.first, min(before.last, before.first + DAY * (len(passed) - 1)))

    @property
    def label(self) -> str:
        """As a German (or English) reader names it: Oktober 2026, 3. Quartal 2026, 05.10. – 11.10.2026."""
        match self.kind:
            case "day":
                return date_format(self.first, "D, j. F Y")
            case "month":
                return date_format(self.first, "F Y")
            case "quarter":
                return gettext("%(number)s. Quartal %(year)s") % {
                    "number": (self.first.month + 2) // 3,
                    "year": self.first.year,
                }
            case "year":
                return str(self.first.year)
        opening = "%d.%m." if self.first.year == self.last.year else "%d.%m.%Y"
        return f"{self.first:{opening}} – {self.last:%d.%m.%Y}"

    @property
    def query(self) -> dict[str, str]:
        """As it stands in an address."""
        return {"von": self.first.isoformat(), "bis": self.last.isoformat()}


def containing(kind: str, day: date) -> Period:
    """The day, week (from Monday), month, quarter or year that holds ``day``."""
    match kind:
        case "day":
            return Period(day, day)
        case "week":
            monday = day - DAY * day.weekday()
            return Period(monday, monday + DAY * 6)
        case "month":
            first, months = day.replace(day=1), 1
        case "quarter":
            first, months = date(day.year, (day.month - 1) // 3 * 3 + 1, 1), 3
        case "year":
            first, months = date(day.year, 1, 1), 12
        case _:
            raise ValueError(f"Unknown kind of period: {kind}")
    count = first.year * 12 + first.month - 1 + months
    return Period(first, date(count // 12, count % 12 + 1, 1) - DAY)


def steps_of(period: Period) -> list[Period]:
    """The period cut into pieces that a chart can show: days, weeks or months."""
    kind = "day" if len(period) <= 62 else "week" if len(period) <= 400 else "month"
    pieces, day = [], period.first
    while day <= period.last:
        piece = Period(day, min(containing(kind, day).last, period.last))
        pieces.append(piece)
        day = piece.last + DAY
    return pieces
