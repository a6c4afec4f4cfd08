"""A city's judged queries: the list with its figures, a measurement, and two settings beside each other."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role
from knowledge import judging, steering
from knowledge.models import JudgedQuery
from tenants.models import Tenant

PAGE = 50
SHOWN = {
    "": gettext_lazy("alle"),
    "verfehlt": gettext_lazy("nicht unter den ersten drei"),
    "neu": gettext_lazy("noch nicht gemessen"),
}


class JudgedForm(forms.Form):
    """A question with the article that answers it."""

    query = forms.CharField(
        label=gettext_lazy("Frage"),
        max_length=250,
        help_text=gettext_lazy("Wie sie am Telefon gestellt oder am Arbeitsplatz getippt wird."),
    )
    article = forms.TypedChoiceField(label=gettext_lazy("Richtiger Artikel"), coerce=uuid.UUID)
    also = forms.TypedChoiceField(
        label=gettext_lazy("Auch richtig"), coerce=uuid.UUID, required=False, empty_value=None
    )

    def __init__(self, *args: Any, city: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        articles = [(str(key), title) for key, title in steering.articles_of(city)]
        for name, nothing in (("article", _("Bitte wählen")), ("also", _("kein weiterer"))):
            self.fields[name].choices = [("", nothing), *articles]  # type: ignore[attr-defined]

    def articles(self) -> list[uuid.UUID]:
        return [each for each in (self.cleaned_data["article"], self.cleaned_data["also"]) if each]


@in_city(Role.EDITOR)
@require_GET
def show(request: CityRequest) -> HttpResponse:
    """The questions, the newest figures beside the ones before, and what was really asked."""
    return _page(request, JudgedForm(city=request.city))


def _page(request: CityRequest, form: JudgedForm, *, status: int = 200, error: str = "") -> HttpResponse:
    city = request.city
    runs = judging.latest(city)
    measured = judging.stored(city=city, run=runs[0]) if runs else None
    before = judging.stored(city=city, run=runs[1]).answers if len(runs) > 1 else {}
    answers = measured.answers if measured else {}
    shown = request.GET.get("zeigen", "")
    rows = [
        (row, answers.get(row.pk), before.get(row.pk))
        for row in JudgedQuery.objects.filter(tenant=city).prefetch_related("articles")
    ]
    rows.sort(key=lambda each: _urgency(each[1]))  # stable: by name among equals
    total = len(rows)
    if shown == "verfehlt":
        rows = [each for each in rows if each[1] and each[1].rank not in (1, 2, 3)]
    elif shown == "neu":
        rows = [each for each in rows if each[1] is None]
    context = {
        "city": city,
        "form": form,
        "error": error,
        "runs": runs,
        "figures": judging.shown(runs[0].figures, runs[1].figures if len(runs) > 1 else None) if runs else [],
        "total": total,
        "page": Paginator(rows, PAGE).get_page(request.GET.get("seite")),
        "query": f"zeigen={shown}&" if shown in SHOWN and shown else "",
        "shown": shown,
        "filters": SHOWN,
        "confusions": judging.confusions(answers.values())[:10],
        "settings": judging.settings_of(city),
        "asked": judging.asked(city),
    }
    return render(request, "knowledge/judged_list.html", context, status=status)


def _urgency(answer: judging.Answer | None) -> int:
    """What needs a hand stands first: not measured, not found, far below."""
    return -12 if answer is None else -(answer.rank or 11)


@in_city(Role.EDITOR)
@require_POST
def measure(request: CityRequest) -> HttpResponse:
    """Ask every question now and keep the figures."""
    try:
        run = judging.keep_measurement(user=request.user, city=request.city)
        messages.success(
            request,
            _("Gemessen: Von %(n)s Prüffragen steht bei %(hits)s die richtige Antwort unter den ersten drei.")
            % {"n": run.figures["n"], "hits": round(run.figures["hit@3"] * run.figures["n"])},
        )
    except judging.Refused as refusal:
        messages.error(request, str(refusal))
    return _back(request)


@in_city(Role.EDITOR)
@require_POST
def add(request: CityRequest) -> HttpResponse:
    form = JudgedForm(request.POST, city=request.city)
    if form.is_valid():
        try:
            query = form.cleaned_data["query"]
            judging.add_query(user=request.user, city=request.city, query=query, articles=form.articles())
            messages.success(request, _("„%(query)s“ ist eine Prüffrage.") % {"query": query})
            return _back(request)
        except judging.Refused as refusal:
            form.add_error(None, str(refusal))
    return _page(request, form, status=422)


@in_city(Role.EDITOR)
@require_POST
def remove(request: CityRequest, judged: int) -> HttpResponse:
    row = get_object_or_404(JudgedQuery, tenant=request.city, pk=judged)
    judging.remove_query(user=request.user, city=request.city, row=row)
    messages.success(request, _("„%(query)s“ ist keine Prüffrage mehr.") % {"query": row.query})
    return _back(request)


@in_city(Role.EDITOR)
@require_POST
def upload(request: CityRequest) -> HttpResponse:
    """A table of questions; what cannot be taken in is named with its line."""
    file = request.FILES.get("file")
    try:
        content = file.read(judging.MOST_FILE_BYTES + 1) if file else b""
        added, refused = judging.read_queries(user=request.user, city=request.city, content=content)
    except judging.Refused as refusal:
        return _page(request, JudgedForm(city=request.city), status=422, error=str(refusal))
    done = ngettext("%(n)s Prüffrage ist neu oder ergänzt.", "%(n)s Prüffragen sind neu oder ergänzt.", added)
    messages.success(request, done % {"n": added})
    for reason in refused[: judging.MOST_REFUSALS]:
        messages.warning(request, reason)
    if len(refused) > judging.MOST_REFUSALS:
        more = len(refused) - judging.MOST_REFUSALS
        messages.warning(request, _("%(n)s weitere Zeilen wurden ebenso abgelehnt.") % {"n": more})
    return _back(request)


@in_city(Role.EDITOR)
@require_GET
def table(request: CityRequest) -> HttpResponse:
    """The questions as a file that ``evaluate_search`` takes."""
    response = HttpResponse(judging.as_table(request.city), content_type="text/tab-separated-values; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="pruefragen-{request.city.slug}.tsv"'
    return response


@in_city(Role.EDITOR)
@require_GET
def compare(request: CityRequest) -> HttpResponse:
    """Two settings, figure by figure and query by query."""
    city = request.city
    keys = (request.GET.get("links", judging.SHIPPED), request.GET.get("rechts", judging.NOW))
    try:
        left, right = (judging.measure(city=city, key=key) for key in keys)
    except judging.Refused as refusal:
        messages.error(request, str(refusal))
        return _back(request)
    differences = judging.compare(left, right)
    context = {
        "city": city,
        "settings": judging.settings_of(city),
        "keys": keys,
        "left": left,
        "right": right,
        "figures": list(zip(judging.shown(left.figures), judging.shown(right.figures, left.figures), strict=True)),
        "differences": differences,
        "better": sum(each.gain > 0 for each in differences),
        "worse": sum(each.gain < 0 for each in differences),
    }
    return render(request, "knowledge/judged_compare.html", context)


def _back(request: CityRequest) -> HttpResponse:
    return redirect("knowledge:judged", city=request.city.slug)
