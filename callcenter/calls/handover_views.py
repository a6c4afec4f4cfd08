"""Pages of call-backs: what offices owe, one call-back with its log, and the office's own page behind its link."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from callcenter.accounts.access import HouseRequest, for_roles, public
from callcenter.accounts.models import Role
from callcenter.calls import links, selectors, services
from callcenter.calls.forms import ForwardForm, StepForm
from callcenter.calls.models import Handover, HandoverStep
from tenants.scope import scoped

PER_PAGE = 50
SEES_HANDOVERS = (Role.AGENT, Role.SUPERVISOR)
VIEWS = ("offen", "zurueck", "ueberfaellig", "erledigt")
DONE_SENTENCES = {
    HandoverStep.DONE: gettext_lazy("Der Rückruf ist erledigt."),
    HandoverStep.TRIED: gettext_lazy("Vermerkt: nicht erreicht. Der Rückruf bleibt offen."),
    HandoverStep.ACCEPTED: gettext_lazy("Vermerkt: Der Rückruf ist in Arbeit."),
    HandoverStep.RETURNED: gettext_lazy("Der Rückruf liegt wieder beim Telefonservice."),
}


@for_roles(*SEES_HANDOVERS)
def handovers(request: HouseRequest) -> HttpResponse:
    """Call-backs of the user's cities: owed ones first, the most urgent on top."""
    view = request.GET.get("ansicht", "offen")
    if view not in VIEWS:
        raise Http404
    mine = bool(request.GET.get("meine"))
    found = selectors.handovers(
        owed=view != "erledigt",
        mine=request.user if mine else None,
        returned=view == "zurueck",
        late=view == "ueberfaellig",
    )
    context = {
        "page": Paginator(found, PER_PAGE).get_page(request.GET.get("seite")),
        "view": view,
        "mine": mine,
        "query": f"ansicht={view}&{'meine=1&' if mine else ''}",
    }
    return render(request, "calls/handover_list.html", context)


def _found(handover: uuid.UUID) -> Handover:
    rows = Handover.objects.select_related("tenant", "office", "person", "contact__article", "created_by")
    return get_object_or_404(rows, pk=handover)


@for_roles(*SEES_HANDOVERS)
def handover(request: HouseRequest, handover: uuid.UUID) -> HttpResponse:
    """One call-back: what is owed, to whom, and what became of it."""
    found = _found(handover)
    form = StepForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.take_step(handover=found, step=data["step"], note=data["note"], actor_id=request.user.pk)
            messages.success(request, DONE_SENTENCES[data["step"]])
            done = data["step"] == HandoverStep.DONE
            return redirect("calls:handovers") if done else redirect("calls:handover", handover=found.pk)
        except services.Refused as refusal:
            form.add_error("note", str(refusal))
    return _page(request, found, form, ForwardForm(city=found.tenant))


def _page(request: HouseRequest, found: Handover, form: StepForm, forward_form: ForwardForm) -> HttpResponse:
    context = {
        "handover": found,
        "form": form,
        "forward_form": forward_form,
        "number": selectors.callback_number(found),
        "answers": services.answers_of(found),
        "log": selectors.log_of(found),
        "link": links.office_link(found),
    }
    status = 422 if form.errors or forward_form.errors else 200
    return render(request, "calls/handover_detail.html", context, status=status)


@for_roles(*SEES_HANDOVERS)
@require_POST
def forward(request: HouseRequest, handover: uuid.UUID) -> HttpResponse:
    """Another office owes the call-back from now on."""
    found = _found(handover)
    form = ForwardForm(request.POST, city=found.tenant)
    if form.is_valid():
        try:
            services.forward_handover(user=request.user, handover=found, **form.cleaned_data)
            messages.success(request, _("Der Rückruf ist weitergegeben; der Termin bleibt."))
            return redirect("calls:handover", handover=found.pk)
        except services.Refused as refusal:
            form.add_error("office", str(refusal))
    return _page(request, found, StepForm(), form)


@for_roles(*SEES_HANDOVERS)
@require_POST
def reopen(request: HouseRequest, handover: uuid.UUID) -> HttpResponse:
    """It was not done after all."""
    found = _found(handover)
    try:
        services.reopen_handover(user=request.user, handover=found)
        messages.success(request, _("Der Rückruf ist wieder offen; das Amt bekommt eine Nachricht."))
    except services.Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("calls:handover", handover=found.pk)


@public("a signed, expiring link that only the office got")
def answer(request: HouseRequest, token: str) -> HttpResponse:
    """The office answers a call-back without an account."""
    found = links.handover_of(token)
    if found is None:
        return render(request, "calls/handover_expired.html", status=404)
    with scoped([found.tenant_id]):
        form = StepForm(request.POST or None)
        noted = ""
        if request.method == "POST" and form.is_valid():
            data = form.cleaned_data
            try:
                found = services.take_step(handover=found, step=data["step"], note=data["note"], actor_id=None)
                noted, form = data["step"], StepForm()
            except services.Refused as refusal:
                form.add_error("note", str(refusal))
        context = {
            "handover": found,
            "form": form,
            "number": selectors.callback_number(found),
            "answers": services.answers_of(found),
            "log": selectors.log_of(found),
            "noted": noted,
        }
        return render(request, "calls/handover_answer.html", context, status=422 if form.errors else 200)
