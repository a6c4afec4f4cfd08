"""The directory: offices, who is there, whether they are open; and its care by editors and administrators."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role
from knowledge.directory_forms import WEEKDAYS, OfficeForm, SpecialDayForm, StaffForm
from tenants import directory
from tenants.models import Office, SpecialDay, StaffMember, Tenant
from tenants.opening import day_of
from tenants.services import (
    DirectoryRefusal,
    delete_office,
    delete_special_day,
    delete_staff_member,
    save_office,
    save_special_day,
    save_staff_member,
)

READERS = (Role.AGENT, Role.EDITOR, Role.SUPERVISOR, Role.LIAISON)
DAYS_SHOWN = 7


@in_city(*READERS)
@require_GET
def offices(request: CityRequest) -> HttpResponse:
    """Every office of the city, or those in which the words stand; the fragment alone for htmx."""
    query = request.GET.get("q", "").strip()[:120]
    context = {
        "city": request.city,
        "query": query,
        "cities": Tenant.objects.filter(pk__in=request.user.tenant_ids(*READERS), is_active=True),
        "entries": directory.offices(city=request.city, query=query),
        "is_editor": request.user.may(request.city, [Role.EDITOR]),
    }
    partial = request.htmx  # type: ignore[attr-defined]
    return render(request, "knowledge/_offices.html" if partial else "knowledge/office_list.html", context)


@in_city(*READERS)
@require_GET
def office(request: CityRequest, office: int) -> HttpResponse:
    """One office: open now, to whom to put through, the week to come, the people."""
    found = directory.entry(city=request.city, office_id=office)
    if found is None:
        raise Http404
    today = timezone.localdate(timezone=request.city.zone)
    schedule = directory.schedules(city=request.city, office_ids=[office])[office]
    dates = [today + timedelta(days=ahead) for ahead in range(DAYS_SHOWN)]
    week = [{"date": date, "name": WEEKDAYS[date.weekday()], "day": day_of(schedule, date)} for date in dates]
    people = [{"person": person, "is_absent": directory.is_absent(person, today)} for person in found.staff]
    context = {
        "city": request.city,
        "entry": found,
        "office": found.office,
        "week": week,
        "people": people,
        "is_editor": request.user.may(request.city, [Role.EDITOR]),
    }
    return render(request, "knowledge/office_detail.html", context)


@in_city(Role.EDITOR)
def office_create(request: CityRequest) -> HttpResponse:
    return _office_form(request, Office(tenant=request.city, town=request.city.town, postcode=request.city.postcode))


@in_city(Role.EDITOR)
def office_edit(request: CityRequest, office: int) -> HttpResponse:
    return _office_form(request, get_object_or_404(Office, tenant=request.city, pk=office))


def _office_form(request: CityRequest, office: Office) -> HttpResponse:
    form = OfficeForm(request.POST or None, instance=office)
    if request.method == "POST" and form.is_valid():
        saved = save_office(office=form.save(commit=False), hours=form.opening_hours(), actor_id=request.user.pk)
        messages.success(request, _("Gespeichert."))
        return redirect("knowledge:office", request.city.slug, saved.pk)
    context = {"city": request.city, "form": form, "office": office}
    return render(request, "knowledge/office_edit.html", context, status=422 if form.errors else 200)


@in_city(Role.EDITOR)
@require_POST
def office_delete(request: CityRequest, office: int) -> HttpResponse:
    found = get_object_or_404(Office, tenant=request.city, pk=office)
    try:
        delete_office(office=found, actor_id=request.user.pk)
    except DirectoryRefusal as refusal:
        messages.error(request, str(refusal))
        return redirect("knowledge:office", request.city.slug, office)
    messages.success(request, _("Entfernt."))
    return redirect("knowledge:directory", request.city.slug)


@in_city(Role.EDITOR)
def staff_create(request: CityRequest, office: int) -> HttpResponse:
    found = get_object_or_404(Office, tenant=request.city, pk=office)
    return _staff_form(request, StaffMember(tenant=request.city, office=found))


@in_city(Role.EDITOR)
def staff_edit(request: CityRequest, office: int, staff: int) -> HttpResponse:
    return _staff_form(request, _person(request, office, staff))


def _staff_form(request: CityRequest, person: StaffMember) -> HttpResponse:
    form = StaffForm(request.POST or None, instance=person, city=request.city)
    if request.method == "POST" and form.is_valid():
        try:
            save_staff_member(person=form.save(commit=False), actor_id=request.user.pk)
            messages.success(request, _("Gespeichert."))
            return redirect("knowledge:office", request.city.slug, person.office_id)
        except DirectoryRefusal as refusal:
            form.add_error(None, str(refusal))
    context = {"city": request.city, "form": form, "person": person, "office": person.office}
    return render(request, "knowledge/staff_edit.html", context, status=422 if form.errors else 200)


@in_city(Role.EDITOR)
@require_POST
def staff_delete(request: CityRequest, office: int, staff: int) -> HttpResponse:
    delete_staff_member(person=_person(request, office, staff), actor_id=request.user.pk)
    messages.success(request, _("Entfernt."))
    return redirect("knowledge:office", request.city.slug, office)


@in_city(Role.EDITOR)
def special_days(request: CityRequest) -> HttpResponse:
    """Days with other hours, and the next one; for one office or for all."""
    asked = request.GET.get("amt", "")
    initial = {"office": int(asked)} if asked.isdecimal() else {}
    form = SpecialDayForm(
        request.POST or None, instance=SpecialDay(tenant=request.city), city=request.city, initial=initial
    )
    if request.method == "POST" and form.is_valid():
        save_special_day(day=form.save(commit=False), actor_id=request.user.pk)
        messages.success(request, _("Gespeichert."))
        return redirect("knowledge:special_days", request.city.slug)
    context = {"city": request.city, "form": form, "days": directory.special_days(city=request.city)}
    return render(request, "knowledge/special_days.html", context, status=422 if form.errors else 200)


@in_city(Role.EDITOR)
@require_POST
def special_day_delete(request: CityRequest, special: int) -> HttpResponse:
    day = get_object_or_404(SpecialDay, tenant=request.city, pk=special)
    delete_special_day(day=day, actor_id=request.user.pk)
    messages.success(request, _("Entfernt."))
    return redirect("knowledge:special_days", request.city.slug)


def _person(request: CityRequest, office: int, staff: int) -> StaffMember:
    people = StaffMember.objects.select_related("office")
    return get_object_or_404(people, tenant=request.city, office=office, pk=staff)
