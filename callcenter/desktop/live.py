"""What happens to calls, presence and answers becomes messages to the desks, in the same transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from callcenter.calls.models import Call, Presence
from callcenter.desktop.models import LiveEvent
from knowledge.models import EffectiveArticle

CHANNEL = "callcenter_live"
AUDIENCE_AT_MOST = 500  # beyond that every desk of the city is told; a desk asks for its own state anyway


def publish(
    *, kind: str, payload: dict[str, Any], audience: Iterable[int] = (), tenant_id: int | None = None
) -> LiveEvent | None:
    """Tell the desks of these users, or (without any) every desk of the city; nobody: nothing is written.

    ``payload`` is plain JSON and never holds a caller's number.
    """
    users = sorted(set(audience))
    if len(users) > AUDIENCE_AT_MOST and tenant_id is not None:
        users = []
    if not users and tenant_id is None:
        return None
    # On PostgreSQL a trigger wakes the listeners when this commits (migration 0003).
    return LiveEvent.objects.create(kind=kind, payload=payload, audience=users, tenant_id=tenant_id)


def on_call_changed(*, call: Call, kind: str, user_ids: frozenset[int], **_: object) -> None:
    """``ring``, ``ring_ended``, ``connected``, ``ended``, ``changed``: the desk then asks for its own state."""
    city = call.tenant.slug if call.tenant else None
    payload = {"kind": kind, "call": str(call.pk), "city": city, "state": call.state}
    publish(kind=kind, payload=payload, audience=user_ids, tenant_id=call.tenant_id)


def on_presence_changed(*, presence: Presence, **_: object) -> None:
    payload = {"kind": "presence", "state": presence.state, "reason": presence.reason}
    publish(kind="presence", payload=payload, audience=[presence.user_id])


def on_article_published(*, effective: EffectiveArticle, **_: object) -> None:
    payload = {
        "kind": "article",
        "article": str(effective.article_id),
        "effective": str(effective.pk),
        "title": effective.title,
    }
    publish(kind="article", payload=payload, tenant_id=effective.tenant_id)


def on_reports_answered(*, user_ids: frozenset[int], **_: object) -> None:
    """Somebody's report was closed: their desk asks what became of it."""
    publish(kind="report", payload={"kind": "report"}, audience=user_ids)


def on_notice_changed(*, tenant_id: int, notice_id: object, kind: str, **_: object) -> None:
    """A situation began, ended or was counted: the desks of the city ask for their band again."""
    payload = {"kind": "notice", "notice": str(notice_id), "change": kind}
    publish(kind="notice", payload=payload, tenant_id=tenant_id)


def frame(event_id: int, kind: str, payload: dict[str, Any]) -> bytes:
    """One message of the Server-Sent Events format (WHATWG HTML, 9.2)."""
    data = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return f"id: {event_id}\nevent: {kind}\ndata: {data}\n\n".encode()
