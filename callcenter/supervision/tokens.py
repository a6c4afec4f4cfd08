"""Tokens for the HTTP interface: made once, shown once, kept as a hash, revoked in the browser."""

from __future__ import annotations

import hashlib
import secrets
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from callcenter.accounts.models import User
from callcenter.audit.services import record
from callcenter.supervision.models import ApiToken
from tenants.models import Tenant
from tenants.scope import assert_in_scope

PREFIX = "ccf_"  # so that a scanner for leaked secrets knows one


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def make_token(*, city: Tenant, user: User, name: str, valid_until: date) -> tuple[ApiToken, str]:
    """A token that reads this city's figures; the plain text is returned once and kept nowhere."""
    assert_in_scope(city)
    plain = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        tenant=city, name=name, token_hash=hash_of(plain), created_by=user, valid_until=valid_until
    )
    _record("made", token, user)
    return token, plain


@transaction.atomic
def revoke_token(*, token: ApiToken, user: User, now: datetime) -> None:
    """From now on the token opens nothing; again, changes nothing."""
    assert_in_scope(token.tenant_id)
    if token.revoked_at is None:
        token.revoked_at = now
        token.save(update_fields=["revoked_at"])
        _record("revoked", token, user)


def _record(what: str, token: ApiToken, user: User) -> None:
    record(
        action=f"supervision.api_token_{what}",
        actor_id=user.pk,
        tenant_id=token.tenant_id,
        object_type="api_token",
        object_id=token.pk,
    )


def city_for(plain: str) -> Tenant | None:
    """The city whose figures the token reads; None when it is unknown, revoked or over."""
    found = (
        ApiToken.objects.beyond_scope("who holds the token may read the city that it names")
        .select_related("tenant")
        .filter(token_hash=hash_of(plain), revoked_at=None, tenant__is_active=True)
        .first()
    )
    if found is None:
        return None
    today = timezone.now().astimezone(found.tenant.zone).date()
    if found.valid_until < today:
        return None
    if found.used_on != today:
        ApiToken.objects.beyond_scope("its own row").filter(pk=found.pk).update(used_on=today)
    return found.tenant
