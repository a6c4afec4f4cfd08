"""The same promises on every engine: Whoosh always, PostgreSQL where the suite runs on it."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from benchmarks import search_corpus as corpus
from knowledge.search.documents import Document, Impacts, impacts
from knowledge.search.engine import Engine
from knowledge.search.found import EngineUnavailable
from knowledge.search.memory import planner
from knowledge.search.postgres_store import PostgresStore
from knowledge.search.whoosh_store import WhooshStore

pytestmark = pytest.mark.django_db

TITLES = [
    ("Personalausweis beantragen", ["Perso", "neuer Ausweis"]),
    ("Reisepass beantragen", ["Pass"]),
    ("Hund anmelden (Hundesteuer)", ["Hundemarke"]),
    ("Sperrmüll anmelden", ["Sofa loswerden"]),
    ("Führerschein umtauschen", ["alter Lappen"]),
    ("Bewohnerparkausweis", ["Anwohnerparken"]),
]


def entry(title: str, terms: list[str], tenant: int = 1, body: str = "", key: uuid.UUID | None = None) -> Impacts:
    document = Document(key or uuid.uuid5(uuid.NAMESPACE_OID, f"{title}{tenant}"), tenant, title, terms, [body], 1)
    return impacts(document, planner(settings.VAR).analyser)


def ask(engine: Engine, query: str, tenant: int = 1, limit: int = 10) -> list[uuid.UUID]:
    view = engine.snapshot()
    found, _ = view.search(planner(settings.VAR).plan(query, view), tenant, limit)
    return [hit.key for hit in found]


@pytest.fixture(params=["whoosh", pytest.param("postgres", marks=pytest.mark.postgresql)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "postgres":
        yield PostgresStore()
    else:
        yield WhooshStore(tmp_path / "index")


@pytest.fixture
def filled(engine: Engine) -> Engine:
    entries = [entry(title, terms) for title, terms in TITLES] + [entry("Hund anmelden", [], tenant=2)]
    assert engine.rebuild(entries) == len(entries)
    return engine


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("perso", "Personalausweis beantragen"),
        ("Ausweis", "Personalausweis beantragen"),
        ("hundesteuer", "Hund anmelden (Hundesteuer)"),
        ("fuehrerschein", "Führerschein umtauschen"),
        ("Personlausweis", "Personalausweis beantragen"),
        ("reisepa", "Reisepass beantragen"),
        ("sofa", "Sperrmüll anmelden"),
        ("Anwohnerparkausweis", "Bewohnerparkausweis"),
    ],
)
def test_search_citizens_words_come_first(filled: Engine, query: str, title: str) -> None:
    """The agent would read out the wrong article."""
    assert ask(filled, query)[0] == entry(title, []).key


def test_search_answering_to_both_words_comes_first(engine: Engine) -> None:
    """A title that has one word of the question strongly would hide the article that answers to all of it."""
    one = entry("Umzug", ["Umzug"])
    both = entry("Was Sie nach einem Umzug in der neuen Wohnung alles melden", [], body="Auch den Parkausweis.")
    engine.rebuild([one, both, *(entry(title, terms) for title, terms in TITLES)])
    assert ask(engine, "umzug ")[0] == one.key
    assert ask(engine, "umzug parkausweis melden ")[0] == both.key


def test_search_filler_alone_is_no_answer(filled: Engine) -> None:
    """An article that shares only small words with the question would stand there as if it were about it."""
    engine_words = entry("Wie und wo", [])
    filled.write([engine_words])
    assert ask(filled, "wie und wo ") == [engine_words.key]
    assert engine_words.key not in ask(filled, "wie und wo quarzuhr reparieren ")


def test_search_other_city_is_never_found(filled: Engine) -> None:
    """An agent would answer for the wrong city."""
    assert ask(filled, "hund anmelden", tenant=2) == [entry("Hund anmelden", [], tenant=2).key]
    assert ask(filled, "perso", tenant=2) == []
    assert ask(filled, "perso", tenant=3) == []


def test_write_changed_article_is_found_by_its_new_words_only(filled: Engine) -> None:
    """An article would still be found by what it said before."""
    key = entry("Reisepass beantragen", []).key
    filled.write([entry("Fischereischein", ["Angeln"], key=key)])
    assert ask(filled, "angeln")[0] == key
    assert key not in ask(filled, "reisepass")
    filled.write([entry("Reisepass beantragen", [], key=key)])
    assert key not in ask(filled, "angeln")
    assert ask(filled, "reisepass")[0] == key


def test_write_removed_article_is_gone_at_once(filled: Engine) -> None:
    """A withdrawn article would still be read out."""
    key = entry("Sperrmüll anmelden", []).key
    filled.write(remove=[key])
    assert key not in ask(filled, "sperrmüll anmelden")
    assert key not in filled.snapshot().stamps()
    assert filled.snapshot().count(1) == len(TITLES) - 1


def test_write_many_single_commits_stay_searchable_and_are_tidied(filled: Engine) -> None:
    """After a busy morning of editing, every search would be slow."""
    entries = [entry(f"Sonderfall {number}", [f"wort{number}"]) for number in range(40)]
    for each in entries:
        filled.write([each])
    assert all(ask(filled, f"wort{number} ")[0] == each.key for number, each in enumerate(entries))
    filled.tidy()
    assert all(ask(filled, f"wort{number} ")[0] == each.key for number, each in enumerate(entries))


def test_second_reader_sees_a_commit(filled: Engine, tmp_path: Path) -> None:
    """Another process would go on with the old text."""
    other: Engine = PostgresStore() if isinstance(filled, PostgresStore) else WhooshStore(tmp_path / "index")
    new = entry("Fischereischein", [])
    assert new.key not in ask(other, "fischereischein")
    filled.write([new])
    assert ask(other, "fischereischein")[0] == new.key


def test_rebuild_swaps_the_whole_index(filled: Engine, tmp_path: Path) -> None:
    """Old articles would come back after a rebuild, or a reader would be left on removed files."""
    other: Engine = PostgresStore() if isinstance(filled, PostgresStore) else WhooshStore(tmp_path / "index")
    assert ask(other, "perso")
    new = entry("Fischereischein", [])
    filled.rebuild([new])
    assert ask(other, "perso") == []
    assert ask(other, "fischereischein") == [new.key]
    assert other.snapshot().stamps() == {new.key: 1}


def test_search_without_index_says_so(engine: Engine) -> None:
    """The search would claim that there is no article instead of asking the database."""
    with pytest.raises(EngineUnavailable):
        engine.snapshot()
    with pytest.raises(EngineUnavailable):
        engine.write([entry("Hund", [])])
    assert not engine.exists()


def test_search_empty_index_and_empty_query_find_nothing(engine: Engine) -> None:
    """The first start, before any article, would end in an error page."""
    engine.rebuild([])
    assert ask(engine, "perso") == []
    assert ask(engine, "") == []
    assert ask(engine, "?! 😀") == []


@pytest.mark.parametrize("seed", range(4))
def test_search_fuzzed_queries_neither_fail_nor_hang(filled: Engine, seed: int) -> None:
    """A pasted text would stop the desk while a caller waits."""
    rng = random.Random(seed)
    pieces = [
        '"',
        "(",
        "[",
        "*",
        "~2",
        " OR ",
        " AND ",
        "title:",
        "ß",
        "😀",
        "\x00",
        "\u200b",
        "Ausweis",
        "per",
        "{",
        "\\",
        "%",
        "'",
        "1e9",
    ]
    for _ in range(60):
        query = "".join(rng.choice(pieces) for _ in range(rng.choice([1, 3, 10, 2500])))
        started = time.perf_counter()
        ask(filled, query)
        assert time.perf_counter() - started < 0.5


@pytest.mark.postgresql
def test_engines_agree_in_the_first_three(tmp_path: Path) -> None:
    """A city that moves to PostgreSQL would find other articles than before."""
    analyser = planner(settings.VAR).analyser
    entries = [impacts(document, analyser) for document, _ in corpus.documents(600)]
    whoosh, postgres = WhooshStore(tmp_path / "whoosh"), PostgresStore()
    whoosh.rebuild(entries)
    postgres.rebuild(entries)
    for store in (whoosh, postgres):
        store.write(entries[5:40:7])
        store.write(remove=[entries[50].key])
    asked = corpus.queries(120)
    for query in [*asked, *corpus.keystrokes(asked, 120)]:
        assert ask(whoosh, query.text)[:3] == ask(postgres, query.text)[:3], query.text
