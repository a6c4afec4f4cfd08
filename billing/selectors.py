"""What billing is asked: states of calls, invoices of a city, the calls behind a line."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from billing.closing import version_for
from billing.freezing import only_other_cities
from billing.models import Agreement, AgreementVersion, Invoice, InvoiceKind, InvoiceLine, InvoiceStatus, UsageRecord
from billing.months import Month
from billing.terms import BillableRule
from callcenter.accounts.models import Role, User
from callcenter.calls.models import Call, CallState, Direction, Outcome, Source
from tenants.models import Tenant

BILLED, OPEN, NOT_BILLABLE, UNASSIGNED = "billed", "open", "not_billable", "unassigned"
CHUNK = 500  # SQLite takes a limited number of parameters


@dataclass(frozen=True)
class CallBilling:
    """Where a call stands, and why when it is not billable."""

    state: str
    reason: str = ""


@dataclass(frozen=True)
class _Contract:
    agreement: Agreement
    versions: tuple[AgreementVersion, ...]


class BillingStates:
    """Answers for many calls with the agreements read once; open it in the scope of those calls."""

    def __init__(self) -> None:
        self.contracts: dict[int, list[_Contract]] = {}
        self.minds_other_cities = False
        reason = "only whether a call is charged, asked about calls in the scope"
        versions: dict[uuid.UUID, list[AgreementVersion]] = {}
        for version in AgreementVersion.objects.beyond_scope(reason):
            versions.setdefault(version.agreement_id, []).append(version)
            self.minds_other_cities |= not version.prices.billable.other_city
        for agreement in Agreement.objects.beyond_scope(reason).select_related("client", "operator"):
            contract = _Contract(agreement, tuple(versions.get(agreement.pk, ())))
            self.contracts.setdefault(agreement.client_id, []).append(contract)
        self._rules: dict[tuple[uuid.UUID, Month], BillableRule | None] = {}

    def of(self, calls: Iterable[Call]) -> dict[uuid.UUID, CallBilling]:
        """The state of each call; exactly one of billed, open, not billable, unassigned."""
        listed = list(calls)
        billed = billed_ids(call.pk for call in listed)
        elsewhere = self._elsewhere([call.pk for call in listed])
        return {call.pk: self._one(call, call.pk in billed, call.pk in elsewhere) for call in listed}

    def _elsewhere(self, ids: list[uuid.UUID]) -> set[uuid.UUID]:
        """Calls all of whose concerns were another city's; asked only where an agreement leaves them out."""
        if not self.minds_other_cities:
            return set()
        reason = "only whose concerns they were, about calls that the caller may see"
        found: set[uuid.UUID] = set()
        for start in range(0, len(ids), CHUNK):
            calls = Call.objects.beyond_scope(reason).filter(only_other_cities(), pk__in=ids[start : start + CHUNK])
            found.update(calls.values_list("pk", flat=True))
        return found

    def _one(self, call: Call, billed: bool, elsewhere: bool) -> CallBilling:
        if billed:
            return CallBilling(BILLED)
        if call.tenant_id is None:
            return CallBilling(UNASSIGNED)
        rule = self._rule(call)
        if rule is None:
            return CallBilling(NOT_BILLABLE, _("Eigene Stadt: Es gilt keine Vereinbarung, nach der abgerechnet wird."))
        if call.source == Source.TRAINING:
            return CallBilling(NOT_BILLABLE, _("Übungsanrufe werden nicht abgerechnet."))
        if call.direction == Direction.OUT:
            return CallBilling(NOT_BILLABLE, _("Ausgehende Anrufe werden nicht abgerechnet."))
        if call.state != CallState.ENDED:
            return CallBilling(OPEN)
        reason = why_not_billable(rule, call.outcome, call.waited_s, call.talked_s, elsewhere=elsewhere)
        return CallBilling(NOT_BILLABLE, reason) if reason else CallBilling(OPEN)

    def _rule(self, call: Call) -> BillableRule | None:
        for contract in self.contracts.get(call.tenant_id or 0, ()):
            month = Month.at(call.offered_at, contract.agreement.client.zone)
            day = call.offered_at.astimezone(contract.agreement.client.zone).date()
            if day < contract.agreement.counted_from or (
                contract.agreement.ends_on and day > contract.agreement.ends_on
            ):
                continue
            key = (contract.agreement.pk, month)
            if key not in self._rules:
                version = version_for(contract.agreement, month, contract.versions)
                self._rules[key] = version.prices.billable if version else None
            return self._rules[key]
        return None


def why_not_billable(
    rule: BillableRule, outcome: str | None, waited_s: int, talked_s: int, *, elsewhere: bool = False
) -> str:
    """The reason in words, empty when the rule charges the call; the twin of ``freezing.billable``.

    ``elsewhere``: all its concerns were another city's.
    """
    match outcome:
        case Outcome.ANSWERED if not rule.answered:
            return _("Angenommene Anrufe rechnet die Vereinbarung nicht ab.")
        case Outcome.ANSWERED if talked_s < rule.min_talk_s:
            return _("Kürzer als %(seconds)s Sekunden gesprochen.") % {"seconds": rule.min_talk_s}
        case Outcome.VOICEMAIL if not rule.voicemail:
            return _("Nur der Anrufbeantworter hat angenommen.")
        case Outcome.REJECTED if not rule.rejected:
            return _("Der Anruf wurde abgewiesen.")
        case Outcome.ABANDONED if not rule.abandoned:
            return _("Aufgelegt, bevor abgenommen wurde.")
        case Outcome.ABANDONED if waited_s < rule.abandoned_after_s:
            return _("Aufgelegt nach weniger als %(seconds)s Sekunden.") % {"seconds": rule.abandoned_after_s}
        case None:
            return _("Der Anruf endete ohne Ergebnis.")
    if elsewhere and not rule.other_city:
        return _("Verwählt: Im Gespräch ging es nur um eine andere Stadt.")
    return ""


def billed_ids(ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Those of the calls that stand on the list of a month with a living invoice."""
    wanted = list(ids)
    found: set[uuid.UUID] = set()
    rows = UsageRecord.objects.beyond_scope("asked about calls that the caller may see").filter(living_invoice())
    for start in range(0, len(wanted), CHUNK):
        found.update(rows.filter(call_id__in=wanted[start : start + CHUNK]).values_list("call_id", flat=True))
    return found


def living_invoice() -> Q:
    """Usage whose month has an invoice that was not cancelled."""
    living = Invoice.objects.beyond_scope("only that it exists").filter(kind=InvoiceKind.INVOICE)
    return Q(period__in=living.exclude(status=InvoiceStatus.CANCELLED).values("period"))


def billing_status(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """``billed``, ``open``, ``not_billable`` or ``unassigned`` for each of these calls in the open scope."""
    wanted = list(ids)
    states = BillingStates()
    answer: dict[uuid.UUID, str] = {}
    for start in range(0, len(wanted), CHUNK):
        found = states.of(Call.objects.filter(pk__in=wanted[start : start + CHUNK]))
        answer |= {pk: billing.state for pk, billing in found.items()}
    return answer


def as_operator(user: User, city: Tenant) -> bool:
    return user.may(city, [Role.ACCOUNTANT])


def as_accountant(user: User, city: Tenant) -> bool:
    """Keeps this city's books, whichever side of an agreement it is on."""
    return user.may(city, [Role.ACCOUNTANT])


def as_client(user: User, city: Tenant) -> bool:
    return user.may(city, [Role.ACCOUNTANT, Role.LIAISON])


def visible_invoices(user: User, city: Tenant) -> QuerySet[Invoice]:
    """Invoices of this city that the user may see.

    The operator's accountant sees drafts and documents; the client's people see what was issued.
    """
    seen = Q(pk__isnull=True)
    if as_operator(user, city):
        seen |= Q(agreement__operator=city)
    if as_client(user, city):
        seen |= Q(agreement__client=city, number__isnull=False)
    return Invoice.objects.filter(seen).select_related(
        "agreement__operator", "agreement__client", "version", "period", "cancels", "cancelled_by", "adjusts"
    )


def operated_invoices(user: User, city: Tenant) -> QuerySet[Invoice]:
    """Invoices that this user may review, issue and cancel for this city."""
    invoices = visible_invoices(user, city)
    return invoices.filter(agreement__operator=city) if as_operator(user, city) else invoices.none()


def visible_agreements(user: User, city: Tenant) -> QuerySet[Agreement]:
    seen = Q(pk__isnull=True)
    if as_operator(user, city):
        seen |= Q(operator=city)
    if as_client(user, city):
        seen |= Q(client=city)
    return Agreement.objects.filter(seen).select_related("operator", "client").prefetch_related("versions")


def line_calls(line: InvoiceLine) -> QuerySet[UsageRecord]:
    """The frozen calls from which the line was rated, oldest first; nothing of any caller is in them."""
    invoice, source = line.invoice, line.source
    if "adjustment" in source:  # entered by hand: no call stands behind it
        return UsageRecord.objects.none()
    # A cancellation carries nothing of its own: it mirrors what its original counted.
    carried = (invoice.cancels or invoice).carried
    rows = UsageRecord.objects.filter(period__agreement=invoice.agreement)
    if "year" in source:
        year = invoice.agreement.year_of(Month.parse(source["year"]))
        rows = rows.filter(
            month__gte=year.first.first, month__lte=year.last.first, period__closing__lte=carried["upto"]
        )
    else:
        rows = rows.filter(period=invoice.period, month=Month.parse(source["month"]).first)
    if group := source.get("group"):
        rows = rows.filter(group=group)
    rows = rows.order_by("offered_at", "call_id")
    if "from" in source:
        rows = rows[source["from"] : source["to"]]
    return rows


def line_totals(line: InvoiceLine) -> dict[str, int]:
    """How many calls stand behind the line and how long was talked."""
    found = line_calls(line).aggregate(calls=Count("pk"), talked_s=Sum("talked_s"))
    return {"calls": found["calls"], "talked_s": found["talked_s"] or 0}


def stands_behind(line: InvoiceLine, call_id: uuid.UUID) -> bool:
    """Whether this call is one of the line's."""
    return UsageRecord.objects.filter(pk__in=line_calls(line).values("pk"), call_id=call_id).exists()
