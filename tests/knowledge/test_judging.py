"""A city's own judged queries: what editors measure is what agents get, and nobody else's city is asked."""

from __future__ import annotations

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from callcenter.accounts.models import User
from callcenter.audit.models import AuditEntry
from knowledge import judging, steering
from knowledge.models import Article, EffectiveArticle, JudgedQuery, JudgedRun, PinnedAnswer, SearchEvent, SynonymRule
from knowledge.search import api
from knowledge.search.evaluation import Judged, Outcome, confused, score
from tenants.models import Tenant
from tenants.scope import OutsideScope, all_cities, scoped
from tests.desktop import conftest as desktop

make_article = desktop.make_article
PAGE = "/wissen/dinslaken/suche/prueffragen/"


@pytest.fixture
def articles(make_article, dinslaken: Tenant) -> dict[str, Article]:
    made = [
        make_article("Hundesteuer anmelden", say="Binnen zwei Wochen.", summary="Hund melden."),
        make_article("Personalausweis beantragen", say="Im Bürgerbüro.", summary="Neuer Ausweis ab 16."),
        make_article("Wahlschein beantragen", say="Bis Freitag vor der Wahl.", summary="Briefwahl."),
    ]
    with all_cities("test"):
        api.rebuild()
    return {article.title.split()[0]: article for article in made}


@pytest.fixture
def add(people: dict[str, User], dinslaken: Tenant):
    def keep(query: str, *right: Article, city: Tenant = dinslaken) -> JudgedQuery:
        with scoped([city]):
            return judging.add_query(user=people["editor"], city=city, query=query, articles=[a.pk for a in right])

    return keep


def run(people: dict[str, User], city: Tenant) -> JudgedRun:
    with scoped([city]):
        return judging.keep_measurement(user=people["editor"], city=city)


def measured(city: Tenant, key: str = judging.NOW) -> judging.Measured:
    with scoped([city]):
        return judging.measure(city=city, key=key)


def test_figures_are_those_of_the_definition() -> None:
    """A figure that is computed otherwise than its name says would steer editors wrong."""
    judged = Judged("q", frozenset({"a"}))
    outcomes = [Outcome(judged, found) for found in (("a",), ("x", "a"), ("x", "y", "z", "a"), ("x",), ())]
    scores = score(outcomes)
    assert (scores.n, scores.hit_1, scores.hit_3, scores.hit_10, scores.zero_hit_rate) == (5, 0.2, 0.4, 0.6, 0.2)
    assert scores.mrr_10 == pytest.approx((1 + 1 / 2 + 1 / 4) / 5)
    assert score([]).hit_3 == 0
    assert confused(outcomes) == [("a", "x", ["q", "q"])]


def test_measurement_is_what_agents_get(articles, dinslaken, people, add) -> None:
    add("perso beantragen", articles["Personalausweis"])
    add("wauwau", articles["Hundesteuer"])
    found = run(people, dinslaken)
    assert (found.figures["n"], found.figures["hit@1"], found.figures["zero_hit_rate"]) == (2, 0.5, 0.5)
    with scoped([dinslaken]):
        first = api.find("perso beantragen", tenant=dinslaken).hits[0]
        kept = judging.stored(city=dinslaken, run=found)
    assert {answer.judged.query: answer.first[:1] for answer in kept.answers.values()} == {
        "perso beantragen": (first.title,),
        "wauwau": (),
    }
    assert AuditEntry.objects.filter(action="search.measured").count() == 1


def test_two_settings_differ_query_by_query(articles, dinslaken, people, add) -> None:
    """Editors must see which question a rule helps, and which it harms."""
    add("wauwau", articles["Hundesteuer"])
    add("personalausweis", articles["Personalausweis"])
    before = run(people, dinslaken)
    with scoped([dinslaken]):
        steering.save_rule(
            user=people["editor"], city=dinslaken, rule=SynonymRule(typed="Wauwau", meant="Hund", both_ways=True)
        )
        steering.save_rule(
            user=people["editor"],
            city=dinslaken,
            rule=PinnedAnswer(
                tenant=dinslaken,
                query="Personalausweis",
                article=articles["Wahlschein"],
                valid_from=timezone.localdate(),
            ),
        )
    now = measured(dinslaken)
    for key, gains in [
        (judging.SHIPPED, {"wauwau": 1, "personalausweis": -1}),
        (f"run-{before.pk}", {"wauwau": 1, "personalausweis": -1}),
        ("no-synonyms", {"wauwau": 1}),
        (f"synonym-{SynonymRule.objects.get().pk}", {"wauwau": 1}),
        ("no-pins", {"personalausweis": -1}),
        ("no-words", {}),
        (judging.NOW, {}),
    ]:
        found = judging.compare(measured(dinslaken, key), now)
        assert {each.judged.query: each.gain for each in found} == gains, key
    worse_first = judging.compare(measured(dinslaken, judging.SHIPPED), now)
    assert [each.gain for each in worse_first] == [-1, 1]
    assert measured(dinslaken, judging.SHIPPED).figures["hit@1"] == 0.5


@pytest.mark.parametrize("key", ["run-x", "synonym-99", "synonym-x", "nothing", ""])
def test_unknown_setting_is_refused(key, dinslaken) -> None:
    with pytest.raises(judging.Refused):
        measured(dinslaken, key)


def test_run_of_another_city_is_no_setting(articles, duisburg, dinslaken, people, add) -> None:
    add("perso", articles["Personalausweis"], city=duisburg)
    foreign = run(people, duisburg)
    with pytest.raises(judging.Refused):
        measured(dinslaken, f"run-{foreign.pk}")


def test_query_of_another_city_is_refused(articles, duisburg, dinslaken, people) -> None:
    with scoped([dinslaken]), pytest.raises(OutsideScope):
        judging.add_query(user=people["editor"], city=duisburg, query="x", articles=[articles["Hundesteuer"].pk])


@pytest.mark.parametrize("right", [[], [uuid.uuid4()]], ids=["none", "unknown"])
def test_query_needs_an_article_of_the_city(right, dinslaken, people) -> None:
    with scoped([dinslaken]), pytest.raises(judging.Refused, match="Artikel"):
        judging.add_query(user=people["editor"], city=dinslaken, query="hund", articles=right)
    with all_cities("test"):
        assert not JudgedQuery.objects.exists()


def test_same_query_gets_a_further_right_article(articles, dinslaken, add) -> None:
    first = add("Ausweis ", articles["Personalausweis"])
    second = add("ausweis", articles["Wahlschein"])
    assert first == second
    assert second.articles.count() == 2


def test_withdrawn_article_is_said_so(articles, dinslaken, people, add) -> None:
    """The question would count as missed for ever, and nobody would know why."""
    add("hund", articles["Hundesteuer"])
    with all_cities("test"):
        EffectiveArticle.objects.filter(article=articles["Hundesteuer"]).delete()
        api.rebuild()
    (answer,) = measured(dinslaken).answers.values()
    assert not answer.is_right_known


def test_table_is_taken_in_by_title_id_and_source(articles, dinslaken, people) -> None:
    Article.objects.filter(pk=articles["Wahlschein"].pk).update(source="demo", source_id="wahlschein")
    text = "\n".join(
        [
            "query\trelevant_ids\tkind",
            "hund\tHundesteuer anmelden\tx",
            f"perso\t{articles['Personalausweis'].pk}\tx",
            "wählen per brief\twahlschein,hundesteuer anmelden\tx",
            "gibt es nicht\tnirgends\tx",
            "",
            "\twahlschein\tx",
            "kurz",
        ]
    )
    with scoped([dinslaken]):
        added, refused = judging.read_queries(user=people["editor"], city=dinslaken, content=text.encode("utf-8-sig"))
        assert added == 2 + 1
        assert [reason.split(":")[0] for reason in refused] == ["Zeile 5", "Zeile 7", "Zeile 8"]
        again, _refused = judging.read_queries(user=people["editor"], city=dinslaken, content=text.encode())
        assert again == 0
        table = judging.as_table(dinslaken)
        out_and_in, refused = judging.read_queries(user=people["editor"], city=dinslaken, content=table.encode())
    assert (out_and_in, refused) == (0, [])
    assert f"perso\t{articles['Personalausweis'].pk}\tPersonalausweis beantragen" in table


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Spalten"),
        (b"frage;antwort\nx;y", "Spalten"),
        ("query;relevant_ids\nmüll;x".encode("latin-1"), "UTF-8"),
        (b"x" * 1_000_001, "1 MB"),
    ],
    ids=["empty", "columns", "encoding", "size"],
)
def test_unreadable_table_is_refused_with_its_reason(content, reason, dinslaken, people) -> None:
    with scoped([dinslaken]), pytest.raises(judging.Refused, match=reason):
        judging.read_queries(user=people["editor"], city=dinslaken, content=content)


def test_asked_shows_what_is_not_judged_yet(articles, duisburg, dinslaken, add) -> None:
    add("perso", articles["Personalausweis"])
    hund = articles["Hundesteuer"]
    with all_cities("test"):
        for city, query, hits, chosen in [
            (dinslaken, "hund", 3, hund),
            (dinslaken, "hund", 3, hund),
            (dinslaken, "hund", 0, articles["Wahlschein"]),
            (dinslaken, "perso", 1, None),
            (dinslaken, "kran", 0, None),
            (duisburg, "fremd", 1, None),
        ]:
            SearchEvent.objects.create(
                tenant=city, query=query, hits=hits, chosen=chosen, milliseconds=1, at=timezone.now()
            )
    with scoped([dinslaken]):
        found = judging.asked(dinslaken)
    assert [(one.query, one.times, one.without_hit, one.title) for one in found] == [
        ("hund", 3, 1, "Hundesteuer anmelden"),
        ("kran", 1, 1, ""),
    ]


def test_page_adds_measures_compares_and_deletes(articles, client_for, dinslaken) -> None:
    client: Client = client_for("editor")
    assert "Hier stehen die Fragen" in client.get(PAGE).content.decode()
    form = {"query": "wauwau", "article": str(articles["Hundesteuer"].pk)}
    client.post(f"{PAGE}neu/", form)
    client.post(f"{PAGE}neu/", form | {"query": "perso"})  # wrong on purpose: dogs are no answer
    wrong = client.post(f"{PAGE}neu/", {"query": "x", "article": str(uuid.uuid4())})
    assert wrong.status_code == 422
    assert 'value="x"' in wrong.content.decode(), "what was typed is gone"
    client.post(f"{PAGE}messen/")
    client.post("/wissen/dinslaken/suche/synonym/", {"synonym-typed": "Wauwau", "synonym-meant": "Hund"})
    client.post(f"{PAGE}messen/")
    page = client.get(PAGE).content.decode()
    assert "50,0\xa0%" in page
    assert "+50,0" in page
    assert "1 von 2" in page
    assert "Leicht zu verwechseln" in page
    missed = client.get(f"{PAGE}?zeigen=verfehlt").content.decode()
    assert ">perso</a>" in missed
    assert ">wauwau</a>" not in missed
    compared = client.get(f"{PAGE}vergleich/?links=shipped&rechts=now").content.decode()
    assert "1 Frage wird anders beantwortet: 1 besser, 0 schlechter." in compared
    with all_cities("test"):
        row = JudgedQuery.objects.get(query="wauwau")
    client.post(f"{PAGE}{row.pk}/loeschen/")
    assert "wauwau" not in client.get(f"{PAGE}prueffragen.tsv").content.decode()
    unknown = client.get(f"{PAGE}vergleich/?links=run-1", follow=True)
    assert "gibt es nicht mehr" in unknown.content.decode()


def test_page_takes_a_file_and_names_what_it_refuses(articles, client_for) -> None:
    client: Client = client_for("editor")
    table = "query;relevant_ids\nhund;Hundesteuer anmelden\nx;nirgends\n"
    page = client.post(f"{PAGE}einlesen/", {"file": SimpleUploadedFile("f.csv", table.encode())}, follow=True)
    assert "1 Prüffrage ist neu oder ergänzt." in page.content.decode()
    assert "Zeile 3" in page.content.decode()
    empty = client.post(f"{PAGE}einlesen/")
    assert empty.status_code == 422
    assert "relevant_ids nennen" in empty.content.decode()


def test_preview_of_a_rule_names_its_effect_on_the_judged(articles, add, client_for) -> None:
    add("wauwau", articles["Hundesteuer"])
    form = {"synonym-typed": "Wauwau", "synonym-meant": "Hund", "preview": "1"}
    page = client_for("editor").post("/wissen/dinslaken/suche/synonym/", form).content.decode()
    assert "Von 1 Prüffragen: 1 besser, 0 schlechter." in page


def test_page_asks_the_database_as_often_for_three_as_for_one(articles, add, people, dinslaken, client_for) -> None:
    client: Client = client_for("editor")
    add("wort0", articles["Hundesteuer"])
    run(people, dinslaken)
    run(people, dinslaken)
    client.get(PAGE)
    with CaptureQueriesContext(connection) as one:
        client.get(PAGE)
    for number in range(1, 4):
        add(f"wort{number}", articles["Hundesteuer"], articles["Wahlschein"])
    run(people, dinslaken)
    with CaptureQueriesContext(connection) as three:
        client.get(PAGE)
    assert len(one) == len(three) <= 22
