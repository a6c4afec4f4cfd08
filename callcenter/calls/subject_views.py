"""A caller asks what is kept about their number, or wants it gone: for the city's administrators."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role
from callcenter.calls.forms import SubjectForm
from callcenter.calls.services import Refused, subjects


def _show(request: CityRequest, form: SubjectForm, kept: subjects.Kept | None = None) -> HttpResponse:
    context = {"city": request.city, "form": form, "kept": kept}
    return render(request, "calls/subject_show.html", context, status=422 if form.errors else 200)


@in_city(Role.ADMINISTRATOR)
def subject(request: CityRequest) -> HttpResponse:
    """Look a number up; the look itself is recorded. By POST, so that no number stands in an address or a log."""
    form = SubjectForm(request.POST or None)
    kept = None
    if request.method == "POST" and form.is_valid():
        try:
            kept = subjects.export(user=request.user, city=request.city, **form.cleaned_data)
        except Refused as refusal:
            form.add_error("number", str(refusal))
    return _show(request, form, kept)


@in_city(Role.ADMINISTRATOR)
@require_POST
def export(request: CityRequest) -> HttpResponse:
    """The same as a file for the person who asked."""
    form = SubjectForm(request.POST)
    if not form.is_valid():
        return _show(request, form)
    try:
        kept = subjects.export(user=request.user, city=request.city, **form.cleaned_data)
    except Refused as refusal:
        form.add_error("number", str(refusal))
        return _show(request, form)
    response = JsonResponse(kept.as_json(), json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = 'attachment; filename="auskunft.json"'
    return response


@in_city(Role.ADMINISTRATOR)
@require_POST
def erase(request: CityRequest) -> HttpResponse:
    """Delete at once what would be deleted by the city's days anyway."""
    form = SubjectForm(request.POST)
    if not form.is_valid():
        return _show(request, form)
    try:
        gone = subjects.erase(user=request.user, city=request.city, **form.cleaned_data)
    except Refused as refusal:
        form.add_error("number", str(refusal))
        return _show(request, form)
    counts = {"calls": len(gone.calls), "handovers": len(gone.handovers)}
    told = _("Gelöscht: Rufnummer, Notizen und Rückruftexte zu %(calls)s Anrufen und %(handovers)s Rückrufen.")
    messages.success(request, told % counts)
    return redirect("calls:subject", city=request.city.slug)
