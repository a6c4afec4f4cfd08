"""Writing calls exported from another system: each row once, each refusal with line and reason."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from callcenter.accounts.models import Role, User
from callcenter.audit.services import record
from callcenter.calls.importing import BadRow, ImportedCall, check_row
from callcenter.calls.models import Call, CallState, Connector, Contact, Dialect, Source
from callcenter.calls.services.connectors import token_hash
from callcenter.calls.signals import month_guard
from knowledge.models import EffectiveArticle
from tenants.models import Line, Tenant
from tenants.scope import assert_in_scope
from tenants.selectors import line_for


@dataclass
class ImportResult:
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: list[dict[str, object]] = field(default_factory=list)


@dataclass(frozen=True)
class _House:
    """What rows are matched against, read once."""

    tenant: Tenant
    connector: Connector
    agents: dict[str, User]
    articles: dict[str, EffectiveArticle]


@transaction.atomic
def import_calls(
    *, tenant: Tenant, rows: Iterable[tuple[int, Mapping[str, str]]], dry_run: bool = False
) -> ImportResult:
    """Store the rows as ended (or still open) calls of the city; the same file again changes nothing.

    A call is known by its ``call_id`` among the city's imported calls. Unknown agents and topics are left
    empty; a line that is not the city's on that day, and a change in a closed month, are refused.
    """
    assert_in_scope(tenant)
    result, house, seen = ImportResult(), _house(tenant), dict[str, ImportedCall]()
    for number, row in rows:
        try:
            said = check_row(row)
            if seen.setdefault(said.call_id, said) != said:
                raise BadRow("call_id occurs twice in this file, with different values")
            _take(said, house, result)
        except BadRow as reason:
            result.refused.append({"line": number, "id": row.get("call_id", ""), "reason": str(reason)})
    if result.created or result.changed:
        record(
            action="calls.imported",
            tenant_id=tenant.pk,
            data={"created": result.created, "changed": result.changed, "refused": len(result.refused)},
        )
    if dry_run:
        transaction.set_rollback(True)
    return result


def _house(tenant: Tenant) -> _House:
    connector, _ = Connector.objects.get_or_create(
        name=f"Import {tenant.slug}",
        defaults={"dialect": Dialect.NATIVE, "token_hash": token_hash(secrets.token_urlsafe(32))},
    )
    agents = User.objects.filter(memberships__tenant=tenant, memberships__role=Role.AGENT)
    return _House(
        tenant,
        connector,
        {user.username.lower(): user for user in agents},
        {article.title.lower(): article for article in EffectiveArticle.objects.filter(tenant=tenant)},
    )


def _take(said: ImportedCall, house: _House, result: ImportResult) -> None:
    line = _line(said, house.tenant)
    recent = (timezone.now() - said.offered_at).days < house.tenant.retention_days
    values = {
        "tenant_id": house.tenant.pk,
        "line_id": line.pk if line else None,
        "dialled": said.line,
        "direction": said.direction,
        "state": said.state,
        "outcome": said.outcome,
        "offered_at": said.offered_at,
        "answered_at": said.answered_at,
        "ended_at": said.ended_at,
        "waited_s": said.waited_s,
        "talked_s": said.talked_s,
    }
    # The agent is personal data and goes with time, so it alone makes no change.
    agent = house.agents.get(said.agent.lower()) if recent and said.answered_at else None
    known = Call.objects.filter(connector=house.connector, connector_call_id=said.call_id).first()
    if known is None:
        call = Call.objects.create(
            connector=house.connector,
            connector_call_id=said.call_id,
            source=Source.IMPORT,
            line_by_hand=True,
            agent=agent,
            wrapped_up_at=said.ended_at if said.answered_at else None,
            **values,
        )
        _topic(call, said, house)
        result.created += 1
        return
    if all(getattr(known, name) == value for name, value in values.items()):
        result.unchanged += 1
        return
    _refuse_when_closed(known, house.tenant)
    for name, value in values.items():
        setattr(known, name, value)
    known.wrapped_up_at = said.ended_at if said.answered_at else None
    known.save()
    result.changed += 1


def _line(said: ImportedCall, tenant: Tenant) -> Line | None:
    if not said.line:
        return None
    day = timezone.localtime(said.offered_at, tenant.zone).date()
    line = line_for(number=said.line, on=day)
    if line is None or line.tenant_id != tenant.pk:
        raise BadRow(f"line {said.line[:40]!r} is no line of {tenant.slug} on {day}")
    return line


def _refuse_when_closed(call: Call, tenant: Tenant) -> None:
    local = timezone.localtime(call.offered_at, tenant.zone)
    for _receiver, reason in month_guard.send(sender=Call, tenant=tenant, year=local.year, month=local.month):
        if reason:
            raise BadRow(f"the call is known with other values and cannot be changed: {reason}")


def _topic(call: Call, said: ImportedCall, house: _House) -> None:
    if not said.topic or call.state != CallState.ENDED or said.answered_at is None:
        return
    article = house.articles.get(said.topic.lower())
    Contact.objects.create(
        tenant=house.tenant,
        call=call,
        article_id=article.article_id if article else None,
        shared_revision_id=article.shared_revision_id if article else None,
        local_revision_id=article.local_revision_id if article else None,
        opened_at=said.answered_at,
        closed_at=said.ended_at,
    )
