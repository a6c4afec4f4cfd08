"""Pages of money: what is open, bank statements, matching, reminders; and corrections of invoices."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from billing import adjustments, matching, pages, payments, reminders, services
from billing.balance import days_overdue, waiting_invoices
from billing.bookkeeping import BankEntry, BankStatement, EntryState, Payment
from billing.dispatch import peppol_envelope
from billing.forms import AdjustForm, AdjustLineSet, PaidForm, StatementForm
from billing.models import Invoice, InvoiceKind
from billing.refusals import Refusal
from billing.reminders import next_reminder_on
from billing.views import attempt, operated
from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role
from tenants.models import Tenant


@dataclass(frozen=True)
class Received:
    """A sum to be looked at, with what it probably pays."""

    entry: BankEntry
    left: Decimal
    proposal: matching.Proposal | None
    parts: list[tuple[Invoice, Decimal]]

    @property
    def why(self) -> str:
        return str(self.proposal.why.value) if self.proposal else _("Keine offene Rechnung passt mehr.")

    @property
    def is_sure(self) -> bool:
        return bool(self.proposal and self.proposal.is_sure)

    @property
    def single(self) -> uuid.UUID | None:
        return self.parts[0][0].pk if len(self.parts) == 1 else None


def received(city: Tenant, invoices: list[Invoice]) -> list[Received]:
    """The open bookings of the city with their proposals; few queries however many there are."""
    waiting = payments.candidates(invoices)
    by_key = {invoice.pk: invoice for invoice in invoices}
    shown = []
    for entry in BankEntry.objects.filter(tenant=city, state=EntryState.OPEN).prefetch_related("payments"):
        left = entry.amount - sum((item.amount for item in entry.payments.all()), Decimal(0))
        found = matching.propose(entry.text, left, waiting)
        parts = [(by_key[key], amount) for key, amount in found.parts] if found else []  # type: ignore[index]
        shown.append(Received(entry, left, found, parts))
    return shown


def _page(request: CityRequest, form: StatementForm, status: int = 200) -> HttpResponse:
    city = request.city
    today = timezone.now().astimezone(city.zone).date()
    invoices = list(waiting_invoices(city).prefetch_related("reminders"))
    for invoice in invoices:
        sent = list(invoice.reminders.all())
        earliest = next_reminder_on(invoice, sent)
        invoice.days = days_overdue(invoice, today)  # type: ignore[attr-defined]
        invoice.last_reminder = sent[-1] if sent else None  # type: ignore[attr-defined]
        invoice.can_remind = bool(invoice.days and earliest and today >= earliest)  # type: ignore[attr-defined]
    context = {
        "city": city,
        "tab": "payments",
        "form": form,
        "invoices": invoices,
        "open_sum": sum((invoice.open for invoice in invoices), Decimal(0)),  # type: ignore[attr-defined]
        "late_sum": sum((i.open for i in invoices if i.days), Decimal(0)),  # type: ignore[attr-defined]
        "received": received(city, invoices),
        "statements": BankStatement.objects.filter(tenant=city).select_related("imported_by")[:12],
    }
    return render(request, "billing/payment_list.html", context, status=status)


@in_city(Role.ACCOUNTANT)
def payment_list(request: CityRequest) -> HttpResponse:
    """What is open, and the way in for bank statements."""
    if request.method != "POST":
        return _page(request, StatementForm())
    form = StatementForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form, status=422)
    file = form.cleaned_data["file"]
    try:
        done = payments.import_statement(
            city=request.city, content=file.read(), file_name=file.name or "", actor=request.user
        )
    except Refusal as refusal:
        form.add_error("file", str(refusal))
        return _page(request, form, status=422)
    said = ngettext(
        "%(bookings)s Buchung gelesen: %(kept)s zu prüfen, %(known)s schon bekannt. Der Rest betrifft keine Rechnung "
        "und wurde nicht gespeichert.",
        "%(bookings)s Buchungen gelesen: %(kept)s zu prüfen, %(known)s schon bekannt. Der Rest betrifft keine Rechnung "
        "und wurde nicht gespeichert.",
        done.bookings,
    )
    messages.success(request, said % {"bookings": done.bookings, "kept": done.kept, "known": done.known})
    return redirect("billing:payments", city=request.city.slug)


@in_city(Role.ACCOUNTANT)
@require_POST
def payment_book(request: CityRequest) -> HttpResponse:
    """Carry out what was chosen for each booking; what is left for later stays."""
    invoices = list(waiting_invoices(request.city))
    booked = aside = 0
    for item in received(request.city, invoices):
        choice = request.POST.get(f"entry-{item.entry.pk}", "later")
        try:
            if choice == "aside":
                payments.set_aside(entry=item.entry, actor=request.user)
                aside += 1
            elif choice == "book":
                payments.book_entry(entry=item.entry, parts=chosen(request, item, invoices), actor=request.user)
                booked += 1
        except Refusal as refusal:
            messages.error(request, str(refusal))
    messages.success(request, _("%(booked)s gebucht, %(aside)s zur Seite gelegt.") % {"booked": booked, "aside": aside})
    return redirect("billing:payments", city=request.city.slug)


def chosen(request: CityRequest, item: Received, invoices: list[Invoice]) -> list[tuple[Invoice, Decimal]]:
    """The invoice that was picked for the whole sum, or the several that it names."""
    picked = request.POST.get(f"invoice-{item.entry.pk}", "")
    if picked in {"", "several"}:
        return item.parts
    return [(invoice, item.left) for invoice in invoices if str(invoice.pk) == picked]


@in_city(Role.ACCOUNTANT)
@require_POST
def pay(request: CityRequest, own: uuid.UUID) -> HttpResponse:
    invoice = operated(request, own)
    form = PaidForm(request.POST)
    if not form.is_valid():
        context = pages.invoice_context(request.user, request.city, invoice)
        return render(request, "billing/invoice_view.html", {**context, "paid_form": form}, status=422)
    attempt(
        request,
        lambda: payments.record_payment(invoice=invoice, actor=request.user, **form.cleaned_data),
        _("Der Zahlungseingang ist vermerkt."),
    )
    return redirect("billing:invoice", city=request.city.slug, invoice=own)


@in_city(Role.ACCOUNTANT)
@require_POST
def take_back(request: CityRequest, own: uuid.UUID, payment: uuid.UUID) -> HttpResponse:
    invoice = operated(request, own)
    found = get_object_or_404(Payment.objects.filter(invoice=invoice).select_related("invoice__agreement"), pk=payment)
    attempt(
        request,
        lambda: payments.take_back_payment(payment=found, actor=request.user),
        _("Die Zahlung ist zurückgenommen. Beide Vermerke bleiben stehen."),
    )
    return redirect("billing:invoice", city=request.city.slug, invoice=own)


@in_city(Role.ACCOUNTANT)
@require_POST
def remind(request: CityRequest, own: uuid.UUID) -> HttpResponse:
    invoice = operated(request, own)
    attempt(
        request,
        lambda: reminders.send_reminder(invoice=invoice, actor=request.user),
        _("Die Zahlungserinnerung geht jetzt hinaus."),
    )
    if request.POST.get("next") == "list":
        return redirect("billing:payments", city=request.city.slug)
    return redirect("billing:invoice", city=request.city.slug, invoice=own)


@in_city(Role.ACCOUNTANT)
@require_POST
def send(request: CityRequest, own: uuid.UUID) -> HttpResponse:
    """For documents that are fetched and passed on by hand."""
    invoice = operated(request, own)
    attempt(request, lambda: services.mark_sent(invoice=invoice, actor=request.user), _("Der Versand ist vermerkt."))
    return redirect("billing:invoice", city=request.city.slug, invoice=own)


@in_city(Role.ACCOUNTANT)
@require_GET
def peppol_file(request: CityRequest, own: uuid.UUID) -> HttpResponse:
    """The stored XML in the envelope of an access point."""
    invoice = operated(request, own)
    if not invoice.is_issued or not invoice.seller["leitweg_id"]:
        messages.error(request, _("Die Datei setzt eine ausgestellte Rechnung und eine Leitweg-ID der Stadt voraus."))
        return redirect("billing:invoice", city=request.city.slug, invoice=own)
    response = HttpResponse(peppol_envelope(invoice), content_type="application/xml")
    response["Content-Disposition"] = f'attachment; filename="{invoice.number}-peppol.xml"'
    return response


@in_city(Role.ACCOUNTANT)
def adjust(request: CityRequest, own: uuid.UUID) -> HttpResponse:
    """Enter a correction or credit; what comes of it is a draft."""
    invoice = operated(request, own)
    posted = request.POST or None
    form, lines = AdjustForm(posted), AdjustLineSet(posted, prefix="position")
    if request.method == "POST" and form.is_valid() and lines.is_valid():
        try:
            draft = adjustments.draft_adjustment(
                invoice=invoice,
                kind=InvoiceKind(form.cleaned_data["kind"]),
                reason=form.cleaned_data["reason"],
                lines=lines.filled(),
                actor=request.user,
            )
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Der Entwurf liegt bereit. Ausgestellt ist damit noch nichts."))
            return redirect("billing:invoice", city=request.city.slug, invoice=draft.pk)
    possible = "adjust" in pages.allowed_steps(request.user, invoice)
    context: dict[str, Any] = {"city": request.city, "invoice": invoice, "form": form, "lines": lines}
    context |= {"original_lines": invoice.lines.order_by("position"), "possible": possible}
    return render(request, "billing/invoice_adjust.html", context, status=422 if request.method == "POST" else 200)


@in_city(Role.ACCOUNTANT)
@require_POST
def discard(request: CityRequest, own: uuid.UUID) -> HttpResponse:
    invoice = operated(request, own)
    try:
        original = adjustments.discard_adjustment(invoice=invoice, actor=request.user)
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("billing:invoice", city=request.city.slug, invoice=own)
    messages.success(request, _("Der Entwurf ist verworfen."))
    return redirect("billing:invoice", city=request.city.slug, invoice=original.pk)
