"""The ledger added up by local day and month, in sets; kept up day by day, and made anew by the same code.

A change in the ledger marks its day (``marks.py``); the job adds marked days up again and takes the
marks away. Sums of a day without a mark equal the ledger; readers (``rollups.py``) read marked days
from the ledger itself, so that no figure ever waits for the job.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

import holidays
from django.db import connection, models, transaction
from django.db.models import Case, Count, F, Max, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce, Lower, Trim, TruncDate
from django.utils import timezone

from callcenter.audit.services import record
from callcenter.calls.models import Call, Contact, Direction, Outcome, counted
from callcenter.supervision.local_time import HalfHourOfDay, LocalDay, in_service, local_seconds, service_time
from callcenter.supervision.models import (
    Grain,
    HalfHourCalls,
    RollupState,
    SearchedWords,
    SettledConcerns,
    StaleDay,
    WaitedCalls,
)
from callcenter.supervision.periods import Period, containing
from knowledge.models import SearchEvent
from tenants.models import ServiceHours, Tenant
from tenants.scope import all_cities, assert_in_scope

DAY = timedelta(days=1)
COUNTED = "all but practice"  # another word: sums kept by the rule before are made anew
DAYS_AT_ONCE = 31  # one transaction each: a city of years does not hold the others up
BY_MONTH: tuple[type[models.Model], ...] = (WaitedCalls, SettledConcerns, SearchedWords)
EVERY: tuple[type[models.Model], ...] = (HalfHourCalls, *BY_MONTH)
SUMMED = {"calls": Sum, "talked_s": Sum, "concerns": Sum, "searches": Sum, "last_at": Max}


def rules_of(city: Tenant) -> str:
    """What decides what is counted, to which day it belongs, and whether within service hours."""
    hours = ServiceHours.objects.filter(tenant=city).order_by("weekday", "opens", "closes")
    said = [city.time_zone, city.land, holidays.__version__, COUNTED]
    said += [" ".join(map(str, row)) for row in hours.values_list("weekday", "opens", "closes")]
    return hashlib.sha256("|".join(said).encode()).hexdigest()


def local_days(marked: Iterable[date], city: Tenant) -> set[date]:
    """The local days that these UTC days touch."""
    ends = (datetime.combine(day, at, UTC) for day in marked for at in (time.min, time.max))
    return {moment.astimezone(city.zone).date() for moment in ends}


def in_ranges(days: Iterable[date]) -> list[Period]:
    """Days as periods without a gap."""
    found: list[Period] = []
    for day in sorted(days):
        if found and found[-1].last + DAY == day:
            found[-1] = Period(found[-1].first, day)
        else:
            found.append(Period(day, day))
    return found


def refresh_all(now: datetime | None = None) -> int:
    """Every city's marked days; returns how many local days were added up."""
    added = 0
    with all_cities("sums of every city"):
        for city in Tenant.objects.all():
            added += refresh(city=city, now=now)
    return added


def refresh(*, city: Tenant, now: datetime | None = None) -> int:
    """Add up what changed; after new service hours (or none yet added up) everything. Safe to run twice at once."""
    assert_in_scope(city)
    added = 0
    while days := _refresh_some(city, now or timezone.now()):
        added += days
    return added


def rebuild(*, city: Tenant, now: datetime | None = None) -> int:
    """Throw a city's sums away and make them anew from the ledger."""
    assert_in_scope(city)
    RollupState.objects.filter(tenant=city).update(rules="")
    return refresh(city=city, now=now)


@transaction.atomic
def _refresh_some(city: Tenant, now: datetime) -> int:
    RollupState.objects.get_or_create(tenant=city, defaults={"refreshed_at": now})
    state = RollupState.objects.select_for_update(of=("self",)).get(tenant=city)
    rules = rules_of(city)
    if state.rules != rules:
        _start_anew(city)
        record(action="supervision.sums_made_anew", tenant_id=city.pk)
    days = list(
        StaleDay.objects.filter(city=city.pk).order_by("day").values_list("day", flat=True).distinct()[:DAYS_AT_ONCE]
    )
    # Only marks seen here go: one that comes in the meantime stays, and with it the day.
    marks = list(StaleDay.objects.filter(city=city.pk, day__in=days).values_list("pk", flat=True))
    touched = local_days(days, city)
    for period in in_ranges(touched):
        _add_up(city, period)
    for month in sorted({day.replace(day=1) for day in touched}):
        _add_up_month(city, month)
    for start in range(0, len(marks), 5_000):
        StaleDay.objects.filter(pk__in=marks[start : start + 5_000]).delete()
    RollupState.objects.filter(pk=state.pk).update(rules=rules, refreshed_at=now)
    return len(touched)


def _start_anew(city: Tenant) -> None:
    for model in EVERY:
        model._default_manager.filter(tenant=city)._raw_delete(connection.alias)
    moments: tuple[tuple[type[models.Model], str], ...] = (
        (Call, "offered_at"),
        (Contact, "opened_at"),
        (SearchEvent, "at"),
    )
    for model, field in moments:
        rows = model._default_manager.filter(tenant=city).order_by()
        days = rows.annotate(utc_day=TruncDate(field, tzinfo=UTC)).values_list("utc_day", flat=True).distinct()
        StaleDay.objects.bulk_create(StaleDay(city=city.pk, day=day) for day in days)


def _insert(model: type[models.Model], rows: QuerySet, columns: dict[str, str]) -> None:
    """INSERT … SELECT: the rows never leave the database. ``columns`` maps the table's to the query's."""
    sql, params = rows.query.sql_with_params()
    quote = connection.ops.quote_name
    into, names = (", ".join(map(quote, side)) for side in (columns.keys(), columns.values()))
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {quote(model._meta.db_table)} ({into}) SELECT {names} FROM ({sql}) s", params)  # noqa: S608


def _add_up(city: Tenant, period: Period) -> None:
    """Every sum of these local days, from the ledger."""
    start, end = period.bounds(city.zone)
    HalfHourCalls.objects.filter(tenant=city, day__range=(period.first, period.last))._raw_delete(connection.alias)
    for model in BY_MONTH:
        days = model._default_manager.filter(tenant=city, grain=Grain.DAY, first__range=(period.first, period.last))
        days._raw_delete(connection.alias)
    city_id = Value(city.pk, output_field=models.BigIntegerField())
    grain = Value(Grain.DAY.value, output_field=models.CharField())

    def placed(rows: QuerySet, field: str) -> QuerySet:
        second_of_week, inside = service_time(city, field, period.first, period.last)
        seconds = local_seconds(field, city.zone, start, end)
        return (
            rows.order_by()
            .alias(second_of_week=second_of_week)
            .annotate(city_id=city_id, grain=grain, on_day=LocalDay(seconds), served=in_service(inside))
        )

    same = {name: name for name in ("line_id", "calls")}
    head = {"tenant_id": "city_id", "in_service": "served"}
    calls = placed(
        Call.objects.filter(counted(), tenant=city, direction=Direction.IN, offered_at__gte=start, offered_at__lt=end),
        "offered_at",
    )
    half = HalfHourOfDay(local_seconds("offered_at", city.zone, start, end))
    rows = calls.annotate(half=half).values("city_id", "line_id", "on_day", "half", "served")
    _insert(HalfHourCalls, rows.annotate(calls=Count("pk")), {**head, "day": "on_day", "half": "half", **same})

    ended = calls.annotate(came_to=Coalesce("outcome", Value("")))
    rows = ended.values("city_id", "grain", "line_id", "on_day", "served", "came_to", "waited_s")
    talked = Sum("talked_s", filter=Q(outcome=Outcome.ANSWERED), default=0)
    _insert(
        WaitedCalls,
        rows.annotate(calls=Count("pk"), talked=talked),
        {
            **head, "grain": "grain", "first": "on_day", "outcome": "came_to", "waited_s": "waited_s",
            "talked_s": "talked", **same,
        },
    )  # fmt: skip

    concerns = placed(
        Contact.objects.filter(counted("call"), tenant=city, opened_at__gte=start, opened_at__lt=end), "opened_at"
    ).annotate(
        line_id=F("call__line_id"),
        became=Case(When(closed_at__isnull=False, then=F("disposition")), default=Value("")),
    )
    rows = concerns.values("city_id", "grain", "line_id", "on_day", "served", "article_id", "became", "found")
    _insert(
        SettledConcerns,
        rows.annotate(concerns=Count("pk")),
        {
            **head, "grain": "grain", "first": "on_day", "line_id": "line_id", "article_key": "article_id",
            "disposition": "became", "found": "found", "concerns": "concerns",
        },
    )  # fmt: skip

    searches = (
        SearchEvent.objects.filter(tenant=city, at__gte=start, at__lt=end)
        .order_by()
        .annotate(
            city_id=city_id,
            grain=grain,
            on_day=LocalDay(local_seconds("at", city.zone, start, end)),
            missed=in_service(Q(hits=0)),
            said=Case(When(hits=0, then=Lower(Trim("query"))), default=Value("")),
        )
        .values("city_id", "grain", "on_day", "missed", "said")
        .annotate(searches=Count("pk"), last_at=Max("at"))
    )
    _insert(
        SearchedWords,
        searches,
        {
            "tenant_id": "city_id", "grain": "grain", "first": "on_day", "words": "said", "without_hit": "missed",
            "searches": "searches", "last_at": "last_at",
        },
    )  # fmt: skip


def _add_up_month(city: Tenant, first: date) -> None:
    """A month's sums, from those of its days."""
    month = containing("month", first)
    for model in BY_MONTH:
        rows: QuerySet = model._default_manager.filter(tenant=city).order_by()
        rows.filter(grain=Grain.MONTH, first=first)._raw_delete(connection.alias)
        columns = [field.attname for field in model._meta.concrete_fields]
        kept = [name for name in columns if name not in {"id", "grain", "first", *SUMMED}]
        summed = {f"{name}_sum": how(name) for name, how in SUMMED.items() if name in columns}
        grouped = (
            rows.filter(grain=Grain.DAY, first__range=(month.first, month.last))
            .annotate(
                whole=Value(Grain.MONTH.value, output_field=models.CharField()),
                of=Value(month.first, output_field=models.DateField()),
            )
            .values("whole", "of", *kept)
            .annotate(**summed)
        )
        names = {name.removesuffix("_sum"): name for name in summed}
        _insert(model, grouped, {"grain": "whole", "first": "of", **{name: name for name in kept}, **names})


def differences(*, city: Tenant) -> list[str]:
    """What of the sums differs from those made anew; the sums stay as they are. Empty when they agree."""
    assert_in_scope(city)
    with transaction.atomic():
        refresh(city=city)
        before = _fingerprints(city)
        rebuild(city=city)
        after = _fingerprints(city)
        transaction.set_rollback(True)
    tables = sorted({*before, *after})
    return [
        f"{table} {first}: {before.get((table, first))} kept, {after.get((table, first))} made anew"
        for table, first in tables
        if before.get((table, first)) != after.get((table, first))
    ]


def _fingerprints(city: Tenant) -> dict[tuple[str, str], str]:
    """A day's or month's rows of a table as one number, whatever order they come in."""
    found: dict[tuple[str, str], int] = {}
    for model in EVERY:
        fields = [field.attname for field in model._meta.concrete_fields if field.attname != "id"]
        key = "day" if model is HalfHourCalls else "first"
        for row in model._default_manager.filter(tenant=city).values(*fields).iterator():
            line = "|".join(str(row[name]) for name in fields)
            place = model.__name__, f"{row.get('grain', '')}{row[key]}"
            number = int.from_bytes(hashlib.blake2b(line.encode(), digest_size=8).digest())
            found[place] = (found.get(place, 0) + number) % 2**64
    return {place: f"{number:016x}" for place, number in found.items()}
