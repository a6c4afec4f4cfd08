"""Calendar months as billing sees them: local months of a city, with their bounds in UTC."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

# Documents are German whatever language the reader of the page has chosen.
NAMES = (
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
)


@dataclass(frozen=True, order=True)
class Month:
    """One calendar month; ordered by time."""

    year: int
    number: int

    def __post_init__(self) -> None:
        if not (1 <= self.number <= 12 and 1900 <= self.year <= 9998):
            raise ValueError(f"No such month: {self.year}-{self.number}")

    @classmethod
    def parse(cls, text: str) -> Month:
        """Read ``2026-10``; anything else raises ValueError."""
        match = re.fullmatch(r"(\d{4})-(\d{2})", text)
        if not match:
            raise ValueError(f"Not a month: {text!r}; write it as 2026-10.")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def containing(cls, day: date) -> Month:
        return cls(day.year, day.month)

    @classmethod
    def at(cls, moment: datetime, zone: ZoneInfo) -> Month:
        """The month in which an aware moment lies in that zone: 2026-10-31T23:30Z is November in Berlin."""
        local = moment.astimezone(zone)
        return cls(local.year, local.month)

    def __str__(self) -> str:
        return f"{self.year}-{self.number:02}"

    @property
    def label(self) -> str:
        return f"{NAMES[self.number - 1]} {self.year}"

    @property
    def first(self) -> date:
        return date(self.year, self.number, 1)

    @property
    def last(self) -> date:
        return date(self.year, self.number, self.days)

    @property
    def days(self) -> int:
        return monthrange(self.year, self.number)[1]

    def plus(self, months: int) -> Month:
        index = self.year * 12 + self.number - 1 + months
        return Month(index // 12, index % 12 + 1)

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """First instant of the month and of the next one, in UTC."""
        return midnight(self.first, zone), midnight(self.plus(1).first, zone)

    def share(self, starts_on: date, ends_on: date | None) -> Fraction:
        """How much of the month lies within these days (both included), as days over days of the month."""
        begin = max(self.first, starts_on)
        end = min(self.last, ends_on) if ends_on else self.last
        covered = max((end - begin).days + 1, 0)
        return Fraction(covered, self.days)

    def part_before(self, day: date) -> Fraction:
        """How much of the month lies before that day."""
        return Fraction(min(max((day - self.first).days, 0), self.days), self.days)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Local midnight at the start of the day, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def closable_from(month: Month, grace_days: int, zone: ZoneInfo) -> datetime:
    """The instant from which the month may be closed: its end plus whole local days of grace."""
    return midnight(month.plus(1).first + timedelta(days=grace_days), zone)


@dataclass(frozen=True)
class ContractYear:
    """Twelve months from a month on; the calendar year when it starts in January."""

    first: Month

    @classmethod
    def containing(cls, month: Month, starts_in: int = 1) -> ContractYear:
        year = month.year if month.number >= starts_in else month.year - 1
        return cls(Month(year, starts_in))

    @property
    def last(self) -> Month:
        return self.first.plus(11)

    @property
    def label(self) -> str:
        return str(self.first.year) if self.first.number == 1 else f"{self.first.year}/{self.last.year % 100:02}"

    @property
    def months(self) -> tuple[Month, ...]:
        return tuple(self.first.plus(index) for index in range(12))

    def position(self, month: Month) -> int:
        """1 for the first month of the year, 12 for the last."""
        return (month.year - self.first.year) * 12 + month.number - self.first.number + 1

    def share(self, starts_on: date, ends_on: date | None) -> Fraction:
        """How much of the year lies within these days, in months over twelve."""
        return sum((month.share(starts_on, ends_on) for month in self.months), Fraction(0)) / 12
