"""A city's wall clock inside SQL, the same on SQLite and PostgreSQL.

The database groups by whole local half-hours without knowing time zones: within the stretch that
a query covers, the zone has one offset, or two or three with the moments they change. On the day
the clock goes back, the hour that happens twice falls into the same half-hours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays
from django.db.models import BigIntegerField, BooleanField, Case, DateField, F, Func, Q, Value, When
from django.db.models.expressions import Combinable, Expression

from tenants.models import ServiceHours, Tenant

HALF_HOUR = 1_800
DAY = 86_400
WEEK = 7 * DAY
THURSDAY = 3  # the weekday of 1970-01-01, Monday being 0


class Epoch(Func):
    """Whole seconds since 1970-01-01 UTC of a moment."""

    arity = 1
    output_field = BigIntegerField()

    def as_sqlite(self, compiler, connection, **extra):
        # Without the fraction, which strftime would round up from half a millisecond before the
        # next second. The sign is doubled twice: for this template, and for the parameters.
        template = "CAST(strftime('%%%%s', substr(%(expressions)s, 1, 19)) AS INTEGER)"
        return self.as_sql(compiler, connection, template=template, **extra)

    def as_postgresql(self, compiler, connection, **extra):
        return self.as_sql(compiler, connection, template="FLOOR(EXTRACT(EPOCH FROM %(expressions)s))::bigint", **extra)


@dataclass(frozen=True)
class Stretch:
    """``offset_s`` holds until ``until`` (exclusive); the last stretch is open."""

    offset_s: int
    until: datetime | None


def stretches(zone: ZoneInfo, start: datetime, end: datetime) -> list[Stretch]:
    """The zone's offsets from UTC between two moments, with the exact second each ends."""

    def offset(moment: datetime) -> int:
        return int(moment.astimezone(zone).utcoffset().total_seconds())  # type: ignore[union-attr]

    found, at = [], start
    while at < end:
        step = min(at + timedelta(days=1), end)
        if offset(step) != offset(at):
            low, high = at, step
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low).total_seconds() // 2)
                low, high = (middle, high) if offset(middle) == offset(at) else (low, middle)
            found.append(Stretch(offset(at), high))
        at = step
    return [*found, Stretch(offset(end), None)]


def local_seconds(field: str, zone: ZoneInfo, start: datetime, end: datetime) -> Expression | Combinable:
    """Seconds since 1970-01-01 on the zone's wall clock, for moments between ``start`` and ``end``."""
    parts = stretches(zone, start, end)
    offset: Expression = Value(parts[-1].offset_s, output_field=BigIntegerField())
    if len(parts) > 1:
        offset = Case(
            *(When(**{f"{field}__lt": part.until}, then=Value(part.offset_s)) for part in parts[:-1]),
            default=offset,
            output_field=BigIntegerField(),
        )
    return Epoch(F(field)) + offset


class HalfHourNumber(Func):
    """Half-hours since 1970-01-01 of a number of seconds."""

    template = f"((%(expressions)s) / {HALF_HOUR})"
    arity = 1
    output_field = BigIntegerField()


class LocalDay(Func):
    """The date of a number of wall-clock seconds since 1970-01-01."""

    arity = 1
    output_field = DateField()

    def as_sqlite(self, compiler, connection, **extra):
        return self.as_sql(compiler, connection, template="date(%(expressions)s, 'unixepoch')", **extra)

    def as_postgresql(self, compiler, connection, **extra):
        return self.as_sql(
            compiler, connection, template="(DATE '1970-01-01' + ((%(expressions)s) / 86400)::integer)", **extra
        )


class HalfHourOfDay(Func):
    """0 to 47, of a number of wall-clock seconds."""

    template = f"(((%(expressions)s) %%%% {DAY}) / {HALF_HOUR})"
    arity = 1
    output_field = BigIntegerField()


def moment_of(slot: int) -> datetime:
    """The start of a local half-hour as a naive wall-clock time."""
    return datetime.fromtimestamp(slot * HALF_HOUR, UTC).replace(tzinfo=None)


def public_holidays(land: str, years: Iterable[int]) -> dict[date, str]:
    """Public holidays of a German Land."""
    return dict(holidays.country_holidays("DE", subdiv=land, years=list(years)).items())


def in_service(inside: Q) -> Expression | Combinable:
    """Whether the condition of ``service_time`` holds, as a value; an empty condition always does."""
    if not inside:
        return Value(True, output_field=BooleanField())
    return Case(When(inside, then=Value(True)), default=Value(False), output_field=BooleanField())


def service_time(city: Tenant, field: str, first: date, last: date) -> tuple[Expression | Combinable, Q]:
    """Second of the local week as an annotation, and the condition on it named ``second_of_week``.

    Inside are moments within the city's service hours on days that are no public holiday of its
    Land. A city without service hours is always served.
    """
    zone = city.zone
    start = datetime.combine(first, time(), zone).astimezone(UTC)
    end = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    second_of_week = (local_seconds(field, zone, start, end) + THURSDAY * DAY) % WEEK
    inside = Q()
    for hours in ServiceHours.objects.filter(tenant=city):
        opens, closes = (at.hour * 3600 + at.minute * 60 + at.second for at in (hours.opens, hours.closes))
        monday = hours.weekday * DAY
        inside |= Q(second_of_week__gte=monday + opens, second_of_week__lt=monday + closes)
    if inside:
        for day in public_holidays(city.land, range(first.year, last.year + 1)):
            if first <= day <= last:
                starts = datetime.combine(day, time(), zone).astimezone(UTC)
                ends = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
                inside &= ~Q(**{f"{field}__gte": starts, f"{field}__lt": ends})
    return second_of_week, inside
