"""Reading the ledger of calls."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from callcenter.accounts.models import Role, User
from callcenter.calls.models import (
    Call,
    CallerNumber,
    CallState,
    Connector,
    Contact,
    Direction,
    Feedback,
    Handover,
    HandoverEntry,
    HandoverState,
    Outcome,
    Presence,
    PresenceState,
    QuestionSet,
    RequestLog,
    TelephonyEvent,
)
from callcenter.calls.presence import names_of
from callcenter.calls.questions import Asked, prefilled
from callcenter.calls.sealing import unseal
from tenants.models import Office, Tenant
from tenants.numbers import readable

RINGS_AT_MOST = timedelta(minutes=15)
SHIFT = timedelta(hours=12)


def presence_of(user: User) -> Presence | None:
    """Where the user sits and what they do; None when they never signed on at a desk."""
    return Presence.objects.filter(user=user).first()


def ringing_for(user: User) -> list[Call]:
    """Calls that ring at this user's desk now, the longest waiting first.

    A call for an extension (or login name) reaches who sits there, also while they talk; a call for a
    queue reaches whoever is ready and answers for its city. ``tenant`` is None when nobody knows the
    dialled number: the desk then asks for the city.
    """
    presence = presence_of(user)
    if presence is None or presence.state == PresenceState.AWAY:
        return []
    mine = {user.username, presence.extension, *names_of(presence.extension)} - {""}
    cities = user.tenant_ids(Role.AGENT)
    waiting = (
        Call.objects.beyond_scope("filtered by the agent's cities and extension")
        .select_related("tenant", "line")
        .filter(state=CallState.OFFERED, direction="in", agent__isnull=True)
        .filter(offered_at__gte=timezone.now() - RINGS_AT_MOST)
        .filter(Q(tenant__in=cities) | Q(tenant__isnull=True))
        .order_by("offered_at")
    )
    return [call for call in waiting if _rings_at(call, mine, presence)]


def _rings_at(call: Call, mine: set[str], presence: Presence) -> bool:
    if call.rings:
        return any(mine & names_of(word) for word in call.rings)
    return call.tenant_id is not None and presence.state == PresenceState.READY


def current_calls(user: User) -> list[Call]:
    """The user's own calls that are not closed: in talk or claimed first, then wrap-up, then who waits on hold.

    A call that the agent made is at hand while it lasts only: nothing is left to write down.
    """
    contacts = Contact.objects.beyond_scope("the agent's own calls").filter(call=OuterRef("pk"))
    found = (
        Call.objects.beyond_scope("the agent's own calls")
        .select_related("tenant", "line")
        .filter(agent=user, wrapped_up_at__isnull=True, offered_at__gte=timezone.now() - SHIFT)
        .exclude(direction=Direction.OUT, state=CallState.ENDED)
        .filter(
            Q(state=CallState.CONNECTED) | Q(state=CallState.OFFERED) | Q(outcome=Outcome.ANSWERED) | Exists(contacts)
        )
        .order_by("offered_at")
    )
    return sorted(found, key=lambda call: (call.is_held, call.state == CallState.ENDED))


def repeat_caller_hint(call: Call) -> tuple[str, int]:
    """(last four digits or "unbekannt", calls from that number today, this one included).

    Counts in the cities of the open scope, on the day of the call in its city's zone.
    """
    caller = CallerNumber.objects.beyond_scope("the call is at hand already").filter(call=call).first()
    if caller is None:
        return "unbekannt", 1
    number = unseal(caller.number)
    earlier = CallerNumber.objects.filter(
        keyed_hash=caller.keyed_hash, seen_at__gte=_midnight(call), call__offered_at__lte=call.offered_at
    ).exclude(call=call)
    return number[-4:] or "unbekannt", earlier.count() + 1


def earlier_today(call: Call, *, limit: int = 3) -> list[Contact]:
    """Concerns of the same number's earlier calls on the call's day, the newest first, in the open scope."""
    caller = CallerNumber.objects.beyond_scope("the call is at hand already").filter(call=call).first()
    if caller is None:
        return []
    earlier = CallerNumber.objects.filter(
        keyed_hash=caller.keyed_hash, seen_at__gte=_midnight(call), call__offered_at__lt=call.offered_at
    ).exclude(call=call)
    asked = Contact.objects.filter(call__in=earlier.values("call")).exclude(disposition="", article=None)
    return list(asked.select_related("tenant", "call").prefetch_related("opened").order_by("-opened_at")[:limit])


def _midnight(call: Call) -> datetime:
    """When the call's day began in its city's zone."""
    zone = call.tenant.zone if call.tenant else timezone.get_default_timezone()
    return datetime.combine(timezone.localdate(call.offered_at, zone), time(), tzinfo=zone)


# --- lists ---------------------------------------------------------------------------------------


def calls_of(city: Tenant, *, day: date | None = None, outcome: str = "") -> QuerySet[Call]:
    """The city's calls, newest first; ``day`` in the city's zone; ``outcome`` "open" means none yet."""
    calls = Call.objects.filter(tenant=city).select_related("line", "agent").order_by("-offered_at")
    if day:
        start = datetime.combine(day, time(), tzinfo=city.zone)
        end = datetime.combine(day + timedelta(days=1), time(), tzinfo=city.zone)
        calls = calls.filter(offered_at__gte=start, offered_at__lt=end)
    if outcome == "open":
        return calls.filter(outcome__isnull=True)
    return calls.filter(outcome=outcome) if outcome else calls


def unassigned_calls() -> QuerySet[Call]:
    """Calls whose dialled number nobody knew, newest first; they belong to no city."""
    calls = Call.objects.beyond_scope("unassigned calls belong to no city")
    return calls.filter(tenant__isnull=True).select_related("connector").order_by("-offered_at")


def unassigned_numbers() -> list[Any]:
    """``dialled`` and ``number`` of calls behind the unassigned calls, the most frequent first."""
    return list(unassigned_calls().order_by().values("dialled").annotate(number=Count("pk")).order_by("-number")[:20])


def contacts_of(call: Call) -> QuerySet[Contact]:
    """The call's concerns with the articles opened."""
    return (
        Contact.objects.filter(call=call)
        .select_related("tenant", "article")
        .prefetch_related("opened", "handovers__office")
    )


def handovers(
    *, owed: bool = True, mine: User | None = None, returned: bool = False, late: bool = False
) -> QuerySet[Handover]:
    """Call-backs of the scope's cities: owed ones, the most urgent first; or those made, the latest first."""
    found = Handover.objects.select_related("tenant", "office", "person", "contact__article", "created_by")
    found = found.filter(state__in=HandoverState.owed()) if owed else found.filter(state=HandoverState.DONE)
    if mine is not None:
        found = found.filter(created_by=mine)
    if returned:
        found = found.filter(state=HandoverState.RETURNED)
    if late:
        found = found.filter(due_at__lt=timezone.now())
    return found.order_by("due_at", "pk") if owed else found.order_by("-done_at", "pk")


def log_of(handover: Handover) -> QuerySet[HandoverEntry]:
    """Every step of a call-back, as it happened."""
    return HandoverEntry.objects.filter(handover=handover).select_related("by")


# --- question sets ---------------------------------------------------------------------------------


def question_set_for(*, city: Tenant, article_id: object = None, office: Office | None = None) -> QuestionSet | None:
    """What to ask before a call-back: the article's set, else the office's, else the one that is always asked."""
    fits = Q(article=article_id) if article_id else Q(pk__in=[])
    if office is not None:
        fits |= Q(article=None, office=office)
    fits |= Q(article=None, office=None)
    found = list(QuestionSet.objects.filter(fits, tenant=city, is_active=True).prefetch_related("questions"))
    return min(found, key=lambda one: (one.article_id is None, one.office_id is None, one.name), default=None)


def asked(
    question_set: QuestionSet | None, *, title: str = "", sections: Mapping[str, Any] | None = None
) -> list[Asked]:
    """The set's questions, with what the open article already answers."""
    if question_set is None:
        return []
    return [
        Asked(
            key=f"question_{question.pk}",
            label=question.label,
            kind=question.kind,
            required=question.required,
            choices=tuple(question.choices),
            initial=prefilled(question.prefill, title=title, sections=sections or {}),
        )
        for question in question_set.questions.all()
    ]


def question_sets(city: Tenant) -> QuerySet[QuestionSet]:
    """A city's question sets with the number of their questions."""
    sets = QuestionSet.objects.filter(tenant=city).select_related("office", "article")
    return sets.annotate(number=Count("questions")).order_by("name")


def callback_number(handover: Handover) -> str:
    """The number to call back, as people write it; empty when none was given or it has been deleted."""
    return readable(unseal(handover.callback_number))


def told_of(call: Call) -> list[TelephonyEvent]:
    """What the telephone system told about a call, in the order of its own times."""
    return sorted(TelephonyEvent.objects.filter(call=call), key=lambda event: (event.at or event.received_at, event.pk))


def places_of(tenant_ids: Collection[int]) -> list[Presence]:
    """Who sits at which extension now, among the agents of these cities."""
    here = Presence.objects.exclude(state=PresenceState.AWAY).exclude(extension="")
    mine = here.filter(user__memberships__tenant__in=tenant_ids, user__memberships__role=Role.AGENT)
    return list(mine.select_related("user").distinct().order_by("extension"))


# --- telephone systems ----------------------------------------------------------------------------


def connectors() -> QuerySet[Connector]:
    """Telephone systems with the time of their last event (None: never); not the house's own, which have no secret."""
    return Connector.objects.exclude(secret=b"").annotate(
        last_event_at=Max("events__received_at"), refusals=_refusals()
    )


def _refusals() -> Subquery:
    counted = RequestLog.objects.filter(connector=OuterRef("pk")).order_by().values("connector").annotate(n=Count("pk"))
    return Subquery(counted.values("n"))


def last_events(connector: Connector) -> QuerySet[TelephonyEvent]:
    """What the telephone system told last, newest first."""
    return TelephonyEvent.objects.filter(connector=connector).select_related("call").order_by("-pk")[:20]


# --- reports -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class OwnReports:
    """An agent's reports: answered ones not read yet, and how many still lie with the editors."""

    answered: list[Feedback]
    open: int


def reports_of(user: User) -> OwnReports:
    """What became of this agent's reports in the cities of the open scope."""
    own = Feedback.objects.filter(reporter=user)
    answered = own.filter(closed_at__isnull=False, told_at__isnull=True).select_related("tenant", "article")
    return OwnReports(list(answered.order_by("-closed_at")[:10]), own.filter(closed_at__isnull=True).count())
