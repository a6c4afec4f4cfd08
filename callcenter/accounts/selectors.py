"""Reading about people and what they did."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet

from callcenter.accounts.models import Membership, User
from callcenter.audit.models import AuditEntry
from tenants.models import Tenant


def people_of(city: Tenant) -> QuerySet[User]:
    """Everyone with a role in the city; ``roles_here`` holds those memberships."""
    here = Prefetch("memberships", Membership.objects.filter(tenant=city), to_attr="roles_here")
    return User.objects.filter(memberships__tenant=city).distinct().prefetch_related(here)


def trail_of(city: Tenant) -> QuerySet[AuditEntry]:
    """The city's chain, newest first."""
    return AuditEntry.objects.filter(chain=city.pk).order_by("-position")
