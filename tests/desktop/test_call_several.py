"""Several calls at one desk: hold, consult, come back."""

from __future__ import annotations

from callcenter.calls.models import (
    Call,
    CallState,
    ContactArticle,
)
from tenants.models import Office
from tenants.scope import all_cities
from tests.desktop.pages import DESK, address, stored, text


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
