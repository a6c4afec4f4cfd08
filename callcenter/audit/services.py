"""Writing to the trail, and checking that nobody wrote over it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from callcenter.audit.models import AuditEntry, ChainHead

HOUSE = 0  # the chain of what belongs to no city


def link_hash(
    *,
    previous: str,
    at: datetime,
    chain: int,
    position: int,
    actor_id: int | None,
    action: str,
    object_type: str,
    object_id: str,
    data: Mapping[str, object],
) -> str:
    """SHA-256 over the previous hash and every field, in a canonical JSON form."""
    body = json.dumps(
        [previous, at.isoformat(), chain, position, actor_id, action, object_type, object_id, data],
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return hashlib.sha256(body.encode()).hexdigest()


@dataclass(frozen=True)
class Deed:
    """One entry to append: ``data`` holds ids and plain JSON values only; never names, numbers of callers or texts."""

    action: str
    actor_id: int | None = None
    object_type: str = ""
    object_id: object = ""
    data: Mapping[str, object] | None = None


def record(
    *,
    action: str,
    actor_id: int | None = None,
    tenant_id: int | None = None,
    object_type: str = "",
    object_id: object = "",
    data: Mapping[str, object] | None = None,
) -> AuditEntry:
    """Append one entry, in the caller's transaction: no deed without its entry, and the reverse."""
    (entry,) = record_all(tenant_id=tenant_id, deeds=[Deed(action, actor_id, object_type, object_id, data)])
    return entry


@transaction.atomic
def record_all(*, tenant_id: int | None, deeds: Sequence[Deed]) -> list[AuditEntry]:
    """Append many entries to one city's chain, in their order; takes the queries of a single one."""
    chain = tenant_id or HOUSE
    ChainHead.objects.get_or_create(chain=chain)
    head = ChainHead.objects.select_for_update().get(chain=chain)
    entries = []
    for deed in deeds:
        at = timezone.now()
        plain = json.loads(json.dumps(dict(deed.data or {})))
        digest = link_hash(
            previous=head.hash,
            at=at,
            chain=chain,
            position=head.position + 1,
            actor_id=deed.actor_id,
            action=deed.action,
            object_type=deed.object_type,
            object_id=str(deed.object_id),
            data=plain,
        )
        entry = AuditEntry(
            at=at,
            chain=chain,
            position=head.position + 1,
            actor_id=deed.actor_id,
            action=deed.action,
            object_type=deed.object_type,
            object_id=str(deed.object_id),
            data=plain,
            previous_hash=head.hash,
            hash=digest,
        )
        head.position, head.hash = entry.position, entry.hash
        entries.append(entry)
    AuditEntry.objects.bulk_create(entries)
    head.save(update_fields=["position", "hash"])
    return entries


def broken_links(chain: int | None = None) -> Iterator[str]:
    """Sentences about every link that does not follow from the one before; none when all is well.

    ``chain`` looks at one city's chain only.
    """
    heads = ChainHead.objects.order_by("chain") if chain is None else ChainHead.objects.filter(chain=chain)
    for head in heads:
        previous, position = "0" * 64, 0
        for entry in AuditEntry.objects.filter(chain=head.chain).order_by("position").iterator(2000):
            position += 1
            expected = link_hash(
                previous=previous,
                at=entry.at,
                chain=entry.chain,
                position=position,
                actor_id=entry.actor_id,
                action=entry.action,
                object_type=entry.object_type,
                object_id=entry.object_id,
                data=entry.data,
            )
            if (entry.position, entry.previous_hash, entry.hash) != (position, previous, expected):
                yield f"audit chain {head.chain}: entry {entry.position} does not follow from the one before"
            previous = entry.hash
        if (head.position, head.hash) != (position, previous):
            yield f"audit chain {head.chain}: ends at {position}, but its head says {head.position}"
