"""Pages of the call ledger: a city's calls, and calls of nobody. Call-backs: ``handover_views``."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from callcenter.accounts.access import CityRequest, HouseRequest, for_roles, in_city
from callcenter.accounts.models import Role
from callcenter.calls import selectors, services
from callcenter.calls.forms import AssignForm, CallFilter
from callcenter.calls.models import Call
from tenants.models import Tenant

PER_PAGE = 50
SEES_CALLS = (Role.SUPERVISOR, Role.LIAISON, Role.ACCOUNTANT)
ASSIGNS = (Role.SUPERVISOR,)


def _cities(request: HouseRequest, roles: tuple[str, ...]) -> list[Tenant]:
    return list(Tenant.objects.filter(pk__in=request.user.tenant_ids(*roles), is_active=True))


@for_roles(*SEES_CALLS)
def home(request: HouseRequest) -> HttpResponse:
    return redirect("calls:list", city=_cities(request, SEES_CALLS)[0].slug)


@in_city(*SEES_CALLS)
def call_list(request: CityRequest) -> HttpResponse:
    """The city's calls, newest first; without callers and without agents."""
    form = CallFilter(request.GET or None)
    chosen = form.cleaned_data if form.is_valid() else {}
    calls = selectors.calls_of(request.city, day=chosen.get("tag"), outcome=chosen.get("ausgang", ""))
    query = request.GET.copy()
    query.pop("seite", None)
    context = {
        "city": request.city,
        "cities": _cities(request, SEES_CALLS),
        "form": form,
        "page": Paginator(calls, PER_PAGE).get_page(request.GET.get("seite")),
        "query": f"{query.urlencode()}&" if query else "",
        "may_assign": bool(request.user.tenant_ids(*ASSIGNS)),
    }
    return render(request, "calls/call_list.html", context, status=422 if form.errors else 200)


@in_city(*SEES_CALLS)
def call_detail(request: CityRequest, call: uuid.UUID) -> HttpResponse:
    """One call: what the telephone system told, and what was asked and answered."""
    found = get_object_or_404(Call.objects.select_related("line", "connector"), pk=call, tenant=request.city)
    context = {
        "city": request.city,
        "call": found,
        "contacts": selectors.contacts_of(found),
        "events": selectors.told_of(found),
    }
    return render(request, "calls/call_detail.html", context)


@for_roles(*ASSIGNS)
def unassigned(request: HouseRequest) -> HttpResponse:
    """Calls whose dialled number nobody knew; one choice gives a call its line."""
    page = Paginator(selectors.unassigned_calls(), PER_PAGE).get_page(request.GET.get("seite"))
    likely = services.likely_lines(call.dialled for call in page)
    context = {
        "page": page,
        "rows": [(call, likely.get(call.dialled)) for call in page],
        "numbers": selectors.unassigned_numbers(),
        "form": AssignForm(),
    }
    return render(request, "calls/call_unassigned.html", context)


@for_roles(*ASSIGNS)
def assign(request: HouseRequest, call: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(selectors.unassigned_calls(), pk=call)
    if request.method != "POST":
        return redirect("calls:unassigned")
    form = AssignForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Bitte wählen Sie eine Leitung."))
        return redirect("calls:unassigned")
    try:
        services.assign_line(user=request.user, call=found, line=form.cleaned_data["line"])
        messages.success(request, _("Der Anruf gehört jetzt zu %(line)s.") % {"line": form.cleaned_data["line"]})
    except services.Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("calls:unassigned")
