"""What-if, budget, costs and questions: the pages on which two cities look at their agreement together."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from billing import pages, partners, selectors, whatif
from billing.agreement_forms import TermsForm
from billing.closing import version_for
from billing.models import Agreement
from billing.months import ContractYear, Month
from billing.partner_forms import AnswerForm, BudgetForm, CostForm, QuestionForm
from billing.partner_models import BudgetLine, CostBasis, LineQuestion
from billing.refusals import Refusal
from billing.terms import Terms
from billing.views import READERS, operated, visible
from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role


def _agreement(request: CityRequest, pk: uuid.UUID) -> Agreement:
    return get_object_or_404(selectors.visible_agreements(request.user, request.city), pk=pk)


def _year(request: HttpRequest, years: list[ContractYear]) -> ContractYear:
    wanted = request.GET.get("jahr") or request.POST.get("jahr", "")
    return next((year for year in years if str(year.first) == wanted), years[0])


def _whatif(request: CityRequest, found: Agreement, budget_form: BudgetForm | None = None) -> dict[str, Any]:
    """The comparison; without entered terms both sides are the same, and the page shows where the year is heading."""
    now = timezone.now()
    years = whatif.years_of(found, now)
    if not years:
        return {"city": request.city, "agreement": found, "years": []}
    year = _year(request, years)
    version = version_for(found, min(year.last, Month.at(now, found.client.zone)), found.versions.all())
    base = version.prices if version else Terms()
    asked = "rechnen" in request.GET
    form = TermsForm(request.GET if asked else None, base=base)
    other = form.cleaned_data["terms"] if asked and form.is_valid() else base
    comparison = whatif.compare(found, year, other, now)
    budget = BudgetLine.objects.filter(agreement=found, year=year.first.first).first()
    is_client = found.client_id == request.city.pk
    return {
        "city": request.city,
        "agreement": found,
        "years": years,
        "year": year,
        "form": form,
        "asked": asked and form.is_valid(),
        "comparison": comparison,
        "chart": whatif.chart_of(comparison),
        "budget": budget,
        "left": budget.amount - comparison.now.middle if budget else None,
        "budget_form": (budget_form or BudgetForm(instance=budget)) if is_client else None,
        "operated": found.operator_id == request.city.pk and selectors.as_operator(request.user, request.city),
    }


@in_city(*READERS)
@require_GET
def what_if(request: CityRequest, agreement: uuid.UUID) -> HttpResponse:
    context = _whatif(request, _agreement(request, agreement))
    wrong = "rechnen" in request.GET and not context.get("asked")
    return render(request, "billing/whatif_show.html", context, status=422 if wrong else 200)


@in_city(*READERS)
@require_POST
def budget(request: CityRequest, agreement: uuid.UUID) -> HttpResponse:
    """The paying city's plan for the year; nobody else's to enter."""
    found = _agreement(request, agreement)
    years = whatif.years_of(found, timezone.now())
    if found.client_id != request.city.pk or not years:
        raise Http404
    year, form = _year(request, years), BudgetForm(request.POST)
    if not form.is_valid():
        return render(request, "billing/whatif_show.html", _whatif(request, found, form), status=422)
    partners.save_budget(agreement=found, year=year, actor=request.user, **form.cleaned_data)
    messages.success(request, _("Der Haushaltsansatz ist vermerkt."))
    response = redirect("billing:what_if", city=request.city.slug, agreement=found.pk)
    response["Location"] += f"?jahr={year.first}"
    return response


@in_city(Role.ACCOUNTANT)
def costs(request: CityRequest) -> HttpResponse:
    """What a call costs this city, and whether its prices stay within that."""
    known = {basis.year: basis for basis in CostBasis.objects.filter(tenant=request.city)}
    wanted = request.GET.get("jahr", "")
    shown = known.get(int(wanted)) if wanted.isdigit() and len(wanted) < 5 else None
    shown = shown or (known[max(known)] if known else None)
    form = CostForm(request.POST or None, initial=_shown(shown))
    if request.method == "POST" and form.is_valid():
        fields = dict(form.cleaned_data)
        year = fields.pop("year")
        partners.save_costs(city=request.city, year=year, fields=fields, actor=request.user)
        messages.success(request, _("Die Kosten für %(year)s sind vermerkt.") % {"year": year})
        response = redirect("billing:costs", city=request.city.slug)
        response["Location"] += f"?jahr={year}"
        return response
    context = {
        "city": request.city,
        "years": sorted(known, reverse=True),
        "form": form,
        "proof": partners.cost_proof(request.city, shown, timezone.now()) if shown else None,
    }
    return render(request, "billing/costs.html", context, status=422 if request.method == "POST" else 200)


def _shown(costs: CostBasis | None) -> dict[str, Any]:
    if costs is None:
        return {"year": timezone.localdate().year}
    return {name: getattr(costs, name) for name in CostForm.Meta.fields}


@in_city(*READERS)
@require_POST
def ask(request: CityRequest, invoice: uuid.UUID, position: int) -> HttpResponse:
    """The paying city asks about a line."""
    found = visible(request, invoice)
    line = pages.line_of(found, position)
    if line is None or found.agreement.client_id != request.city.pk:
        raise Http404
    form = QuestionForm(request.POST)
    if form.is_valid():
        try:
            partners.ask_question(line=line, text=form.cleaned_data["text"], actor=request.user)
        except Refusal as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("Ihre Rückfrage ist gestellt. Die Antwort erscheint hier."))
    else:
        messages.error(request, _("Bitte schreiben Sie Ihre Frage auf, höchstens 2.000 Zeichen."))
    response = redirect("billing:line", city=request.city.slug, invoice=found.pk, position=position)
    response["Location"] += "#rueckfragen"
    return response


@in_city(Role.ACCOUNTANT)
@require_POST
def answer(request: CityRequest, own: uuid.UUID, question: int) -> HttpResponse:
    """The operator answers a question about one of its invoices."""
    found = operated(request, own)
    asked = get_object_or_404(LineQuestion.objects.select_related("line"), pk=question, line__invoice=found)
    form = AnswerForm(request.POST)
    if form.is_valid():
        try:
            partners.answer_question(question=asked, actor=request.user, **form.cleaned_data)
        except Refusal as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("Ihre Antwort ist vermerkt."))
    else:
        messages.error(request, _("Bitte wählen Sie das Ergebnis und schreiben Sie eine Antwort."))
    response = redirect("billing:line", city=request.city.slug, invoice=found.pk, position=asked.line.position)
    response["Location"] += "#rueckfragen"
    return response
