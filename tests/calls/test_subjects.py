"""A caller's rights: what is kept about their number, and its deletion, in one city."""

from __future__ import annotations

import json

import pytest

from callcenter.audit.models import AuditEntry
from callcenter.calls.models import Call, CallerNumber, Contact, Handover, TelephonyEvent
from callcenter.calls.sealing import seal
from callcenter.calls.services import Refused, subjects
from tenants.scope import all_cities
from tests.desktop.conftest import Telephone

CALLER = "0203 4711815"


@pytest.fixture
def call(lines, dinslaken) -> Call:
    """An answered and ended call with a note and a call-back."""
    telephone = Telephone()
    call = telephone.ring("dinslaken", caller="4920347118 15".replace(" ", ""))
    telephone.hang_up(call)
    with all_cities("test"):
        call.refresh_from_db()
        contact = Contact.objects.create(tenant=dinslaken, call=call, note="Frau M. fragt", opened_at=call.offered_at)
        Handover.objects.create(
            tenant=dinslaken, contact=contact, request="Bitte anrufen", callback_number=seal("02034711815"),
            due_at=call.offered_at,
        )  # fmt: skip
    return call


def test_export_names_everything_kept(call, dinslaken, people) -> None:
    kept = subjects.export(user=people["administrator"], city=dinslaken, number=CALLER, reference="DS-1")
    told = kept.as_json()
    assert [one["id"] for one in told["calls"]] == [str(call.pk)]
    assert told["calls"][0]["concerns"][0]["note"] == "Frau M. fragt"
    assert told["callbacks"][0]["number"] == "02034711815"


def test_look_is_recorded_without_the_number(call, dinslaken, people) -> None:
    subjects.export(user=people["administrator"], city=dinslaken, number=CALLER, reference="DS-1")
    entry = AuditEntry.objects.get(action="subject.exported")
    assert entry.data == {"reference": "DS-1", "calls": 1, "handovers": 1}
    assert "4711815" not in json.dumps(entry.data)


def test_other_city_keeps_its_own(call, duisburg, people) -> None:
    """Each city is the controller of its own calls; one city's answer never tells of the other's."""
    kept = subjects.export(user=people["administrator"], city=duisburg, number=CALLER, reference="DS-1")
    assert kept.calls == kept.handovers == []


def test_erase_takes_the_person_and_keeps_the_call(call, dinslaken, people) -> None:
    before = (call.offered_at, call.ended_at, call.talked_s, call.outcome)
    subjects.erase(user=people["administrator"], city=dinslaken, number=CALLER, reference="DS-2")
    with all_cities("test"):
        assert not CallerNumber.objects.filter(call=call).exists()
        assert Contact.objects.get(call=call).note == ""
        assert bytes(Handover.objects.get(contact__call=call).callback_number) == b""
        assert {bytes(event.body) for event in TelephonyEvent.objects.filter(call=call)} == {b""}
        call = Call.objects.get(pk=call.pk)
        assert (call.offered_at, call.ended_at, call.talked_s, call.outcome) == before
    assert subjects.find(city=dinslaken, number=CALLER).calls == []


def test_erase_waits_for_a_call_that_goes_on(lines, dinslaken, people) -> None:
    Telephone().ring("dinslaken", caller="492034711815")
    with pytest.raises(Refused, match="läuft gerade"):
        subjects.erase(user=people["administrator"], city=dinslaken, number=CALLER, reference="DS-3")


def test_page_finds_exports_and_erases(call, dinslaken, client_for) -> None:
    client = client_for("administrator")
    asked = {"number": CALLER, "reference": "DS-4"}
    page = client.post("/verwaltung/dinslaken/auskunft/", asked)
    assert "Frau M. fragt" in page.content.decode()
    file = client.post("/verwaltung/dinslaken/auskunft/datei/", asked)
    assert file["Content-Disposition"].startswith("attachment")
    assert json.loads(file.content)["number"] == "+492034711815"
    gone = client.post("/verwaltung/dinslaken/auskunft/loeschen/", asked, follow=True)
    assert "Gelöscht" in gone.content.decode()


def test_no_telephone_number_keeps_what_was_typed(client_for, lines) -> None:
    page = client_for("administrator").post("/verwaltung/dinslaken/auskunft/", {"number": "Meier", "reference": "DS-5"})
    assert page.status_code == 422
    assert "Meier" in page.content.decode()
    assert "DS-5" in page.content.decode()
