"""Write a believable month (or some days) of calls, as if they had come through a telephone system."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from random import Random
from typing import Any

import phonenumbers
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from callcenter.accounts.models import Role, User
from callcenter.audit.services import record
from callcenter.calls.bulk import Row, insert_rows
from callcenter.calls.fold import Event, Folded, fold
from callcenter.calls.models import (
    Call,
    CallerNumber,
    CallLeg,
    CallState,
    Connector,
    Contact,
    ContactArticle,
    Dialect,
    Disposition,
    Feedback,
    Handover,
    HandoverState,
    Outcome,
    Source,
    TelephonyEvent,
)
from callcenter.calls.sealing import keyed_hash, seal
from callcenter.calls.servicehours import due_after
from callcenter.calls.services.connectors import token_hash
from callcenter.calls.signals import month_guard
from callcenter.calls.simulation.profile import (
    ASKED_MOST,
    PlayedCall,
    day_counts,
    moments,
    month_days,
    play,
    uuid7_at,
)
from knowledge.models import EffectiveArticle
from tenants.models import Line, LineKind, Office, Tenant
from tenants.scope import all_cities, assert_in_scope

CONNECTOR = "Simulation"
SHARE_115, SHARE_FOUND = 0.25, 0.87


def area_code(number: str) -> str:
    """``+492064660`` → ``+492064``; a German number of Duisburg where none can be told."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return "+49203"
    length = phonenumbers.length_of_geographical_area_code(parsed)
    return f"+{parsed.country_code}{str(parsed.national_number)[:length]}"


class MonthClosed(ValueError):
    """The month may not be replaced; the message says why (English, for the command line)."""


@dataclass
class _Rows:
    """Plain rows by model, in the order in which they can be written."""

    calls: list[Row] = field(default_factory=list)
    legs: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    numbers: list[Row] = field(default_factory=list)
    contacts: list[Row] = field(default_factory=list)
    opened: list[Row] = field(default_factory=list)
    handovers: list[Row] = field(default_factory=list)

    def write(self) -> None:
        insert_rows(Call, self.calls)
        insert_rows(CallLeg, self.legs)
        insert_rows(TelephonyEvent, self.events)
        insert_rows(CallerNumber, self.numbers)
        insert_rows(Contact, self.contacts)
        insert_rows(ContactArticle, self.opened)
        insert_rows(Handover, self.handovers)


def simulation_connector() -> Connector:
    """The connector simulated calls come from; nobody knows its token."""
    found, _ = Connector.objects.get_or_create(
        name=CONNECTOR, defaults={"dialect": Dialect.NATIVE, "token_hash": token_hash(secrets.token_urlsafe(32))}
    )
    return found


def month_bounds(tenant: Tenant, year: int, month: int) -> tuple[datetime, datetime]:
    """The first moment of the month and of the next, in the city's zone."""
    after = date(year + month // 12, month % 12 + 1, 1)
    start = datetime.combine(date(year, month, 1), time(), tzinfo=tenant.zone)
    return start.astimezone(UTC), datetime.combine(after, time(), tzinfo=tenant.zone).astimezone(UTC)


def simulate_month(*, tenant: Tenant, year: int, month: int, calls: int, seed: int) -> int:
    """Replace what was simulated for the city in that month; returns the number of calls. Raises MonthClosed."""
    assert_in_scope(tenant)
    for _receiver, reason in month_guard.send(sender=Call, tenant=tenant, year=year, month=month):
        if reason:
            raise MonthClosed(str(reason))
    days = month_days(year, month)
    chance = Random(f"{seed}:{tenant.slug}:{year}-{month:02}")  # noqa: S311 - made-up calls, no secret
    spread = day_counts(days, calls, land=tenant.land, chance=chance)
    rows = build(tenant=tenant, spread=spread, prefix=f"sim-{tenant.slug}-{year}{month:02}", chance=chance)
    start, end = month_bounds(tenant, year, month)
    with transaction.atomic():
        remove_simulated(tenant=tenant, start=start, end=end)
        rows.write()
        record(
            action="calls.simulated",
            tenant_id=tenant.pk,
            object_type="tenant",
            object_id=tenant.pk,
            data={"month": f"{year}-{month:02}", "seed": seed, "calls": calls},
        )
    return len(rows.calls)


def simulate_days(*, tenant: Tenant, days: Iterable[date], per_day: int, seed: int) -> int:
    """Calls of these days, none in the future; for the demo's recent past."""
    assert_in_scope(tenant)
    wanted = list(days)
    chance = Random(f"{seed}:{tenant.slug}:days")  # noqa: S311 - made-up calls, no secret
    spread = day_counts(wanted, per_day * len(wanted), land=tenant.land, chance=chance)
    rows = build(tenant=tenant, spread=spread, prefix=f"sim-{tenant.slug}-d", chance=chance, until=timezone.now())
    with transaction.atomic():
        rows.write()
    return len(rows.calls)


def remove_simulated(*, tenant: Tenant, start: datetime, end: datetime) -> None:
    """Delete the city's simulated calls offered in [start, end) with everything that hangs on them."""
    with all_cities("rows are found by their call, which names the city"):
        ours = Call.objects.filter(tenant=tenant, source=Source.SIMULATOR, state=CallState.ENDED)
        ours = ours.filter(offered_at__gte=start, offered_at__lt=end)
        contacts = Contact.objects.filter(call__in=ours)
        Feedback.objects.filter(call__in=ours).update(call=None)
        leaves: tuple[QuerySet[Any], ...] = (
            ContactArticle.objects.filter(contact__in=contacts),
            Handover.objects.filter(contact__in=contacts),
            contacts,
            TelephonyEvent.objects.filter(call__in=ours),
            CallerNumber.objects.filter(call__in=ours),
            CallLeg.objects.filter(call__in=ours),
            ours,
        )
        for rows in leaves:
            # In this order no row has dependents left, so nothing needs to be collected first.
            rows._raw_delete(connection.alias)


def build(
    *, tenant: Tenant, spread: dict[date, int], prefix: str, chance: Random, until: datetime | None = None
) -> _Rows:
    """The rows of calls spread over days; personal data only as far back as the city keeps it."""
    rows = _Rows()
    line = Line.objects.filter(tenant=tenant).exclude(number__startswith="queue").order_by("pk").first()
    kinds = list(Line.objects.filter(tenant=tenant, kind=LineKind.D115))
    if line is None:
        raise MonthClosed(f"{tenant.slug} has no line: add one first")
    writer = _Writer(tenant, line, kinds[0] if kinds else line, chance, rows)
    for day in sorted(spread):
        offered = [one for one in moments(day, spread[day], tenant.zone, chance) if until is None or one < until]
        played = play(
            offered,
            prefix=f"{prefix}{day:%d}",
            number=line.number,
            other="305",
            area=area_code(line.number),
            agents=len(writer.agents),
            chance=chance,
        )
        for one in played:
            writer.write(one)
    return rows


class _Writer:
    """Turns played calls into rows."""

    def __init__(self, tenant: Tenant, line: Line, line_115: Line, chance: Random, rows: _Rows) -> None:
        self.tenant, self.chance, self.rows = tenant, chance, rows
        self.lines = (line, line_115)
        self.connector = simulation_connector()
        agents = User.objects.filter(memberships__tenant=tenant, memberships__role=Role.AGENT, is_active=True)
        self.agents = list(agents.order_by("username"))
        shown = EffectiveArticle.objects.filter(tenant=tenant).select_related("article")
        self.articles = list(shown.order_by("title", "pk"))
        chance_order = Random(tenant.slug)  # noqa: S311 - the same topics lead in every month
        chance_order.shuffle(self.articles)
        leads = {key: rank + chance_order.uniform(0, 6) for rank, key in enumerate(ASKED_MOST)}
        self.articles.sort(key=lambda each: leads.get(each.article.source_id, len(leads) + 6))
        # Zipf-like: the tenth topic is asked for about a third as often as the first.
        self.weights = list(accumulate(1 / (rank + 5) for rank in range(len(self.articles))))
        self.offices = list(Office.objects.filter(tenant=tenant).order_by("name"))
        self.now = timezone.now()
        self.keep_from = self.now - timedelta(days=tenant.retention_days)

    def write(self, played: PlayedCall) -> None:
        line = self.lines[1] if self.chance.random() < SHARE_115 else self.lines[0]
        folded = fold(one.event for one in played.events)
        personal = folded.offered_at >= self.keep_from
        agent = self.agents[played.agent].pk if personal and folded.answered_at and self.agents else None
        done = folded.ended_at
        closed = done + timedelta(seconds=played.wrap_up_s) if done and folded.answered_at else None
        self.rows.calls.append(
            {
                "id": played.id,
                "tenant_id": self.tenant.pk,
                "line_id": line.pk,
                "dialled": line.number,
                "queue": line.number,
                "direction": folded.direction,
                "state": folded.state,
                "outcome": folded.outcome,
                "offered_at": folded.offered_at,
                "answered_at": folded.answered_at,
                "ended_at": done,
                "wrapped_up_at": closed,
                "waited_s": folded.waited_s,
                "talked_s": folded.talked_s,
                "agent_id": agent,
                "connector_id": self.connector.pk,
                "connector_call_id": played.call_id,
                "legs": folded.legs,
                "reaped": folded.reaped,
                "source": Source.SIMULATOR.value,
                "received_at": self.now,
            }
        )
        for leg in filter(None, (played.call_id, played.second_leg)):
            self.rows.legs.append(
                {
                    "call_id": played.id,
                    "connector_id": self.connector.pk,
                    "connector_call_id": leg,
                    "opened_at": folded.offered_at,
                }
            )
        for one in played.events:
            self.rows.events.append(self._event(played.id, one.event, one.received_at, line))
        if personal and played.caller:
            self.rows.numbers.append(
                {
                    "call_id": played.id,
                    "number": seal(played.caller),
                    "keyed_hash": keyed_hash(played.caller),
                    "seen_at": folded.offered_at,
                }
            )
        if folded.outcome == Outcome.ANSWERED and folded.direction == "in":
            self._concerns(played.id, folded, closed or done, agent)

    def _event(self, call_id: uuid.UUID, event: Event, received_at: datetime, line: Line) -> Row:
        said: dict[str, object] = {"direction": event.direction}
        if event.dialled:
            said["dialled"] = event.dialled if event.linked else line.number
        if event.linked:
            said["linked"] = event.linked
        if event.is_voicemail:
            said["voicemail"] = True
        if event.cause:
            said["cause"] = event.cause
        return {
            "connector_id": self.connector.pk,
            "call_id": call_id,
            "connector_call_id": event.leg,
            "event": event.kind,
            "body_hash": hashlib.sha256(f"{call_id}{event.leg}{event.kind}".encode()).hexdigest(),
            "day": received_at.date(),
            "received_at": received_at,
            "at": event.at,
            "fields": said,
        }

    def _concerns(self, call_id: uuid.UUID, call: Folded, closed: datetime | None, agent: int | None) -> None:
        number = self.chance.choices((1, 2, 3), weights=(90, 8, 2))[0]
        for position in range(1, number + 1):
            opened_at = (call.answered_at or call.offered_at) + timedelta(seconds=5 * position)
            found = self.chance.random() < SHARE_FOUND
            topic = self.chance.choices(self.articles, cum_weights=self.weights)[0] if self.articles else None
            named = topic if topic and (found or self.chance.random() < 0.4) else None
            versions = {
                "article_id": named.article_id if named else None,
                "shared_revision_id": named.shared_revision_id if named else None,
                "local_revision_id": named.local_revision_id if named else None,
            }
            contact_id = uuid7_at(opened_at, self.chance)
            disposition = Disposition.TRANSFERRED if call.legs > 1 else self._disposition(found)
            self.rows.contacts.append(
                {
                    "id": contact_id,
                    "tenant_id": self.tenant.pk,
                    "call_id": call_id,
                    "position": position,
                    "found": found,
                    "opened_at": opened_at,
                    "closed_at": closed,
                    "disposition": disposition.value,
                    **versions,
                }
            )
            if named:
                self.rows.opened.append(
                    {
                        "tenant_id": self.tenant.pk,
                        "contact_id": contact_id,
                        "title": named.title,
                        "opened_at": opened_at + timedelta(seconds=12),
                        "used": found,
                        **versions,
                    }
                )
            if disposition == Disposition.HANDED_OVER:
                self.rows.handovers.append(self._handover(contact_id, opened_at, named, agent))

    def _disposition(self, found: bool) -> Disposition:
        outcomes = (Disposition.SETTLED, Disposition.HANDED_OVER, Disposition.NOT_RESPONSIBLE, Disposition.DROPPED)
        return self.chance.choices(outcomes, weights=(86, 8, 4, 2) if found else (30, 45, 17, 8))[0]

    def _handover(
        self, contact_id: uuid.UUID, opened_at: datetime, topic: EffectiveArticle | None, agent: int | None
    ) -> Row:
        due = due_after(opened_at, zone=self.tenant.zone, land=self.tenant.land)
        answered = opened_at + self.chance.uniform(0.1, 1.15) * (due - opened_at)
        # Offices answer in the end: what is older than a week has been done.
        forgotten = self.chance.random() < 0.02 and opened_at > self.now - timedelta(days=7)
        done = answered < self.now and not forgotten
        return {
            "id": uuid7_at(opened_at, self.chance),
            "tenant_id": self.tenant.pk,
            "contact_id": contact_id,
            "office_id": self._office(topic),
            "request": f"{topic.title}: Bitte um Rückruf." if topic else "Bitte um Rückruf.",
            "state": (HandoverState.DONE if done else HandoverState.OPEN).value,
            "due_at": due,
            "done_at": answered if done else None,
            "answer": "Erledigt." if done else "",
            "created_by_id": agent,
            "created_at": opened_at,
        }

    def _office(self, topic: EffectiveArticle | None) -> int | None:
        """The office that the answer names, else any of the city's."""
        if not self.offices:
            return None
        chosen = self.chance.choice(self.offices)
        said = str(topic.sections.get("office", "")) if topic else ""
        return next((office.pk for office in self.offices if office.name in said), chosen.pk)
