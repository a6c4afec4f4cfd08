"""Closing a month, beside plain SQL on the same rows: one GROUP BY and one INSERT … SELECT of the frozen list.

    python -m benchmarks.close                                   43,300 calls, two cities, SQLite
    python -m benchmarks.close --calls 850000 --cities 500       with DATABASE_URL naming a PostgreSQL server
    python -m benchmarks.close --history 12                      after twelve closed months

Ours also takes the locks, hashes every list, rates, drafts the invoices and writes the audit trail; the
plain statements do not. On PostgreSQL everything happens in a test database that is dropped at the end.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import django

NOW = datetime(2026, 11, 10, tzinfo=UTC)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=43_300, help="calls of each month, all cities together")
    parser.add_argument("--cities", type=int, default=2, help="the operator and its clients")
    parser.add_argument("--months", type=int, default=3, help="months that are measured; the median counts")
    parser.add_argument("--history", type=int, default=0, help="closed months before them")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callcenter.settings")
    django.setup()
    with database():
        run(options.calls, options.cities, options.months, options.history)
    return 0


@contextmanager
def database() -> Iterator[None]:
    """An empty, migrated database of our own."""
    from django.core.management import call_command
    from django.db import connection

    if connection.vendor == "sqlite":
        call_command("migrate", verbosity=0, interactive=False)
        yield
        return
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def run(calls: int, cities: int, months: int, history: int) -> None:
    from django.db import connection

    from billing.models import UsageRecord
    from billing.months import Month
    from tenants.scope import all_cities

    with all_cities("benchmark"):
        agreements = build_cities(cities)
        newest = Month.parse("2026-10")
        span = [newest.plus(-back) for back in reversed(range(months + history))]
        for month in span:
            build_calls(month, calls, share_of_operator=40_000 / 43_300 if cities == 2 else 0.0)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        for month in span[:history]:
            close(agreements, month)
        plain, ours, frozen = [], [], []
        for month in span[history:]:
            plain.append(plain_sql(month))
            before = UsageRecord.objects.count()
            ours.append(close(agreements, month))
            frozen.append(UsageRecord.objects.count() - before)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    mine, theirs, rows = statistics.median(ours), statistics.median(plain), statistics.median(frozen)
    print(f"{connection.vendor}: {calls:,} calls a month over {cities} cities, {len(agreements)} agreements", end="")
    print(f", {history} closed months before" if history else "")
    print(f"{'':<34}{'seconds':>10}{'µs a call':>12}{'ratio':>8}")
    print(f"{'plain SQL (no hash, no invoice)':<34}{theirs:>10.3f}{theirs / calls * 1e6:>12.1f}{1:>8.2f}")
    print(f"{'close_month':<34}{mine:>10.3f}{mine / calls * 1e6:>12.1f}{mine / theirs:>8.2f}")
    print(f"frozen: {rows:,.0f} calls a month; peak memory of the process {peak:,.0f} MB (making the calls included)")


def build_cities(count: int) -> list[Any]:
    from billing.demo import TERMS
    from billing.models import Agreement, AgreementVersion
    from billing.terms import to_json
    from tenants.models import Tenant

    made = Tenant.objects.bulk_create(
        Tenant(slug=f"stadt-{n}", name=f"Stadt {n}", official_name=f"Stadt {n}", greeting="Guten Tag")
        for n in range(count)
    )
    agreements = Agreement.objects.bulk_create(
        Agreement(operator=made[0], client=client, title="Telefonservice", starts_on=date(2020, 1, 1), series=f"S{n}")
        for n, client in enumerate(made[1:])
    )
    AgreementVersion.objects.bulk_create(
        AgreementVersion(agreement=agreement, valid_from=date(2020, 1, 1), terms=to_json(TERMS), tax_reason="–")
        for agreement in agreements
    )
    return agreements


def build_calls(month: Any, count: int, share_of_operator: float) -> None:
    """Nine in ten answered, spread over month and cities; in batches, so that memory stays small."""
    from django.db import connection

    from callcenter.calls.models import Call
    from tenants.models import Tenant

    if connection.vendor == "postgresql":
        build_calls_there(month, count, share_of_operator)
        return

    cities = list(Tenant.objects.order_by("pk"))
    clients = cities[1:]
    dice = random.Random(str(month))
    first, last = month.bounds(cities[0].zone)
    seconds = (last - first).total_seconds()

    def one() -> Call:
        at = first + timedelta(seconds=dice.random() * seconds)
        answered = dice.random() < 0.9
        waited, talked = dice.randint(1, 60), dice.randint(20, 500) if answered else 0
        return Call(
            tenant=cities[0] if dice.random() < share_of_operator else dice.choice(clients),
            state="ended",
            outcome="answered" if answered else "abandoned",
            offered_at=at,
            answered_at=at + timedelta(seconds=waited) if answered else None,
            ended_at=at + timedelta(seconds=waited + talked),
            waited_s=waited,
            talked_s=talked,
            source="simulator",
        )

    for start in range(0, count, 5000):
        Call.objects.bulk_create([one() for _ in range(min(5000, count - start))])


def build_calls_there(month: Any, count: int, share_of_operator: float) -> None:
    """The same calls made by the server itself: a million in half a minute, and none of our memory."""
    from django.db import connection

    from callcenter.calls.models import Call
    from tenants.models import Tenant

    cities = list(Tenant.objects.order_by("pk").values_list("pk", flat=True))
    first, last = month.bounds(Tenant.objects.earliest("pk").zone)
    # What is not made here is copied from one call that the model filled in, whatever columns it has by now.
    model = Call(state="ended", offered_at=first, ended_at=first, received_at=first, source="simulator")
    Call.objects.bulk_create([model])
    made = {
        "id": "(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') "
        "|| substr(md5(n::text || at), 1, 20))::uuid",
        "tenant_id": "city",
        "outcome": "CASE WHEN answered THEN 'answered' ELSE 'abandoned' END",
        "offered_at": "at",
        "answered_at": "CASE WHEN answered THEN at + waited * interval '1 second' END",
        "ended_at": "at + (waited + talked) * interval '1 second'",
        "waited_s": "waited",
        "talked_s": "CASE WHEN answered THEN talked ELSE 0 END",
    }
    columns = [field.column for field in Call._meta.concrete_fields]
    names = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join(made.get(column, f'model."{column}"') for column in columns)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        # Ids rise with time, as UUIDv7 does; rows of one city lie scattered over the whole month.
        cursor.execute(
            f"""
            INSERT INTO calls_call ({names})
            SELECT {values} FROM calls_call AS model, (
                SELECT n, %s + n / %s::float * (%s - %s) AS at, random() < 0.9 AS answered,
                    1 + (random() * 59)::int AS waited, 20 + (random() * 480)::int AS talked,
                    CASE WHEN random() < %s THEN %s ELSE (%s::bigint[])[1 + floor(random() * %s)::int] END AS city
                FROM generate_series(0, %s) AS n
            ) AS made WHERE model.id = %s
            """,
            [
                *(first, count, last, first, share_of_operator, cities[0], cities[1:], len(cities) - 1, count - 1),
                model.pk,
            ],
        )
    model.delete()


def plain_sql(month: Any) -> float:
    """Seconds for the two statements, into a table with the same key, index and reference to the calls."""
    from django.db import connection, transaction

    from tenants.models import Tenant

    operator = Tenant.objects.earliest("pk")
    begin, end = (connection.ops.adapt_datetimefield_value(at) for at in month.bounds(operator.zone))
    condition = (
        "tenant_id <> %s AND direction = 'in' AND state = 'ended' AND outcome = 'answered' "
        "AND offered_at >= %s AND offered_at < %s"
    )
    values = [operator.pk, begin, end]
    kind = "uuid" if connection.vendor == "postgresql" else "char(32)"
    moment = "timestamptz" if connection.vendor == "postgresql" else "datetime"
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE bench_frozen (call_id {kind} PRIMARY KEY REFERENCES calls_call (id), "
            "period_id bigint NOT NULL, "
            f"month date NOT NULL, offered_at {moment} NOT NULL, waited_s integer NOT NULL, "
            "talked_s integer NOT NULL, outcome varchar(10) NOT NULL)"
        )
        cursor.execute("CREATE INDEX bench_in_order ON bench_frozen (period_id, month, offered_at)")
    started = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT tenant_id, COUNT(*), SUM(talked_s) FROM calls_call WHERE {condition} GROUP BY tenant_id", values
        )
        cursor.fetchall()
        cursor.execute(
            "INSERT INTO bench_frozen (call_id, period_id, month, offered_at, waited_s, talked_s, outcome) "
            "SELECT id, tenant_id, %s, offered_at, waited_s, talked_s, outcome "
            f"FROM calls_call WHERE {condition} ORDER BY tenant_id, offered_at",
            [str(month.first) if connection.vendor == "sqlite" else month.first, *values],
        )
    took = time.perf_counter() - started
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench_frozen")
    return took


def close(agreements: list[Any], month: Any) -> float:
    from billing.month_close import Closing, close_periods

    started = time.perf_counter()
    for _agreement, result in close_periods(agreements=agreements, month=month, now=NOW):
        assert isinstance(result, Closing), result
    return time.perf_counter() - started


if __name__ == "__main__":
    raise SystemExit(main())
