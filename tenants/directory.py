"""Reading the directory: offices, who is there, whether they are open, and to whom a call may go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Q, QuerySet
from django.utils import timezone

from tenants.models import Office, OpeningHours, SpecialDay, StaffMember, Tenant
from tenants.opening import Openness, Schedule, Special, Times, openness


@dataclass(frozen=True)
class Transfer:
    """To whom a caller is put through today. ``instead_of`` is who would be asked, were they there."""

    person: StaffMember | None
    phone: str
    instead_of: StaffMember | None = None


@dataclass(frozen=True)
class Entry:
    """An office as the directory shows it today."""

    office: Office
    state: Openness
    transfer: Transfer
    staff: Sequence[StaffMember]


def is_absent(person: StaffMember, day: date) -> bool:
    return bool(person.absent_from and person.absent_until and person.absent_from <= day <= person.absent_until)


def transfer_for(*, office: Office, staff: Iterable[StaffMember], day: date) -> Transfer:
    """The first who takes transfers and is there; for who is away, their stand-in; else the office's own number.

    A stand-in who is away too is passed over.
    """
    for person in staff:
        if not person.takes_transfers:
            continue
        if not is_absent(person, day):
            return Transfer(person, person.phone or office.phone)
        if person.stand_in is not None and not is_absent(person.stand_in, day):
            return Transfer(person.stand_in, person.stand_in.phone or office.phone, instead_of=person)
    return Transfer(None, office.phone)


def schedules(*, city: Tenant, office_ids: Iterable[int]) -> dict[int, Schedule]:
    """The hours of some offices of a city by id, in two queries."""
    ids = list(office_ids)
    today = timezone.localdate(timezone=city.zone)
    week: dict[int, dict[int, Times]] = defaultdict(dict)
    for office_id, weekday, opens, closes in OpeningHours.objects.filter(office__in=ids).values_list(
        "office_id", "weekday", "opens", "closes"
    ):
        week[office_id][weekday] = tuple(sorted((*week[office_id].get(weekday, ()), (opens, closes))))
    own: dict[int | None, list[Special]] = defaultdict(list)
    days = SpecialDay.objects.filter(Q(office__in=ids) | Q(office__isnull=True), tenant=city, ends__gte=today)
    for day in days:
        times = ((day.opens, day.closes),) if day.opens and day.closes else ()
        own[day.office_id].append(Special(day.begins, day.ends, day.reason, times))
    return {pk: Schedule(week.get(pk, {}), own.get(pk, ()), own.get(None, ()), city.land) for pk in ids}


def states(*, city: Tenant, office_ids: Iterable[int]) -> dict[int, Openness]:
    """Whether each of these offices is open now, by id."""
    now = timezone.localtime(timezone=city.zone)
    return {pk: openness(each, now) for pk, each in schedules(city=city, office_ids=office_ids).items()}


def offices(*, city: Tenant, query: str = "") -> list[Entry]:
    """The city's offices by name; with a query those in which every word stands, people included."""
    found = Office.objects.filter(tenant=city)
    for word in query.split():
        people = StaffMember.objects.filter(Q(name__icontains=word) | Q(function__icontains=word), tenant=city)
        found = found.filter(
            Q(name__icontains=word) | Q(responsibility__icontains=word) | Q(pk__in=people.values("office"))
        )
    return _entries(city, list(found))


def entry(*, city: Tenant, office_id: int) -> Entry | None:
    """One office of the city as it is today; another city's is None."""
    return next(iter(_entries(city, list(Office.objects.filter(tenant=city, pk=office_id)))), None)


def special_days(*, city: Tenant) -> QuerySet[SpecialDay]:
    """Days with other hours that are not over yet, the whole city's included."""
    today = timezone.localdate(timezone=city.zone)
    return SpecialDay.objects.filter(tenant=city, ends__gte=today).select_related("office")


def _entries(city: Tenant, found: list[Office]) -> list[Entry]:
    ids = [office.pk for office in found]
    today = timezone.localdate(timezone=city.zone)
    staff: dict[int, list[StaffMember]] = defaultdict(list)
    for person in StaffMember.objects.filter(tenant=city, office__in=ids).select_related("stand_in"):
        staff[person.office_id].append(person)
    state = states(city=city, office_ids=ids)
    return [
        Entry(
            office, state[office.pk], transfer_for(office=office, staff=staff[office.pk], day=today), staff[office.pk]
        )
        for office in found
    ]
