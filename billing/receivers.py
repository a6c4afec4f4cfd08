"""Answers to what the floors below ask."""

from __future__ import annotations

from datetime import date
from typing import Any

from billing import outbox
from billing.models import Period, PeriodState
from tenants.models import Tenant


def refuse_closed_month(*, tenant: Tenant, year: int, month: int, **kwargs: Any) -> str | None:
    """Rows of a month that was closed for this client must not be replaced."""
    closed = Period.objects.beyond_scope("asks only whether the month is closed").filter(
        agreement__client=tenant, month=date(year, month, 1), state=PeriodState.CLOSED
    )
    return f"{tenant.name}: {year}-{month:02} is closed and invoiced." if closed.exists() else None


def keep_mail(*, key: str, kind: str, payload: dict[str, Any], **kwargs: Any) -> None:
    """A mail of a lower floor waits in the outbox from the moment its deed is stored."""
    outbox.put(key=key, kind=kind, payload=payload)
