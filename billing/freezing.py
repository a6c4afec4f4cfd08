"""Freezing months: set-based statements over many agreements at once, the same on SQLite and PostgreSQL.

Everything here runs inside the transaction of ``month_close.close_periods`` and in an all-cities
scope. A statement costs the same for one agreement as for fifty, so cities are frozen by the batch.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Left

from billing.models import Agreement, Period, PeriodState, UsageRecord
from billing.months import midnight
from billing.terms import BillableRule, Terms
from callcenter.calls.models import Call, CallState, Contact, Direction, Outcome, counted

COLUMNS = ("call_id", "period_id", "month", "offered_at", "waited_s", "talked_s", "outcome", "group")
GROUP_LENGTH = 60  # of UsageRecord.group
Rule = tuple[BillableRule, str]


def lock_agreements(agreements: Iterable[Agreement]) -> None:
    """Put everyone who closes one of these in line until the transaction ends; always in the same order.

    On SQLite the write transaction itself is that line.
    """
    if connection.vendor == "postgresql":
        keys = [f"billing:{agreement.pk}" for agreement in agreements]
        with connection.cursor() as cursor:
            # A few large sorts, for this transaction only: in memory, and not worth compiling.
            cursor.execute("SET LOCAL work_mem = '64MB'")
            cursor.execute("SET LOCAL jit = off")
            cursor.execute(
                "SELECT pg_advisory_xact_lock(key) FROM "
                "(SELECT hashtextextended(name, 0) AS key FROM unnest(%s::text[]) AS name ORDER BY 1) AS keys",
                [keys],
            )


def billable(rule: BillableRule) -> Q:
    """Which calls the rule charges, for the database; ``selectors.why_not_billable`` is its twin in words."""
    charged = Q(pk__isnull=True)
    if rule.answered:
        charged |= Q(outcome=Outcome.ANSWERED, talked_s__gte=rule.min_talk_s)
    if rule.voicemail:
        charged |= Q(outcome=Outcome.VOICEMAIL)
    if rule.rejected:
        charged |= Q(outcome=Outcome.REJECTED)
    if rule.abandoned:
        charged |= Q(outcome=Outcome.ABANDONED, waited_s__gte=rule.abandoned_after_s)
    found = Q(direction=Direction.IN, state=CallState.ENDED) & counted() & charged
    return found if rule.other_city else found & ~only_other_cities()


def only_other_cities() -> Q:
    """Calls all of whose concerns were another city's: the caller had dialled the wrong number."""
    concerns = Contact.objects.filter(call=OuterRef("pk"))
    return Q(Exists(concerns.exclude(tenant=OuterRef("tenant")))) & ~Q(
        Exists(concerns.filter(tenant=OuterRef("tenant")))
    )


def covered(agreement: Agreement, starts_at: datetime, ends_at: datetime) -> tuple[datetime, datetime]:
    """The part of a span in which this program bills the agreement, in UTC."""
    zone = agreement.client.zone
    begin = max(starts_at, midnight(agreement.counted_from, zone))
    end = min(ends_at, midnight(agreement.ends_on + timedelta(days=1), zone)) if agreement.ends_on else ends_at
    return begin, end


def billable_calls(agreement: Agreement, terms: Terms, starts_at: datetime, ends_at: datetime) -> QuerySet[Call]:
    """Calls of the client that these terms charge, offered within the span and the agreement."""
    begin, end = covered(agreement, starts_at, ends_at)
    return Call.objects.filter(
        billable(terms.billable), tenant_id=agreement.client_id, offered_at__gte=begin, offered_at__lt=end
    ).order_by()


def group_of(group_by: str) -> Any:
    """How the call is grouped for prices per group: by its first concern, or not at all."""
    first = Contact.objects.filter(call=OuterRef("pk")).order_by("position")
    match group_by:
        case "disposition":
            column = "disposition"
        case "topic":
            column = "article__categories__name"
            first = first.order_by("position", column)
        case _:
            return Value("")
    return Left(Coalesce(Subquery(first.values(column)[:1]), Value("")), GROUP_LENGTH)


def freeze(periods: Sequence[Period]) -> None:
    """Put each month's billable calls on its list, and those of closed months that came too late for theirs.

    ``periods`` are one month of several agreements. A call that is still going on is not on the list:
    it is a late call once it has ended.
    """
    own: dict[Rule, list[Period]] = defaultdict(list)
    for period in periods:
        terms = period.version.prices
        own[terms.billable, terms.group_by].append(period)
    for rule, members in own.items():
        _insert(rule, [(period, period) for period in members], late=False)
    target = {period.agreement_id: period for period in periods}
    closed = Period.objects.filter(agreement__in=list(target), state=PeriodState.CLOSED, month__lt=periods[0].month)
    late: dict[Rule, list[tuple[Period, Period]]] = defaultdict(list)
    for home in closed.select_related("version").order_by("agreement", "month"):
        terms = home.version.prices
        late[terms.billable, terms.group_by].append((home, target[home.agreement_id]))
    for rule, pairs in late.items():
        _insert(rule, pairs, late=True)


def _insert(rule: Rule, pairs: Sequence[tuple[Period, Period]], *, late: bool) -> None:
    """INSERT … SELECT into the frozen list: the calls of each ``home`` month that this rule charges, for ``target``."""
    billed, group_by = rule
    spans = [_span(home, target) for home, target in pairs]
    clients = {target.agreement.client_id for _, target in pairs}
    begin, end = min(span[3] for span in spans), max(span[4] for span in spans)
    calls = Call.objects.filter(billable(billed), tenant_id__in=clients, offered_at__gte=begin, offered_at__lt=end)
    if late:
        calls = calls.filter(~Exists(UsageRecord.objects.filter(call=OuterRef("pk"))))
    columns = ("id", "tenant_id", "offered_at", "waited_s", "talked_s", "outcome")
    rows = calls.order_by().annotate(in_group=group_of(group_by)).values_list(*columns, "in_group")
    select, parameters = rows.query.sql_with_params()
    operations = connection.ops
    values = [
        value
        for client, period, month, begins, ends in spans
        for value in (
            client,
            period,
            operations.adapt_datefield_value(month),
            operations.adapt_datetimefield_value(begins),
            operations.adapt_datetimefield_value(ends),
        )
    ]
    names = ", ".join(operations.quote_name(column) for column in COLUMNS)
    places = ", ".join(["(%s, %s, %s, %s, %s)"] * len(spans))
    # One month of many cities: the range stands inside already, and without it here the calls are read in one go.
    alike = len({span[3:] for span in spans}) == 1 and len(spans) == len(clients)
    within = "" if alike else "AND found.offered_at >= spans.begins AND found.offered_at < spans.ends "
    with connection.cursor() as cursor:
        cursor.execute(  # names and places are our own; every value is a parameter
            f"WITH spans (client, period, in_month, begins, ends) AS (VALUES {places}) "  # noqa: S608
            f"INSERT INTO {operations.quote_name(UsageRecord._meta.db_table)} ({names}) "
            "SELECT found.id, spans.period, spans.in_month, found.offered_at, found.waited_s, found.talked_s, "
            f"found.outcome, found.in_group FROM ({select}) AS found JOIN spans ON spans.client = found.tenant_id "
            f"{within}ORDER BY spans.period, found.offered_at",
            [*values, *parameters],
        )


def _span(home: Period, target: Period) -> tuple[int, int, Any, datetime, datetime]:
    begins, ends = covered(target.agreement, home.starts_at, home.ends_at)
    return target.agreement.client_id, target.pk, home.month, begins, ends


# One line of the list as text, written by the database: in Python it took half the time of a close.
LINE = {
    "sqlite": """call_id || ';' || month || ';' || offered_at || substr('.000000', 1, (length(offered_at) = 19) * 7)
        || ';' || waited_s || ';' || talked_s || ';' || outcome || ';' || "group" || char(10)""",
    "postgresql": """replace(call_id::text, '-', '') || ';' || month
        || ';' || to_char(offered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')
        || ';' || waited_s || ';' || talked_s || ';' || outcome || ';' || "group" || chr(10)""",
}
LISTS = {
    "sqlite": f"""SELECT period_id, {LINE["sqlite"]} FROM billing_usagerecord
        WHERE period_id IN ({{places}}) ORDER BY period_id, call_id""",  # noqa: S608
    # By the two thousand: a text of the whole list could outgrow the server's memory.
    "postgresql": f"""SELECT period_id, string_agg(line, '' ORDER BY call_id) FROM (
            SELECT period_id, call_id, {LINE["postgresql"]} AS line,
                (row_number() OVER (PARTITION BY period_id ORDER BY call_id) - 1) / 2000 AS part
            FROM billing_usagerecord WHERE period_id IN ({{places}})
        ) AS lines GROUP BY period_id, part ORDER BY period_id, part""",  # noqa: S608
}


def list_hashes(periods: Sequence[Period]) -> dict[int, str]:
    """SHA-256 over each frozen list, one line a call in the order of the call ids, by the period's key.

    A line is ``call id (32 hex digits);month (its first day);offered (UTC, with microseconds);waited s;talked s;
    outcome;group`` and a line feed, in UTF-8. Nothing that expires (caller's number, agent, notes) is in it.
    """
    digests = {period.pk: hashlib.sha256() for period in periods}
    statement = LISTS[connection.vendor].format(places=", ".join(["%s"] * len(digests)))
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, list(digests))
        while rows := cursor.fetchmany(200 if connection.vendor == "postgresql" else 5000):
            for key, text in rows:
                digests[key].update(text.encode())
    return {key: digest.hexdigest() for key, digest in digests.items()}


def list_hash(period: Period) -> str:
    """The hash of one list, see ``list_hashes``."""
    return list_hashes([period])[period.pk]
