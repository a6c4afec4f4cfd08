"""Pages of the administrators: cities, people, lines, the trail. Offices: knowledge/directory_views.py."""

from __future__ import annotations

from allauth.mfa.utils import is_mfa_enabled
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from callcenter.accounts.access import CityRequest, HouseRequest, for_roles, in_city
from callcenter.accounts.forms import CityForm, LineForm, PersonForm
from callcenter.accounts.models import Role, RoleRequest, User
from callcenter.accounts.selectors import people_of, trail_of
from callcenter.accounts.services import (
    LastAdministrator,
    SamePerson,
    decide_role,
    end_sessions,
    reset_second_factor,
    save_person,
)
from tenants.models import Line, Tenant
from tenants.services import LineTaken, save_city, save_line


@for_roles(Role.ADMINISTRATOR)
def home(request: HouseRequest) -> HttpResponse:
    cities = Tenant.objects.filter(pk__in=request.user.tenant_ids(Role.ADMINISTRATOR))
    return render(request, "accounts/administration.html", {"cities": cities})


@for_roles(Role.ADMINISTRATOR)
def city_create(request: HouseRequest) -> HttpResponse:
    """A new city; its creator becomes its first administrator."""
    form = CityForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        city = save_city(city=form.save(commit=False), actor_id=request.user.pk)
        save_person(user=request.user, city=city, roles=[Role.ADMINISTRATOR], actor_id=request.user.pk)
        messages.success(request, _("Die Stadt ist angelegt. Als Nächstes braucht sie eine Leitung."))
        return redirect("administration:lines", city=city.slug)
    return render(request, "accounts/city_edit.html", {"form": form}, status=422 if form.errors else 200)


@in_city(Role.ADMINISTRATOR)
def city_edit(request: CityRequest) -> HttpResponse:
    form = CityForm(request.POST or None, instance=Tenant.objects.get(pk=request.city.pk))
    if request.method == "POST" and form.is_valid():
        city = save_city(city=form.save(commit=False), actor_id=request.user.pk)
        messages.success(request, _("Gespeichert."))
        return redirect("administration:city_edit", city=city.slug)
    return render(
        request, "accounts/city_edit.html", {"form": form, "city": request.city}, status=422 if form.errors else 200
    )


@in_city(Role.ADMINISTRATOR)
def people(request: CityRequest) -> HttpResponse:
    city = request.city
    waiting = RoleRequest.objects.filter(tenant=city).select_related("user", "requested_by")
    context = {"city": city, "people": people_of(city), "waiting": waiting}
    return render(request, "accounts/people_list.html", context)


@in_city(Role.ADMINISTRATOR)
@require_POST
def role_decide(request: CityRequest, pk: int) -> HttpResponse:
    """A second administrator confirms or declines a weighty role."""
    asked = get_object_or_404(RoleRequest.objects.filter(tenant=request.city), pk=pk)
    try:
        decide_role(request=asked, user=request.user, confirmed="confirm" in request.POST)
        messages.success(request, _("Gespeichert."))
    except SamePerson as refusal:
        messages.error(request, str(refusal))
    return redirect("administration:people", city=request.city.slug)


def _person_here(request: CityRequest, pk: int) -> User:
    return get_object_or_404(User.objects.filter(memberships__tenant=request.city).distinct(), pk=pk)


@in_city(Role.ADMINISTRATOR)
@require_POST
def person_sessions(request: CityRequest, pk: int) -> HttpResponse:
    """Sign a person out everywhere."""
    person = _person_here(request, pk)
    ended = end_sessions(user=person, actor_id=request.user.pk, city=request.city)
    messages.success(request, _("Beendete Sitzungen: %(n)s.") % {"n": ended})
    return redirect("administration:person_edit", city=request.city.slug, pk=pk)


@in_city(Role.ADMINISTRATOR)
@require_POST
def person_second_factor(request: CityRequest, pk: int) -> HttpResponse:
    """Somebody lost their telephone or key."""
    person = _person_here(request, pk)
    if reset_second_factor(user=person, actor_id=request.user.pk, city=request.city):
        messages.success(
            request, _("Der zweite Faktor ist zurückgesetzt. Bei der nächsten Anmeldung genügt das Kennwort.")
        )
    else:
        messages.info(request, _("Diese Person hat keinen zweiten Faktor."))
    return redirect("administration:person_edit", city=request.city.slug, pk=pk)


@in_city(Role.ADMINISTRATOR)
def person_create(request: CityRequest) -> HttpResponse:
    return _person_form(request, User())


@in_city(Role.ADMINISTRATOR)
def person_edit(request: CityRequest, pk: int) -> HttpResponse:
    return _person_form(request, _person_here(request, pk))


def _person_form(request: CityRequest, user: User) -> HttpResponse:
    city = request.city
    held = list(user.memberships.filter(tenant=city).values_list("role", flat=True)) if user.pk else []
    form = PersonForm(request.POST or None, instance=user, initial={"roles": held})
    if request.method == "POST" and form.is_valid():
        try:
            save_person(
                user=form.save(commit=False),
                city=city,
                roles=form.cleaned_data["roles"],
                password=form.cleaned_data["password"],
                actor_id=request.user.pk,
            )
        except LastAdministrator as refusal:
            form.add_error("roles", str(refusal))
        else:
            messages.success(request, _("Gespeichert."))
            if RoleRequest.objects.filter(tenant=city, user=user).exists():
                messages.warning(
                    request, _("Verwaltung und Abrechnung gelten erst, wenn eine zweite Person sie bestätigt.")
                )
            return redirect("administration:people", city=city.slug)
    context = {"city": city, "form": form, "person": user}
    if user.pk:
        context["sessions"] = UserSession.objects.filter(user=user)
        context["second_factor"] = is_mfa_enabled(user)
    return render(request, "accounts/person_edit.html", context, status=422 if form.errors else 200)


@in_city(Role.ADMINISTRATOR)
def lines(request: CityRequest) -> HttpResponse:
    return render(request, "accounts/line_list.html", {"city": request.city, "lines": Line.objects.all()})


@in_city(Role.ADMINISTRATOR)
def line_create(request: CityRequest) -> HttpResponse:
    return _line_form(request, Line(tenant=request.city))


@in_city(Role.ADMINISTRATOR)
def line_edit(request: CityRequest, pk: int) -> HttpResponse:
    return _line_form(request, get_object_or_404(Line.objects.all(), pk=pk))


def _line_form(request: CityRequest, line: Line) -> HttpResponse:
    city = request.city
    form = LineForm(request.POST or None, instance=line)
    if request.method == "POST" and form.is_valid():
        try:
            save_line(line=form.save(commit=False), actor_id=request.user.pk)
        except LineTaken as refusal:
            form.add_error("number", str(refusal))
        else:
            messages.success(request, _("Gespeichert."))
            return redirect("administration:lines", city=city.slug)
    return render(request, "accounts/line_edit.html", {"city": city, "form": form}, status=422 if form.errors else 200)


@in_city(Role.ADMINISTRATOR)
def trail(request: CityRequest) -> HttpResponse:
    city = request.city
    page = Paginator(trail_of(city), 100).get_page(request.GET.get("seite"))
    return render(request, "accounts/trail.html", {"city": city, "page": page})
