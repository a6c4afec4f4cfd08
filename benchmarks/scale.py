"""500 cities and 10 million calls a year: made in minutes, then asked what people ask of it. PostgreSQL only.

    DATABASE_URL=postgres://… python -m benchmarks.scale --cities 500 --calls 10000000
    DATABASE_URL=… python -m benchmarks.scale --cities 2 --calls 519600 --rehearse       backup and restore of a year
    DATABASE_URL=… python -m benchmarks.scale --cities 500 --calls 10000000 --load 60    the load script over it

Works in a database of its own that is dropped at the end. Calls, their events, legs and lines are written by the
database itself, in the shape that telephone systems' events leave. Measured as medians of a few runs on the
tables: an event taken, pages of the busiest city, the close of one agreement's month, the figures for Prometheus.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# One statement per month; ids are UUIDv7 of the moment the call was offered.
# What is not named here comes from the call "pattern", which the program's own model made.
CALL = {
    "id": "(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(noise, 1, 3) || '8' "
    "|| substr(noise, 4, 15))::uuid",
    "tenant_id": "line.tenant_id",
    "line_id": "line.id",
    "dialled": "line.number",
    "outcome": "CASE WHEN answered THEN 'answered' ELSE 'abandoned' END",
    "offered_at": "at",
    "answered_at": "CASE WHEN answered THEN at + waited * interval '1 s' END",
    "ended_at": "at + (waited + CASE WHEN answered THEN talked ELSE 0 END) * interval '1 s'",
    "waited_s": "waited",
    "talked_s": "CASE WHEN answered THEN talked ELSE 0 END",
    "connector_call_id": "%(month)s || '-' || n",
    "received_at": "at",
}
MADE = """
FROM (
    SELECT n, md5(random()::text) AS noise, random() < 0.92 AS answered, 2 + (random() * 58)::int AS waited,
        30 + (random() * 450)::int AS talked,
        %(first)s::timestamptz + (n %% %(days)s) * interval '1 day'
            + interval '7 hours' + random() * random() * interval '11 hours' AS at,
        -- A few large cities and many small ones, as in life.
        (power(random(), 3) * %(cities)s)::int %% %(cities)s AS pick
    FROM generate_series(1, %(count)s) AS n
) made
JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place FROM tenants_line) line ON line.place = made.pick
JOIN calls_call pattern ON pattern.id = %(pattern)s
"""


def calls_statement() -> str:
    from callcenter.calls.models import Call

    columns = [field.column for field in Call._meta.concrete_fields]
    values = [CALL.get(column, f'pattern."{column}"') for column in columns]
    return f"INSERT INTO calls_call ({', '.join(columns)}) SELECT {', '.join(values)} {MADE}"


LEGS = """
INSERT INTO calls_callleg (connector_call_id, opened_at, call_id, connector_id)
SELECT connector_call_id, offered_at, id, connector_id FROM calls_call
WHERE connector_call_id LIKE %(like)s
"""
EVENTS = """
INSERT INTO calls_telephonyevent (connector_call_id, event, body_hash, day, received_at, fields, body, call_id,
    connector_id)
SELECT connector_call_id, kind.name, md5(connector_call_id || kind.name) || md5(kind.name || connector_call_id),
    offered_at::date, offered_at, '{"direction": "in", "dialled": "+49203"}', '\\x', id, connector_id
FROM calls_call, (VALUES ('offered'), ('answered'), ('ended')) AS kind (name)
WHERE connector_call_id LIKE %(like)s
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cities", type=int, default=500)
    parser.add_argument("--calls", type=int, default=10_000_000, help="calls of the year, all cities together")
    parser.add_argument("--rehearse", action="store_true", help="back up and restore what was made")
    parser.add_argument("--load", type=int, default=0, metavar="SECONDS", help="run benchmarks.load over it")
    options = parser.parse_args()
    if not os.environ.get("DATABASE_URL"):
        parser.error("needs PostgreSQL: set DATABASE_URL to a server where databases may be made")
    with tempfile.TemporaryDirectory(prefix="callcenter-scale-") as folder, own_database():
        os.environ["CALLCENTER_VAR"] = folder
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callcenter.settings")
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0, interactive=False)
        fill(options.cities, options.calls)
        measure()
        code = 0
        if options.rehearse:
            code = rehearse(Path(folder))
        if options.load:
            code = subprocess.run(
                [sys.executable, "-m", "benchmarks.load", "--seconds", str(options.load), "--streams", "450",
                 "--events", "38", "--pages", "29"], check=False,
            ).returncode or code  # fmt: skip
        return code


@contextmanager
def own_database(name: str = "callcenter_scale") -> Iterator[str]:
    """An empty database beside the one that DATABASE_URL names; the variable names it meanwhile."""
    import psycopg

    said = urlsplit(os.environ["DATABASE_URL"])
    server, mine = said._replace(path="/postgres").geturl(), said._replace(path=f"/{name}_{os.getpid()}").geturl()
    quoted = f'"{name}_{os.getpid()}"'
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {quoted}")  # type: ignore[arg-type]
    before, os.environ["DATABASE_URL"] = os.environ["DATABASE_URL"], mine
    try:
        yield mine
    finally:
        os.environ["DATABASE_URL"] = before
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {quoted} WITH (FORCE)")  # type: ignore[arg-type]


def fill(cities: int, calls: int) -> None:
    """Cities, lines, agreements; twelve months of calls with legs and events."""
    from django.db import connection

    from benchmarks.close import build_cities
    from callcenter.calls.models import Call
    from callcenter.calls.services import add_connector
    from tenants.models import Line, Tenant
    from tenants.scope import all_cities

    begin = time.perf_counter()
    with all_cities("benchmark"):
        build_cities(cities)
        Line.objects.bulk_create(
            Line(tenant=city, number=f"+4920{city.pk:08}", label="Zentrale") for city in Tenant.objects.order_by("pk")
        )
    connector, _ = add_connector(name="Scale")
    with all_cities("benchmark"):
        pattern = Call.objects.create(
            state="ended", outcome="answered", connector=connector, offered_at=datetime(2020, 1, 1, tzinfo=UTC)
        )
    months = last_twelve()
    for index, month in enumerate(months):
        share = calls // 12 + (calls % 12 if index == 0 else 0)
        days = ((month + timedelta(days=32)).replace(day=1) - month).days
        values = {
            "pattern": pattern.pk,
            "month": f"{month:%Y%m}",
            "first": datetime(month.year, month.month, 1, tzinfo=UTC),
            "days": days,
            "cities": cities,
            "count": share,
            "like": f"{month:%Y%m}-%",
        }
        with connection.cursor() as cursor:
            for statement in (calls_statement(), LEGS, EVENTS):
                cursor.execute(statement, values)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute("SELECT pg_database_size(current_database())")
        size = cursor.fetchone()[0]
        cursor.execute("SELECT count(*), max(n) FROM (SELECT count(*) AS n FROM calls_call GROUP BY tenant_id) x")
        used, most = cursor.fetchone()
    took = time.perf_counter() - begin
    print(f"{calls:,} calls and {3 * calls:,} events of {used} cities (the largest {most:,}) in {took:.0f} s: ", end="")
    print(f"{size / 1e9:.2f} GB, {size / calls:,.0f} bytes a call", flush=True)


def last_twelve() -> list[date]:
    """First days of the twelve months before the running one."""
    month, found = datetime.now(UTC).date().replace(day=1), []
    for _ in range(12):
        month = (month - timedelta(days=1)).replace(day=1)
        found.append(month)
    return found[::-1]


def timed(name: str, deed: Callable[[], Any], runs: int = 7) -> None:
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        deed()
        times.append((time.perf_counter() - begin) * 1000)
    print(f"{name:<44} median {statistics.median(times):8.1f} ms   first {times[0]:8.1f} ms", flush=True)


def measure() -> None:
    from django.db.models import Count
    from django.test import Client
    from django.utils import timezone

    from billing.months import Month
    from billing.services import close_period
    from callcenter.accounts.models import Membership, Role, User
    from callcenter.calls.events import ParsedEvent
    from callcenter.calls.models import Call, Connector
    from callcenter.calls.services import ingest
    from callcenter.metrics import gauges
    from tenants.models import Tenant
    from tenants.scope import all_cities

    with all_cities("benchmark"):
        busiest = Call.objects.values("tenant").annotate(n=Count("pk")).order_by("-n")[0]["tenant"]
    city = Tenant.objects.get(pk=busiest)
    user = User.objects.create_user("scale", name="Scale")
    for role in (Role.SUPERVISOR, Role.AGENT):
        Membership.objects.create(user=user, tenant=city, role=role)
    client = Client(headers={"host": "localhost"})
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    connector, number = Connector.objects.get(), iter(range(10**6))
    dialled = f"+4920{city.pk:08}"

    def event() -> None:
        call_id = f"now-{next(number)}"
        said = ParsedEvent(kind="offered", call_id=call_id, direction="in", caller="+491701234567", dialled=dialled)
        ingest(connector=connector, event=said, raw=call_id.encode(), received_at=timezone.now())

    def page(path: str) -> Callable[[], None]:
        def ask() -> None:
            status = client.get(path).status_code
            assert status == 200, f"{path}: {status}"

        return ask

    timed("an event, stored and folded", event, runs=50)
    timed("the busiest city's calls", page(f"/anrufe/{city.slug}/"))
    timed("the agent's desk", page("/arbeitsplatz/"))
    timed("figures for Prometheus", lambda: [list(gauge.lines()) for gauge in gauges()])
    with all_cities("benchmark"):
        from billing.models import Agreement

        mine = Agreement.objects.select_related("operator", "client").exclude(client=city)
        agreement = mine.filter(client_id__in=Call.objects.values("tenant")).first() or mine[0]
        agreement = Agreement.objects.select_related("operator", "client").filter(client=city).first() or agreement
        month = Month.at(timezone.now(), city.zone).plus(-1)
        begin = time.perf_counter()
        closing = close_period(agreement=agreement, month=month, now=timezone.now() + timedelta(days=20))
        took = time.perf_counter() - begin
        print(f"one agreement's month closed: {closing.invoice.period.calls:,} calls in {took:.2f} s", flush=True)


def rehearse(folder: Path) -> int:
    """Back up, restore into an empty database, and compare row by row and document by document."""
    archive = folder.parent / f"{folder.name}.tar.gz"
    issue_all()
    before = fingerprints()
    begin = time.perf_counter()
    subprocess.run([sys.executable, "manage.py", "backup", str(archive)], check=True)
    backed_up = time.perf_counter() - begin
    try:
        with own_database("callcenter_restored"), tempfile.TemporaryDirectory(prefix="callcenter-empty-") as empty:
            environment = {**os.environ, "CALLCENTER_VAR": empty}
            begin = time.perf_counter()
            subprocess.run([sys.executable, "manage.py", "restore", str(archive)], check=True, env=environment)
            restored = time.perf_counter() - begin
            after = fingerprints()
    finally:
        size = archive.stat().st_size
        archive.unlink()
    same = before == after
    print(f"backup {backed_up:.0f} s, {size / 1e6:.0f} MB; restore on an empty installation {restored:.0f} s")
    for name, value in before.items():
        print(f"  {name:<30} {value[0]:>10}  {'identical' if after[name] == value else f'DIFFERS: {after[name]}'}")
    return 0 if same and restored <= 300 else 1


def issue_all() -> None:
    """Close the year and issue what can be issued, so that there are numbers and documents to compare."""
    from django.utils import timezone

    from billing.models import Agreement
    from billing.months import Month
    from billing.services import close_period, issue_invoice
    from tenants.models import Tenant
    from tenants.scope import all_cities
    from tests.billing.conftest import complete

    with all_cities("benchmark"):
        complete(*Tenant.objects.all())
        Tenant.objects.update(ags="05112000")
        for agreement in Agreement.objects.select_related("operator", "client"):
            newest = Month.at(timezone.now(), agreement.client.zone)
            for back in range(12, 0, -1):
                later = timezone.now() + timedelta(days=20)
                invoice = close_period(agreement=agreement, month=newest.plus(-back), now=later).invoice
                issue_invoice(invoice=invoice)


def fingerprints() -> dict[str, tuple[int, str]]:
    """(rows, hash over the whole content) of every table, in the database that DATABASE_URL names."""
    import psycopg

    found = {}
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
        ).fetchall()
        for (table,) in tables:
            if table.startswith(("django_session", "django_migrations", "django_content_type", "auth_permission")):
                continue
            rows, digest = connection.execute(
                f'SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM "{table}" t'  # type: ignore[arg-type]
            ).fetchone()  # type: ignore[misc]
            if rows:
                found[table] = (rows, digest)
    return found


if __name__ == "__main__":
    sys.exit(main())
