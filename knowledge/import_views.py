"""Reading files in, with a look before anything is written; and taking everything out."""

from __future__ import annotations

import uuid

from django import forms
from django.contrib import messages
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role
from knowledge import pack
from knowledge.exporting import export_lines
from knowledge.importing import table, upload
from knowledge.importing.apply import undo
from knowledge.importing.records import Refused
from knowledge.models import ImportRun, ImportState
from knowledge.services import KnowledgeRefusal
from tenants.models import Tenant
from tenants.scope import current_scope, scoped

PRINTERS = (Role.AGENT, Role.EDITOR, Role.SUPERVISOR)


class UploadForm(forms.Form):
    file = forms.FileField()


@in_city(Role.EDITOR, wide=True)
def imports(request: CityRequest) -> HttpResponse:
    """What was read in for this city, and the form for the next file."""
    error = ""
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                run = upload.preview(upload=form.cleaned_data["file"], tenant=request.city, actor=request.user)
                return redirect("knowledge:import", request.city.slug, run.pk)
            except KnowledgeRefusal as refusal:
                error = str(refusal)
        else:
            error = _("Bitte wählen Sie eine Datei, die nicht leer ist.")
    runs = ImportRun.objects.filter(tenant=request.city).select_related("actor")[:50]
    context = {"city": request.city, "runs": runs, "error": error, "paper_from": pack.made_at(_own_cities(request))}
    return render(request, "knowledge/import_list.html", context, status=422 if error else 200)


@in_city(Role.EDITOR, wide=True)
@require_GET
def show(request: CityRequest, run: uuid.UUID) -> HttpResponse:
    """One file: what it would do, how far it is, or what came of it."""
    found = _run(request, run)
    by_reason: dict[str, list[Refused]] = {}
    for refused in (Refused(**entry) for entry in found.refused):
        by_reason.setdefault(refused.german, []).append(refused)
    most_first = sorted(by_reason.items(), key=lambda group: -len(group[1]))
    context = {"city": request.city, "run": found, "refused": most_first, "listed": len(found.refused)}
    partial = request.htmx  # type: ignore[attr-defined]
    return render(request, "knowledge/_import.html" if partial else "knowledge/import_detail.html", context)


@in_city(Role.EDITOR, wide=True)
@require_POST
def start(request: CityRequest, run: uuid.UUID) -> HttpResponse:
    upload.start(run=_run(request, run))
    return redirect("knowledge:import", request.city.slug, run)


@in_city(Role.EDITOR, wide=True)
@require_POST
def take_back(request: CityRequest, run: uuid.UUID) -> HttpResponse:
    found = _run(request, run)
    try:
        if found.state != ImportState.DONE:
            raise KnowledgeRefusal(_("Zurücknehmen lässt sich nur, was eingelesen ist."))
        count = undo(run=found, actor=request.user)
        messages.success(request, _("Zurückgenommen: %(count)s Texte.") % {"count": count})
    except KnowledgeRefusal as refusal:
        messages.error(request, str(refusal))
    return redirect("knowledge:import", request.city.slug, run)


@in_city(Role.EDITOR)
@require_GET
def template(request: CityRequest) -> HttpResponse:
    """The table to fill in."""
    response = HttpResponse(table.template(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="artikel-vorlage.csv"'
    return response


@in_city(Role.EDITOR, wide=True)
@require_GET
def export(request: CityRequest) -> StreamingHttpResponse:
    """Everything published for the cities the user edits, as JSON Lines."""
    cities = current_scope().tenant_ids or frozenset()

    def lines():
        # The response is sent after the request's own scope is closed.
        with scoped(cities):
            found = list(export_lines())
        yield from (line + "\n" for line in found)

    response = StreamingHttpResponse(lines(), content_type="application/x-ndjson; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="wissen.jsonl"'
    return response


@in_city(*PRINTERS, wide=True)
@require_GET
def paper(request: CityRequest) -> FileResponse:
    """The last paper edition of the cities the user reads; made now when there is none yet."""
    cities = _own_cities(request)
    path = pack.path_of(cities)
    if not path.exists():
        path = pack.keep(cities=cities)
    return FileResponse(path.open("rb"), as_attachment=True, filename="wissen-auf-papier.pdf")


@in_city(Role.EDITOR, Role.SUPERVISOR, wide=True)
@require_POST
def paper_anew(request: CityRequest) -> HttpResponse:
    from knowledge.tasks import print_pack

    print_pack.delay([city.pk for city in _own_cities(request)])
    messages.success(request, _("Das Heft wird erstellt. In etwa einer Minute steht die neue Ausgabe hier."))
    return redirect("knowledge:imports", request.city.slug)


def _own_cities(request: CityRequest) -> list[Tenant]:
    return list(Tenant.objects.filter(pk__in=request.user.tenant_ids(*PRINTERS), is_active=True))


def _run(request: CityRequest, run: uuid.UUID) -> ImportRun:
    return get_object_or_404(ImportRun.objects.select_related("actor"), pk=run, tenant=request.city)
