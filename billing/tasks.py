"""Billing's jobs; each delegates at once and may run twice, or in two places, without harm."""

from __future__ import annotations

from celery import shared_task

from billing import dispatch, outbox, schedule


@shared_task(queue="billing")
def close_due_months() -> int:
    """Close every month whose grace has run out; returns how many were closed now."""
    return schedule.close_due_months()


@shared_task(queue="billing")
def relay_outbox() -> int:
    """Send what waits in the outbox; returns how many messages went out."""
    return outbox.relay(dispatch.HANDLERS)
