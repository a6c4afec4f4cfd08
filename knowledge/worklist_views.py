"""The editors' worklist."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role
from knowledge import worklist
from knowledge.models import WorklistItem
from knowledge.services import KnowledgeRefusal


@in_city(Role.EDITOR, Role.SUPERVISOR)
@require_GET
def show(request: CityRequest) -> HttpResponse:
    """What callers asked and agents did not find, most pressing first."""
    closed = WorklistItem.objects.filter(tenant=request.city, closed_at__isnull=False)
    entries = worklist.entries(city=request.city)
    context = {
        "city": request.city,
        "pressing": [entry for entry in entries if not entry.is_faint],
        "faint": [entry for entry in entries if entry.is_faint],
        "closed": closed.select_related("closed_by").order_by("-closed_at")[:20],
        "is_editor": request.user.may(request.city, [Role.EDITOR]),
        "create_url": reverse("knowledge:create", kwargs={"city": request.city.slug}),
    }
    return render(request, "knowledge/worklist_show.html", context)


@in_city(Role.EDITOR)
@require_POST
def claim(request: CityRequest) -> HttpResponse:
    try:
        worklist.claim(city=request.city, user=request.user, **_named(request))
    except KnowledgeRefusal as refusal:
        messages.error(request, str(refusal))
    return redirect("knowledge:worklist", request.city.slug)


@in_city(Role.EDITOR)
@require_POST
def close(request: CityRequest) -> HttpResponse:
    try:
        worklist.close(city=request.city, user=request.user, answer=request.POST.get("answer", ""), **_named(request))
        messages.success(request, _("Abgeschlossen. Fragt wieder jemand danach, steht es wieder hier."))
    except KnowledgeRefusal as refusal:
        messages.error(request, str(refusal))
    return redirect("knowledge:worklist", request.city.slug)


def _named(request: CityRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "") for name in ("key", "title")}
