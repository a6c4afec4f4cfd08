"""Promises and alarms of a city, its report on paper, and who gets it by mail."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role
from callcenter.supervision import reports, services
from callcenter.supervision.models import Targets
from callcenter.supervision.pages import SEES_FIGURES, Asked, asked_for, tabs
from callcenter.supervision.reports import XLSX


class TargetsForm(forms.ModelForm):
    """Shares are entered as whole per cent."""

    class Meta:
        model = Targets
        fields = ["short_abandon_s", "service_hours_only", "alarm_waiting", "alarm_wait_s"]

    service_level = forms.IntegerField(label=_("Zusage: rechtzeitig angenommen (Prozent)"), min_value=1, max_value=99)
    first_contact = forms.IntegerField(
        label=_("Zusage: im ersten Kontakt erledigt (Prozent)"), min_value=1, max_value=99
    )
    field_order = ["service_level", "first_contact"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("service_level", "first_contact"):
            self.initial[name] = round(getattr(self.instance, name) * 100)

    def values(self) -> dict[str, Decimal | int]:
        shares = {name: Decimal(self.cleaned_data[name]) / 100 for name in ("service_level", "first_contact")}
        return self.cleaned_data | shares


@in_city(Role.SUPERVISOR)
def targets(request: CityRequest) -> HttpResponse:
    """What was promised, and when the wallboard calls for help."""
    form = TargetsForm(request.POST or None, instance=Targets.of(request.city))
    if request.method == "POST" and form.is_valid():
        services.change_targets(city=request.city, by=request.user, values=form.values())
        messages.success(request, gettext("Die Zusagen gelten ab sofort, auch für vergangene Zeiträume."))
        return redirect("supervision:targets", city=request.city.slug)
    context = tabs(request) | {"city": request.city, "form": form}
    return render(request, "supervision/targets_edit.html", context, status=422 if form.errors else 200)


def _file(asked: Asked, ending: str, content: bytes | str, kind: str) -> HttpResponse:
    name = f"{asked.view.look.city.slug}-bericht-{asked.period.first}-{asked.period.last}.{ending}"
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@in_city(*SEES_FIGURES)
def report_pdf(request: CityRequest) -> HttpResponse:
    """The dashboard of the address, on paper."""
    asked = asked_for(request, request.city)
    if asked.form.errors:
        return HttpResponse("\n".join(asked.form.sentences()), status=422, content_type="text/plain; charset=utf-8")
    pdf = reports.as_pdf(asked.view, reports.title_of(asked.view))
    return _file(asked, "pdf", pdf, "application/pdf")


@in_city(*SEES_FIGURES)
def report_csv(request: CityRequest) -> HttpResponse:
    """Every value of the dashboard as a row of its own."""
    asked = asked_for(request, request.city)
    if asked.form.errors:
        return HttpResponse("\n".join(asked.form.sentences()), status=422, content_type="text/plain; charset=utf-8")
    return _file(asked, "csv", reports.as_long_csv(asked.view), "text/csv; charset=utf-8")


@in_city(*SEES_FIGURES)
def report_xlsx(request: CityRequest) -> HttpResponse:
    """The dashboard as a workbook: a sheet for each figure."""
    asked = asked_for(request, request.city)
    if asked.form.errors:
        return HttpResponse("\n".join(asked.form.sentences()), status=422, content_type="text/plain; charset=utf-8")
    return _file(asked, "xlsx", reports.as_xlsx(asked.view), XLSX)


@in_city(*SEES_FIGURES)
@require_POST
def subscription(request: CityRequest) -> HttpResponse:
    """Get the monthly report by mail, or no longer."""
    if "abbestellen" in request.POST:
        services.unsubscribe(city=request.city, user=request.user)
        messages.success(request, gettext("Der Monatsbericht kommt nicht mehr."))
    elif not request.user.email:
        messages.error(request, gettext("An Ihrem Konto steht keine E-Mail-Adresse. Bitte lassen Sie sie eintragen."))
    else:
        services.subscribe(city=request.city, user=request.user, now=timezone.now())
        messages.success(request, gettext("Der Bericht kommt an jedem Monatsersten an Ihre E-Mail-Adresse."))
    return redirect("supervision:overview", city=request.city.slug)
