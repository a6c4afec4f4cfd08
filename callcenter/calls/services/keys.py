"""Replacing the key that seals caller numbers: everything it sealed is read once and sealed anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import models, transaction

from callcenter.audit.services import record
from callcenter.calls.models import BlockedCaller, CallerNumber, Connector, Handover, RequestLog, TelephonyEvent
from callcenter.calls.sealing import is_current, keyed_hash, seal, unseal, unseal_bytes
from tenants.scope import all_cities

BATCH = 500
# Every sealed column. Blocked numbers are kept as a hash alone and cannot be sealed anew.
SEALED: tuple[tuple[type[models.Model], str], ...] = (
    (CallerNumber, "number"),
    (Handover, "callback_number"),
    (Handover, "answers"),
    (TelephonyEvent, "body"),
    (Connector, "secret"),
    (Connector, "previous_secret"),
    (RequestLog, "body"),
)


def reseal() -> dict[str, int]:
    """Seal everything with the key in force; returns how many values changed, by ``model.column``.

    Runs in batches while the house works, and again without effect. Raises nothing for a value that neither key
    reads: it stays as it is and is counted by ``unreadable``.
    """
    changed: dict[str, int] = {}
    with all_cities("seals everything with the new key"):
        for model, column in SEALED:
            name = f"{model._meta.model_name}.{column}"
            changed[name] = sum(_reseal_batch(model, column, keys) for keys in _batches(model, column))
    record(action="number_key.resealed", data=changed)
    return changed


def stale() -> dict[str, int]:
    """What the key in force does not read yet, by ``model.column``; empty when the old key may go."""
    left: dict[str, int] = {}
    with all_cities("counts what the new key does not read"):
        for model, column in SEALED:
            values = model._default_manager.exclude(**{column: b""}).values_list(column, flat=True).iterator(BATCH)
            if found := sum(not is_current(value) for value in values):
                left[f"{model._meta.model_name}.{column}"] = found
    return left


def blocked_by_hash() -> int:
    """Blocked numbers, which a new key cannot find again: they are entered anew."""
    return BlockedCaller.objects.count()


def _batches(model: type[models.Model], column: str) -> Iterator[list[Any]]:
    last = None
    while True:
        rows = model._default_manager.exclude(**{column: b""}).order_by("pk")
        keys = list((rows.filter(pk__gt=last) if last is not None else rows).values_list("pk", flat=True)[:BATCH])
        if not keys:
            return
        yield keys
        last = keys[-1]


@transaction.atomic
def _reseal_batch(model: type[models.Model], column: str, keys: list[Any]) -> int:
    """Rows are locked, so that an expiry in between is not undone."""
    changed = 0
    for row in model._default_manager.select_for_update(of=("self",)).filter(pk__in=keys):
        old = getattr(row, column)
        plain = unseal_bytes(old)
        if is_current(old) or not plain:
            continue
        values: dict[str, Any] = {column: seal(plain)}
        if isinstance(row, CallerNumber):
            values["keyed_hash"] = keyed_hash(unseal(old))
        model._default_manager.filter(pk=row.pk).update(**values)
        changed += 1
    return changed
