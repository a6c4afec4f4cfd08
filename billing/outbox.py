"""What leaves the house goes through the outbox: written with the deed, sent afterwards, at least once.

A broker that is down at the moment of the deed loses nothing, and a relay killed between sending
and marking sends a second mail at worst, never a second invoice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from billing.models import Outbox

log = logging.getLogger(__name__)
MAX_PAUSE = timedelta(hours=6)


def put(*, key: str, kind: str, payload: dict[str, Any]) -> None:
    """Queue a message in the caller's transaction; the same key is queued once."""
    Outbox.objects.get_or_create(key=key, defaults={"kind": kind, "payload": payload, "not_before": timezone.now()})


def relay(handlers: Mapping[str, Callable[[dict[str, Any]], None]], limit: int = 100) -> int:
    """Send what waits, each message in a transaction of its own; returns how many went out.

    Several relays may run: on PostgreSQL each takes other rows, on SQLite they take turns.
    """
    sent = 0
    waiting = Outbox.objects.filter(sent_at__isnull=True, not_before__lte=timezone.now())
    for pk in list(waiting.order_by("id").values_list("pk", flat=True)[:limit]):
        with transaction.atomic():
            message = waiting.select_for_update(skip_locked=True).filter(pk=pk).first()
            if message is None:
                continue
            sent += _send(message, handlers)
    return sent


def _send(message: Outbox, handlers: Mapping[str, Callable[[dict[str, Any]], None]]) -> int:
    try:
        with transaction.atomic():  # a failing handler must not take the mark of its failure with it
            handlers[message.kind](message.payload)
    except Exception as error:
        log.warning("outbox %s failed: %s", message.key, error)
        message.attempts += 1
        message.error = str(error)[:250]
        message.not_before = timezone.now() + min(timedelta(minutes=2**message.attempts), MAX_PAUSE)
        message.save(update_fields=["attempts", "error", "not_before"])
        return 0
    message.sent_at, message.error = timezone.now(), ""
    message.save(update_fields=["sent_at", "error"])
    return 1
