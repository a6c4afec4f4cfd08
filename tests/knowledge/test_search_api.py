"""The door everybody uses: scope, healing, reasons, commands, and the demo's own judged queries."""

from __future__ import annotations

import io
import json
import uuid
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone
from haystack.query import SearchQuerySet

from benchmarks.search_relevance import demo_articles
from knowledge.demo import loader
from knowledge.models import Article, EffectiveArticle
from knowledge.search import api, engine, evaluation, stores
from knowledge.search.memory import planner
from tenants.models import Tenant
from tenants.scope import ScopeError, all_cities, scoped

pytestmark = pytest.mark.django_db
BLIND = Path(__file__).parent / "data" / "citizen_queries.tsv"
QUERIES = Path(loader.__file__).with_name("queries.tsv")


@pytest.fixture(autouse=True)
def fresh_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index of the test's own."""
    store = stores.postgres_store() if settings.DATABASES["default"]["ENGINE"].endswith("postgresql") else None
    own = store or stores.whoosh_store(tmp_path / "index")
    monkeypatch.setattr(engine, "current", lambda: own)
    monkeypatch.setattr(api, "_healing_asked_at", 0.0)


def publish(city: Tenant, title: str, terms: tuple[str, ...] = (), **sections: object) -> EffectiveArticle:
    article = Article.objects.create()
    return EffectiveArticle.objects.create(
        article=article, tenant=city, title=title, terms=list(terms), sections=sections, published_at=timezone.now()
    )


@pytest.fixture
def perso(duisburg: Tenant, dinslaken: Tenant) -> dict[str, EffectiveArticle]:
    with all_cities("test"):
        rows = {
            "duisburg": publish(duisburg, "Personalausweis beantragen", ("neuer Ausweis",), summary="Im Bürgerbüro."),
            "dinslaken": publish(dinslaken, "Personalausweis beantragen"),
        }
        publish(duisburg, "Sperrmüll anmelden")
    api.rebuild()
    return rows


def test_find_understands_and_explains(duisburg: Tenant, perso: dict[str, EffectiveArticle]) -> None:
    """The agent would not see why ``Perso`` brought this article."""
    with scoped([duisburg]):
        answer = api.find("perso", tenant=duisburg)
    (hit,) = answer.hits
    assert (hit.effective_id, hit.tenant_id) == (perso["duisburg"].pk, duisburg.pk)
    assert hit.why == ["Perso → Personalausweis"]
    assert hit.title_marked == [("Personalausweis", True), (" beantragen", False)]
    assert hit.summary == "Im Bürgerbüro."
    assert answer.from_index
    assert answer.milliseconds > 0


def test_find_offers_the_right_spelling(duisburg: Tenant, perso: dict[str, EffectiveArticle]) -> None:
    """A slip of the fingers would end in silence."""
    with scoped([duisburg]):
        answer = api.find("Spermüll ", tenant=duisburg)
    assert answer.did_you_mean == "Sperrmüll"
    assert answer.hits[0].title == "Sperrmüll anmelden"


def test_find_outside_the_scope_is_refused(dinslaken: Tenant, duisburg: Tenant, perso: object) -> None:
    """An agent of one city would read another's articles."""
    with scoped([dinslaken]), pytest.raises(ScopeError):
        api.find("perso", tenant=duisburg)


def test_find_hits_are_read_again_in_the_scope(duisburg: Tenant, perso: dict[str, EffectiveArticle]) -> None:
    """An article withdrawn a moment ago would be shown from a late index."""
    with all_cities("test"):
        perso["duisburg"].delete()
    with scoped([duisburg]):
        answer = api.find("personalausweis", tenant=duisburg)
    assert answer.hits == []
    assert not answer.from_index


def test_find_index_of_another_database_is_noticed(duisburg: Tenant, perso: dict[str, EffectiveArticle]) -> None:
    """After a restored backup as many articles as before are there, but others: the search would stay silent."""
    with all_cities("test"):
        old = EffectiveArticle.objects.filter(tenant=duisburg)
        titles = [row.title for row in old]
        old.delete()
        for title in titles:
            publish(duisburg, title)
    with scoped([duisburg]):
        answer = api.find("personalausweis", tenant=duisburg)
        again = api.find("personalausweis", tenant=duisburg)
    assert [hit.title for hit in answer.hits] == ["Personalausweis beantragen"]
    assert not answer.from_index
    assert again.from_index, "the queued job has mended it"


@pytest.mark.sqlite  # an index of files can be lost; the tables inside PostgreSQL come and go with the database
def test_find_without_index_answers_from_the_database_and_heals(
    duisburg: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost index would leave the agents without any answer."""
    with all_cities("test"):
        publish(duisburg, "Hund anmelden (Hundesteuer)", ("Hundemarke",))
        publish(duisburg, "Sperrmüll anmelden")
    with scoped([duisburg]):
        first = api.find("hundemarke", tenant=duisburg)
        second = api.find("hundemarke", tenant=duisburg)
    assert [hit.title for hit in first.hits] == ["Hund anmelden (Hundesteuer)"]
    assert not first.from_index
    assert second.from_index, "the queued job has built it"
    assert second.hits[0].title == "Hund anmelden (Hundesteuer)"


def test_index_and_remove_keep_up_with_the_database(duisburg: Tenant, perso: dict[str, EffectiveArticle]) -> None:
    """What was just published would not be found."""
    with all_cities("test"):
        row = publish(duisburg, "Fischereischein")
        api.index([row.pk])
        assert api.find("fischerei", tenant=duisburg).hits[0].effective_id == row.pk
        api.remove([row.pk])
        found = engine.current().snapshot().stamps()
    assert row.pk not in found


def test_index_full_disk_never_reaches_the_editor(
    duisburg: Tenant, perso: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The editor would get an error for an article that is saved."""
    asked: list[str] = []
    monkeypatch.setattr(api, "_ask_for_healing", asked.append)

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(engine.current(), "write", full)
    with all_cities("test"):
        row = publish(duisburg, "Fischereischein")
    api.index([row.pk])
    api.remove([uuid.uuid4()])
    assert len(asked) == 2


def test_reconcile_puts_right_what_was_missed(duisburg: Tenant, perso: dict[str, EffectiveArticle]) -> None:
    """Articles saved while the disk was full would never be found."""
    with all_cities("test"):
        new = publish(duisburg, "Fischereischein")
        perso["dinslaken"].delete()
        changed = perso["duisburg"]
        changed.title = "Ausweis"
        changed.save()
    assert api.reconcile() == 3
    assert api.reconcile() == 0
    with all_cities("test"):
        assert set(engine.current().snapshot().stamps()) == set(EffectiveArticle.objects.values_list("pk", flat=True))
        assert api.find("fischerei", tenant=duisburg).hits[0].effective_id == new.pk


def test_haystack_query_set_answers_for_one_city(duisburg: Tenant, perso: dict[str, EffectiveArticle]) -> None:
    """Code that uses Haystack's own API would get nothing, or every city."""
    if settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
        found = SearchQuerySet().filter(content="perso", tenant=duisburg.pk)
        assert [result.pk for result in found] == [str(perso["duisburg"].pk)]
    with pytest.raises(ValueError, match="city"):
        list(SearchQuerySet().filter(content="perso"))


def test_find_queries_do_not_grow_with_the_hits(
    duisburg: Tenant, perso: object, django_assert_max_num_queries: object
) -> None:
    """Every further hit would make the list slower."""
    with all_cities("test"):
        ids = [publish(duisburg, f"Antrag {number}").pk for number in range(12)]
        api.index(ids)
    with scoped([duisburg]):
        api.find("antrag", tenant=duisburg, limit=3)
        with django_assert_max_num_queries(3):  # type: ignore[operator]
            assert len(api.find("antrag ", tenant=duisburg, limit=10).hits) == 10


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_search_command_prints_pure_json(duisburg: Tenant, perso: object) -> None:
    """A script could not read the answer."""
    answer = json.loads(run("search", "perso", "--tenant", "duisburg", "--json"))
    assert [hit["title"] for hit in answer["hits"]] == ["Personalausweis beantragen"]
    assert "[Personalausweis]" in run("search", "perso", "--tenant", "duisburg")
    with pytest.raises(CommandError, match="duisburg"):
        run("search", "perso", "--tenant", "nirgendwo")


def test_rebuild_index_command_counts(duisburg: Tenant, perso: object) -> None:
    """Haystack's own command of that name would run instead of ours."""
    assert json.loads(run("rebuild_index", "--json"))["articles"] == 3


def demo_corpus() -> list[evaluation.CorpusEntry]:
    return list(demo_articles())


def test_demo_queries_of_citizens_find_their_article() -> None:
    """A change to the analysis would quietly cost callers their answer."""
    with evaluation.Throwaway(demo_corpus(), planner(settings.VAR)) as index:
        scores = evaluation.judge(evaluation.read_queries(QUERIES), index.ask)
    assert scores.n >= 150
    assert scores.hit_3 >= 0.95
    assert scores.zero_hit_rate == 0


def test_questions_written_blind_find_their_article() -> None:
    """320 questions nobody tuned the search terms to: a change that helps our own set could cost these."""
    with evaluation.Throwaway(demo_corpus(), planner(settings.VAR)) as index:
        scores = evaluation.judge(evaluation.read_queries(BLIND), index.ask)
    assert scores.n == 320
    assert scores.hit_3 >= 0.925
    assert scores.hit_10 >= 0.96
    assert scores.zero_hit_rate == 0


def test_evaluate_search_command_measures_any_judged_set(tmp_path: Path) -> None:
    """A city could not check the search with its own questions."""
    documents, queries = tmp_path / "docs.jsonl", tmp_path / "queries.tsv"
    documents.write_text(
        '{"id": 1, "title": "Personalausweis", "text": "Antrag", "keywords": ["Perso"]}\n'
        '{"id": "b", "title": "Sperrmüll", "text": "Abholung"}\n',
        encoding="utf-8",
    )
    queries.write_text("qid\tquery\trelevant_ids\nx\tperso\t1\ny\tsperrmuell\tb,zz\nz\tquarzuhr\tb\n", encoding="utf-8")
    scores = json.loads(run("evaluate_search", str(queries), "--corpus", str(documents), "--json"))
    assert list(scores) == ["n", "hit@1", "hit@3", "hit@10", "mrr@10", "zero_hit_rate", "p50_ms", "p95_ms"]
    assert (scores["n"], scores["hit@1"], scores["zero_hit_rate"]) == (3, 0.6667, 0.3333)


@pytest.mark.parametrize(
    ("documents", "queries", "reason"),
    [
        ("{", "query\trelevant_ids\na\tb", "line 1"),
        ('{"id": 1, "title": "a", "text": "b"}', "frage\tantwort\na\tb", "header"),
        ("", "query\trelevant_ids\na\tb", "no documents"),
    ],
)
def test_evaluate_search_command_names_what_is_wrong(tmp_path: Path, documents: str, queries: str, reason: str) -> None:
    """A broken file would end in a traceback."""
    (tmp_path / "docs.jsonl").write_text(documents)
    (tmp_path / "queries.tsv").write_text(queries)
    with pytest.raises(CommandError, match=reason):
        run("evaluate_search", str(tmp_path / "queries.tsv"), "--corpus", str(tmp_path / "docs.jsonl"))
