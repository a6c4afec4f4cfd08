"""The desk between calls: sign-on, presence, rings, calls opened by hand."""

from __future__ import annotations

import pytest
from django.utils import timezone

from callcenter.accounts.models import Role
from callcenter.calls.models import Call, CallState, Presence, PresenceState
from callcenter.desktop.models import LiveEvent
from knowledge import notices
from tenants.scope import all_cities
from tests.conftest import make_user
from tests.desktop.conftest import count

DESK = "/arbeitsplatz/"
READY_QUERIES = 16
RING_QUERIES = 7


def reload(call: Call) -> Call:
    with all_cities("test"):
        return Call.objects.get(pk=call.pk)


def test_desk_asks_for_the_extension_first(client_for, people):
    """Desks are shared: without the extension a ring would reach somebody else's desk."""
    page = client_for("agent").get(DESK).content.decode()
    assert "An welchem Platz sitzen Sie?" in page
    assert 'name="extension"' in page


def test_sign_on_makes_the_agent_ready(client_for, people):
    response = client_for("agent").post(DESK + "platz/", {"extension": "214"}, follow=True)
    assert "Sie sind bereit" in response.content.decode()
    assert Presence.objects.get(user=people["agent"]).extension == "214"


def test_sign_on_at_an_occupied_extension_says_why(desk, client_for, duisburg):
    """Two agents at one extension would both get the ring; the second is told at the field."""
    other = make_user("second", (duisburg, Role.AGENT))
    response = client_for(other).post(DESK + "platz/", {"extension": "214"})
    assert response.status_code == 422
    page = response.content.decode()
    assert "schon jemand angemeldet" in page
    assert 'value="214"' in page


def test_not_ready_shows_its_reason_and_the_way_back(desk, agent):
    page = desk.post(DESK + "pause/", {"reason": "Besprechung"}, follow=True).content.decode()
    assert "<h1>Besprechung</h1>" in page
    assert Presence.objects.get(user=agent).state == PresenceState.NOT_READY
    assert "Sie sind bereit" in desk.post(DESK + "bereit/", follow=True).content.decode()


def test_unknown_reason_changes_nothing(desk, agent):
    assert desk.post(DESK + "pause/", {"reason": "Urlaub"}).status_code == 400
    assert Presence.objects.get(user=agent).state == PresenceState.READY


def test_leaving_the_desk_asks_for_the_extension_again(desk):
    assert "An welchem Platz" in desk.post(DESK + "platz/verlassen/", follow=True).content.decode()


@pytest.mark.parametrize("role", ["editor", "supervisor", "accountant", "liaison"])
def test_desk_is_for_agents(client_for, role):
    assert client_for(role).get(DESK).status_code == 403


def test_ring_says_city_and_greeting_in_one_sentence(desk, telephone):
    """Before the first word the agent must know which city is calling."""
    telephone.ring("dinslaken")
    page = desk.get(DESK).content.decode()
    assert 'data-sentence="Anruf für Dinslaken. Alt A nimmt an."' in page
    assert "Stadtverwaltung Dinslaken, guten Tag." in page
    assert 'data-city="dinslaken"' in page


def test_ring_fragment_equals_the_page(desk, telephone):
    """A ring that appears later looks like one that was there when the page was loaded."""
    telephone.ring("dinslaken")
    page, fragment = desk.get(DESK).content.decode(), desk.get(DESK + "klingeln/").content.decode()
    for text in (page, fragment):
        assert "Stadt Dinslaken" in text
    ring = fragment[fragment.index("<section") : fragment.index("<form")]
    assert strip_time(ring) in strip_time(page)


def strip_time(html: str) -> str:
    start = html.find("<b data-since")
    return html if start < 0 else html[:start] + html[html.index("</b>", start) :]


def test_second_call_waits_while_talking(desk, taken, telephone):
    telephone.ring("duisburg", users=("214",))
    page = desk.get(f"{DESK}anruf/{taken.pk}/").content.decode()
    assert "Zweiter Anruf wartet:" in page
    assert 'data-sentence="Zweiter Anruf wartet: Duisburg. Alt A nimmt an."' in page


def test_take_leads_to_the_call(desk, agent, telephone):
    call = telephone.ring()
    response = desk.post(f"{DESK}annehmen/{call.pk}/")
    assert response["Location"] == f"{DESK}anruf/{call.pk}/"
    assert reload(call).agent_id == agent.pk


def test_take_too_late_says_so(desk, telephone):
    """The caller gave up: the agent is told, and is not left on an empty page."""
    call = telephone.ring()
    telephone.hang_up(call)
    assert "hat aufgelegt" in desk.post(f"{DESK}annehmen/{call.pk}/", follow=True).content.decode()


def test_take_of_a_foreign_city_is_not_found(client_for, telephone, duisburg):
    own = make_user("only-duisburg", (duisburg, Role.AGENT))
    call = telephone.ring("dinslaken")
    assert client_for(own).post(f"{DESK}annehmen/{call.pk}/").status_code == 404
    assert reload(call).agent_id is None


def test_call_answered_by_handset_leads_an_idle_page_there(desk, agent, telephone):
    """Who picks up the handset must not have to find the call on the screen."""
    call = telephone.ring()
    telephone.answer(call, agent)
    assert desk.get(DESK + "klingeln/")["X-Desk-Call"] == f"{DESK}anruf/{call.pk}/"
    assert desk.get(DESK)["Location"] == f"{DESK}anruf/{call.pk}/"


def test_call_by_hand_counts_for_the_line(desk, agent, lines):
    """The telephone system is down: the call is still the line's city's."""
    page = desk.get(DESK + "von-hand/").content.decode()
    assert "Zentrale Dinslaken · 02064 660" in page
    response = desk.post(DESK + "von-hand/", {"line": lines["dinslaken"].pk}, follow=True)
    assert "Stadt Dinslaken" in response.content.decode()
    with all_cities("test"):
        call = Call.objects.get()
    assert (call.tenant_id, call.agent_id, call.state) == (lines["dinslaken"].tenant_id, agent.pk, CallState.CONNECTED)


@pytest.mark.parametrize("line", ["", "x", "999999"])
def test_call_by_hand_for_no_line_is_not_found(desk, line):
    assert desk.post(DESK + "von-hand/", {"line": line}).status_code == 404


def test_ready_page_shows_what_changed(desk, passport):
    """An answer that changed this morning is read before the first caller asks for it."""
    page = desk.get(DESK).content.decode()
    assert page.count("Reisepass beantragen") == 1
    assert "Seit Ihrer letzten Schicht geändert" in page


@pytest.mark.parametrize("rows", [1, 3])
def test_ready_page_query_count(desk, make_article, telephone, rows, reads):
    """A busy day must not make the page slower."""
    for number in range(rows):
        make_article(f"Artikel {number}", say="So.")
        telephone.ring("dinslaken")
    desk.get(DESK)
    with reads() as queries:
        desk.get(DESK)
    assert count(queries) == READY_QUERIES


@pytest.mark.parametrize("rows", [1, 3])
def test_ring_fragment_query_count(desk, telephone, rows, reads):
    """Every desk asks for this fragment at every ring."""
    for _ in range(rows):
        telephone.ring("dinslaken")
    desk.get(DESK + "klingeln/")
    with reads() as queries:
        desk.get(DESK + "klingeln/")
    assert count(queries) == RING_QUERIES


def test_stream_ticket_is_for_agents_only(desk, client_for):
    assert len(desk.get(DESK + "strom/karte/").content) > 20
    assert client_for("editor").get(DESK + "strom/karte/").status_code == 403


def test_closed_call_can_be_put_right_for_a_while(desk, taken):
    desk.post(f"{DESK}anruf/{taken.pk}/abschliessen/", {"contact": contact_id(taken)})
    page = desk.get(DESK).content.decode()
    assert "Eben abgeschlossen" in page
    assert f"{DESK}anruf/{taken.pk}/" in page
    with all_cities("test"):
        Call.objects.filter(pk=taken.pk).update(wrapped_up_at=timezone.now() - timezone.timedelta(hours=2))
    assert "Eben abgeschlossen" not in desk.get(DESK).content.decode()


def contact_id(call: Call) -> object:
    with all_cities("test"):
        return call.contacts.get().pk


def test_situation_stands_on_every_page_of_the_desk(desk, taken, people, dinslaken):
    """A bomb is found: every agent of the city sees the sentence to say, also in the middle of a call."""
    with all_cities("test"):
        notices.publish_notice(
            actor=people["editor"],
            text="Bombenfund Hafen: Evakuierung ab 14 Uhr.",
            cities=[dinslaken],
            valid_until=timezone.now() + timezone.timedelta(hours=3),
        )
    for path in (f"anruf/{taken.pk}/", "von-hand/"):
        assert "Bombenfund Hafen" in desk.get(DESK + path).content.decode()


def test_situation_tells_the_desks_of_the_city(people, dinslaken):
    """A desk that is open learns of it at once, and not at the next reload."""
    with all_cities("test"):
        notices.publish_notice(
            actor=people["editor"],
            text="Bombenfund",
            cities=[dinslaken],
            valid_until=timezone.now() + timezone.timedelta(hours=3),
        )
    event = LiveEvent.objects.get(kind="notice")
    assert (event.tenant_id, event.payload["change"]) == (dinslaken.pk, "begun")
