"""The answer on the desk, and another city's where the caller dialled the wrong one."""

from __future__ import annotations

import pytest

from callcenter.accounts.models import Role
from callcenter.calls.models import (
    Call,
    Contact,
    ContactArticle,
)
from knowledge.models import SearchEvent
from tenants.models import Office
from tenants.scope import all_cities
from tests.conftest import make_user
from tests.desktop.conftest import count
from tests.desktop.pages import DESK, HTMX, address, open_first, squeezed, stored, text

CALL_QUERIES = 17


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
