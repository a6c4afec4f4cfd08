"""What the two cities of an agreement plan, ask and show each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.models import Agreement, Invoice, InvoiceKind, InvoiceLine, InvoiceStatus
from billing.money import ZERO, cents
from billing.months import ContractYear, Month
from billing.partner_models import Answer, BudgetLine, CostBasis, LineQuestion
from billing.refusals import QuestionRefused
from callcenter.accounts.models import User
from callcenter.audit.services import record
from callcenter.calls.models import Call, CallState, Direction, Outcome, counted
from tenants.models import Tenant
from tenants.scope import assert_in_scope


@transaction.atomic
def ask_question(*, line: InvoiceLine, text: str, actor: User, now: datetime | None = None) -> LineQuestion:
    """The paying city asks about a line of an issued invoice. Raises QuestionRefused while it is a draft."""
    agreement = line.invoice.agreement
    assert_in_scope(agreement.client_id)
    if not line.invoice.is_issued:
        raise QuestionRefused(
            _("Rückfragen sind möglich, sobald die Rechnung ausgestellt ist."),
            english="A line can be questioned once its invoice is issued.",
        )
    question = LineQuestion.objects.create(line=line, text=text, asked_at=now or timezone.now(), asked_by=actor)
    _note("billing.question_asked", question, agreement, actor)
    return question


@transaction.atomic
def answer_question(
    *, question: LineQuestion, outcome: str, answer: str, actor: User, now: datetime | None = None
) -> LineQuestion:
    """The operator answers, once. Raises QuestionRefused when there is an answer already."""
    agreement = question.line.invoice.agreement
    assert_in_scope(agreement.operator_id)
    question = LineQuestion.objects.select_for_update(of=("self",)).get(pk=question.pk)
    if question.answer:
        raise QuestionRefused(
            _("Diese Rückfrage ist schon beantwortet. Die Antwort bleibt stehen, wie sie ist."),
            english="This question has its answer already.",
        )
    question.outcome, question.answer = Answer(outcome), answer
    question.answered_at, question.answered_by = now or timezone.now(), actor
    question.save(update_fields=["outcome", "answer", "answered_at", "answered_by"])
    _note("billing.question_answered", question, agreement, actor, {"outcome": question.outcome})
    return question


def _note(
    action: str, question: LineQuestion, agreement: Agreement, actor: User, data: dict[str, Any] | None = None
) -> None:
    record(
        action=action,
        actor_id=actor.pk,
        tenant_id=agreement.operator_id,
        object_type="billing.linequestion",
        object_id=question.pk,
        data={"invoice": str(question.line.invoice_id), "position": question.line.position, **(data or {})},
    )


@transaction.atomic
def save_budget(*, agreement: Agreement, year: ContractYear, label: str, amount: Decimal, actor: User) -> BudgetLine:
    """What the paying city plans for that contract year; entering it again replaces it."""
    assert_in_scope(agreement.client_id)
    line, _made = BudgetLine.objects.update_or_create(
        agreement=agreement, year=year.first.first, defaults={"label": label, "amount": amount}
    )
    record(
        action="billing.budget_saved",
        actor_id=actor.pk,
        tenant_id=agreement.client_id,
        object_type="billing.budgetline",
        object_id=line.pk,
        data={"year": str(year.first), "amount": str(amount)},
    )
    return line


@transaction.atomic
def save_costs(*, city: Tenant, year: int, fields: dict[str, Any], actor: User) -> CostBasis:
    """What answering costs this city in a year; entering it again replaces it."""
    assert_in_scope(city)
    costs, _made = CostBasis.objects.update_or_create(tenant=city, year=year, defaults=fields)
    record(
        action="billing.costs_saved",
        actor_id=actor.pk,
        tenant_id=city.pk,
        object_type="billing.costbasis",
        object_id=costs.pk,
        data={"year": year, "total": str(costs.total)},
    )
    return costs


@dataclass(frozen=True)
class Share:
    """One agreement's part of the operator's costs, by time of talk, beside what it was billed."""

    agreement: Agreement
    calls: int
    talked_s: int
    cost: Decimal
    billed: Decimal

    @property
    def difference(self) -> Decimal:
        return self.billed - self.cost

    @property
    def coverage(self) -> Decimal | None:
        return cents(self.billed * 100 / self.cost) if self.cost else None

    @property
    def is_above(self) -> bool:
        return self.billed > self.cost


@dataclass(frozen=True)
class CostProof:
    """Costs of the months behind, spread over the calls of every city answered for."""

    costs: CostBasis
    months: int
    until: date
    total: Decimal
    calls: int
    talked_s: int
    shares: list[Share]

    @property
    def per_call(self) -> Decimal | None:
        return cents(self.total / self.calls) if self.calls else None

    @property
    def per_minute(self) -> Decimal | None:
        return cents(self.total * 60 / self.talked_s) if self.talked_s else None


def cost_proof(city: Tenant, costs: CostBasis, now: datetime) -> CostProof:
    """Whether prices rest on costs (§ 2b Abs. 3 Nr. 2 UStG asks for mere reimbursement).

    The year's costs count for the months that are over; the key is the time of talk of answered calls.
    """
    running = Month.at(now, city.zone)
    months = [month for number in range(1, 13) if (month := Month(costs.year, number)) < running]
    agreements = list(Agreement.objects.filter(operator=city).select_related("client", "operator"))
    share = Decimal(len(months)) / 12
    total = cents(costs.total * share)
    until = months[-1].last if months else date(costs.year, 1, 1)
    if not months:
        return CostProof(costs, 0, until, total, 0, 0, [])
    begin, end = months[0].bounds(city.zone)[0], months[-1].bounds(city.zone)[1]
    clients = {agreement.client_id for agreement in agreements}
    answered = (
        Call.objects.beyond_scope("only sums of the calls that this city answers for others")
        .filter(tenant__in={city.pk, *clients}, offered_at__gte=begin, offered_at__lt=end)
        .filter(direction=Direction.IN, state=CallState.ENDED, outcome=Outcome.ANSWERED)
        .filter(counted())
    )
    sums = {
        row["tenant"]: row for row in answered.values("tenant").annotate(calls=Count("pk"), talked_s=Sum("talked_s"))
    }
    calls = sum(row["calls"] for row in sums.values())
    talked_s = sum(row["talked_s"] or 0 for row in sums.values())
    billed = dict(
        Invoice.objects.filter(agreement__in=agreements, period__month__gte=months[0].first, period__month__lte=until)
        .filter(~Q(status=InvoiceStatus.CANCELLED) & ~Q(kind=InvoiceKind.CANCELLATION))
        .order_by()
        .values_list("agreement")
        .annotate(net=Sum("net"))
    )
    shares = []
    for agreement in agreements:
        row = sums.get(agreement.client_id, {"calls": 0, "talked_s": 0})
        seconds = row["talked_s"] or 0
        cost = cents(total * seconds / talked_s) if talked_s else ZERO
        shares.append(Share(agreement, row["calls"], seconds, cost, billed.get(agreement.pk, ZERO)))
    return CostProof(costs, len(months), until, total, calls, talked_s, shares)


def questions_of(invoice: Invoice) -> list[LineQuestion]:
    found = LineQuestion.objects.filter(line__invoice=invoice).select_related("line", "asked_by", "answered_by")
    return list(found)


def open_questions(city: Tenant) -> list[LineQuestion]:
    """Questions that wait for this city's answer, the oldest first."""
    waiting = LineQuestion.objects.filter(line__invoice__agreement__operator=city, answer="")
    return list(waiting.select_related("line__invoice__agreement__client").order_by("asked_at"))
