"""Jobs of the call ledger; each delegates at once."""

from __future__ import annotations

from celery import shared_task

from callcenter.calls.services import handovers, lifecycle


@shared_task(queue="default")
def reap_stale_calls() -> int:
    """Close calls whose hangup never came."""
    return lifecycle.reap_stale_calls()


@shared_task(queue="default")
def close_overdue_wrap_ups() -> int:
    """Close calls whose wrap-up ran out while no desk was open."""
    return lifecycle.close_overdue_wrap_ups()


@shared_task(queue="default")
def expire_personal_data() -> dict[str, int]:
    """Delete numbers, notes and agents after each city's number of days."""
    return lifecycle.expire_personal_data()


@shared_task(queue="mail")
def remind_handovers() -> dict[str, int]:
    """Remind offices of call-backs that are soon due, and supervisors of those that are late."""
    return handovers.remind()
