"""Figures for Prometheus at ``/metrics``, read from the database: the same from every process and machine.

Counts and ages only: no city, person or number appears in a label. Request times come from the
proxy's metrics or from the log lines of ``callcenter.requests``.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Min, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from billing.models import Outbox
from callcenter.accounts.access import public
from callcenter.accounts.models import User
from callcenter.calls.models import (
    Call,
    CallState,
    Handover,
    HandoverState,
    Presence,
    PresenceState,
    TelephonyEvent,
    counted,
)
from tenants.scope import all_cities

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Gauge:
    """One metric with its samples: ({label: value}, number)."""

    name: str
    help: str
    samples: Iterable[tuple[dict[str, str], float]] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        yield f"# HELP callcenter_{self.name} {self.help}"
        yield f"# TYPE callcenter_{self.name} gauge"
        for labels, value in self.samples:
            inside = ",".join(f'{name}="{text}"' for name, text in labels.items())
            yield f"callcenter_{self.name}{{{inside}}} {value:g}" if inside else f"callcenter_{self.name} {value:g}"


def _age(moment: datetime | None, now: datetime) -> list[tuple[dict[str, str], float]]:
    return [] if moment is None else [({}, max(0.0, round((now - moment).total_seconds(), 1)))]


def gauges() -> list[Gauge]:
    """Six queries, each answered from an index or a small table."""
    now = timezone.now()
    with all_cities("counts only, for the people who run the program"):
        calls = (
            Call.objects.filter(counted())
            .exclude(state=CallState.ENDED)
            .aggregate(
                offered=Count("pk", filter=Q(state=CallState.OFFERED)),
                connected=Count("pk", filter=Q(state=CallState.CONNECTED)),
                unassigned=Count("pk", filter=Q(tenant__isnull=True)),
            )
        )
        handovers = Handover.objects.filter(counted("contact__call"), state__in=HandoverState.owed()).aggregate(
            open=Count("pk"), overdue=Count("pk", filter=Q(due_at__lt=now))
        )
        last_event = TelephonyEvent.objects.order_by("-pk").values_list("received_at", flat=True).first()
    agents = dict(Presence.objects.values_list("state").annotate(Count("pk")))
    outbox = Outbox.objects.filter(sent_at__isnull=True).aggregate(
        waiting=Count("pk"), failing=Count("pk", filter=Q(attempts__gt=0)), oldest=Min("created_at")
    )
    return [
        Gauge(
            "calls_open",
            "Calls that ring or are being answered.",
            [({"state": state}, calls[state]) for state in ("offered", "connected")],
        ),
        Gauge(
            "calls_open_unassigned", "Open calls whose dialled number belongs to no city.", [({}, calls["unassigned"])]
        ),
        Gauge("telephony_silence_seconds", "Since the last telephony event.", _age(last_event, now)),
        Gauge(
            "agents",
            "People at their places, by what they do now.",
            [({"state": state}, agents.get(state, 0)) for state in PresenceState.values],
        ),
        Gauge(
            "emergency_accounts",
            "Emergency accounts that could sign in now.",
            [({}, User.objects.filter(emergency_until__gt=now, is_active=True).count())],
        ),
        Gauge("handovers_open", "Call-backs that offices owe.", [({}, handovers["open"])]),
        Gauge("handovers_overdue", "Call-backs past their due time.", [({}, handovers["overdue"])]),
        Gauge("outbox_waiting", "Messages not sent yet.", [({}, outbox["waiting"])]),
        Gauge("outbox_failing", "Messages that failed at least once.", [({}, outbox["failing"])]),
        Gauge("outbox_oldest_seconds", "Age of the oldest message not sent.", _age(outbox["oldest"], now)),
    ]


@public("asks for the bearer token of the settings; without one the address does not exist")
def metrics(request: HttpRequest) -> HttpResponse:
    token = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not token:
        raise Http404
    if not hmac.compare_digest(token.encode(), given.encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    text = "\n".join(line for gauge in gauges() for line in gauge.lines())
    return HttpResponse(text + "\n", content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})
