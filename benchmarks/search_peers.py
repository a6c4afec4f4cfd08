"""The other engines of the table, each over the same documents; they live in a folder of their own.

``tuned`` means: the same analysed terms with the same impacts (as term repetitions or boosts) and
the same query plan as ours. ``default`` means what the engine does to German text by itself.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from knowledge.search.documents import Document, Impacts
from knowledge.search.plan import Plan

Ask = Callable[[str, Plan, int], list[str]]  # (text, plan, tenant) → keys, best first
LIMIT = 10
MOST_COMPLETIONS = 100


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def fts5_default(folder: Path, documents: Sequence[Document]) -> Ask:
    """SQLite FTS5 as it comes: unicode61, bm25, every word needed, last word as prefix."""
    database = sqlite3.connect(folder / "fts-default.sqlite3")
    database.execute("CREATE VIRTUAL TABLE docs USING fts5(title, terms, body, key UNINDEXED, tenant UNINDEXED)")
    database.executemany(
        "INSERT INTO docs VALUES (?, ?, ?, ?, ?)",
        ((d.title, " ".join(d.terms), " ".join(d.body), str(d.key), d.tenant) for d in documents),
    )
    database.commit()

    def ask(text: str, plan: Plan, tenant: int) -> list[str]:
        words = _words(text)
        if not words:
            return []
        match = " ".join(f'"{word}"' for word in words) + "*"
        return [
            row[0]
            for row in database.execute(
                "SELECT key FROM docs WHERE docs MATCH ? AND tenant = ? ORDER BY rank LIMIT ?", (match, tenant, LIMIT)
            )
        ]

    return ask


def fts5_tuned(folder: Path, entries: Sequence[Impacts]) -> Ask:
    """The same terms and plan in FTS5: strong terms weigh ten times a body term."""
    database = sqlite3.connect(folder / "fts-tuned.sqlite3")
    database.execute(
        "CREATE VIRTUAL TABLE docs USING fts5(strong, body, city, key UNINDEXED, prefix='2 3', tokenize=\"unicode61\")"
    )
    database.executemany(
        "INSERT INTO docs VALUES (?, ?, ?, ?)",
        ((" ".join(e.strong), " ".join(e.body), f"stadt{e.tenant}", str(e.key)) for e in entries),
    )
    database.commit()

    def ask(text: str, plan: Plan, tenant: int) -> list[str]:
        terms = [f'"{clause.term}"' for clause in plan.clauses]
        terms += [f'strong:"{clause.prefix}"*' for clause in plan.clauses if clause.prefix]
        if not terms:
            return []
        match = f"city:stadt{tenant} AND ({' OR '.join(terms)})"
        return [
            row[0]
            for row in database.execute(
                "SELECT key FROM docs WHERE docs MATCH ? ORDER BY bm25(docs, 10.0, 1.0, 0.0) LIMIT ?", (match, LIMIT)
            )
        ]

    return ask


def tantivy_tuned(folder: Path, entries: Sequence[Impacts]) -> Ask:
    """The same terms and plan in tantivy, the fastest engine that was measured."""
    import tantivy

    index = tantivy_index(folder)
    writer = index.writer(heap_size=64_000_000, num_threads=1)
    for entry in entries:
        writer.add_document(tantivy_document(entry))
    writer.commit()
    writer.wait_merging_threads()
    return tantivy_ask(tantivy.Index.open(str(folder / "tantivy")))


def tantivy_index(folder: Path) -> Any:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("key", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("city", stored=False, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("strong", stored=False, tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("body", stored=False, tokenizer_name="whitespace", index_option="freq")
    schema = builder.build()
    place = folder / "tantivy"
    place.mkdir()
    return tantivy.Index(schema, path=str(place))


def tantivy_document(entry: Impacts) -> Any:
    import tantivy

    return tantivy.Document(
        key=str(entry.key), city=str(entry.tenant), strong=" ".join(entry.strong), body=" ".join(entry.body)
    )


def tantivy_ask(index: Any) -> Ask:
    """Asks the newest committed state, as ours does."""
    import tantivy

    schema = index.schema
    query, occur = tantivy.Query, tantivy.Occur

    def ask(text: str, plan: Plan, tenant: int) -> list[str]:
        should: list[Any] = []
        for clause in plan.clauses:
            for field, share in (("strong", 5.0), ("body", 0.6)):
                term = query.term_query(schema, field, clause.term, "freq")
                should.append((occur.Should, query.boost_query(term, clause.weight * share)))
            if clause.prefix:
                completed = query.term_set_query(schema, "strong", list(clause.completions[:MOST_COMPLETIONS]))
                should.append((occur.Should, query.boost_query(completed, clause.weight * 5.0)))
        if not should:
            return []
        wanted = query.boolean_query(
            [
                (occur.Must, query.const_score_query(query.term_query(schema, "city", str(tenant), "basic"), 0.0)),
                (occur.Must, query.boolean_query(should)),
            ]
        )
        searcher = index.searcher()
        return [searcher.doc(address)["key"][0] for _, address in searcher.search(wanted, LIMIT).hits]

    return ask


def postgres_german(folder: Path, documents: Sequence[Document]) -> Ask | None:
    """PostgreSQL's own German configuration with ts_rank; none when no server answers."""
    import psycopg

    url = os.environ.get("BENCH_POSTGRES", "postgres://postgres@127.0.0.1:5432/postgres")
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=2)
    except psycopg.OperationalError:
        return None
    connection.execute("CREATE TEMPORARY TABLE docs (key text, tenant int, words tsvector)")
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO docs VALUES (%s, %s, setweight(to_tsvector('german', %s), 'A') || to_tsvector('german', %s))",
            [(str(d.key), d.tenant, " ".join([d.title, *d.terms]), " ".join(d.body)) for d in documents],
        )
    connection.execute("CREATE INDEX ON docs USING gin (words)")
    connection.execute("ANALYZE docs")

    def ask(text: str, plan: Plan, tenant: int) -> list[str]:
        words = _words(text)
        if not words:
            return []
        rows = connection.execute(
            "WITH q AS (SELECT to_tsquery('german', %s) AS q) SELECT key FROM docs, q "
            "WHERE words @@ q.q AND tenant = %s ORDER BY ts_rank(words, q.q) DESC LIMIT %s",
            (" & ".join(words) + ":*", tenant, LIMIT),
        )
        return [row[0] for row in rows]

    return ask


def haystack_whoosh(folder: Path, documents: Sequence[Document]) -> Ask:
    """Haystack's own Whoosh backend with the schema it builds, asked as its documentation shows."""
    from haystack.backends.whoosh_backend import WhooshSearchBackend
    from whoosh.analysis import StemmingAnalyzer
    from whoosh.fields import ID, NUMERIC, TEXT, Schema
    from whoosh.filedb.filestore import FileStorage

    backend = WhooshSearchBackend("default", PATH=str(folder / "haystack"))
    backend.schema = Schema(
        id=ID(stored=True, unique=True),
        django_ct=ID(stored=True),
        django_id=ID(stored=True),
        text=TEXT(stored=True, analyzer=StemmingAnalyzer()),
        tenant=NUMERIC(stored=True),
    )
    backend.content_field_name = "text"
    (folder / "haystack").mkdir()
    backend.storage = FileStorage(str(folder / "haystack"))
    backend.index = backend.storage.create_index(backend.schema)
    from whoosh.qparser import QueryParser

    backend.parser = QueryParser("text", schema=backend.schema)
    backend.setup_complete = True
    writer = backend.index.writer(limitmb=256)
    for document in documents:
        writer.add_document(
            id=f"knowledge.effectivearticle.{document.key}",
            django_ct="knowledge.effectivearticle",
            django_id=str(document.key),
            text="\n".join([document.title, *document.terms, *document.body]),
            tenant=document.tenant,
        )
    writer.commit()

    def ask(text: str, plan: Plan, tenant: int) -> list[str]:
        words = _words(text)
        if not words:
            return []
        found = backend.search(
            " AND ".join(f"({word})" for word in words[:-1]) + (" AND " if words[:-1] else "") + f"({words[-1]}*)",
            narrow_queries={f"tenant:{tenant}"},
            limit_to_registered_models=False,
            start_offset=0,
            end_offset=LIMIT,
        )
        return [str(result.pk) for result in found["results"]]

    return ask
