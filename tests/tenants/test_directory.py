"""To whom a call goes when somebody is away, and whose offices a city sees."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from django.utils import timezone

from callcenter.audit.models import AuditEntry
from callcenter.calls.models import Call, Contact, Handover
from tenants import directory
from tenants.models import Office, OpeningHours, SpecialDay, StaffMember
from tenants.scope import all_cities, scoped
from tenants.services import DirectoryRefusal, delete_office, save_staff_member

TODAY = date(2026, 11, 25)


@pytest.fixture
def office(dinslaken):
    with all_cities("test data"):
        made = Office.objects.create(tenant=dinslaken, name="Standesamt", responsibility="Urkunden", phone="100")
        OpeningHours.objects.bulk_create(
            OpeningHours(tenant=dinslaken, office=made, weekday=day, opens=time(8), closes=time(12)) for day in range(5)
        )
        return made


@pytest.fixture
def person(office):
    def make(name: str, **fields):
        with all_cities("test data"):
            return StaffMember.objects.create(tenant=office.tenant, office=office, name=name, **fields)

    return make


def target(office, *, day=TODAY):
    with all_cities("test"):
        staff = StaffMember.objects.filter(office=office).select_related("stand_in")
        found = directory.transfer_for(office=office, staff=staff, day=day)
    return (found.person and found.person.name, found.phone, found.instead_of and found.instead_of.name)


def test_first_in_line_is_asked_and_the_office_where_nobody_is(office, person):
    assert target(office) == (None, "100", None)
    person("Zweite", phone="102", position=2)
    person("Erste", phone="101", position=1)
    person("Intern", phone="103", position=0, takes_transfers=False)
    assert target(office) == ("Erste", "101", None)


def test_stand_in_is_named_while_somebody_is_away(office, person):
    """An agent would put the caller through to an empty room."""
    stand_in = person("Vertretung", phone="102", position=2)
    person("Erste", phone="101", position=1, stand_in=stand_in, absent_from=TODAY, absent_until=TODAY)
    assert target(office) == ("Vertretung", "102", "Erste")
    assert target(office, day=TODAY + timedelta(days=1)) == ("Erste", "101", None)


def test_stand_in_who_is_away_too_is_passed_over(office, person):
    away = {"absent_from": TODAY, "absent_until": TODAY}
    stand_in = person("Vertretung", phone="102", position=2, **away)
    person("Erste", phone="101", position=1, stand_in=stand_in, **away)
    assert target(office) == (None, "100", None)
    person("Dritte", position=3)
    assert target(office) == ("Dritte", "100", None)


def test_directory_finds_by_task_and_by_person_in_one_city_only(office, person, duisburg, dinslaken):
    person("Elif Kaya", function="Namensrecht")
    with all_cities("test data"):
        Office.objects.create(tenant=duisburg, name="Standesamt Duisburg")
    with scoped([dinslaken]):
        for query in ("urkunden", "kaya", "standes namens"):
            assert [each.office for each in directory.offices(city=dinslaken, query=query)] == [office]
        assert directory.offices(city=dinslaken, query="kaya hafen") == []
        assert len(directory.offices(city=dinslaken)) == 1


def test_directory_costs_the_same_for_one_and_three_offices(office, person, dinslaken, django_assert_num_queries):
    person("Eins")
    with scoped([dinslaken]), django_assert_num_queries(4):
        directory.offices(city=dinslaken)
    with all_cities("test data"):
        for name in ("B", "C"):
            Office.objects.create(tenant=dinslaken, name=name)
    with scoped([dinslaken]), django_assert_num_queries(4):
        directory.offices(city=dinslaken)


def test_special_day_of_the_city_reaches_every_office_and_another_citys_none(office, duisburg, dinslaken, time_machine):
    time_machine.move_to("2026-11-25T09:00:00+01:00")
    with all_cities("test data"):
        SpecialDay.objects.create(tenant=duisburg, begins=TODAY, ends=TODAY, reason="Karneval")
    with scoped([dinslaken]):
        assert directory.entry(city=dinslaken, office_id=office.pk).state.is_open
        SpecialDay.objects.create(tenant=dinslaken, begins=TODAY, ends=TODAY, reason="Betriebsausflug")
        state = directory.entry(city=dinslaken, office_id=office.pk).state
    assert (state.is_open, state.today.reason) == (False, "Betriebsausflug")


def test_stand_in_of_another_city_is_refused(office, person, duisburg):
    with all_cities("test"):
        elsewhere = Office.objects.create(tenant=duisburg, name="Amt")
        stranger = StaffMember.objects.create(tenant=duisburg, office=elsewhere, name="Fremd")
        own = person("Eigene")
        own.stand_in = stranger
        with pytest.raises(DirectoryRefusal, match="derselben Stadt"):
            save_staff_member(person=own, actor_id=None)
        own.stand_in = own
        with pytest.raises(DirectoryRefusal):
            save_staff_member(person=own, actor_id=None)


def test_office_with_call_backs_is_kept(office, dinslaken):
    """A call-back that is owed would lose who owes it."""
    now = timezone.now()
    with all_cities("test"):
        call = Call.objects.create(tenant=dinslaken, state="ended", offered_at=now)
        contact = Contact.objects.create(tenant=dinslaken, call=call, opened_at=now)
        handover = Handover.objects.create(tenant=dinslaken, contact=contact, office=office, request="x", due_at=now)
        with pytest.raises(DirectoryRefusal, match="Rückrufe"):
            delete_office(office=office, actor_id=None)
        handover.delete()
        delete_office(office=office, actor_id=None)
        assert not Office.objects.exists()
    assert AuditEntry.objects.filter(action="office.deleted").count() == 1
