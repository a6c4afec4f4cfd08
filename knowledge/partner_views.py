"""The partner city's pages: approve what is said in its name, propose corrections; and the editors' answers."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role
from knowledge import approvals, authoring, proposals, selectors
from knowledge.columns import Column, read_form
from knowledge.models import EffectiveArticle
from knowledge.models_authoring import Approval, Proposal
from knowledge.sanitise import SectionError
from knowledge.sections import SECTIONS
from knowledge.services import KnowledgeRefusal


@in_city(Role.LIAISON)
@require_GET
def show(request: CityRequest) -> HttpResponse:
    """What waits for the city's word, and what became of its proposals."""
    context = {
        "city": request.city,
        "asked": authoring.asked_of(approvals.open_for(request.city)),
        "open": proposals.open_of(request.city),
        "answered": proposals.recent_of(request.city),
    }
    return render(request, "knowledge/partner_show.html", context)


@in_city(Role.LIAISON)
@require_POST
def decide(request: CityRequest, approval: uuid.UUID) -> HttpResponse:
    """Approve, or say what is wrong."""
    found = get_object_or_404(Approval.objects.select_related("tenant"), pk=approval, tenant=request.city)
    granted = request.POST.get("answer") == "grant"

    def step() -> str:
        approvals.decide(approval=found, actor=request.user, granted=granted, comment=request.POST.get("comment", ""))
        return (
            _("Freigegeben. Die Redaktion kann veröffentlichen.")
            if granted
            else _("Ihr Einwand liegt der Redaktion vor.")
        )

    return _do(request, step, "knowledge:approvals")


@in_city(Role.LIAISON)
def propose(request: CityRequest, article: uuid.UUID) -> HttpResponse:
    """Correct what the city's callers are told; editors take it over."""
    effective = selectors.effective_article(city=request.city, article_id=article)
    if effective is None:
        raise Http404
    column = authoring.proposal_column(effective)
    if request.method != "POST":
        return _form(request, effective, column)
    try:
        column = read_form(column, request.POST)
        proposals.propose(
            effective=effective,
            actor=request.user,
            sections={key: cell.value for key, cell in column.cells.items()},
            reason=request.POST.get("reason", ""),
        )
    except (SectionError, KnowledgeRefusal) as refusal:
        return _form(request, effective, column, error=str(refusal), status=422)
    messages.success(request, _("Danke. Ihr Vorschlag liegt der Redaktion vor; die Antwort steht hier."))
    return redirect("knowledge:approvals", request.city.slug)


def _form(
    request: CityRequest, effective: EffectiveArticle, column: Column, *, error: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "city": request.city,
        "effective": effective,
        "column": column,
        "rows": [(section, column.cells[section.key]) for section in SECTIONS],
        "reason": request.POST.get("reason", ""),
        "error": error,
    }
    return render(request, "knowledge/proposal_create.html", context, status=status)


# --- the editors' side
@in_city(Role.EDITOR, wide=True)
@require_GET
def listed(request: CityRequest) -> HttpResponse:
    """What the city proposes, with the change word by word."""
    waiting = [(proposal, proposals.changes_of(proposal)) for proposal in proposals.open_of(request.city)]
    context = {"city": request.city, "waiting": waiting, "answered": proposals.recent_of(request.city)}
    return render(request, "knowledge/proposal_list.html", context)


@in_city(Role.EDITOR, wide=True)
@require_POST
def accept(request: CityRequest, proposal: uuid.UUID) -> HttpResponse:
    """Into the draft, and on to it."""
    found = _proposal(request, proposal)
    try:
        proposals.accept(proposal=found, actor=request.user)
    except KnowledgeRefusal as refusal:
        messages.error(request, str(refusal))
        return redirect("knowledge:proposals", request.city.slug)
    messages.success(request, _("Übernommen. Geben Sie den Entwurf zur Prüfung, wenn er stimmt."))
    return redirect("knowledge:review", request.city.slug, found.article_id)


@in_city(Role.EDITOR, wide=True)
@require_POST
def decline(request: CityRequest, proposal: uuid.UUID) -> HttpResponse:
    found = _proposal(request, proposal)

    def step() -> str:
        proposals.decline(proposal=found, actor=request.user, answer=request.POST.get("answer", ""))
        return _("Abgelehnt. Die Partnerstadt liest Ihre Antwort.")

    return _do(request, step, "knowledge:proposals")


@in_city(Role.EDITOR, wide=True)
@require_POST
def withdraw(request: CityRequest, approval: uuid.UUID) -> HttpResponse:
    """Publishing no longer waits for this city."""
    rows = Approval.objects.select_related("tenant", "revision")
    found = get_object_or_404(rows, pk=approval, revision__article__in=selectors.visible_articles())
    article = found.revision.article_id
    try:
        approvals.withdraw(approval=found, actor=request.user)
        messages.success(request, _("Die Bitte ist zurückgenommen."))
    except KnowledgeRefusal as refusal:
        messages.error(request, str(refusal))
    return redirect("knowledge:review", request.city.slug, article)


def _proposal(request: CityRequest, proposal: uuid.UUID) -> Proposal:
    return get_object_or_404(Proposal.objects.select_related("tenant"), pk=proposal, tenant=request.city)


def _do(request: CityRequest, step: Callable[[], str], then: str) -> HttpResponse:
    try:
        messages.success(request, step())
    except KnowledgeRefusal as refusal:
        messages.error(request, str(refusal))
    return redirect(then, request.city.slug)
