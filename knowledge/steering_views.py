"""Editors steer the search: rules with a preview, and every ranking opened field by field."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role
from knowledge import judging, steering
from knowledge.forms import PinForm, SynonymForm, WordForm
from knowledge.models import PinnedAnswer, SynonymRule, WordRule
from knowledge.search import api
from tenants.models import Tenant

FORMS: dict[str, Any] = {"synonym": SynonymForm, "pin": PinForm, "word": WordForm}


def _rules(kind: str, city: Tenant) -> Any:
    if kind == "pin":
        return PinnedAnswer.objects.filter(tenant=city)
    return SynonymRule.objects.all() if kind == "synonym" else WordRule.objects.all()


@in_city(Role.EDITOR)
def show(request: CityRequest) -> HttpResponse:
    """The rules in force, the forms for new ones, and one query taken apart."""
    return _page(request, {})


def _page(request: CityRequest, bound: dict[str, Any], *, status: int = 200, **more: Any) -> HttpResponse:
    city = request.city
    query = request.GET.get("q", "").strip()[:250]
    context: dict[str, Any] = {
        "city": city,
        "query": query,
        "explained": api.explained(query, tenant=city) if query else [],
        "synonyms": SynonymRule.objects.all(),
        "words": WordRule.objects.all(),
        "pins": steering.pins_of(city),
    }
    for kind, form in FORMS.items():
        context[f"{kind}_form"] = bound.get(kind) or form(city=city, prefix=kind)
    return render(request, "knowledge/steering_show.html", context | more, status=status)


@in_city(Role.EDITOR)
@require_POST
def add(request: CityRequest, kind: str) -> HttpResponse:
    """Try a rule on the recorded queries first; a second press puts it in force."""
    form = FORMS[kind](request.POST, city=request.city, prefix=kind)
    if form.is_valid():
        rule = form.rule()
        if "preview" in request.POST:
            tried, changed = steering.preview(city=request.city, rule=rule)
            judged = judging.effect(city=request.city, after=steering.with_rule(api.steering(), rule))
            return _page(request, {kind: form}, previewed=kind, tried=tried, changed=changed, judged=judged)
        try:
            steering.save_rule(user=request.user, city=request.city, rule=rule)
            messages.success(request, _("Die Regel gilt jetzt an jedem Arbeitsplatz."))
            return redirect("knowledge:steering", city=request.city.slug)
        except steering.Refused as refusal:
            form.add_error(None, str(refusal))
    return _page(request, {kind: form}, status=422)


@in_city(Role.EDITOR)
@require_POST
def remove(request: CityRequest, kind: str) -> HttpResponse:
    number = request.POST.get("rule", "")
    rule = _rules(kind, request.city).filter(pk=int(number)).first() if number.isdecimal() else None
    if rule is None:
        messages.info(request, _("Diese Regel gibt es nicht mehr."))
    else:
        steering.delete_rule(user=request.user, city=request.city, rule=rule)
        messages.success(request, _("Die Regel gilt nicht mehr."))
    return redirect("knowledge:steering", city=request.city.slug)
