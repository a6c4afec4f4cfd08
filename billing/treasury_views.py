"""Pages for the treasury and for auditors: signed statements, finance file, journal, export."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from billing import documents, finance, journal, retention, selectors, treasury
from billing.bookkeeping import Step
from billing.forms import FinanceForm, SpanForm
from billing.gobd import exportable_years, note_export, write_export
from billing.views import attempt, visible
from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role

SHOWN = 8  # rows of the finance file's preview


@in_city(Role.ACCOUNTANT)
@require_POST
def sign(request: CityRequest, invoice: uuid.UUID, step: str) -> HttpResponse:
    found = visible(request, invoice)
    if step not in Step.values:
        raise Http404
    attempt(
        request,
        lambda: treasury.certify(invoice=found, city=request.city, step=Step(step), actor=request.user),
        _("Unterschrieben und versiegelt."),
    )
    return redirect("billing:invoice", city=request.city.slug, invoice=found.pk)


@in_city(Role.ACCOUNTANT)
@require_GET
def order(request: CityRequest, invoice: uuid.UUID) -> HttpResponse:
    """The payment order of this city as PDF, with what was signed so far."""
    found = visible(request, invoice)
    if not found.is_issued:
        messages.error(request, _("Die Anordnung gibt es, sobald die Rechnung ausgestellt ist."))
        return redirect("billing:invoice", city=request.city.slug, invoice=found.pk)
    data = documents.data_of(found, list(found.lines.order_by("position")))
    response = HttpResponse(treasury.order_letter(found, request.city, data), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{found.number}-anordnung.pdf"'
    return response


def _span(request: CityRequest) -> SpanForm:
    """What was asked for, or last month until today."""
    today = timezone.now().astimezone(request.city.zone).date()
    first = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    if "first" in request.GET:
        return SpanForm(request.GET)
    return SpanForm({"first": first.isoformat(), "last": today.isoformat()})


def _rows(request: CityRequest, span: SpanForm) -> list[dict[str, object]]:
    invoices = selectors.visible_invoices(request.user, request.city).filter(
        number__isnull=False, issued_on__range=(span.cleaned_data["first"], span.cleaned_data["last"])
    )
    return list(treasury.finance_rows(invoices.order_by("issued_on", "number"), request.city))


@in_city(Role.ACCOUNTANT)
def finance_page(request: CityRequest) -> HttpResponse:
    """Choose a time, see the first rows, fetch the file; below, how the file is written."""
    stored = treasury.format_of(request.city)
    form = FinanceForm(request.POST or None, instance=stored)
    if request.method == "POST" and form.is_valid():
        treasury.save_format(stored=form.save(commit=False), actor=request.user)
        messages.success(request, _("Die Datei wird ab jetzt so geschrieben."))
        return redirect("billing:finance", city=request.city.slug)
    span = _span(request)
    context: dict[str, Any] = {
        "city": request.city,
        "tab": "finance",
        "form": form,
        "span": span,
        "fields": finance.FIELDS,
    }
    context |= {"table": [], "headings": [], "count": 0}
    if span.is_valid():
        fmt = treasury.plain_format(treasury.format_of(request.city))
        rows = _rows(request, span)
        context |= {"table": finance.table(rows[:SHOWN], fmt), "count": len(rows)}
        context["headings"] = [column.heading for column in fmt.columns]
    return render(request, "billing/finance_page.html", context, status=422 if request.method == "POST" else 200)


@in_city(Role.ACCOUNTANT)
@require_GET
def finance_file(request: CityRequest) -> HttpResponse:
    span = _span(request)
    if not span.is_valid():
        return redirect("billing:finance", city=request.city.slug)
    stored = treasury.format_of(request.city)
    rows = _rows(request, span)
    content = finance.write(rows, treasury.plain_format(stored))
    first, last = span.cleaned_data["first"], span.cleaned_data["last"]
    digest = hashlib.sha256(content).hexdigest()
    treasury.note_handover(
        city=request.city, first=first, last=last, count=len(rows), digest=digest, actor=request.user
    )
    response = HttpResponse(content, content_type=f"text/csv; charset={stored.encoding}")
    response["Content-Disposition"] = f'attachment; filename="kasse-{first}-{last}.csv"'
    return response


@in_city(Role.ACCOUNTANT)
@require_GET
def journal_page(request: CityRequest) -> HttpResponse:
    """Every deed with its hash; on request the chain is worked out again."""
    page = Paginator(journal.entries(request.city), 50).get_page(request.GET.get("seite"))
    checked = "pruefen" in request.GET
    context = {
        "city": request.city,
        "tab": "journal",
        "page": page,
        "rows": journal.rows(list(page)),
        "checked": checked,
        "problems": list(journal.problems(request.city)) if checked else [],
        "keeping": retention.keep_until(timezone.localdate(), settings.RETENTION_YEARS[retention.BOOKS]),
    }
    return render(request, "billing/journal_page.html", context)


@in_city(Role.ACCOUNTANT)
@require_GET
def audit_page(request: CityRequest) -> HttpResponse:
    context = {
        "city": request.city,
        "tab": "audit",
        "years": exportable_years(request.city, selectors.visible_invoices(request.user, request.city)),
    }
    return render(request, "billing/audit_page.html", context)


@in_city(Role.ACCOUNTANT)
@require_GET
def audit_file(request: CityRequest) -> HttpResponseBase:
    """The year for auditors as one ZIP; on disk meanwhile, for it can be large."""
    asked = request.GET.get("jahr", "")
    if not (asked.isdecimal() and len(asked) == 4):
        return redirect("billing:audit", city=request.city.slug)
    year = int(asked)
    target = tempfile.TemporaryFile()  # noqa: SIM115  # the response closes it
    counts = write_export(request.city, year, target)
    note_export(city=request.city, year=year, counts=counts, actor=request.user)
    target.seek(0)
    return FileResponse(target, as_attachment=True, filename=f"pruefung-{request.city.slug}-{year}.zip")
