"""Pages of billing. The operator's accountant works here; the client's people read what was issued."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from billing import ledger, pages, selectors, services, wording
from billing.closing import version_for
from billing.evidence import invoice_csv, line_csv
from billing.forms import CancelForm, CloseForm
from billing.models import Invoice, InvoiceStatus, UsageRecord
from billing.months import Month
from billing.refusals import Refusal
from callcenter.accounts.access import CityRequest, HouseRequest, for_roles, in_city
from callcenter.accounts.models import Role
from callcenter.calls.models import Call, Contact

READERS = (Role.ACCOUNTANT, Role.LIAISON)
TYPES = {"xml": "application/xml", "pdf": "application/pdf"}


def attempt(request: CityRequest, deed: Callable[[], object], done: str) -> bool:
    """Do it and say so, or show why not."""
    try:
        deed()
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return False
    messages.success(request, done)
    return True


def visible(request: CityRequest, pk: uuid.UUID) -> Invoice:
    return get_object_or_404(selectors.visible_invoices(request.user, request.city), pk=pk)


def operated(request: CityRequest, pk: uuid.UUID) -> Invoice:
    return get_object_or_404(selectors.operated_invoices(request.user, request.city), pk=pk)


@for_roles(*READERS)
@require_GET
def home(request: HouseRequest) -> HttpResponse:
    return redirect("billing:list", city=pages.cities_of(request.user)[0].slug)


@in_city(*READERS)
@require_GET
def invoice_list(request: CityRequest) -> HttpResponse:
    context = pages.list_context(request.user, request.city, request.GET.get("seite"))
    return render(request, "billing/invoice_list.html", context)


@in_city(*READERS)
@require_GET
def older_invoices(request: CityRequest, agreement: uuid.UUID) -> HttpResponse:
    """All invoices of one agreement, page by page."""
    found = get_object_or_404(selectors.visible_agreements(request.user, request.city), pk=agreement)
    context = pages.older_context(request.user, request.city, found, request.GET.get("seite"))
    return render(request, "billing/invoice_older.html", context)


@in_city(Role.ACCOUNTANT)
@require_POST
def month_close(request: CityRequest) -> HttpResponse:
    agreements = selectors.visible_agreements(request.user, request.city).filter(operator=request.city)
    form = CloseForm(agreements, request.POST)
    if not form.is_valid():
        for found in form.errors.get_json_data().values():
            messages.error(request, found[0]["message"])
        context = pages.list_context(request.user, request.city)
        return render(request, "billing/invoice_list.html", context, status=422)
    agreement, month = form.cleaned_data["agreement"], form.cleaned_data["month"]
    try:
        closing = services.close_period(agreement=agreement, month=month, actor=request.user)
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("billing:list", city=request.city.slug)
    said = (
        _("Der %(month)s ist abgeschlossen; der Entwurf liegt bereit.")
        if closing.created
        else _("Der %(month)s war schon abgeschlossen; hier ist seine Rechnung.")
    )
    messages.success(request, said % {"month": month.label})
    return redirect("billing:invoice", city=request.city.slug, invoice=closing.invoice.pk)


@in_city(*READERS)
@require_GET
def agreement_view(request: CityRequest, agreement: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(selectors.visible_agreements(request.user, request.city), pk=agreement)
    current = version_for(found, Month.containing(timezone.localdate()), found.versions.all())
    versions = [
        {
            "version": version,
            "prices": wording.terms_in_words(version.prices),
            "billable": wording.billable_in_words(version.prices.billable),
            "is_current": version == current,
        }
        for version in sorted(found.versions.all(), key=lambda version: version.valid_from, reverse=True)
    ]
    may_change = found.operator_id == request.city.pk and selectors.as_operator(request.user, request.city)
    context = {"city": request.city, "agreement": found, "versions": versions, "may_change": may_change}
    return render(request, "billing/agreement_view.html", context)


@in_city(*READERS)
@require_GET
def invoice_view(request: CityRequest, invoice: uuid.UUID) -> HttpResponse:
    context = pages.invoice_context(request.user, request.city, visible(request, invoice))
    context["paid_form"] = pages.paid_form(context)
    return render(request, "billing/invoice_view.html", context)


@in_city(*READERS)
@require_safe
def document(request: CityRequest, invoice: uuid.UUID, kind: str) -> HttpResponse:
    """The stored bytes, unchanged."""
    found = visible(request, invoice)
    stored = found.documents.filter(format=kind).first()
    if stored is None:
        messages.error(request, _("Die Dokumente entstehen beim Ausstellen. Dies ist noch ein Entwurf."))
        return redirect("billing:invoice", city=request.city.slug, invoice=found.pk)
    response = HttpResponse(bytes(stored.content), content_type=TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="{found.number}.{kind}"'
    return response


@in_city(*READERS)
@require_safe
def evidence(request: CityRequest, invoice: uuid.UUID) -> StreamingHttpResponse:
    """The calls of the invoice's month; read before the answer begins, since the scope closes with the view."""
    found = visible(request, invoice)
    content = ["\ufeff", *invoice_csv(found)]
    response = StreamingHttpResponse(iter(content), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{found.number or found.period.as_month}-anrufe.csv"'
    return response


@in_city(*READERS)
@require_safe
def line_evidence(request: CityRequest, invoice: uuid.UUID, position: int) -> HttpResponse:
    """The calls behind one line as CSV."""
    found = visible(request, invoice)
    line = pages.line_of(found, position)
    if line is None:
        raise Http404
    response = HttpResponse("\ufeff" + "".join(line_csv(line)), content_type="text/csv; charset=utf-8")
    name = f"{found.number or found.period.as_month}-position-{position}-anrufe.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@in_city(*READERS)
@require_GET
def line_calls(request: CityRequest, invoice: uuid.UUID, position: int) -> HttpResponse:
    found = visible(request, invoice)
    line = pages.line_of(found, position)
    if line is None:
        raise Http404
    page = Paginator(selectors.line_calls(line), 50).get_page(request.GET.get("seite"))
    context = {
        "city": request.city,
        "invoice": found,
        "line": line,
        "page": page,
        "totals": selectors.line_totals(line),
        "billable": wording.billable_in_words(found.period.version.prices.billable),
        **pages.question_context(request.user, request.city, line),
        "zone": found.agreement.client.zone,
    }
    return render(request, "billing/line_calls.html", context)


@in_city(*READERS)
@require_GET
def line_call(request: CityRequest, invoice: uuid.UUID, position: int, call: uuid.UUID) -> HttpResponse:
    """One call as billed, beside what the ledger of calls says; nothing about caller or staff."""
    found = visible(request, invoice)
    line = pages.line_of(found, position)
    if line is None or not selectors.stands_behind(line, call):
        raise Http404
    reason = "a call on an invoice that this person may see"
    context = {
        "city": request.city,
        "invoice": found,
        "line": line,
        "usage": get_object_or_404(UsageRecord, pk=call),
        "call": Call.objects.beyond_scope(reason).select_related("line").get(pk=call),
        "contacts": Contact.objects.beyond_scope(reason).filter(call=call).select_related("article"),
        "zone": found.agreement.client.zone,
        "utc": UTC,
    }
    return render(request, "billing/line_call.html", context)


def rated_invoice(invoice: Invoice) -> Invoice:
    """The invoice that was rated: of a cancellation its original, of a correction or credit the invoice it is for."""
    while original := invoice.cancels or invoice.adjusts:
        invoice = original
    return invoice


@in_city(*READERS)
@require_POST
def rate_again(request: CityRequest, invoice: uuid.UUID) -> HttpResponse:
    """Rate the frozen list anew, before the reader's eyes."""
    found = visible(request, invoice)
    rated = rated_invoice(found)
    problems = list(ledger.rerating_problems(rated, list(rated.lines.order_by("position"))))
    if problems or ledger.list_hash_differs(found.period):
        messages.error(request, _("Die Nachrechnung weicht ab. Bitte wenden Sie sich an die Verwaltung des Programms."))
    else:
        messages.success(
            request,
            _("Nachgerechnet: Die %(calls)s eingefrorenen Anrufe ergeben wieder genau diese Positionen.")
            % {"calls": found.period.calls},
        )
    return redirect("billing:invoice", city=request.city.slug, invoice=found.pk)


@in_city(Role.ACCOUNTANT)
@require_POST
def review(request: CityRequest, own: uuid.UUID) -> HttpResponse:
    invoice = operated(request, own)
    attempt(
        request,
        lambda: services.review_invoice(invoice=invoice, actor=request.user),
        _("Der Entwurf ist geprüft. Ausstellen muss ihn eine andere Person."),
    )
    return redirect("billing:invoice", city=request.city.slug, invoice=own)


@in_city(Role.ACCOUNTANT)
def issue(request: CityRequest, own: uuid.UUID) -> HttpResponse:
    """Say what issuing means, then do it."""
    invoice = operated(request, own)
    if request.method != "POST":
        context = pages.invoice_context(request.user, request.city, invoice)
        return render(request, "billing/invoice_issue.html", context)
    attempt(
        request,
        lambda: services.issue_invoice(invoice=operated(request, own), actor=request.user),
        _("Die Rechnung ist ausgestellt."),
    )
    return redirect("billing:invoice", city=request.city.slug, invoice=own)


@in_city(Role.ACCOUNTANT)
def cancel(request: CityRequest, own: uuid.UUID) -> HttpResponse:
    """Say what cancelling means, ask for the reason, then do it."""
    invoice = operated(request, own)
    form = CancelForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        attempt(
            request,
            lambda: services.cancel_invoice(invoice=invoice, reason=reason, actor=request.user),
            _("Der Beleg ist storniert. Nach einer Rechnung können Sie für den Monat neu entwerfen."),
        )
        return redirect("billing:invoice", city=request.city.slug, invoice=own)
    possible = invoice.kind in services.CANCELLABLE and invoice.is_issued and invoice.status != InvoiceStatus.CANCELLED
    context = {"city": request.city, "invoice": invoice, "form": form, "possible": possible}
    return render(request, "billing/invoice_cancel.html", context, status=422 if request.method == "POST" else 200)


@in_city(Role.ACCOUNTANT)
@require_POST
def redraft(request: CityRequest, own: uuid.UUID) -> HttpResponse:
    invoice = operated(request, own)
    try:
        draft = services.redraft_invoice(invoice=invoice, actor=request.user)
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("billing:invoice", city=request.city.slug, invoice=own)
    messages.success(request, _("Der neue Entwurf beruht auf derselben eingefrorenen Anrufliste."))
    return redirect("billing:invoice", city=request.city.slug, invoice=draft.pk)
