"""A call on the desk: banner, concern, close, reports and call-backs."""

from __future__ import annotations

import pytest
from django.utils import timezone

from callcenter.accounts.models import Role
from callcenter.calls.models import (
    Call,
    Contact,
    Feedback,
    Handover,
    Presence,
    PresenceState,
)
from knowledge.models import SearchEvent
from tenants.models import Office, Tenant
from tenants.scope import all_cities
from tests.conftest import make_user
from tests.desktop.pages import DESK, HTMX, address, open_first, stored, text


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

    with all_cities("test"):
        Call.objects.update(wrapped_up_at=timezone.now() - timezone.timedelta(hours=2))
    response = desk.post(address(concern.call, f"anliegen/{concern.pk}/"), {"note": "zu spät"}, headers=HTMX)
    assert (response.status_code, response["HX-Redirect"]) == (204, address(concern.call))
    assert "kann nicht mehr geändert werden" in text(desk.get(address(concern.call)))
