"""Dashboards, wallboard and the kept sums over millions of calls, on PostgreSQL.

    python -m benchmarks.figures --calls 1000000          with DATABASE_URL naming a PostgreSQL server
    python -m benchmarks.figures --calls 10000000 --check  compares every sum with one made anew

Two cities over ten years (--years), nine tenths of the calls in one of them; rows are made by the database
(INSERT … SELECT) in a test database that is dropped at the end. Two million over two years are as dense as ten
over ten. Pages are whole requests: session, access, queries, template.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django

NOW = datetime(2026, 11, 25, 10, 40, tzinfo=UTC)  # a Wednesday, 11:40 in Duisburg
PAGES = {
    "month": "/auswertung/bench/?von=2026-10-01&bis=2026-10-31",
    "running month": "/auswertung/bench/?von=2026-11-01&bis=2026-11-30",
    "quarter": "/auswertung/bench/?von=2026-07-01&bis=2026-09-30",
    "year": "/auswertung/bench/?von=2025-11-25&bis=2026-11-23",
    "year, service hours": "/auswertung/bench/?von=2025-11-25&bis=2026-11-23&servicezeit=on",
    "month, one line": "/auswertung/bench/?von=2026-10-01&bis=2026-10-31&leitung={line}",
    "year, one line": "/auswertung/bench/?von=2025-11-25&bis=2026-11-23&leitung={line}",
    "month, one topic": "/auswertung/bench/?von=2026-10-01&bis=2026-10-31&thema={topic}",
    "year, one topic": "/auswertung/bench/?von=2025-11-25&bis=2026-11-23&thema={topic}",
    "ten years": "/auswertung/bench/?von=2017-01-01&bis=2026-11-24",
    "cities, month": "/auswertung/vergleich/?von=2026-10-01&bis=2026-10-31",
    "cities, year": "/auswertung/vergleich/?von=2025-11-25&bis=2026-11-23",
    "calls behind a day": "/auswertung/bench/anrufe/?von=2026-10-05&bis=2026-10-05",
    "calls behind a month": "/auswertung/bench/anrufe/?von=2026-10-01&bis=2026-10-31",
}
WALLBOARD = "/auswertung/wandtafel/stand"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--years", type=float, default=10)
    parser.add_argument("--repeat", type=int, default=7, help="requests of each page after a first one")
    parser.add_argument("--events", type=float, default=40, help="telephony events a second, one request each")
    parser.add_argument("--seconds", type=int, default=20, help="how long events come in")
    parser.add_argument("--check", action="store_true", help="make every sum anew and compare")
    parser.add_argument("--keep", action="store_true", help="keep the rows, and use those kept by an earlier run")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callcenter.settings")
    django.setup()
    from django.db import connection

    if connection.vendor != "postgresql":
        print("This benchmark needs PostgreSQL: set DATABASE_URL.")
        return 0
    import time_machine
    from django.test.utils import setup_test_environment

    setup_test_environment()
    with database(options.keep), time_machine.travel(NOW, tick=True):
        run(options)
    return 0


@contextmanager
def database(keep: bool) -> Iterator[None]:
    """A migrated test database."""
    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, keepdb=keep)
    try:
        yield
    finally:
        if not keep:
            connection.creation.destroy_test_db(name, verbosity=0)


def timed(label: str, started: float) -> None:
    print(f"{label:<46}{time.perf_counter() - started:9.1f} s", flush=True)


def run(options: argparse.Namespace) -> None:
    from callcenter.supervision import adding_up
    from tenants.models import Tenant
    from tenants.scope import all_cities

    started = time.perf_counter()
    made = kept() or make(options.calls, options.years)
    timed(f"{options.calls:,} calls made by the database", started)
    with all_cities("benchmark"):
        started = time.perf_counter()
        adding_up.refresh_all()
        timed("all of it added up from the ledger", started)
    pages(made, options.repeat)
    events(options.events, options.seconds)
    pages(made, options.repeat, only=("running month", "month"))
    if options.check:
        with all_cities("benchmark"):  # a page closes the scope that it found
            for city in Tenant.objects.all():
                started = time.perf_counter()
                wrong = adding_up.differences(city=city)
                timed(f"{city.slug}: kept and made anew agree: {not wrong}", started)
                print("\n".join(wrong[:10]))


def kept() -> dict[str, Any]:
    """What an earlier run with --keep made."""
    from callcenter.accounts.models import User
    from callcenter.calls.models import Call
    from tenants.models import Line
    from tenants.scope import all_cities

    user = User.objects.filter(username="supervisor").first()
    if user is None:
        return {}
    with all_cities("benchmark"):
        if not Call.objects.exists():
            sys.exit("An earlier run with --keep stopped half-way: drop its database first.")
        return {"line": Line.objects.get(number="bench0").pk, "topic": _topic(), "user": user}


def _topic() -> Any:
    """An article that about one concern in fifty is about."""
    from knowledge.models import EffectiveArticle

    return EffectiveArticle.objects.get(title="Article 3", tenant__slug="bench").article_id


def make(calls: int, years: float) -> dict[str, Any]:
    """Cities, lines, articles, agents, and the rows."""
    from django.db import connection

    from callcenter.accounts.models import Membership, Role, User
    from callcenter.supervision import marks
    from knowledge.models import Article, EffectiveArticle
    from tenants.models import Line, ServiceHours, Tenant
    from tenants.scope import all_cities

    with all_cities("benchmark"):
        big, small = (
            Tenant.objects.create(slug=slug, name=slug.title(), official_name=slug, greeting="Guten Tag")
            for slug in ("bench", "beside")
        )
        lines = {
            city.slug: [Line.objects.create(tenant=city, number=f"{city.slug}{n}", label=f"Line {n}") for n in range(2)]
            for city in (big, small)
        }
        for city in (big, small):
            for weekday in range(5):
                ServiceHours.objects.create(tenant=city, weekday=weekday, opens="08:00", closes="18:00")
        articles = [Article.objects.create() for _ in range(150)]
        EffectiveArticle.objects.bulk_create(
            EffectiveArticle(article=article, tenant=city, title=f"Article {n}", published_at=NOW)
            for n, article in enumerate(articles)
            for city in (big, small)
        )
        supervisor = User.objects.create_user("supervisor", password=None, name="Supervisor")
        for city in (big, small):
            Membership.objects.create(user=supervisor, tenant=city, role=Role.SUPERVISOR)
        with connection.cursor() as cursor:
            for table in marks.WATCHED:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            _set_defaults(cursor)
            dropped = _drop_indexes(cursor, *marks.WATCHED)
            cursor.execute("SET work_mem = '256MB'; SET maintenance_work_mem = '1GB'; SELECT setseed(0.7)")
            ids = [article.pk for article in articles]
            _rows(cursor, calls, years, big, small, lines, ids)
            for statement in dropped:
                cursor.execute(statement)
            for table in marks.WATCHED:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            cursor.execute("VACUUM ANALYZE")
        return {"line": lines["bench"][0].pk, "topic": _topic(), "user": supervisor}


def _set_defaults(cursor: Any) -> None:
    """Django keeps its defaults to itself; rows that the database makes need them too."""
    from callcenter.calls.models import Call, CallerNumber, Contact, Handover
    from knowledge.models import SearchEvent

    for model in (Call, Contact, CallerNumber, Handover, SearchEvent):
        for field in model._meta.concrete_fields:
            default = field.get_default() if not field.null and not field.primary_key else None
            if isinstance(default, bytes):
                default = ""
            if isinstance(default, str | bool | int | list | dict):
                value = str(default) if isinstance(default, bool | int) else f"'{json.dumps(default)}'"
                value = "''" if default == "" else f"'{default}'" if isinstance(default, str) else value
                cursor.execute(f'ALTER TABLE {model._meta.db_table} ALTER "{field.column}" SET DEFAULT {value}')


def _drop_indexes(cursor: Any, *tables: str) -> list[str]:
    """Built at the end, which is how one would load ten million rows."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) AND indexname NOT LIKE '%%_pkey' "
        "AND indexname NOT IN (SELECT conname FROM pg_constraint)",
        [list(tables)],
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f'DROP INDEX "{name}"')
    return [statement for _, statement in found]


def _rows(cursor: Any, calls: int, years: float, big: Any, small: Any, lines: Any, articles: list[Any]) -> None:
    """Calls on weekdays, one hump a day, more towards the end; about a concern each, a search for one in five."""
    weeks = round(years * 52.18)
    cursor.execute(
        """
        INSERT INTO calls_call (id, tenant_id, line_id, dialled, queue, direction, state, outcome, offered_at,
            answered_at, ended_at, wrapped_up_at, waited_s, talked_s, extension, connector_call_id, legs, reaped,
            line_by_hand, rings, source, received_at)
        SELECT gen_random_uuid(), city, line, '', '', 'in', 'ended', outcome, at,
            CASE WHEN outcome = 'answered' THEN at + wait * interval '1 s' END,
            at + (wait + CASE WHEN outcome = 'answered' THEN talk ELSE 0 END) * interval '1 s', NULL,
            wait, CASE WHEN outcome = 'answered' THEN talk ELSE 0 END, '', '', 1, false, false, '[]', 'import', at
        FROM (
            SELECT CASE WHEN r1 < 0.9 THEN %(big)s ELSE %(small)s END AS city,
                CASE WHEN r1 < 0.9 THEN CASE WHEN r2 < 0.75 THEN %(b0)s ELSE %(b1)s END
                    ELSE CASE WHEN r2 < 0.75 THEN %(s0)s ELSE %(s1)s END END AS line,
                CASE WHEN r3 < 0.9 THEN 'answered' WHEN r3 < 0.98 THEN 'abandoned' ELSE 'voicemail' END AS outcome,
                least(1800, (-ln(1 - r4) * 25)::int) AS wait, (30 + -ln(1 - r5) * 170)::int AS talk, at
            FROM (
                SELECT random() r1, random() r2, random() r3, random() r4, random() r5,
                    %(first)s + interval '7 days' * floor(week)
                    + interval '1 day' * floor(power(random(), 1.15) * 5)
                    + interval '1 s' * floor((random() + random()) * 0.5 * 34200) AS at
                FROM (SELECT power(random(), 0.85) * %(weeks)s AS week FROM generate_series(1, %(calls)s)) w
            ) r
        ) t WHERE at < %(now)s ORDER BY at
        """,
        {
            "big": big.pk,
            "small": small.pk,
            "b0": lines["bench"][0].pk,
            "b1": lines["bench"][1].pk,
            "s0": lines["beside"][0].pk,
            "s1": lines["beside"][1].pk,
            "calls": calls,
            "weeks": weeks + 1,
            "first": datetime(2026, 11, 23, 6, 30, tzinfo=UTC) - timedelta(weeks=weeks),
            "now": NOW,
        },
    )
    cursor.execute(
        """
        INSERT INTO calls_contact (id, tenant_id, call_id, position, article_id, disposition, found, note, opened_at,
            closed_at)
        SELECT gen_random_uuid(), tenant_id, id, 1, (%(articles)s::uuid[])[1 + floor(power(random(), 2) * 150)::int],
            CASE WHEN random() < 0.72 THEN 'settled' WHEN random() < 0.5 THEN 'transferred' ELSE 'handed_over' END,
            random() < 0.87, '', answered_at, ended_at
        FROM calls_call WHERE outcome = 'answered' ORDER BY offered_at
        """,
        {"articles": articles},
    )
    cursor.execute(
        """
        INSERT INTO knowledge_searchevent (tenant_id, query, hits, milliseconds, at)
        SELECT tenant_id, 'wort ' || floor(power(random(), 3) * 3000), CASE WHEN random() < 0.1 THEN 0 ELSE 3 END, 5,
            answered_at
        FROM calls_call WHERE outcome = 'answered' AND random() < 0.2 ORDER BY offered_at
        """
    )
    cursor.execute(
        """
        INSERT INTO calls_callernumber (call_id, number, keyed_hash, seen_at)
        SELECT id, '', md5(floor(random() * 60000)::text), offered_at FROM calls_call
        WHERE offered_at > %s - interval '30 days'
        """,
        [NOW],
    )
    cursor.execute(
        """
        INSERT INTO calls_handover (id, tenant_id, contact_id, request, callback_number, state, due_at, done_at,
            answer, created_at)
        SELECT gen_random_uuid(), tenant_id, id, '', '', 'done', opened_at + interval '1 day',
            opened_at + random() * interval '26 hours', '', opened_at
        FROM calls_contact WHERE disposition = 'handed_over' AND random() < 0.2
        """
    )


def client_of(user: Any) -> Any:
    from django.test import Client

    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def pages(made: dict[str, Any], repeat: int, only: tuple[str, ...] = ()) -> None:
    """Whole requests, the first of each apart. "cpu" is what Python and the database computed: what a
    request takes on a machine that does nothing else."""
    from django.core.cache import cache

    client = client_of(made["user"])
    print(f"\n{'page':<28}{'first':>9}{'median':>9}{'p95':>9}{'cpu':>9}{'cpu p95':>9}   ms")
    every: list[tuple[float, float]] = []
    for name, path in PAGES.items():
        if only and name not in only:
            continue
        taken = [request(client, path.format(**made)) for _ in range(repeat + 1)]
        every += taken
        line(name, taken)
    line("all dashboards", every)
    cache.clear()
    line("wallboard, one update", [request(client, WALLBOARD) for _ in range(40)])


def line(name: str, taken: list[tuple[float, float]]) -> None:
    wall, cpu = ([one[place] for one in taken] for place in (0, 1))
    figures = (wall[0], statistics.median(wall[1:]), p95(wall), statistics.median(cpu[1:]), p95(cpu))
    print(f"{name:<28}" + "".join(f"{value:9.0f}" for value in figures), flush=True)


def request(client: Any, path: str) -> tuple[float, float]:
    """Milliseconds on the clock, and of computing."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")  # so that its process did all the work
        cursor.execute("SELECT pg_backend_pid()")
        process = cursor.fetchone()[0]
    computed, started = time.process_time() + database_cpu(process), time.perf_counter()
    response = client.get(path)
    taken = (time.perf_counter() - started) * 1_000
    if response.status_code != 200:
        sys.exit(f"{path}: {response.status_code}")
    return taken, (time.process_time() + database_cpu(process) - computed) * 1_000


def database_cpu(process: int) -> float:
    """Seconds that the connection's process has computed; 0 where the server is on another machine."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def p95(values: list[float]) -> float:
    return sorted(values)[max(0, round(0.95 * len(values)) - 1)]


def events(per_second: float, seconds: int) -> None:
    """Telephony events at a steady rate while changed days are added up every five seconds."""
    from callcenter.calls.events import ParsedEvent
    from callcenter.calls.models import Connector, Dialect
    from callcenter.calls.services.ingest import ingest
    from callcenter.supervision import adding_up

    connector = Connector.objects.create(name="Bench", dialect=Dialect.NATIVE, token_hash="bench")  # noqa: S106
    chance = random.Random(1)
    taken, added, behind = [], [], 0.0
    begin = time.perf_counter()
    due_refresh = 5.0
    for number in range(int(per_second * seconds)):
        due = begin + number / per_second
        wait = due - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        behind = max(behind, -wait)
        call, step = divmod(number, 3)
        at = NOW + timedelta(seconds=number / per_second - chance.choice([0, 0, 0, 86_400 * chance.randrange(30)]))
        started = time.perf_counter()
        ingest(
            connector=connector,
            event=ParsedEvent(
                kind=("offered", "answered", "ended")[step],
                call_id=f"bench-{call}",
                direction="in",
                dialled="bench0",
                at=at,
            ),
            raw=b"{}",
            received_at=NOW + timedelta(seconds=number / per_second),
            body_hash=f"{number}",
        )
        taken.append((time.perf_counter() - started) * 1_000)
        if time.perf_counter() - begin > due_refresh:
            started = time.perf_counter()
            days = adding_up.refresh_all()
            added.append((time.perf_counter() - started, days))
            due_refresh += 5
    spent = time.perf_counter() - begin
    print(
        f"{len(taken)} events in {spent:.1f} s ({len(taken) / spent:.1f}/s): median {statistics.median(taken):.1f} ms, "
        f"p95 {p95(taken):.1f} ms each"
    )
    print("added up meanwhile: " + ", ".join(f"{days} days in {took:.2f} s" for took, days in added))
    started = time.perf_counter()
    print(f"the rest: {adding_up.refresh_all()} days in {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    sys.exit(main())
