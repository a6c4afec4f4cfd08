"""Editors steer the search: what they decide counts at once, in every process, on both engines, after a look ahead."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from callcenter.accounts.models import User
from callcenter.audit.models import AuditEntry
from knowledge import services, steering
from knowledge.models import EffectiveArticle, PinnedAnswer, SearchEvent, SynonymRule, WordRule
from knowledge.search import api
from tenants.models import Tenant
from tenants.scope import OutsideScope, all_cities, scoped
from tests.desktop import conftest as desktop

make_article = desktop.make_article


@pytest.fixture
def articles(make_article, dinslaken: Tenant) -> dict[str, EffectiveArticle]:
    """Three articles as Dinslaken has them, indexed."""
    made = [
        make_article("Hundesteuer anmelden", say="Binnen zwei Wochen.", summary="Hund melden."),
        make_article("Personalausweis beantragen", say="Im Bürgerbüro.", summary="Neuer Ausweis ab 16."),
        make_article("Wahlschein beantragen", say="Bis Freitag vor der Wahl.", summary="Briefwahl."),
    ]
    with all_cities("test"):
        api.rebuild()
        rows = EffectiveArticle.objects.filter(tenant=dinslaken, article__in=made)
        return {row.title.split()[0]: row for row in rows}


def titles(query: str, city: Tenant) -> list[str]:
    with scoped([city]):
        return [hit.title for hit in api.find(query, tenant=city).hits]


def save(rule, people: dict[str, User], city: Tenant) -> None:
    with scoped([city]):
        steering.save_rule(user=people["editor"], city=city, rule=rule)


def pin(city: Tenant, article: EffectiveArticle, query: str = "perso", **dates: date) -> PinnedAnswer:
    dates.setdefault("valid_from", timezone.localdate())
    return PinnedAnswer(tenant=city, query=query, article_id=article.article_id, **dates)


def test_synonym_finds_and_says_why(articles, dinslaken, people) -> None:
    assert titles("Wauwau", dinslaken) == []
    save(SynonymRule(typed="Wauwau", meant="Hund"), people, dinslaken)
    with scoped([dinslaken]):
        hit = api.find("Wauwau", tenant=dinslaken).hits[0]
    assert hit.title == "Hundesteuer anmelden"
    assert hit.why == ["Wauwau → Hund"]


def test_one_way_synonym_does_not_work_backwards(articles, dinslaken, people) -> None:
    save(SynonymRule(typed="Wahlschein", meant="Hundesteuer"), people, dinslaken)
    assert "Hundesteuer anmelden" in titles("Wahlschein", dinslaken)
    assert "Wahlschein beantragen" not in titles("Hundesteuer", dinslaken)
    save(SynonymRule(typed="Personalausweis", meant="Wahlschein", both_ways=True), people, dinslaken)
    assert "Personalausweis beantragen" in titles("Wahlschein", dinslaken)
    assert "Wahlschein beantragen" in titles("Personalausweis", dinslaken)


def test_pinned_answer_stands_first_in_its_city_only(articles, duisburg, dinslaken, people) -> None:
    save(pin(dinslaken, articles["Wahlschein"], "Perso beantragen"), people, dinslaken)
    with scoped([dinslaken]):
        first = api.find("beantragen den Perso", tenant=dinslaken).hits[0]  # order and stop words do not matter
    assert (first.title, first.pinned) == ("Wahlschein beantragen", True)
    assert titles("Perso beantragen", dinslaken).count("Wahlschein beantragen") == 1
    assert titles("Perso beantragen", duisburg)[0] == "Personalausweis beantragen"


def test_pinned_answer_counts_between_its_days(articles, dinslaken, people) -> None:
    with time_machine.travel("2026-11-23 10:00+01:00", tick=False):
        today = timezone.localdate()
        save(
            pin(dinslaken, articles["Wahlschein"], valid_from=today, valid_until=today + timedelta(days=1)),
            people,
            dinslaken,
        )
        assert titles("perso", dinslaken)[0] == "Wahlschein beantragen"
    with time_machine.travel("2026-11-25 00:01+01:00", tick=False):
        assert titles("perso", dinslaken)[0] == "Personalausweis beantragen"


def test_protected_word_is_not_split(articles, dinslaken, people, django_capture_on_commit_callbacks) -> None:
    """A name that happens to look like a compound."""
    assert titles("Hund", dinslaken) == ["Hundesteuer anmelden"]
    with django_capture_on_commit_callbacks(execute=True):
        save(WordRule(word="Hundesteuer", kind="protected"), people, dinslaken)
    with all_cities("test"):
        api.rebuild()
    assert titles("Hundesteuer", dinslaken)[0] == "Hundesteuer anmelden"
    assert titles("Steuer", dinslaken) == []


def test_stop_word_counts_for_little(articles, dinslaken, people) -> None:
    before = titles("beantragen Hund", dinslaken)
    assert len(before) == 3
    with scoped([dinslaken]):
        plain = {hit.title: hit.score for hit in api.find("beantragen Hund", tenant=dinslaken).hits}
    save(WordRule(word="beantragen", kind="stop"), people, dinslaken)
    with scoped([dinslaken]):
        after = {hit.title: hit.score for hit in api.find("beantragen Hund", tenant=dinslaken).hits}
    assert after["Wahlschein beantragen"] < plain["Wahlschein beantragen"] / 5


def test_preview_names_what_changes_and_saves_nothing(articles, dinslaken, people) -> None:
    now = timezone.now()
    with scoped([dinslaken]):
        for query in ("wauwau anmelden", "wauwau anmelden", "personalausweis"):
            SearchEvent.objects.create(tenant=dinslaken, query=query, hits=1, milliseconds=1, at=now)
        tried, changed = steering.preview(city=dinslaken, rule=SynonymRule(typed="wauwau", meant="Wahlschein"))
    assert tried == 2
    assert [(one.query, one.times) for one in changed] == [("wauwau anmelden", 2)]
    assert changed[0].before[0] == "Hundesteuer anmelden"
    assert "Wahlschein beantragen" in changed[0].after
    assert not SynonymRule.objects.exists()


def test_preview_of_a_rule_equals_what_comes_true(articles, dinslaken, people) -> None:
    rule = pin(dinslaken, articles["Wahlschein"])
    with scoped([dinslaken]):
        ahead = api.first_three("perso", tenant=dinslaken, steering=steering.with_rule(api.steering(), rule))
        steering.save_rule(user=people["editor"], city=dinslaken, rule=rule)
        assert [hit.effective_id for hit in api.find("perso", tenant=dinslaken, limit=3).hits] == ahead


def test_preview_of_search_terms_equals_what_comes_true(
    articles, dinslaken, client_for, people, django_capture_on_commit_callbacks
) -> None:
    """A term that helps one question can hide the answer to another: seen before it is saved."""
    dog = articles["Hundesteuer"]
    with scoped([dinslaken]):
        for query in ("wauwau", "personalausweis", "hund"):
            SearchEvent.objects.create(tenant=dinslaken, query=query, hits=1, milliseconds=1, at=timezone.now())
        dog.terms = [*dog.terms, "Wauwau", "Personalausweis"]
        tried, changed = steering.preview_answer(dog)
        ahead = {one.query: one.after for one in changed}
    assert tried == 3
    assert "Hundesteuer anmelden" not in titles("wauwau", dinslaken), "nothing is in force yet"
    with all_cities("test"), django_capture_on_commit_callbacks(execute=True):
        services.set_search_terms(
            article=dog.article, tenant=None, terms=["Wauwau", "Personalausweis"], actor=people["editor"]
        )
    assert set(ahead) == {"wauwau", "personalausweis"}
    for query, after in ahead.items():
        assert titles(query, dinslaken)[:3] == after, query


def test_page_of_an_article_previews_its_search_terms(articles, dinslaken, client_for) -> None:
    with scoped([dinslaken]):
        SearchEvent.objects.create(tenant=dinslaken, query="wauwau", hits=0, milliseconds=1, at=timezone.now())
    address = f"/wissen/dinslaken/artikel/{articles['Hundesteuer'].article_id}/vorschau/"
    form = {"shared.title": "Hundesteuer anmelden", "shared.say": "Binnen zwei Wochen.", "shared.terms": "Wauwau"}
    page = client_for("editor").post(address, form).content.decode()
    assert "1 von 1 aufgezeichneten Suchen ändern sich" in page
    assert "1. Hundesteuer anmelden" in page


def test_removed_rule_no_longer_counts(articles, dinslaken, people) -> None:
    save(SynonymRule(typed="Wauwau", meant="Hund"), people, dinslaken)
    assert titles("Wauwau", dinslaken)
    with scoped([dinslaken]):
        steering.delete_rule(user=people["editor"], city=dinslaken, rule=SynonymRule.objects.get())
    assert titles("Wauwau", dinslaken) == []
    assert list(AuditEntry.objects.filter(action__startswith="search.rule").values_list("action", flat=True)) == [
        "search.rule_added",
        "search.rule_removed",
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (SynonymRule(typed="a", meant="b"), SynonymRule(typed="A", meant="B")),
        (SynonymRule(typed="a", meant="b", both_ways=True), SynonymRule(typed="b", meant="a")),
        (WordRule(word="x", kind="stop"), WordRule(word="X", kind="protected")),
    ],
    ids=["same", "other way round", "word"],
)
def test_same_rule_is_refused(first, second, dinslaken, people) -> None:
    save(first, people, dinslaken)
    with pytest.raises(steering.Refused, match="schon eingetragen"):
        save(second, people, dinslaken)


def test_pin_of_another_city_is_refused(articles, duisburg, dinslaken, people) -> None:
    with scoped([dinslaken]), pytest.raises(OutsideScope):
        steering.save_rule(user=people["editor"], city=dinslaken, rule=pin(duisburg, articles["Wahlschein"]))


@pytest.mark.parametrize("query", ["perso", "Wie beantrage ich den Wahlschein", "hund", "Hundestuer", "wahl an"])
def test_shares_sum_up_to_the_score(query: str, articles, dinslaken) -> None:
    """Every point on the page is there for a reason, and no reason is missing."""
    with scoped([dinslaken]):
        explained = api.explained(query, tenant=dinslaken)
    assert explained
    for hit, shares in explained:
        assert sum(share.points for share in shares) == pytest.approx(hit.score, rel=1e-4)


def test_rules_cost_one_small_query(articles, dinslaken, people, django_assert_num_queries) -> None:
    """As you type: with many rules as with none (the version; on PostgreSQL the index's state; the hits)."""
    with scoped([dinslaken]):
        api.find("perso", tenant=dinslaken)
        expected = 3 if connection.vendor == "postgresql" else 2
        with django_assert_num_queries(expected):
            api.find("perso", tenant=dinslaken)
        for number in range(3):
            rule = SynonymRule(typed=f"wort{number}", meant="Hund")
            steering.save_rule(user=people["editor"], city=dinslaken, rule=rule)
        api.find("perso", tenant=dinslaken)
        with django_assert_num_queries(expected):
            api.find("perso", tenant=dinslaken)


def test_page_previews_saves_and_deletes(articles, client_for, dinslaken) -> None:
    client: Client = client_for("editor")
    form = {"synonym-typed": "Wauwau", "synonym-meant": "Hund"}
    preview = client.post("/wissen/dinslaken/suche/synonym/", form | {"preview": "1"})
    assert "aufgezeichneten Suchen ändern sich" in preview.content.decode()
    assert 'value="Wauwau"' in preview.content.decode(), "what was typed is gone"
    client.post("/wissen/dinslaken/suche/synonym/", form)
    again = client.post("/wissen/dinslaken/suche/synonym/", form)
    assert again.status_code == 422
    assert "schon eingetragen" in again.content.decode()
    page = client.get("/wissen/dinslaken/suche/?q=Wauwau").content.decode()
    assert "Hundesteuer anmelden" in page
    assert "Suchwörter" in page or "Titel" in page
    client.post("/wissen/dinslaken/suche/synonym/loeschen/", {"rule": SynonymRule.objects.get().pk})
    assert not SynonymRule.objects.exists()
    gone = client.post("/wissen/dinslaken/suche/synonym/loeschen/", {"rule": "1"}, follow=True)
    assert "gibt es nicht mehr" in gone.content.decode()


def test_page_pins_and_checks_days(articles, client_for, dinslaken) -> None:
    client: Client = client_for("editor")
    article = str(articles["Wahlschein"].article_id)
    form = {
        "pin-query": "wählen",
        "pin-article": article,
        "pin-valid_from": "2026-11-23",
        "pin-valid_until": "2026-11-01",
    }
    wrong = client.post("/wissen/dinslaken/suche/anheften/", form)
    assert wrong.status_code == 422
    assert "vor dem Beginn" in wrong.content.decode()
    client.post("/wissen/dinslaken/suche/anheften/", form | {"pin-valid_until": ""})
    with all_cities("test"):
        assert PinnedAnswer.objects.get().tenant == dinslaken
    assert "wählen" in client.get("/wissen/dinslaken/suche/").content.decode()
