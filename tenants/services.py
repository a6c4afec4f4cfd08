"""Writing cities, lines and the directory; every step leaves its entry in the trail."""

from __future__ import annotations

from datetime import time

from django.db import transaction
from django.db.models import ProtectedError, Q
from django.utils.translation import gettext as _

from callcenter.audit.services import record
from tenants.models import Line, Office, OpeningHours, SpecialDay, StaffMember, Tenant
from tenants.scope import assert_in_scope


class LineTaken(ValueError):
    """The number already means a city in that time."""


class DirectoryRefusal(ValueError):
    """A step the directory refuses; the message is German and says what to do."""


@transaction.atomic
def save_city(*, city: Tenant, actor_id: int | None) -> Tenant:
    """Store a new or changed city."""
    created = city.pk is None
    city.save()
    record(
        action="city.created" if created else "city.changed",
        actor_id=actor_id,
        tenant_id=city.pk,
        object_type="tenant",
        object_id=city.pk,
    )
    return city


@transaction.atomic
def save_line(*, line: Line, actor_id: int | None) -> Line:
    """Store a line; raises LineTaken when the number means a city already in that time.

    Checked over all cities: two of them must never claim the same number on the same day.
    """
    assert_in_scope(line.tenant_id)
    others = Line.objects.beyond_scope("a number may mean only one city").filter(number__iexact=line.number)
    others = others.filter(Q(valid_until__isnull=True) | Q(valid_until__gte=line.valid_from))
    if line.valid_until:
        others = others.filter(valid_from__lte=line.valid_until)
    if others.exclude(pk=line.pk).exists():
        raise LineTaken(
            "Diese Nummer ist in dem Zeitraum schon vergeben. Beenden Sie zuerst die Gültigkeit der anderen Leitung."
        )
    created = line.pk is None
    line.save()
    record(
        action="line.created" if created else "line.changed",
        actor_id=actor_id,
        tenant_id=line.tenant_id,
        object_type="line",
        object_id=line.pk,
        data={"number": line.number},
    )
    return line


@transaction.atomic
def save_office(*, office: Office, hours: list[tuple[int, time, time]], actor_id: int | None) -> Office:
    """Store an office with its opening hours (weekday 0 = Monday, local times)."""
    assert_in_scope(office.tenant_id)
    created = office.pk is None
    office.save()
    office.hours.all().delete()
    OpeningHours.objects.bulk_create(
        OpeningHours(tenant_id=office.tenant_id, office=office, weekday=day, opens=opens, closes=closes)
        for day, opens, closes in hours
    )
    record(
        action="office.created" if created else "office.changed",
        actor_id=actor_id,
        tenant_id=office.tenant_id,
        object_type="office",
        object_id=office.pk,
    )
    return office


@transaction.atomic
def delete_office(*, office: Office, actor_id: int | None) -> None:
    """Remove an office with its people and hours. Refused while call-backs name it: they are evidence."""
    assert_in_scope(office.tenant_id)
    office_id = office.pk
    try:
        with transaction.atomic():
            office.delete()
    except ProtectedError:
        raise DirectoryRefusal(
            _("Zu diesem Amt gibt es Rückrufe. Benennen Sie es um, statt es zu entfernen.")
        ) from None
    _note("office.deleted", "office", office_id, office.tenant_id, actor_id)


@transaction.atomic
def save_staff_member(*, person: StaffMember, actor_id: int | None) -> StaffMember:
    """Store a person of an office; the office and the stand-in belong to the same city."""
    assert_in_scope(person.tenant_id)
    if person.office.tenant_id != person.tenant_id:
        raise DirectoryRefusal(_("Dieses Amt gehört zu einer anderen Stadt."))
    if person.stand_in is not None and (person.stand_in.tenant_id != person.tenant_id or person.stand_in == person):
        raise DirectoryRefusal(_("Die Vertretung muss eine andere Person derselben Stadt sein."))
    created = person.pk is None
    person.save()
    _note("staff.created" if created else "staff.changed", "staff", person.pk, person.tenant_id, actor_id)
    return person


@transaction.atomic
def delete_staff_member(*, person: StaffMember, actor_id: int | None) -> None:
    """Remove a person; who named them as stand-in has none afterwards."""
    assert_in_scope(person.tenant_id)
    person_id = person.pk
    person.delete()
    _note("staff.deleted", "staff", person_id, person.tenant_id, actor_id)


@transaction.atomic
def save_special_day(*, day: SpecialDay, actor_id: int | None) -> SpecialDay:
    """Store days with other hours, of one office or of the whole city."""
    assert_in_scope(day.tenant_id)
    if day.office is not None and day.office.tenant_id != day.tenant_id:
        raise DirectoryRefusal(_("Dieses Amt gehört zu einer anderen Stadt."))
    day.save()
    _note("special_day.saved", "special_day", day.pk, day.tenant_id, actor_id)
    return day


@transaction.atomic
def delete_special_day(*, day: SpecialDay, actor_id: int | None) -> None:
    """The usual hours hold again."""
    assert_in_scope(day.tenant_id)
    day_id = day.pk
    day.delete()
    _note("special_day.deleted", "special_day", day_id, day.tenant_id, actor_id)


def _note(action: str, kind: str, object_id: int, tenant_id: int, actor_id: int | None) -> None:
    record(action=action, actor_id=actor_id, tenant_id=tenant_id, object_type=kind, object_id=object_id)
