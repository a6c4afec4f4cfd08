"""The directory's pages: agents read, editors keep it right."""

from __future__ import annotations

import pytest

from tenants.models import Office, SpecialDay, StaffMember
from tenants.scope import all_cities

BASE = "/wissen/dinslaken/verzeichnis/"


@pytest.fixture
def office(dinslaken):
    with all_cities("test data"):
        return Office.objects.create(tenant=dinslaken, name="Standesamt", responsibility="Urkunden", phone="0206455")


def test_agent_finds_an_office_and_may_not_change_it(client_for, office):
    agent = client_for("agent")
    html = agent.get(BASE).content.decode()
    assert "Standesamt" in html
    assert "Amt anlegen" not in html
    fragment = agent.get(BASE, {"q": "urkund"}, headers={"HX-Request": "true"}).content.decode()
    assert fragment.lstrip().startswith('<div id="offices">')
    assert "1 Amt gefunden" in fragment
    assert "Kein Amt" in agent.get(BASE, {"q": "xyz"}).content.decode()
    assert "geschlossen" in agent.get(f"{BASE}{office.pk}/").content.decode()
    assert agent.post(f"{BASE}{office.pk}/bearbeiten/").status_code == 403


def test_editor_enters_office_person_and_special_day(client_for, dinslaken):
    editor = client_for("editor")
    times = {"opens_0_0": "08:00", "closes_0_0": "12:00", "opens_0_1": "14:00", "closes_0_1": "16:00"}
    answer = editor.post(f"{BASE}neu/", {"name": "Fundbüro", "phone": "123", **times})
    with all_cities("test"):
        office = Office.objects.get()
        assert answer.url == f"{BASE}{office.pk}/"
        assert [f"{each.opens:%H}-{each.closes:%H}" for each in office.hours.all()] == ["08-12", "14-16"]
    editor.post(f"{BASE}{office.pk}/person/", {"name": "Elif Kaya", "position": "1", "takes_transfers": "on"})
    with all_cities("test"):
        person = StaffMember.objects.get()
        assert (person.office, person.takes_transfers) == (office, True)
    html = client_for("agent").get(f"{BASE}{office.pk}/").content.decode()
    assert html.count("Elif Kaya") == 2  # among the people, and as whom to put through
    day = {"office": office.pk, "begins": "2031-05-06", "reason": "Umzug"}
    editor.post(f"{BASE}sondertage/", day)
    with all_cities("test"):
        special = SpecialDay.objects.get()
        assert (special.ends.isoformat(), special.opens) == ("2031-05-06", None)
    assert "Umzug" in editor.get(f"{BASE}sondertage/").content.decode()
    editor.post(f"{BASE}sondertage/{special.pk}/entfernen/")
    editor.post(f"{BASE}{office.pk}/person/{person.pk}/entfernen/")
    editor.post(f"{BASE}{office.pk}/entfernen/")
    with all_cities("test"):
        assert not Office.objects.exists()
        assert not SpecialDay.objects.exists()


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("neu/", {"name": ""}),
        ("neu/", {"name": "A", "opens_0_0": "12:00", "closes_0_0": "08:00"}),
        ("sondertage/", {"begins": "2031-05-06", "ends": "2031-05-05", "reason": "x"}),
        ("sondertage/", {"begins": "2031-05-06", "opens": "10:00", "reason": "x"}),
    ],
)
def test_wrong_entries_are_named_at_the_form(client_for, office, path, data):
    answer = client_for("editor").post(BASE + path, data)
    assert answer.status_code == 422
    assert 'class="error"' in answer.content.decode()
    with all_cities("test"):
        assert (Office.objects.count(), SpecialDay.objects.count()) == (1, 0)


def test_absence_needs_both_days(client_for, office):
    data = {"name": "Elif", "position": "1", "absent_from": "2031-01-01"}
    answer = client_for("editor").post(f"{BASE}{office.pk}/person/", data)
    assert answer.status_code == 422
    assert "beide Tage" in answer.content.decode()
