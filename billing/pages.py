"""What the pages of billing show, put together from selectors."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import documents, partners, selectors, side
from billing.balance import WAITING, open_amount, with_balance
from billing.closing import in_force, version_for
from billing.forms import PaidForm
from billing.models import (
    ADJUSTMENTS,
    Agreement,
    Dispatch,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    InvoiceStatus,
    Period,
    PeriodState,
)
from billing.months import Month, closable_from
from billing.parties import copied
from billing.partner_forms import AnswerForm, QuestionForm
from callcenter.accounts.models import Role, User
from tenants.models import Tenant

AGREEMENTS, INVOICES = 10, 14  # a page; a year's invoices and two cancelled ones
NEWEST = ("-period__month", "-drafted_at")
UNFINISHED = (InvoiceStatus.DRAFT, InvoiceStatus.REVIEWED, *WAITING)


@dataclass(frozen=True)
class OpenMonth:
    """A month without a closed list: running, within its grace, or ready to be closed."""

    month: Month
    state: str  # running, grace, ready
    closable: datetime


@dataclass
class AgreementBlock:
    """One agreement with its months from open to paid."""

    agreement: Agreement
    operated: bool
    open_months: list[OpenMonth] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    hidden: int = 0  # finished ones that are older, on a page of their own
    page: Page[Invoice] | None = None  # where the block stands alone


def cities_of(user: User) -> list[Tenant]:
    """Cities whose invoices the user may see."""
    ids = user.tenant_ids(Role.ACCOUNTANT, Role.LIAISON)
    return list(Tenant.objects.filter(pk__in=ids, is_active=True))


def list_context(user: User, city: Tenant, number: str | None = None) -> dict[str, Any]:
    """The list of a city from open to paid, ten agreements a page."""
    page = Paginator(selectors.visible_agreements(user, city), AGREEMENTS).get_page(number)
    return {
        "city": city,
        "cities": cities_of(user),
        "blocks": overview(user, city, list(page)),
        "page": page,
        "questions": partners.open_questions(city) if selectors.as_operator(user, city) else [],
        "may_agree": selectors.as_operator(user, city),
        "tab": "list" if selectors.as_accountant(user, city) else "",
    }


def older_context(user: User, city: Tenant, agreement: Agreement, number: str | None) -> dict[str, Any]:
    """Every invoice of one agreement, page by page."""
    operated = agreement.operator_id == city.pk and selectors.as_operator(user, city)
    every = with_balance(selectors.visible_invoices(user, city).filter(agreement=agreement)).order_by(*NEWEST, "pk")
    page = Paginator(every, INVOICES).get_page(number)
    invoices = [_marked(invoice, city, timezone.now()) for invoice in page]
    block = AgreementBlock(agreement, operated, invoices=invoices, page=page)
    return {"city": city, "agreement": agreement, "listed": block}


def _marked(invoice: Invoice, city: Tenant, now: datetime) -> Invoice:
    """With what its row says beyond its own columns."""
    invoice.overdue = invoice.is_overdue(now.astimezone(city.zone).date())  # type: ignore[attr-defined]
    waits = invoice.kind == InvoiceKind.INVOICE and invoice.status in WAITING
    invoice.waits = waits and invoice.open > 0  # type: ignore[attr-defined]
    return invoice


def overview(
    user: User, city: Tenant, agreements: list[Agreement], now: datetime | None = None
) -> list[AgreementBlock]:
    """Each agreement with its open months and its invoices, newest first; few queries.

    A year of invoices, and whatever older one still asks for something.
    """
    moment = now or timezone.now()
    by_agreement: dict[Any, list[Invoice]] = defaultdict(list)
    every: dict[Any, int] = {}
    invoices = selectors.visible_invoices(user, city).filter(agreement__in=agreements)
    ranked = with_balance(invoices).annotate(
        place=Window(
            RowNumber(), partition_by="agreement", order_by=[F("period__month").desc(), F("drafted_at").desc()]
        ),
        every=Window(Count("pk"), partition_by="agreement"),
    )
    for invoice in ranked.filter(Q(place__lte=INVOICES) | Q(status__in=UNFINISHED)).order_by(*NEWEST):
        by_agreement[invoice.agreement_id].append(_marked(invoice, city, moment))
        every[invoice.agreement_id] = invoice.every
    closed: dict[Any, set[Month]] = defaultdict(set)
    periods = Period.objects.filter(agreement__in=agreements, state=PeriodState.CLOSED)
    for agreement_id, day in periods.values_list("agreement_id", "month"):
        closed[agreement_id].add(Month.containing(day))
    blocks = []
    for agreement in agreements:
        operated = agreement.operator_id == city.pk and selectors.as_operator(user, city)
        shown = by_agreement[agreement.pk]
        hidden = every.get(agreement.pk, 0) - len(shown)
        block = AgreementBlock(agreement, operated, invoices=shown, hidden=hidden)
        if operated:
            block.open_months = open_months(agreement, closed[agreement.pk], moment)
        blocks.append(block)
    return blocks


def open_months(agreement: Agreement, closed: set[Month], now: datetime) -> list[OpenMonth]:
    """From the running month back to the last closed one, or to last month when none is closed."""
    zone = agreement.client.zone
    running = Month.at(now, zone)
    begun = Month.containing(agreement.billed_from) if agreement.billed_from else running.plus(-1)
    first = max(closed).plus(1) if closed else begun
    first = max(first, running.plus(-12))
    versions = list(agreement.versions.all())
    found, month = [], running
    while month >= first:
        version = version_for(agreement, month, versions)
        if version and in_force(agreement, month) and month not in closed:
            closable = closable_from(month, version.grace_days, zone)
            over = now >= month.bounds(zone)[1]
            state = "ready" if now >= closable else "grace" if over else "running"
            found.append(OpenMonth(month, state, closable.astimezone(zone)))
        month = month.plus(-1)
    return found


def invoice_context(user: User, city: Tenant, invoice: Invoice) -> dict[str, Any]:
    """The invoice as it reads, what may be done with it, and what stands behind it."""
    lines = list(invoice.lines.order_by("position"))
    operated = invoice.agreement.operator_id == city.pk and selectors.as_operator(user, city)
    today = timezone.now().astimezone(city.zone).date()
    is_draft = not invoice.is_issued
    findings = documents.preview(invoice, lines, today) if is_draft and operated else []
    return {
        "city": city,
        "invoice": invoice,
        "lines": lines,
        "is_draft": is_draft,
        "operated": operated,
        "findings": findings,
        "seller": invoice.seller or copied(invoice.agreement.operator),
        "buyer": invoice.buyer or copied(invoice.agreement.client),
        "overdue": invoice.is_overdue(today),
        "steps": life_of(invoice),
        "may": allowed_steps(user, invoice) if operated else set(),
        "stored": {item.format: item.sha256 for item in invoice.documents.defer("content")},
        "questions": partners.questions_of(invoice),
        "successor": successor_of(invoice),
        "today": today,
        "money": side.money_of(invoice, today),
        "signatures": side.signatures_of(user, city, invoice),
        "keeping": side.keeping_of(invoice),
        "adjustments": side.adjustments_of(invoice, drafts=operated),
        "peppol_possible": operated and not is_draft and bool(invoice.seller.get("leitweg_id")),
    }


def paid_form(context: dict[str, Any]) -> PaidForm | None:
    """What is open, paid today, as a beginning."""
    money = context["money"]
    return PaidForm(initial={"paid_on": context["today"], "amount": money.open}) if money else None


def successor_of(invoice: Invoice) -> Invoice | None:
    """The valid invoice that took a cancelled one's place."""
    if invoice.status != InvoiceStatus.CANCELLED:
        return None
    living = Invoice.objects.filter(period=invoice.period, kind=InvoiceKind.INVOICE)
    return living.exclude(status=InvoiceStatus.CANCELLED).first()


def allowed_steps(user: User, invoice: Invoice) -> set[str]:
    """Steps that make sense now; services decide all the same."""
    four_eyes = invoice.version.four_eyes
    drop = {"discard"} if invoice.kind in ADJUSTMENTS else set()
    by_hand = invoice.status == InvoiceStatus.ISSUED and invoice.version.dispatch == Dispatch.DOWNLOAD
    send = {"send"} if by_hand else set()
    match invoice.status:
        case InvoiceStatus.DRAFT:
            return ({"review"} if four_eyes else {"issue"}) | drop
        case InvoiceStatus.REVIEWED:
            return ({"issue"} if invoice.reviewed_by_id != user.pk else set()) | drop
        case InvoiceStatus.ISSUED | InvoiceStatus.SENT if invoice.kind == InvoiceKind.INVOICE:
            waits = {"pay"} if open_amount(invoice) > 0 else set()
            return {"adjust", "cancel", *send} | waits
        case InvoiceStatus.ISSUED | InvoiceStatus.SENT if invoice.kind in ADJUSTMENTS:
            return {"cancel", *send}
        case InvoiceStatus.ISSUED:
            return send
        case InvoiceStatus.PAID:
            return {"adjust", "cancel"}
        case InvoiceStatus.CANCELLED if invoice.kind == InvoiceKind.INVOICE and successor_of(invoice) is None:
            return {"redraft"}
    return set()


def life_of(invoice: Invoice) -> list[tuple[str, datetime | None]]:
    """The steps from draft to paid with their moments; what is still to come has none."""
    steps: list[tuple[str, datetime | None]] = [(_("Entwurf"), invoice.drafted_at)]
    if invoice.version.four_eyes or invoice.reviewed_at:
        steps.append((_("Geprüft"), invoice.reviewed_at))
    steps.append((_("Ausgestellt"), invoice.issued_at))
    steps.append((_("Versandt"), invoice.sent_at))
    if invoice.cancelled_at:
        steps.append((_("Storniert"), invoice.cancelled_at))
    elif invoice.kind == InvoiceKind.INVOICE:
        steps.append((_("Bezahlt"), invoice.paid_at))
    return steps


def line_of(invoice: Invoice, position: int) -> InvoiceLine | None:
    lines = invoice.lines.select_related("invoice__agreement__client", "invoice__period")
    return lines.filter(position=position).first()


def question_context(user: User, city: Tenant, line: InvoiceLine) -> dict[str, Any]:
    """The questions about a line, and which forms this reader gets."""
    agreement = line.invoice.agreement
    operated = agreement.operator_id == city.pk and selectors.as_operator(user, city)
    may_ask = line.invoice.is_issued and agreement.client_id == city.pk and selectors.as_client(user, city)
    questions = [question for question in partners.questions_of(line.invoice) if question.line_id == line.pk]
    return {
        "questions": questions,
        "question_form": QuestionForm() if may_ask else None,
        "answer_form": AnswerForm() if operated else None,
    }
