"""A call on the desk: search, answer, concern, close."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from callcenter.accounts.models import Role
from callcenter.calls.models import (
    Call,
    CallState,
    Contact,
    ContactArticle,
    Feedback,
    Handover,
    Presence,
    PresenceState,
)
from knowledge import notices
from knowledge import services as knowledge
from knowledge.models import EffectiveArticle, SearchEvent
from knowledge.search import api
from tenants.models import Office, StaffMember, Tenant
from tenants.scope import all_cities
from tests.conftest import make_user
from tests.desktop.conftest import count

DESK = "/arbeitsplatz/"
HTMX = {"HX-Request": "true"}
CALL_QUERIES = 17


@pytest.fixture(autouse=True)
def _index_heals_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is committed here, so the index only learns of an article when a search misses it."""
    monkeypatch.setattr(api, "HEAL_AGAIN_AFTER", 0.0)


def address(call: Call, rest: str = "") -> str:
    return f"{DESK}anruf/{call.pk}/{rest}"


def text(response: Any) -> str:
    return response.content.decode()


def stored(model: type, **where: Any) -> Any:
    with all_cities("test"):
        return model.objects.select_related("tenant").get(**where)


def open_first(desk: Client, contact: Contact, effective: Any, **more: Any) -> Any:
    data = {"contact": contact.pk, "pick": f"1:{effective.pk}", "query": "pass", "hits": 3, "milliseconds": "1.5"}
    return desk.post(address(contact.call, "oeffnen/"), data, **more)


def squeezed(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", html))


# --- the banner ------------------------------------------------------------------------------------
def test_call_page_names_the_city_before_everything_else(desk, taken):
    """The first heading of the page is the city in whose name the agent speaks."""
    page = text(desk.get(address(taken)))
    assert page.index("<h1>Stadt Dinslaken</h1>") < page.index("<h2")
    assert "Stadtverwaltung Dinslaken, guten Tag." in page
    assert "</span> 4711" in page
    assert "02064 660" in page
    assert "+4920644711" not in page


def test_repeat_caller_is_told(desk, telephone, taken):
    """Who calls for the second time need not tell the whole story again."""
    second = telephone.ring("dinslaken")
    desk.post(f"{DESK}annehmen/{second.pk}/")
    assert "2. Anruf heute" in text(desk.get(address(second)))


def test_call_of_somebody_else_is_not_found(desk, taken, client_for, duisburg, dinslaken):
    """A colleague's call and its notes are nobody else's."""
    colleague = make_user("colleague", (duisburg, Role.AGENT), (dinslaken, Role.AGENT))
    for path in ("", "kopf/", "melden/", "rueckruf/"):
        assert client_for(colleague).get(address(taken, path)).status_code == 404
    for path in ("oeffnen/", "auflegen/", "abschliessen/", "weiteres/", "stadt/", "frage-melden/"):
        assert client_for(colleague).post(address(taken, path)).status_code == 404


def test_call_on_an_unknown_line_asks_for_the_city(desk, agent, telephone):
    call = telephone.ring("nowhere", users=("214",))
    desk.post(f"{DESK}annehmen/{call.pk}/")
    page = text(desk.get(address(call)))
    assert "Diese Nummer gehört noch zu keiner Stadt" in page


# --- search ----------------------------------------------------------------------------------------
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


def test_new_office_is_found_at_once(desk, taken, registry, dinslaken):
    assert "Jugendamt" not in found(desk, taken, "jugendamt")
    with all_cities("test"):
        Office.objects.create(tenant=dinslaken, name="Jugendamt")
    assert "<strong>Jugendamt</strong>" in found(desk, taken, "jugendamt")


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
    assert asked[1] == asked[3] <= 12


def test_search_that_ends_without_a_choice_is_counted(desk, dinslaken):
    desk.post(DESK + "suche/ende/", {"city": "dinslaken", "query": "hundefrisör", "hits": 0, "milliseconds": "2.5"})
    event = stored(SearchEvent)
    assert (event.query, event.hits, event.chosen_id, event.tenant_id) == ("hundefrisör", 0, None, dinslaken.pk)


# --- the answer --------------------------------------------------------------------------------------
def test_opened_article_is_on_the_concern_with_a_tick(desk, concern, passport, answer_of, dinslaken):
    """The contact fills itself: nobody types what they have just read out."""
    effective = answer_of(passport, dinslaken)
    page = text(desk.get(open_first(desk, concern, effective)["Location"]))
    assert "Bürgerbüro Dinslaken" in page
    entry = stored(ContactArticle)
    assert (entry.article_id, entry.used, entry.title) == (passport.pk, True, "Reisepass beantragen")
    assert entry.local_revision_id == effective.local_revision_id
    event = stored(SearchEvent)
    assert (event.query, event.chosen_id, event.chosen_rank, event.hits) == ("pass", passport.pk, 1, 3)


def test_second_article_waits_for_its_tick(desk, concern, passport, make_article, answer_of, dinslaken):
    other = make_article("Personalausweis beantragen", say="So.")
    open_first(desk, concern, answer_of(passport, dinslaken))
    open_first(desk, concern, answer_of(other, dinslaken))
    with all_cities("test"):
        ticks = dict(ContactArticle.objects.values_list("article_id", "used"))
    assert ticks == {passport.pk: True, other.pk: False}


def test_answer_fragment_equals_the_page(desk, concern, passport, answer_of, dinslaken):
    """What htmx puts into the middle column, and the ticks that come with it, are what a reload shows."""
    response = open_first(desk, concern, answer_of(passport, dinslaken), headers=HTMX)
    page = squeezed(text(desk.get(response["HX-Push-Url"])))
    fragment = squeezed(text(response))
    answer, ticks = fragment.split('<div id="opened" hx-swap-oob="true">')
    assert answer.strip() in page
    assert ticks.strip() in page


def test_article_of_the_other_city_is_not_found(desk, concern, passport, answer_of, duisburg):
    """An answer of Duisburg must not be read to a caller of Dinslaken."""
    foreign = answer_of(passport, duisburg)
    assert open_first(desk, concern, foreign).status_code == 404
    assert desk.get(address(concern.call, f"artikel/{foreign.pk}/")).status_code == 404


def test_compare_shows_only_what_differs(desk, concern, passport, answer_of, dinslaken):
    effective = answer_of(passport, dinslaken)
    page = text(desk.get(address(concern.call, f"artikel/{effective.pk}/vergleich/duisburg/"), headers=HTMX))
    assert "1 Abschnitt ist verschieden" in page
    assert "Bürgerbüro Dinslaken" in page
    assert "Bürgerservice" in page
    assert "70,00" not in page


def test_compare_with_a_foreign_city_is_not_found(client_for, telephone, lines, passport, answer_of, dinslaken):
    own = make_user("only-dinslaken", (dinslaken, Role.AGENT))
    client = client_for(own)
    client.post(DESK + "platz/", {"extension": "9"})
    call = telephone.ring("dinslaken")
    client.post(f"{DESK}annehmen/{call.pk}/")
    effective = answer_of(passport, dinslaken)
    assert client.get(address(call, f"artikel/{effective.pk}/vergleich/duisburg/")).status_code == 404


def test_office_card_shows_telephone_and_hours(desk, concern, dinslaken, duisburg):
    with all_cities("test"):
        office = Office.objects.create(tenant=dinslaken, name="Standesamt", phone="02064 66222")
        foreign = Office.objects.create(tenant=duisburg, name="Standesamt", phone="0203 2")
    assert "02064 66222" in text(desk.get(address(concern.call, f"amt/{office.pk}/")))
    assert desk.get(address(concern.call, f"amt/{foreign.pk}/")).status_code == 404


@pytest.mark.parametrize("rows", [1, 3])
def test_call_page_query_count(desk, concern, make_article, answer_of, dinslaken, rows, reads):
    for number in range(rows):
        open_first(desk, concern, answer_of(make_article(f"Artikel {number}", say="So."), dinslaken))
    desk.get(address(concern.call))
    with reads() as queries:
        desk.get(address(concern.call))
    assert count(queries) == CALL_QUERIES


# --- the wrong city ------------------------------------------------------------------------------------
def test_switched_city_answers_while_the_line_keeps_the_bill(desk, concern, passport, answer_of, duisburg, dinslaken):
    """A Duisburg question on Dinslaken's line gets Duisburg's answer, and Dinslaken still pays for its line."""
    open_first(desk, concern, answer_of(passport, dinslaken))
    post = {"contact": concern.pk, "city": "duisburg", "note": "Falsche Stadt"}
    page = text(desk.post(address(concern.call, "stadt/"), post, follow=True))
    assert "Antworten für Stadt Duisburg." in page
    assert "Der Anruf zählt weiter für Stadt Dinslaken." in page
    assert "Bürgerservice" in page
    assert stored(Contact).tenant_id == duisburg.pk
    assert stored(Contact).note == "Falsche Stadt"
    assert stored(Call).tenant_id == dinslaken.pk


def test_switch_to_a_foreign_city_is_not_found(client_for, telephone, dinslaken, duisburg):
    client = client_for(make_user("only-dinslaken", (dinslaken, Role.AGENT)))
    client.post(DESK + "platz/", {"extension": "9"})
    call = telephone.ring("dinslaken")
    client.post(f"{DESK}annehmen/{call.pk}/")
    client.get(address(call))
    post = {"contact": stored(Contact).pk, "city": "duisburg"}
    assert client.post(address(call, "stadt/"), post).status_code == 404


# --- the concern ------------------------------------------------------------------------------------------
def test_autosave_keeps_everything_typed(desk, concern):
    """A power cut in the middle of a call loses nothing."""
    post = {"disposition": "settled", "found": "yes", "note": "Will wieder anrufen"}
    response = desk.post(address(concern.call, f"anliegen/{concern.pk}/"), post, headers=HTMX)
    assert "gespeichert" in text(response)
    kept = stored(Contact)
    assert (kept.disposition, kept.found, kept.note) == ("settled", True, "Will wieder anrufen")


def test_note_too_long_is_refused_at_the_note(desk, concern):
    response = desk.post(address(concern.call, f"anliegen/{concern.pk}/"), {"note": "x" * 2001}, headers=HTMX)
    assert response.status_code == 422
    assert "Nicht gespeichert" in text(response)


def test_concern_of_another_call_is_not_found(desk, concern, telephone):
    other = telephone.ring("dinslaken")
    desk.post(f"{DESK}annehmen/{other.pk}/")
    desk.get(address(other))
    assert desk.post(address(other, f"anliegen/{concern.pk}/"), {"note": "x"}).status_code == 404


def test_further_concern_keeps_the_first(desk, concern):
    post = {"contact": concern.pk, "disposition": "settled", "note": ""}
    page = text(desk.post(address(concern.call, "weiteres/"), post, follow=True))
    assert "Anliegen 2" in page
    assert "1. Erledigt" in page
    assert "Anliegen 1</h2>" in text(desk.get(address(concern.call), {"anliegen": "1"}))


def test_close_makes_ready_for_the_next_call(desk, agent, concern):
    post = {"contact": concern.pk, "disposition": "settled", "note": "Fertig"}
    page = text(desk.post(address(concern.call, "abschliessen/"), post, follow=True))
    assert "Sie sind bereit" in page
    kept = stored(Contact)
    assert (kept.disposition, kept.note, kept.closed_at is not None) == ("settled", "Fertig", True)
    assert Presence.objects.get(user=agent).state == PresenceState.READY


def test_close_without_result_is_refused_where_the_city_requires_it(desk, concern, dinslaken):
    """A city that wants every result gets it; what was typed stays on the page."""
    Tenant.objects.filter(pk=dinslaken.pk).update(wrap_up="required")
    post = {"contact": concern.pk, "note": "Fast vergessen"}
    response = desk.post(address(concern.call, "abschliessen/"), post)
    assert response.status_code == 422
    assert "Bitte wählen Sie das Ergebnis von Anliegen 1." in text(response)
    assert "Fast vergessen" in text(response)
    assert stored(Call).wrapped_up_at is None


def test_close_by_the_clock_gives_the_citys_code(desk, concern, dinslaken):
    """Nobody chose a result: the city said what the clock writes, and it never claims that something was settled."""
    Tenant.objects.filter(pk=dinslaken.pk).update(wrap_up_seconds=0)
    desk.post(address(concern.call, "auflegen/"))
    desk.post(address(concern.call, "abschliessen/"), {"contact": concern.pk, "note": "", "timeout": "1"})
    assert stored(Call).wrapped_up_at is not None
    assert stored(Contact).disposition == "unstated"


def test_clock_that_has_not_run_out_codes_nothing(desk, concern):
    """A page that says "time is over" too early must not write a result."""
    desk.post(address(concern.call, "abschliessen/"), {"contact": concern.pk, "note": "", "timeout": "1"})
    assert stored(Contact).disposition == ""


def test_required_result_is_required_by_the_clock_too(desk, concern, dinslaken):
    Tenant.objects.filter(pk=dinslaken.pk).update(wrap_up="required")
    post = {"contact": concern.pk, "note": "", "timeout": "1"}
    assert desk.post(address(concern.call, "abschliessen/"), post).status_code == 422


@pytest.mark.parametrize(("minutes", "status"), [(30, 200), (0, 302)])
def test_closed_call_is_put_right_as_long_as_the_city_lets(minutes, status, desk, concern, dinslaken):
    """A typing error is mended, and yesterday's record is not rewritten."""
    Tenant.objects.filter(pk=dinslaken.pk).update(edit_minutes=minutes)
    desk.post(address(concern.call, "abschliessen/"), {"contact": concern.pk, "disposition": "settled", "note": "A"})
    saved = desk.post(address(concern.call, f"anliegen/{concern.pk}/"), {"note": "B"}, headers=HTMX)
    assert saved.status_code == (200 if minutes else 204)  # 204 leads back with the reason
    assert stored(Contact).note == ("B" if minutes else "A")
    page = text(desk.get(DESK))
    assert ("Eben abgeschlossen" in page) == bool(minutes)


# --- several calls ---------------------------------------------------------------------------------------
def test_second_call_puts_the_first_on_hold_and_one_key_goes_back(desk, concern, telephone):
    """An agent talks with one person; the other waits, with a clock, and is one key away."""
    second = telephone.ring("duisburg", users=("214",))
    desk.post(f"{DESK}annehmen/{second.pk}/")
    page = text(desk.get(address(second)))
    assert "Stadt Dinslaken" in page
    assert "gehalten seit" in page
    back = desk.post(address(concern.call, "zurueckholen/"), follow=True)
    assert back.request["PATH_INFO"] == address(concern.call)
    with all_cities("test"):
        held = {call.tenant.slug: call.is_held for call in Call.objects.select_related("tenant")}
    assert held == {"duisburg": True, "dinslaken": False}


def test_consulting_an_office_holds_the_caller_and_names_it(desk, concern, dinslaken):
    with all_cities("test"):
        office = Office.objects.create(tenant=dinslaken, name="Standesamt", phone="02064 66123")
    page = text(desk.post(address(concern.call, "halten/"), {"office": office.pk}, follow=True))
    assert "Standesamt 02064 66123" in page
    assert "Die anrufende Person wartet." in page
    assert "Zurückholen" in page
    page = text(desk.post(address(concern.call, "zurueckholen/"), follow=True))
    assert "Standesamt 02064 66123" not in page
    assert "Halten" in page


def test_office_of_another_city_is_not_consulted(desk, concern, duisburg):
    with all_cities("test"):
        office = Office.objects.create(tenant=duisburg, name="Fremdes Amt")
    assert desk.post(address(concern.call, "halten/"), {"office": office.pk}).status_code == 404


def test_caller_who_hung_up_on_hold_cannot_be_called_back(desk, concern, telephone):
    desk.post(address(concern.call, "halten/"))
    telephone.hang_up(concern.call)
    page = text(desk.post(address(concern.call, "zurueckholen/"), follow=True))
    assert "hat inzwischen aufgelegt" in page
    assert "Gespräch beendet" in page


def test_what_the_number_asked_earlier_today_stands_there(desk, concern, passport, answer_of, dinslaken, telephone):
    """Nobody has to tell it twice; what was noted stays with the earlier call."""
    effective = answer_of(passport, dinslaken)
    desk.post(address(concern.call, "oeffnen/"), {"contact": concern.pk, "pick": f"1:{effective.pk}"})
    opened = stored(ContactArticle)
    done = {"contact": concern.pk, "disposition": "transferred", "used": opened.pk, "note": "geheim"}
    desk.post(address(concern.call, "abschliessen/"), done)
    again = telephone.ring("dinslaken")
    desk.post(f"{DESK}annehmen/{again.pk}/")
    page = text(desk.get(address(again)))
    assert "2. Anruf heute" in page
    assert "Heute schon von dieser Nummer" in page
    assert "Reisepass beantragen" in page
    assert "geheim" not in page


def test_hanging_up_keeps_the_article_open(desk, concern, passport, answer_of, dinslaken):
    """The wrap-up is written with the answer before one's eyes."""
    effective = answer_of(passport, dinslaken)
    desk.post(address(concern.call, "oeffnen/"), {"contact": concern.pk, "pick": f"1:{effective.pk}"})
    page = text(desk.post(address(concern.call, "auflegen/"), follow=True))
    assert "Gespräch beendet" in page
    assert "Den Pass beantragen Sie persönlich." in page


def test_hang_up_begins_wrap_up_with_its_clock(desk, concern):
    page = text(desk.post(address(concern.call, "auflegen/"), follow=True))
    assert "Gespräch beendet" in page
    assert 'data-limit="60"' in page
    assert stored(Call).state == CallState.ENDED


def test_next_call_comes_first_after_closing(desk, concern, telephone):
    second = telephone.ring("duisburg", users=("214",))
    desk.post(f"{DESK}annehmen/{second.pk}/")
    response = desk.post(address(concern.call, "abschliessen/"), {"contact": concern.pk, "note": ""}, follow=True)
    assert response.request["PATH_INFO"] == address(second)


# --- reports and call-backs ------------------------------------------------------------------------------
def test_question_without_answer_is_reported_by_one_key(desk, concern):
    """The editors learn what callers ask and nobody can answer."""
    post = {"contact": concern.pk, "query": "hundefrisör", "hits": 0, "milliseconds": "1"}
    page = text(desk.post(address(concern.call, "frage-melden/"), post, headers=HTMX))
    assert "Gemeldet." in page
    report = stored(Feedback)
    assert (report.kind, report.query, report.call_id) == ("missing", "hundefrisör", concern.call_id)
    assert stored(SearchEvent).hits == 0


def test_wrong_answer_is_reported_with_its_article(desk, concern, passport, answer_of, dinslaken):
    effective = answer_of(passport, dinslaken)
    open_first(desk, concern, effective)
    assert "Zum Artikel „Reisepass beantragen“." in text(desk.get(address(concern.call, "melden/")))
    post = {"kind": "wrong", "text": "Gebühr ist alt", "effective": effective.pk}
    assert "Gemeldet." in text(desk.post(address(concern.call, "melden/"), post, follow=True))
    report = stored(Feedback)
    assert (report.kind, report.article_id, report.text) == ("wrong", passport.pk, "Gebühr ist alt")
    assert report.local_revision_id == effective.local_revision_id


def test_empty_report_says_what_is_missing(desk, concern):
    response = desk.post(address(concern.call, "melden/"), {"kind": "missing"}, headers=HTMX)
    assert response.status_code == 422
    assert "Bitte schreiben Sie ein Stichwort" in text(response)


def test_handover_promises_a_time(desk, concern, dinslaken):
    """The caller wants to hear until when the office calls back."""
    with all_cities("test"):
        office = Office.objects.create(tenant=dinslaken, name="Standesamt")
    post = {"office": office.pk, "request": "Urkunde fehlt", "callback_number": "02064 4711"}
    page = text(desk.post(address(concern.call, "rueckruf/"), post, headers=HTMX))
    assert "Das Amt meldet sich bis" in page
    assert stored(Handover).office_id == office.pk
    assert stored(Contact).disposition == "handed_over"
    desk.post(address(concern.call, "abschliessen/"), {"contact": concern.pk, "disposition": "handed_over"})
    assert "Urkunde fehlt" in text(desk.get(DESK))


@pytest.mark.parametrize(
    ("post", "sentence"),
    [
        ({"request": "", "callback_number": "02064 4711"}, "Bitte schreiben Sie in einem Satz"),
        ({"request": "Urkunde", "callback_number": ""}, "Ohne Nummer kann das Amt nicht zurückrufen"),
        ({"request": "Urkunde", "callback_number": "12"}, "nicht vollständig"),
    ],
)
def test_handover_keeps_what_was_typed(desk, concern, post, sentence):
    response = desk.post(address(concern.call, "rueckruf/"), post, headers=HTMX)
    assert response.status_code == 422
    assert sentence in text(response)
    assert post["request"] in text(response)


def test_handover_to_a_foreign_office_is_refused(desk, concern, duisburg):
    with all_cities("test"):
        foreign = Office.objects.create(tenant=duisburg, name="Standesamt")
    post = {"office": foreign.pk, "request": "Urkunde", "callback_number": "02064 4711"}
    assert desk.post(address(concern.call, "rueckruf/"), post).status_code == 422


def test_step_on_a_finished_call_leads_back_with_a_sentence(desk, concern):
    """Half an hour after the end the ledger is closed; the agent is told, not thrown an error page."""
    from django.utils import timezone

    with all_cities("test"):
        Call.objects.update(wrapped_up_at=timezone.now() - timezone.timedelta(hours=2))
    response = desk.post(address(concern.call, f"anliegen/{concern.pk}/"), {"note": "zu spät"}, headers=HTMX)
    assert (response.status_code, response["HX-Redirect"]) == (204, address(concern.call))
    assert "kann nicht mehr geändert werden" in text(desk.get(address(concern.call)))
