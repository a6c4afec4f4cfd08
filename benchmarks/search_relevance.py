"""How relevance is judged: our own questions on the demo's articles, and real services where they are at hand.

    python -m benchmarks.search_relevance
    python -m benchmarks.search_relevance --services services.jsonl --keywords queries_keywords.tsv

SERVICES is JSON Lines with id, title, text, fees; KEYWORDS is tab-separated with query, relevant_ids and fold. Folds
of even number, and every other question of the citizens' set, are the halves that may be tuned on. Real services are
no part of this project. With PostgreSQL at BENCH_POSTGRES, both engines are asked every question, and every beginning
of it, and their first three are compared.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent
OWN = (
    ("demo's questions", ROOT / "knowledge" / "demo" / "queries.tsv"),
    ("citizens' questions", ROOT / "tests" / "knowledge" / "data" / "citizen_queries.tsv"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=Path)
    parser.add_argument("--keywords", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callcenter.settings")
    from benchmarks.search import POSTGRES, postgres_answers

    if "DATABASE_URL" not in os.environ and postgres_answers():
        os.environ["DATABASE_URL"] = POSTGRES
    with tempfile.TemporaryDirectory(prefix="bench-relevance-") as folder:
        os.environ.setdefault("CALLCENTER_VAR", folder)
        django.setup()
        own()
        if options.services and options.keywords:
            services(options.services, options.keywords)
    return 0


def demo_articles():  # type: ignore[no-untyped-def]
    """The demo's articles as ``evaluate_search`` takes them, without a city's own sections."""
    from knowledge.demo.loader import FOLDER
    from knowledge.search.analysis import plain_text
    from knowledge.search.evaluation import CorpusEntry

    for path in sorted(FOLDER.glob("*.toml")):
        for raw in tomllib.loads(path.read_text(encoding="utf-8"))["article"]:
            texts = [
                plain_text(item) if isinstance(item, str) else " ".join(item.values())
                for key, value in raw["shared"].items()
                if key not in {"agents", "legal"}
                for item in ([value] if isinstance(value, str) else value)
            ]
            yield CorpusEntry(raw["id"], raw["title"], " ".join(texts), tuple(raw["terms"]))


def own() -> None:
    """Our own questions on the demo's articles, the pairs that are confused, and whether both engines agree."""
    from django.conf import settings

    from knowledge.search.evaluation import Throwaway, ask_all, confused, read_queries, score
    from knowledge.search.memory import planner

    corpus = list(demo_articles())
    print(f"{len(corpus)} demo articles")
    with Throwaway(corpus, planner(settings.VAR)) as index:
        asked: list[str] = []
        for name, path in OWN:
            queries = read_queries(path)
            asked += [judged.query for judged in queries]
            outcomes = ask_all(queries, index.ask)
            line(name, score(outcomes))
            if name == OWN[1][0]:
                line("  every other (to tune on)", score(outcomes[0::2]))
                line("  the rest (kept back)", score(outcomes[1::2]))
            for right, instead, which in confused(outcomes):
                print(f"    {right} < {instead}: {'; '.join(which)}")
        agreement(index, asked)


def agreement(index, asked: Sequence[str]) -> None:  # type: ignore[no-untyped-def]
    """How often PostgreSQL and Whoosh give the same first three: finished questions, and every beginning of them."""
    from importlib import import_module

    from django.db import connection

    if connection.vendor != "postgresql":
        print("  PostgreSQL does not answer: the engines were not compared")
        return
    from knowledge.search.evaluation import TENANT
    from knowledge.search.postgres_store import PostgresStore

    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS bench_relevance CASCADE; CREATE SCHEMA bench_relevance")
        cursor.execute("SET search_path TO bench_relevance")
        cursor.execute(import_module("knowledge.migrations.0006_search_in_postgres").CREATE)
    try:
        other = PostgresStore()
        other.rebuild(index.entries)
        here, there = index.store.snapshot(), other.snapshot()

        def first_three(view, text: str) -> list[object]:  # type: ignore[no-untyped-def]
            return [hit.key for hit in view.search(index.planner.plan(text, view), TENANT, 3)[0]]

        typed = [query[:end] for query in asked for end in range(2, min(len(query), 40))]
        for name, texts in (("finished", asked), ("as you type", typed)):
            same = sum(first_three(here, text) == first_three(there, text) for text in texts)
            print(f"  engines agree in the first three, {name}: {same} of {len(texts)} ({same / len(texts):.1%})")
    finally:
        connection.cursor().execute("DROP SCHEMA IF EXISTS bench_relevance CASCADE")
        connection.close()


def services(documents: Path, keywords: Path) -> None:
    """Real services without their keywords, both halves; and with the keywords of the other folds as search terms."""
    from django.conf import settings

    from knowledge.search.evaluation import CorpusEntry, Judged, Outcome, Throwaway, ask_all, score
    from knowledge.search.memory import planner

    rows = [json.loads(text) for text in documents.read_text(encoding="utf-8").splitlines() if text.strip()]
    with keywords.open(encoding="utf-8", newline="") as file:
        judged = [
            (int(row["fold"]), Judged(row["query"], frozenset(row["relevant_ids"].split(","))))
            for row in csv.DictReader(file, delimiter="\t")
        ]

    def corpus(known: Iterable[Judged]) -> list[CorpusEntry]:
        terms: dict[str, list[str]] = {}
        for each in known:
            for key in each.relevant:
                terms.setdefault(key, []).append(each.query)
        return [
            CorpusEntry(
                str(row["id"]),
                row["title"] or "",
                f"{row['text'] or ''} {row['fees'] or ''}",
                tuple(terms.get(str(row["id"]), ())),
            )
            for row in rows
        ]

    print(f"\n{len(rows)} real services, {len(judged)} keyword queries")
    with Throwaway(corpus(()), planner(settings.VAR)) as index:
        for name, kept in (("even folds", (0, 2, 4)), ("odd folds (kept back)", (1, 3)), ("all", range(100))):
            line(name, score(ask_all([each for fold, each in judged if fold in kept], index.ask)))
    outcomes: list[Outcome] = []
    for left_out in sorted({fold for fold, _ in judged}):
        with Throwaway(corpus(each for fold, each in judged if fold != left_out), planner(settings.VAR)) as index:
            outcomes += ask_all([each for fold, each in judged if fold == left_out], index.ask)
    line("other folds' keywords as terms", score(outcomes))


def line(name: str, scores) -> None:  # type: ignore[no-untyped-def]
    print(
        f"  {name:32} n {scores.n:4}  hit@1 {scores.hit_1:.3f}  hit@3 {scores.hit_3:.3f}  hit@10 {scores.hit_10:.3f}"
        f"  MRR@10 {scores.mrr_10:.3f}  no hit {scores.zero_hit_rate:.1%}  p95 {scores.p95_ms:.2f} ms"
    )


if __name__ == "__main__":
    raise SystemExit(main())
