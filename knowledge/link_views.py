"""Editors: links in published articles that lead nowhere."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role
from knowledge import links, tasks


@in_city(Role.EDITOR)
@require_GET
def show(request: CityRequest) -> HttpResponse:
    """What does not answer, since when, and where it stands."""
    context = {"city": request.city, "broken": links.broken_in(request.city), "checked": links.last_checked()}
    return render(request, "knowledge/link_list.html", context)


@in_city(Role.EDITOR)
@require_POST
def check(request: CityRequest) -> HttpResponse:
    """Ask every address again, beside the page."""
    tasks.check_links.delay(everything=True)
    messages.success(request, _("Die Links werden jetzt geprüft. Laden Sie die Seite in einer Minute neu."))
    return redirect("knowledge:links", request.city.slug)
