"""School holidays, letters, elections: days that the forecast is told of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

from django.db import transaction

from callcenter.accounts.models import User
from callcenter.audit.services import record
from callcenter.supervision.models import KnownEvent
from tenants.models import Tenant
from tenants.scope import assert_in_scope


@transaction.atomic
def add_event(*, event: KnownEvent, city: Tenant, user: User) -> KnownEvent:
    assert_in_scope(city)
    event.tenant = city
    event.save()
    record(
        action="supervision.known_event_added",
        actor_id=user.pk,
        tenant_id=city.pk,
        object_type="known_event",
        object_id=event.pk,
        data={"kind": event.kind, "first": event.first.isoformat(), "last": event.last.isoformat()},
    )
    return event


@transaction.atomic
def delete_event(*, event: KnownEvent, user: User) -> None:
    assert_in_scope(event.tenant_id)
    record(
        action="supervision.known_event_deleted",
        actor_id=user.pk,
        tenant_id=event.tenant_id,
        object_type="known_event",
        object_id=event.pk,
    )
    event.delete()


def event_days(cities: Sequence[Tenant]) -> dict[str, list[date]]:
    """Days by kind, past and future, of any of these cities."""
    found: dict[str, set[date]] = defaultdict(set)
    for kind, first, last in KnownEvent.objects.filter(tenant__in=cities).values_list("kind", "first", "last"):
        found[kind].update(first + timedelta(days=n) for n in range((last - first).days + 1))
    return {kind: sorted(days) for kind, days in sorted(found.items())}
