"""What the desk's pages show: the call at hand, its hits, and the quiet page between calls."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from callcenter.accounts.models import Role, User
from callcenter.calls import selectors as ledger
from callcenter.calls.models import (
    PLAYED,
    Call,
    CallState,
    Contact,
    ContactArticle,
    Direction,
    Handover,
    Presence,
    Source,
    counted,
)
from callcenter.calls.questions import Asked
from callcenter.calls.services.contacts import editable_until
from callcenter.desktop.day import Day, day_of
from callcenter.desktop.finding import AtHand, at_hand
from knowledge.models import EffectiveArticle
from knowledge.sections import SECTIONS, SectionValue
from tenants.models import Line, Office, Tenant, WrapUp

ANSWERED_WITHIN = timedelta(days=2)


# --- between calls --------------------------------------------------------------------------
def presence_of(user: User) -> Presence | None:
    return Presence.objects.filter(user=user).first()


def agent_cities(user: User) -> list[Tenant]:
    """The cities this agent answers for."""
    return list(Tenant.objects.filter(pk__in=user.tenant_ids(Role.AGENT), is_active=True))


def own_callbacks(user: User, *, limit: int = 8) -> QuerySet[Handover]:
    """Open call-backs that this agent handed over, the next due first."""
    return ledger.handovers(mine=user)[:limit]


def answered_callbacks(user: User, *, limit: int = 5) -> QuerySet[Handover]:
    """What became of call-backs this agent handed over, of the last two days."""
    since = timezone.now() - ANSWERED_WITHIN
    return ledger.handovers(owed=False, mine=user).filter(done_at__gte=since)[:limit]


def office_named(city: Tenant, effective: EffectiveArticle | None) -> Office | None:
    """The office that the article's "Wo" names, if the directory has it."""
    said = str(effective.sections.get("office", "")) if effective else ""
    return (
        next((office for office in Office.objects.filter(tenant=city) if office.name in said), None) if said else None
    )


def questions_of(*, city: Tenant, effective: EffectiveArticle | None, office: Office | None) -> list[Asked]:
    """What to ask before the call-back, as far as the open article does not answer it already."""
    found = ledger.question_set_for(city=city, article_id=effective and effective.article_id, office=office)
    title, sections = (effective.title, effective.sections) if effective else ("", {})
    return ledger.asked(found, title=title, sections=sections)


def recent_calls(user: User, *, limit: int = 5) -> list[Call]:
    """Own calls closed a moment ago, whose notes and results their city still lets be put right."""
    now = timezone.now()
    calls = Call.objects.filter(agent=user, wrapped_up_at__gte=now - timedelta(days=1)).select_related("tenant")
    newest = calls.order_by("-wrapped_up_at")[: limit * 4]
    return [call for call in newest if (until := editable_until(call)) and until > now][:limit]


def lines_to_open() -> QuerySet[Line]:
    """Lines of the agent's cities that are valid today: an agent opens a call for one of them by hand."""
    today = timezone.localdate()
    lines = Line.objects.filter(Q(valid_until__isnull=True) | Q(valid_until__gte=today), valid_from__lte=today)
    return lines.select_related("tenant").order_by("tenant__name", "kind", "label")


def own_day(user: User, presence: Presence | None) -> Day:
    """Today's sign-on, talks and breaks, from what is kept for this day alone and for this agent alone."""
    now = timezone.now()
    today = timezone.localdate(now)
    changes = presence.today if presence and presence.day == today else []
    midnight = datetime.combine(today, time.min, timezone.get_current_timezone())
    mine = Call.objects.beyond_scope("the agent's own calls")
    answered = mine.filter(counted(), agent=user, direction=Direction.IN, answered_at__gte=midnight)
    return day_of(changes, now=now, calls=answered.count() if changes else 0)


# --- one call -------------------------------------------------------------------------------
@dataclass(frozen=True)
class CallScreen:
    """A call as the desk shows it. ``answers`` is the city whose answers are given; billing follows the line."""

    call: Call
    contact: Contact
    contacts: Sequence[Contact]
    opened: Sequence[ContactArticle]
    answers: Tenant
    other_cities: Sequence[Tenant]
    others: Sequence[Call]
    caller_digits: str
    calls_today: int

    @property
    def phase(self) -> str:
        """``claimed`` (the handset still rings), ``talking``, ``held``, ``wrap_up`` or ``closed``."""
        if self.call.wrapped_up_at:
            return "closed"
        if self.call.is_held:
            return "held"
        return {CallState.OFFERED: "claimed", CallState.ENDED: "wrap_up"}.get(CallState(self.call.state), "talking")

    @property
    def talking_since(self) -> datetime:
        return self.call.answered_at or self.call.offered_at

    @property
    def wrap_up_limit(self) -> int:
        """Seconds of wrap-up before the call closes by itself; 0 without a limit."""
        city = self.call.tenant
        return city.wrap_up_seconds if city and city.wrap_up == WrapUp.TIMED else 0

    @property
    def at_hand(self) -> AtHand:
        """Offered before the first letter."""
        return at_hand(self.answers, self.call.agent_id)

    @property
    def elsewhere(self) -> bool:
        """The answers are another city's than the line's."""
        return self.call.tenant_id is not None and self.answers.pk != self.call.tenant_id

    @property
    def may_hang_up(self) -> bool:
        """Only calls without a telephone behind them are hung up on the screen."""
        return self.talks and self.call.source in {Source.MANUAL, *PLAYED}

    @property
    def talks(self) -> bool:
        """Somebody is on the line, in talk or on hold."""
        return self.phase in {"talking", "held"}

    @property
    def editable_until(self) -> datetime | None:
        return editable_until(self.call)

    @property
    def earlier(self) -> list[Contact]:
        """What the same number asked earlier today: nobody has to tell it twice."""
        return ledger.earlier_today(self.call) if self.calls_today > 1 else []


def may_take(user: User, call_id: uuid.UUID) -> bool:
    """Whether the call is for one of the agent's cities, or for one that nobody knows yet."""
    calls = Call.objects.beyond_scope("filtered by the agent's cities")
    return calls.filter(Q(tenant__in=user.tenant_ids(Role.AGENT)) | Q(tenant__isnull=True), pk=call_id).exists()


def own_call(user: User, call_id: uuid.UUID) -> Call | None:
    """A call this agent took for one of their cities, or whose city nobody knows yet; nobody else's."""
    calls = Call.objects.beyond_scope("filtered by agent and by the agent's cities")
    own = calls.filter(Q(tenant__in=user.tenant_ids(Role.AGENT)) | Q(tenant__isnull=True), pk=call_id, agent=user)
    return own.select_related("tenant", "line").first()


def call_screen(*, user: User, call: Call, contacts: Sequence[Contact], position: int | None = None) -> CallScreen:
    """Everything around the call; ``position`` picks an earlier concern, else the newest counts."""
    contact = next((each for each in contacts if each.position == position), contacts[-1])
    opened = ContactArticle.objects.filter(contact=contact).order_by("opened_at", "pk")
    cities = agent_cities(user)
    answers = next((city for city in cities if city.pk == contact.tenant_id), contact.tenant)
    digits, calls_today = ledger.repeat_caller_hint(call)
    return CallScreen(
        call=call,
        contact=contact,
        contacts=contacts,
        opened=list(opened),
        answers=answers,
        other_cities=[city for city in cities if city.pk != answers.pk],
        others=[other for other in ledger.current_calls(user) if other.pk != call.pk],
        caller_digits=digits if digits.isdecimal() else "",
        calls_today=calls_today,
    )


def effective_for(*, city: Tenant, effective_id: uuid.UUID) -> EffectiveArticle | None:
    """The article as the city answers it; a foreign or withdrawn one is None."""
    rows = EffectiveArticle.objects.select_related("article", "tenant", "shared_revision", "local_revision")
    return rows.filter(tenant=city, pk=effective_id).first()


# --- two cities beside each other -------------------------------------------------------------
@dataclass(frozen=True)
class Difference:
    label: str
    shape: str
    left: SectionValue | None
    right: SectionValue | None


def answer_of(*, city: Tenant, article_id: uuid.UUID) -> EffectiveArticle | None:
    """An article as one city answers it."""
    rows = EffectiveArticle.objects.select_related("article", "tenant")
    return rows.filter(tenant=city, article_id=article_id).first()


def differences(left: EffectiveArticle, right: EffectiveArticle | None) -> list[Difference]:
    """The sections in which two cities differ, in reading order."""
    other = right.sections if right else {}
    return [
        Difference(section.label, section.shape.value, left.sections.get(section.key), other.get(section.key))
        for section in SECTIONS
        if (left.sections.get(section.key) or None) != (other.get(section.key) or None)
    ]
