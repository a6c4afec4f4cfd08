"""Pages on which an agreement and its versions are entered."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from billing import agreements, selectors
from billing.agreement_forms import AgreementForm, EndForm, StartForm, TermsForm, VersionForm
from billing.refusals import Refusal
from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role


def _page(request: CityRequest, frame: BaseForm, terms: TermsForm, version: VersionForm, **more: Any) -> HttpResponse:
    context = {"city": request.city, "frame": frame, "terms": terms, "version": version, **more}
    return render(request, "billing/agreement_edit.html", context, status=422 if request.method == "POST" else 200)


@in_city(Role.ACCOUNTANT)
def agreement_new(request: CityRequest) -> HttpResponse:
    posted = request.POST or None
    frame, terms, version = AgreementForm(request.city, posted), TermsForm(posted), VersionForm(posted)
    if request.method == "POST" and all([frame.is_valid(), terms.is_valid(), version.is_valid()]):
        fields = dict(frame.cleaned_data)
        try:
            made = agreements.create_agreement(
                operator=request.city,
                client=fields.pop("client"),
                fields=fields,
                terms=terms.cleaned_data["terms"],
                settings=version.cleaned_data,
                actor=request.user,
            )
        except Refusal as refusal:
            frame.add_error(None, str(refusal))
        else:
            messages.success(request, _("Die Vereinbarung ist angelegt."))
            return redirect("billing:agreement", city=request.city.slug, agreement=made.pk)
    return _page(request, frame, terms, version)


@in_city(Role.ACCOUNTANT)
def version_new(request: CityRequest, agreement: uuid.UUID) -> HttpResponse:
    """A new version starts from what the newest one says."""
    own = selectors.visible_agreements(request.user, request.city).filter(operator=request.city)
    found = get_object_or_404(own, pk=agreement)
    newest = found.versions.order_by("valid_from").last()
    posted = request.POST or None
    frame = StartForm(posted)
    terms = TermsForm(posted, base=newest.prices if newest else None)
    shown = {name: getattr(newest, name) for name in VersionForm.Meta.fields} if newest else None
    version = VersionForm(posted, initial=shown)
    if request.method == "POST" and all([frame.is_valid(), terms.is_valid(), version.is_valid()]):
        try:
            agreements.add_version(
                agreement=found,
                valid_from=frame.cleaned_data["valid_from"],
                terms=terms.cleaned_data["terms"],
                settings=version.cleaned_data,
                actor=request.user,
            )
        except Refusal as refusal:
            frame.add_error(None, str(refusal))
        else:
            messages.success(request, _("Die neue Fassung ist angelegt."))
            return redirect("billing:agreement", city=request.city.slug, agreement=found.pk)
    return _page(request, frame, terms, version, agreement=found)


@in_city(Role.ACCOUNTANT)
def agreement_end(request: CityRequest, agreement: uuid.UUID) -> HttpResponse:
    """Say what ending means, ask for the day, then do it."""
    own = selectors.visible_agreements(request.user, request.city).filter(operator=request.city)
    found = get_object_or_404(own, pk=agreement)
    form = EndForm(request.POST or None, initial={"ends_on": found.ends_on})
    if request.method == "POST" and form.is_valid():
        try:
            agreements.end_agreement(agreement=found, ends_on=form.cleaned_data["ends_on"], actor=request.user)
        except Refusal as refusal:
            form.add_error("ends_on", str(refusal))
        else:
            messages.success(request, _("Das Ende der Vereinbarung ist vermerkt."))
            return redirect("billing:agreement", city=request.city.slug, agreement=found.pk)
    context = {"city": request.city, "agreement": found, "form": form}
    return render(request, "billing/agreement_end.html", context, status=422 if request.method == "POST" else 200)
