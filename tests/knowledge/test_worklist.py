"""What callers asked and nobody found must reach the people who can write it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from callcenter.calls.models import Feedback
from knowledge import worklist
from knowledge.models import SearchEvent
from knowledge.services import KnowledgeRefusal
from tenants.scope import all_cities

PAGE = "/wissen/dinslaken/offene-fragen/"


@pytest.fixture
def searched(dinslaken):
    def note(query: str, hits: int = 0, *, times: int = 1, days_ago: float = 0, tenant=None):
        with all_cities("test data"):
            for _ in range(times):
                SearchEvent.objects.create(
                    tenant=tenant or dinslaken,
                    query=query,
                    hits=hits,
                    milliseconds=3,
                    at=timezone.now() - timedelta(days=days_ago, seconds=1),
                )

    return note


@pytest.fixture
def entries(dinslaken):
    def read():
        with all_cities("test"):
            return worklist.entries(city=dinslaken)

    return read


def test_searches_that_mean_the_same_are_one_question(searched, entries):
    """Ten spellings of one question would each stand at the bottom of the list."""
    searched("Hüpfburgen mieten")
    searched("hüpfburg mieten", times=2)
    searched("mieten Hüpfburg")
    (entry,) = entries()
    assert (entry.zero_hits, entry.typed[0]) == (4, "hüpfburg mieten")


def test_compounds_and_typing_errors_are_the_same_question(searched, entries):
    """Every misspelling would be a question of its own at the bottom of the list."""
    searched("Hüpfburg Verleih", times=3)
    searched("Hüpfburgverleih")
    searched("Verleih von Hüpfburgen")
    searched("Hüpfbrug Verleih")
    searched("Hüpfburg Verlieh")
    (entry,) = entries()
    assert (entry.zero_hits, entry.title) == (7, "Hüpfburg Verleih")


@pytest.mark.parametrize(
    ("one", "other"),
    [("Auto anmelden", "Auto abmelden"), ("Hund", "Hand"), ("Pass verloren", "Pass verlesen"), ("Miete", "Mieze")],
)
def test_words_that_only_look_alike_stay_apart(searched, entries, one, other):
    """Two questions in one entry: one of them is never answered."""
    searched(one, times=3)
    searched(other)
    assert len(entries()) == 2


def test_most_pressing_question_stands_first(searched, entries, people, article, dinslaken):
    searched("hüpfburg", times=2)
    searched("drohne", times=2, days_ago=5)
    searched("ausweis", hits=5, times=3)
    with all_cities("test data"):
        Feedback.objects.create(
            tenant=dinslaken, kind="wrong", article=article, reporter=people["agent"], text="Gebühr alt"
        )
    assert [entry.title for entry in entries()] == ["Hund anmelden", "drohne", "hüpfburg", "ausweis"]


def test_other_citys_questions_and_old_ones_stay_away(searched, entries, duisburg):
    searched("hafen", tenant=duisburg)
    searched("schnee von gestern", days_ago=61)
    assert entries() == []


def test_closed_question_stays_away_until_somebody_asks_again(searched, entries, people, dinslaken, article):
    searched("hüpfburg")
    with all_cities("test"):
        feedback = Feedback.objects.create(
            tenant=dinslaken, kind="missing", query="Hüpfburgen", reporter=people["agent"]
        )
        (entry,) = worklist.entries(city=dinslaken)
        worklist.close(
            city=dinslaken, key=entry.key, title=entry.title, answer="Artikel geschrieben", user=people["editor"]
        )
        feedback.refresh_from_db()
    assert feedback.closed_at
    assert entries() == []
    with all_cities("test data"):
        SearchEvent.objects.create(
            tenant=dinslaken, query="hüpfburg", hits=0, milliseconds=1, at=timezone.now() + timedelta(seconds=1)
        )
    assert [entry.zero_hits for entry in entries()] == [1]


def test_two_editors_do_not_take_the_same_question(searched, entries, people, second_editor, dinslaken):
    searched("hüpfburg")
    (entry,) = entries()
    with all_cities("test"):
        worklist.claim(city=dinslaken, key=entry.key, title=entry.title, user=people["editor"])
        with pytest.raises(KnowledgeRefusal, match="Editor"):
            worklist.claim(city=dinslaken, key=entry.key, title=entry.title, user=second_editor)
        worklist.claim(city=dinslaken, key=entry.key, title=entry.title, user=people["editor"])
        worklist.claim(city=dinslaken, key=entry.key, title=entry.title, user=second_editor)


def test_page_shows_claims_and_closes(client_for, searched, entries, dinslaken):
    searched("hüpfburg mieten", times=3)
    client = client_for("editor")
    html = client.get(PAGE).content.decode()
    assert "3 Suchen ohne Treffer" in html
    (entry,) = entries()
    data = {"key": entry.key, "title": entry.title}
    client.post(PAGE + "uebernehmen/", data)
    assert "in Arbeit: Editor" in client.get(PAGE).content.decode()
    client.post(PAGE + "abschliessen/", data | {"answer": "Steht jetzt im Artikel"})
    html = client.get(PAGE).content.decode()
    assert "Steht jetzt im Artikel" in html
    assert "3 Suchen" not in html
    assert client_for("supervisor").get(PAGE).status_code == 200
    assert client_for("agent").get(PAGE).status_code == 403


def test_what_was_asked_once_and_found_is_folded_away(client_for, searched, entries, people, dinslaken):
    """Thirty searches whose answer stood in the list of hits would hide the three that nobody answers."""
    searched("hüpfburg", times=2)
    searched("ausweis", hits=5)
    assert [entry.is_faint for entry in entries()] == [False, True]
    html = client_for("editor").get(PAGE).content.decode()
    assert html.index("hüpfburg") < html.index("Einmal gesucht und nichts geöffnet") < html.index("ausweis")
    with all_cities("test"):
        worklist.claim(city=dinslaken, key=entries()[1].key, title="ausweis", user=people["editor"])
    assert not any(entry.is_faint for entry in entries())


def test_page_costs_the_same_for_one_and_three_questions(client_for, searched, django_assert_max_num_queries):
    client = client_for("editor")
    searched("eins")
    client.get(PAGE)
    with django_assert_max_num_queries(14) as one:
        client.get(PAGE)
    searched("zwei")
    searched("drei")
    with django_assert_max_num_queries(14) as three:
        client.get(PAGE)
    assert len(one) == len(three)
