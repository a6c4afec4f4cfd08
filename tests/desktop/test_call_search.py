"""Search on the desk: hits while typing, offices and people, what stands ready before the first letter."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from callcenter.accounts.models import Role
from callcenter.calls.models import (
    Call,
    Contact,
    ContactArticle,
)
from knowledge import notices
from knowledge import services as knowledge
from knowledge.models import EffectiveArticle, SearchEvent
from knowledge.search import api
from tenants.models import Office, StaffMember
from tenants.scope import all_cities
from tests.conftest import make_user
from tests.desktop.conftest import count
from tests.desktop.pages import DESK, HTMX, address, open_first, squeezed, stored, text


@pytest.fixture(autouse=True)
def _index_heals_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is committed here, so the index only learns of an article when a search misses it."""
    monkeypatch.setattr(api, "HEAL_AGAIN_AFTER", 0.0)


def test_search_shows_hits_of_the_city(desk, passport, taken):
    page = text(desk.get(DESK + "suche/", {"q": "reisepass", "city": "dinslaken", "call": taken.pk}))
    assert 'role="option"' in page
    assert "<mark>Reisepass</mark> beantragen" in page
    assert "1 Treffer für Dinslaken" in page


def test_search_fragment_equals_the_page(desk, passport, taken):
    """Hits that appear while typing are those of a reload, to the letter."""
    page = text(desk.get(address(taken), {"q": "reisepass"}))
    fragment = text(desk.get(DESK + "suche/", {"q": "reisepass", "city": "dinslaken", "call": taken.pk}))
    without_time = re.compile(r'name="milliseconds" value="[\d.]+"')
    assert squeezed(without_time.sub("", fragment)).strip() in squeezed(without_time.sub("", page))


def test_frequent_articles_stand_ready_before_the_first_letter(desk, passport, taken, dinslaken):
    """What callers ask most is one key away; opening it is no search and is not recorded as one."""
    assert "Oft gefragt" not in text(desk.get(address(taken)))
    with all_cities("test"):
        contact = Contact.objects.get(call=taken)
        effective = EffectiveArticle.objects.get(tenant=dinslaken, article=passport)
        call = Call.objects.create(tenant=dinslaken, state="ended", outcome="answered", offered_at=timezone.now())
        other = Contact.objects.create(tenant=dinslaken, call=call, opened_at=timezone.now())
        ContactArticle.objects.create(
            tenant=dinslaken, contact=other, article=passport, title=effective.title, opened_at=timezone.now()
        )
    page = text(desk.get(address(taken)))
    assert "Oft gefragt" in page
    assert f'value="1:{effective.pk}"' in page
    before = SearchEvent.objects.beyond_scope("test").count()
    data = {"contact": contact.pk, "pick": f"1:{effective.pk}", "query": "", "hits": "", "milliseconds": ""}
    assert desk.post(address(taken, "oeffnen/"), data).status_code == 302
    assert SearchEvent.objects.beyond_scope("test").count() == before


def test_search_of_a_foreign_city_is_not_found(client_for, duisburg, dinslaken):
    own = make_user("only-duisburg", (duisburg, Role.AGENT))
    answer = client_for(own).get(DESK + "suche/", {"q": "pass", "city": "dinslaken"})
    assert answer.status_code == 404


def test_search_without_a_hit_offers_to_report(desk, passport, taken):
    page = text(desk.get(DESK + "suche/", {"q": "xqzwv", "city": "dinslaken", "call": taken.pk}))
    assert "Kein Treffer für Dinslaken" in page
    assert "Frage melden" in page


@pytest.mark.parametrize("query", ["", " ", "p", "'", '"<script>alert(1)</script>', "(((", "a" * 250, "%%", "\x00ab"])
def test_search_survives_whatever_is_typed(desk, taken, query):
    """A stray key must never take the page away from the agent."""
    response = desk.get(DESK + "suche/", {"q": query, "city": "dinslaken", "call": taken.pk})
    assert response.status_code in {200, 404}
    assert b"<script>alert" not in response.content


@pytest.fixture
def registry(dinslaken, duisburg):
    """Dinslaken's offices with one person; Duisburg has one of its own."""
    with all_cities("test"):
        office = Office.objects.create(tenant=dinslaken, name="Bürgerbüro", responsibility="Pässe", phone="02064 66111")
        Office.objects.create(tenant=dinslaken, name="Standesamt", responsibility="Heiraten und Geburten")
        Office.objects.create(tenant=duisburg, name="Bürgerservice Hamborn")
        StaffMember.objects.create(tenant=dinslaken, office=office, name="Jörg Müller", function="Passstelle")
    return office


def found(desk, taken, query: str, **more: str) -> str:
    return text(desk.get(DESK + "suche/", {"q": query, "city": "dinslaken", "call": taken.pk, **more}))


@pytest.mark.parametrize(
    ("query", "name", "group"),
    [
        ("Bürgerbüro", "Bürgerbüro", "Ämter"),
        ("buergerb", "Bürgerbüro", "Ämter"),
        ("Standesmat ", "Standesamt", "Ämter"),
        ("heirat", "Standesamt", "Ämter"),
        ("mueller", "Jörg Müller", "Personen"),
        ("joerg passstelle", "Jörg Müller", "Personen"),
    ],
)
def test_search_finds_offices_and_people_as_it_finds_articles(desk, taken, registry, query, name, group):
    """Umlauts, beginnings, inflection and slips of the fingers: a name is spelt by ear."""
    page = found(desk, taken, query)
    assert f"<strong>{name}</strong>" in page
    assert f">{group}</div>" in page
    assert "Hamborn" not in page


def test_search_finds_who_answers_to_every_word_only(desk, taken, registry):
    assert "Jörg Müller" not in found(desk, taken, "mueller standesamt")
    assert "Bürgerbüro" not in found(desk, taken, "quarzuhr büro")


def test_new_office_and_new_notice_are_found_within_a_second(desk, taken, registry, dinslaken, people, monkeypatch):
    """Between two key presses nothing is asked for again; what came meanwhile stands there a second later."""
    assert "Jugendamt" not in found(desk, taken, "jugendamt")
    with all_cities("test"):
        Office.objects.create(tenant=dinslaken, name="Jugendamt")
        notices.publish_notice(
            actor=people["editor"],
            text="Das Jugendamt zieht um.",
            cities=[dinslaken],
            valid_until=timezone.now() + timedelta(days=2),
        )
    later = time.monotonic() + 1.0
    monkeypatch.setattr(time, "monotonic", lambda: later)
    page = found(desk, taken, "jugendamt")
    assert "<strong>Jugendamt</strong>" in page
    assert "Das Jugendamt zieht um." in page


def test_notice_that_has_ended_is_not_found_within_the_second(desk, taken, dinslaken, people, monkeypatch):
    with all_cities("test"):
        notices.publish_notice(
            actor=people["editor"],
            text="Der Passdrucker ist gestört.",
            cities=[dinslaken],
            valid_until=timezone.now() + timedelta(minutes=5),
        )
    assert "Passdrucker" in found(desk, taken, "passdrucker ")
    after = timezone.now() + timedelta(minutes=6)
    monkeypatch.setattr("knowledge.search.directory.timezone.now", lambda: after)
    assert "Der Passdrucker" not in found(desk, taken, "passdrucker ")


def test_search_shows_the_notice_that_fits(desk, taken, passport, dinslaken, people, answer_of):
    """A caller asks about what stands on every desk: the sentence and its article come first."""
    with all_cities("test"):
        notices.publish_notice(
            actor=people["editor"],
            text="Der Passdrucker ist bis Freitag gestört.",
            cities=[dinslaken],
            valid_until=timezone.now() + timedelta(days=2),
            article=passport,
        )
    page = found(desk, taken, "passdrucker")
    assert "Der Passdrucker ist bis Freitag gestört." in page
    assert f'name="effective" value="{answer_of(passport, dinslaken).pk}"' in page
    assert "Passdrucker" not in found(desk, taken, "hund")


def test_hits_are_narrowed_to_one_kind(desk, taken, passport, registry):
    found(desk, taken, "pass")
    page = found(desk, taken, "pass")
    assert 'data-kind="aemter"' in page
    assert "<mark>Pass</mark> für alle." in page
    offices = found(desk, taken, "pass", art="aemter")
    assert "<strong>Bürgerbüro</strong>" in offices
    assert "Reise" not in offices
    assert 'data-kind="aemter" aria-current="true"' in offices
    assert desk.get(DESK + "suche/", {"q": "pass", "city": "dinslaken", "art": "x"}).status_code == 404


def test_all_cities_show_what_only_another_one_answers(
    desk, concern, taken, make_article, passport, duisburg, dinslaken, people
):
    """Opened, the answers are that city's from then on, and the line keeps the bill."""
    with all_cities("test"):
        article = knowledge.create_article(
            actor=people["editor"], title="Hafenpass", owner=duisburg, sections={"say": "Am Tor."}
        )
        knowledge.publish(revision=article.revisions.get(), actor=None, without_review="test", announce=False)
        foreign = EffectiveArticle.objects.get(article=article)
    assert "Hafen" not in found(desk, taken, "hafenpass")
    page = found(desk, taken, "hafenpass", ueberall="on")
    assert "nur in Duisburg" in page
    assert "in allen Städten" in page
    data = {"contact": concern.pk, "pick": f"1:{foreign.pk}", "query": "hafenpass", "hits": "1", "milliseconds": "1"}
    assert desk.post(address(taken, "oeffnen/"), data).status_code == 404, "not without having asked everywhere"
    opened = desk.post(address(taken, "oeffnen/"), data | {"ueberall": "on"}, headers=HTMX)
    page = text(desk.get(opened["HX-Redirect"]))
    assert "Am Tor." in page
    assert "Antworten für Stadt Duisburg." in page
    assert "Der Anruf zählt weiter für Stadt Dinslaken." in page
    assert stored(SearchEvent).tenant_id == duisburg.pk


def test_last_opened_stand_ready_before_the_first_letter(desk, concern, passport, answer_of, dinslaken, client_for):
    """The same question comes in waves: what was just said is one key away, for the one who said it."""
    assert "Von Ihnen zuletzt geöffnet" not in text(desk.get(address(concern.call)))
    open_first(desk, concern, answer_of(passport, dinslaken))
    page = text(desk.get(address(concern.call)))
    assert "Von Ihnen zuletzt geöffnet" in page
    assert page.count("<strong>Reisepass beantragen</strong>") == 1, "not once more under what is asked often"


def test_anything_typed_is_a_legal_search_and_choice(desk, concern, passport, answer_of, dinslaken):
    """Pasted pages, NUL bytes and emoji: hits stay, and a hit can be opened."""
    for query in ("reisepass " + "x" * 10_000, "reisepass\x00", "reisepass 🛂 ((\"'/[]", "reisepass\n\t"):
        page = found(desk, concern.call, query)
        assert "reise" in page.lower(), query[:40]
        data = {"contact": concern.pk, "pick": f"1:{answer_of(passport, dinslaken).pk}", "query": query, "hits": "1"}
        assert desk.post(address(concern.call, "oeffnen/"), data).status_code == 302


def test_search_asks_the_database_as_often_for_two_hits_as_for_four(desk, taken, make_article, reads):
    """Each keypress asks; more hits must not ask more often. How often is the engine's affair."""
    asked = []
    for number in range(4):  # the first search may find its index missing and mend it
        make_article(f"Reisepass {number}", say="So.")
        query = {"q": "reisepass", "city": "dinslaken", "call": taken.pk}
        desk.get(DESK + "suche/", query)
        with reads() as queries:
            desk.get(DESK + "suche/", query)
        asked.append(count(queries))
    most = 5 + (connection.vendor == "postgresql")
    assert asked[1] == asked[3] <= most, "session, user, rights, the editors' version, the hits; the index's state"


def test_search_that_ends_without_a_choice_is_counted(desk, dinslaken):
    desk.post(DESK + "suche/ende/", {"city": "dinslaken", "query": "hundefrisör", "hits": 0, "milliseconds": "2.5"})
    event = stored(SearchEvent)
    assert (event.query, event.hits, event.chosen_id, event.tenant_id) == ("hundefrisör", 0, None, dinslaken.pk)
