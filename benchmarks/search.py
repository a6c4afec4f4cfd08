"""Finding the answer, beside five peers, in one run over the same documents and queries.

    python -m benchmarks.search                 5,000 articles
    python -m benchmarks.search --size 50000
    python -m benchmarks.search --best-of 5     on a machine that does other work as well

Times are per query in milliseconds, for one city of two. Understanding the query (the plan) is
inside the times of ours and of every tuned peer.
"""

from __future__ import annotations

import argparse
import atexit
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import django


@dataclass
class Row:
    """One engine in the table; ``keys`` is as-you-type, ``words`` finished queries."""

    name: str
    build_s: float
    keys_p95: float
    words_p95: float
    first_p95: float
    mrr: float


POSTGRES = os.environ.get("BENCH_POSTGRES", "postgres://postgres@127.0.0.1:5432/postgres")


def postgres_answers() -> bool:
    import psycopg

    try:
        psycopg.connect(POSTGRES, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=5000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--slow", type=int, default=40, help="queries for engines that take seconds")
    parser.add_argument(
        "--clock",
        choices=["wall", "cpu"],
        default="wall",
        help="cpu: for a busy machine, engines inside the process only",
    )
    parser.add_argument(
        "--best-of",
        type=int,
        default=1,
        metavar="N",
        help="ask every query N times, for every engine, and count the quickest",
    )
    parser.add_argument("--only", default="", help="comma-separated names, for a quick look")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callcenter.settings")
    if "DATABASE_URL" not in os.environ and postgres_answers():
        os.environ["DATABASE_URL"] = POSTGRES
    django.setup()
    from django.conf import settings

    with tempfile.TemporaryDirectory(prefix="bench-search-", dir=settings.VAR) as folder:
        clock = time.thread_time if options.clock == "cpu" else time.perf_counter
        only = set(filter(None, options.only.split(",")))
        run(Path(folder), options.size, options.queries, options.slow, only, clock, max(1, options.best_of))
    return 0


def run(
    folder: Path, size: int, count: int, slow: int, only: set[str], clock: Callable[[], float], best_of: int
) -> None:
    from django.conf import settings

    from benchmarks import search_corpus as corpus
    from benchmarks import search_peers as peers
    from knowledge.search.documents import impacts
    from knowledge.search.evaluation import percentile
    from knowledge.search.memory import planner
    from knowledge.search.snapshot import Snapshot
    from knowledge.search.whoosh_store import WhooshStore

    understanding = planner(settings.VAR)
    pairs = list(corpus.documents(size))
    documents = [document for document, _ in pairs]
    service_of = {str(document.key): service for document, service in pairs}
    asked = corpus.queries(count)
    typed = corpus.keystrokes(asked, count)
    print(f"{size} articles in two cities, {len(typed)} keystrokes, {len(asked)} queries")

    started = time.perf_counter()
    entries = [impacts(document, understanding.analyser) for document in documents]
    analysed = time.perf_counter() - started
    store = WhooshStore(folder / "ours")
    started = time.perf_counter()
    store.rebuild(entries)
    built = time.perf_counter() - started
    lexicon = store.snapshot()

    def plan_of(text: str):  # type: ignore[no-untyped-def]
        return understanding.plan(text, lexicon)

    def timed(
        ask: Callable[[str], list[str]], queries: Sequence[corpus.Query], repeat: int = best_of
    ) -> tuple[float, float]:
        """(p95 in milliseconds, MRR@10); whole passes, so that what a machine does beside meets each query once."""
        quickest, reciprocal = [math.inf] * len(queries), 0.0
        for _ in range(repeat):
            for at, query in enumerate(queries):
                began = clock()
                ask(query.text)
                quickest[at] = min(quickest[at], (clock() - began) * 1000)
        for query in queries:
            keys = ask(query.text)
            reciprocal += next((1 / at for at, key in enumerate(keys, 1) if service_of[key] == query.service), 0.0)
        return percentile(sorted(quickest), 0.95), reciprocal / len(queries)

    rows: list[Row] = []

    def measure(
        name: str, make: Callable[[], peers.Ask | None], build_s: float = -1, few: int = 0, reopen: bool = False
    ) -> None:
        if only and name not in only:
            return
        began = time.perf_counter()
        peer = make()
        if peer is None:
            print(f"  {name}: not here, left out")
            return
        build_s = time.perf_counter() - began if build_s < 0 else build_s
        needs_plan = "tuned" in name

        def ask(text: str) -> list[str]:
            return peer(text, plan_of(text) if needs_plan else EMPTY, corpus.TENANTS[0])

        some_typed, some_asked = (typed[:few], asked[:few]) if few else (typed, asked)
        first, _ = timed(ask, some_asked, repeat=1)
        for _ in range(best_of - 1 if reopen else 0):
            peer = make()
            first = min(first, timed(ask, some_asked, repeat=1)[0])
        if not few:
            timed(ask, some_typed, repeat=1)
        keys_p95, _ = timed(ask, some_typed)
        words_p95, mrr = timed(ask, some_asked)
        rows.append(Row(name, build_s, keys_p95, words_p95, first, mrr))

    from knowledge.search.plan import Plan

    EMPTY = Plan(())

    def ours() -> peers.Ask:
        again = WhooshStore(folder / "ours")  # as after a restart: nothing read yet but what the warm-up reads
        again.snapshot().warm_up()
        return lambda text, plan, tenant: asked_of(again.snapshot(), text, tenant)

    def asked_of(view: Snapshot, text: str, tenant: int) -> list[str]:
        return [str(hit.key) for hit in view.search(understanding.plan(text, view), tenant, 10)[0]]

    measure("ours", ours, analysed + built, reopen=True)
    measure("ours in PostgreSQL", lambda: in_postgres(entries, asked_of), 0)
    measure("tantivy tuned", lambda: peers.tantivy_tuned(folder, entries))
    measure("FTS5 tuned", lambda: peers.fts5_tuned(folder, entries))
    measure("FTS5 default", lambda: peers.fts5_default(folder, documents))
    measure("PostgreSQL german", lambda: peers.postgres_german(folder, documents))
    measure("Haystack+Whoosh as shipped", lambda: peers.haystack_whoosh(folder, documents), few=slow)
    table(rows)
    if not only or "ours" in only:
        hostile(lambda text: asked_of(lexicon, text, corpus.TENANTS[0]), clock, best_of)
    if clock is time.perf_counter and (not only or "ours" in only):
        crowds(folder, entries, asked, understanding, asked_of, best_of)
        commits(store, entries, best_of)
        print(
            f"index on disk: {sum(f.stat().st_size for f in (folder / 'ours').rglob('*') if f.is_file()) / 1e6:.1f} MB"
        )
    shutil.rmtree(folder / "ours", ignore_errors=True)


def table(rows: Sequence[Row]) -> None:
    base = rows[0]
    print(
        f"\n{'engine':28}{'as you type':>13}{'×ours':>7}{'words':>9}{'×ours':>7}"
        f"{'first pass':>12}{'MRR@10':>8}{'build s':>9}"
    )
    for row in rows:
        print(
            f"{row.name:28}{row.keys_p95:>10.2f} ms{row.keys_p95 / base.keys_p95:>7.1f}{row.words_p95:>9.2f}"
            f"{row.words_p95 / base.words_p95:>7.1f}{row.first_p95:>12.2f}{row.mrr:>8.3f}{row.build_s:>9.1f}"
        )
    print("(p95; as you type and words after one pass over each; × is how many times ours)")


def in_postgres(entries, asked_of):  # type: ignore[no-untyped-def]
    """Our engine in PostgreSQL, in a schema of its own that goes with the connection's end; none without a server."""
    from importlib import import_module

    from django.db import connection

    from knowledge.search.postgres_store import PostgresStore

    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS bench_search CASCADE; CREATE SCHEMA bench_search")
        cursor.execute("SET search_path TO bench_search")
        cursor.execute(import_module("knowledge.migrations.0006_search_in_postgres").CREATE)
    atexit.register(lambda: connection.cursor().execute("DROP SCHEMA IF EXISTS bench_search CASCADE"))
    PostgresStore().rebuild(entries)
    fresh = PostgresStore()
    fresh.snapshot().warm_up()
    return lambda text, plan, tenant: asked_of(fresh.snapshot(), text, tenant)


def hostile(ask: Callable[[str], object], clock: Callable[[], float], best_of: int) -> None:
    """What is pasted, letter salad included: the slowest of it."""
    from benchmarks.search_corpus import HOSTILE

    worst = (0.0, "")
    for name, text in HOSTILE.items():
        times = []
        for _ in range(best_of):
            began = clock()
            ask(text)
            times.append((clock() - began) * 1000)
        worst = max(worst, (min(times), name))
    print(f"\n{len(HOSTILE)} hostile queries, asked for the first time: the slowest {worst[0]:.1f} ms ({worst[1]})")


def crowds(folder, entries, asked, understanding, asked_of, best_of) -> None:  # type: ignore[no-untyped-def]
    """Four searching processes and a writer, ours and the fastest peer; of several runs each one's best."""
    import tantivy

    from benchmarks.search_corpus import TENANTS
    from benchmarks.search_crowd import crowd
    from benchmarks.search_peers import tantivy_ask, tantivy_document
    from knowledge.search.whoosh_store import WhooshStore

    texts = [query.text for query in asked]

    def ours():  # type: ignore[no-untyped-def]
        store = WhooshStore(folder / "ours")
        store.snapshot().warm_up()
        return lambda text: asked_of(store.snapshot(), text, TENANTS[0])

    def our_writer():  # type: ignore[no-untyped-def]
        store = WhooshStore(folder / "ours")
        return lambda number: store.write([entries[number % len(entries)]])

    def peer():  # type: ignore[no-untyped-def]
        lexicon = WhooshStore(folder / "ours").snapshot()
        index = tantivy.Index.open(str(folder / "tantivy"))
        ask = tantivy_ask(index)
        asked_at = [0.0]

        def search(text: str) -> object:
            if time.monotonic() - asked_at[0] > 0.25:  # tantivy's own watcher would do this
                index.reload()
                asked_at[0] = time.monotonic()
            return ask(text, understanding.plan(text, lexicon), TENANTS[0])

        return search

    def peer_writer():  # type: ignore[no-untyped-def]
        index = tantivy.Index.open(str(folder / "tantivy"))
        writer = index.writer(heap_size=32_000_000, num_threads=1)

        def write(number: int) -> None:
            entry = entries[number % len(entries)]
            writer.delete_documents_by_term("key", str(entry.key))
            writer.add_document(tantivy_document(entry))
            writer.commit()

        return write

    print("\nfour processes and a writer")
    first, second = crowd(ours, our_writer, texts), None
    has_peer = (folder / "tantivy").exists()
    for turn in range(best_of):  # by turns, so that both meet the same machine
        if turn:
            first = min(first, crowd(ours, our_writer, texts), key=lambda one: one.p95)
        if has_peer:
            other = crowd(peer, peer_writer, texts)
            second = min(second or other, other, key=lambda one: one.p95)
    print(
        f"  ours           p50 {first.p50:6.2f}  p95 {first.p95:6.2f} ms  {first.per_second:7.0f} queries/s"
        f"  {first.private_mb:5.0f} MB private for the index"
    )
    if second:
        print(
            f"  tantivy tuned  p50 {second.p50:6.2f}  p95 {second.p95:6.2f} ms  {second.per_second:7.0f} queries/s"
            f"  ours/tantivy p95 {first.p95 / second.p95:.2f}"
        )


def commits(store, entries, best_of) -> None:  # type: ignore[no-untyped-def]
    """One changed article: written, committed, and found again."""
    times, fresh = [math.inf] * 40, [math.inf] * 40
    for _ in range(best_of):
        for at, entry in enumerate(entries[:40]):
            began = time.perf_counter()
            store.write([entry])
            written = time.perf_counter()
            store.snapshot()
            times[at] = min(times[at], (written - began) * 1000)
            fresh[at] = min(fresh[at], (time.perf_counter() - written) * 1000)
    times.sort()
    fresh.sort()
    print(
        f"\ncommit of one article: p50 {times[20]:.1f} ms, p95 {times[37]:.1f} ms; "
        f"seen by a reader after p95 {fresh[37]:.1f} ms"
    )


if __name__ == "__main__":
    raise SystemExit(main())
