"""Editors build question sets: what an office wants to know before it calls back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role
from callcenter.calls import selectors, services
from callcenter.calls.forms import QuestionFormSet, QuestionSetForm
from callcenter.calls.models import QuestionSet
from knowledge.models import EffectiveArticle
from tenants.models import Tenant


@in_city(Role.EDITOR)
def question_sets(request: CityRequest) -> HttpResponse:
    """The city's question sets: where each is asked, and how many questions it has."""
    sets = list(selectors.question_sets(request.city))
    keys = [each.article_id for each in sets if each.article_id]
    answers = EffectiveArticle.objects.filter(tenant=request.city, article__in=keys)
    titles = dict(answers.values_list("article_id", "title"))
    rows = [(each, titles.get(each.article_id, "") if each.article_id else "") for each in sets]
    return render(request, "calls/question_set_list.html", {"city": request.city, "rows": rows})


@in_city(Role.EDITOR)
def create(request: CityRequest) -> HttpResponse:
    return _edit(request, None)


@in_city(Role.EDITOR)
def edit(request: CityRequest, question_set: int) -> HttpResponse:
    return _edit(request, get_object_or_404(QuestionSet, pk=question_set, tenant=request.city))


def _edit(request: CityRequest, stored: QuestionSet | None) -> HttpResponse:
    form = QuestionSetForm(request.POST or None, city=request.city, initial=_initial(stored))
    # What was sent counts as it is: a row equal to the stored one is a question all the same.
    rows = QuestionFormSet(request.POST or None, prefix="frage", initial=None if request.POST else _questions(stored))
    if request.method == "POST" and form.is_valid() and rows.is_valid():
        try:
            _save(request, stored, form.cleaned_data, rows.cleaned_data)
            messages.success(request, _("Gespeichert. Die Fragen stehen sofort an jedem Arbeitsplatz."))
            return redirect("calls:question_sets", city=request.city.slug)
        except services.Refused as refusal:
            form.add_error(None, str(refusal))
    context = {"city": request.city, "question_set": stored, "form": form, "rows": rows}
    status = 422 if form.errors or (rows.is_bound and not rows.is_valid()) else 200
    return render(request, "calls/question_set_edit.html", context, status=status)


def _initial(stored: QuestionSet | None) -> dict[str, Any]:
    if stored is None:
        return {"is_active": True}
    return {
        "name": stored.name,
        "article": stored.article_id,
        "office": stored.office_id,
        "is_active": stored.is_active,
    }


def _questions(stored: QuestionSet | None) -> list[dict[str, Any]]:
    if stored is None:
        return []
    return [
        {
            "label": question.label,
            "kind": question.kind,
            "choices": ", ".join(question.choices),
            "prefill": question.prefill,
            "required": question.required,
        }
        for question in stored.questions.all()
    ]


def _save(request: CityRequest, stored: QuestionSet | None, data: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    city: Tenant = request.city
    services.save_question_set(
        user=request.user,
        city=city,
        question_set=stored,
        name=data["name"],
        article=data["article"].article if data["article"] else None,
        office=data["office"],
        is_active=data["is_active"],
        questions=[services.QuestionRow(**row) for row in rows if row and row["label"].strip()],
    )


@in_city(Role.EDITOR)
@require_POST
def delete(request: CityRequest, question_set: int) -> HttpResponse:
    """Take a set away; answers already given stay with their call-backs."""
    stored = get_object_or_404(QuestionSet, pk=question_set, tenant=request.city)
    services.delete_question_set(user=request.user, question_set=stored)
    messages.success(request, _("Der Fragebogen ist gelöscht."))
    return redirect("calls:question_sets", city=request.city.slug)
