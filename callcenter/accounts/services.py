"""Writing accounts and rights."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils.translation import gettext as _

from callcenter.accounts.models import Membership, Role, RoleRequest, User
from callcenter.audit.services import record
from tenants.models import Tenant
from tenants.scope import scoped

log = logging.getLogger(__name__)
# Roles that move money or rights; with CALLCENTER_ROLE_FOUR_EYES a second administrator confirms them.
WEIGHTY = frozenset({Role.ADMINISTRATOR.value, Role.ACCOUNTANT.value})


class LastAdministrator(ValueError):
    """A city would be left without an administrator."""


class SamePerson(ValueError):
    """Two people are needed, and this is the first one again."""


def _needs_second(city: Tenant, actor_id: int | None) -> bool:
    """Whether weighty roles wait for a second administrator: the setting, and that there is one to ask."""
    others = Membership.objects.filter(tenant=city, role=Role.ADMINISTRATOR, user__is_active=True)
    return settings.ROLE_FOUR_EYES and actor_id is not None and others.exclude(user=actor_id).exists()


@transaction.atomic
def save_person(*, user: User, city: Tenant, roles: Iterable[str], password: str = "", actor_id: int | None) -> User:
    """Store an account and these roles in the city; roles elsewhere stay as they are.

    Roles are taken away at once; where four eyes are set, weighty new ones become a RoleRequest.
    Raises LastAdministrator when nobody could administer the city afterwards.
    """
    created = user.pk is None
    if password:
        user.set_password(password)
    user.save()
    wanted = set(roles)
    held = set(user.memberships.filter(tenant=city).values_list("role", flat=True))
    waiting = (wanted - held) & WEIGHTY if _needs_second(city, actor_id) else set()
    user.memberships.filter(tenant=city).exclude(role__in=wanted).delete()
    with scoped([city]):
        RoleRequest.objects.filter(tenant=city, user=user).exclude(role__in=wanted).delete()
        for role in sorted(waiting):
            RoleRequest.objects.get_or_create(tenant=city, user=user, role=role, defaults={"requested_by_id": actor_id})
    Membership.objects.bulk_create(
        Membership(user=user, tenant=city, role=role) for role in sorted(wanted - held - waiting)
    )
    administrators = Membership.objects.filter(tenant=city, role=Role.ADMINISTRATOR, user__is_active=True)
    if not administrators.exists():
        raise LastAdministrator(
            "Die Stadt hätte keine Verwaltung mehr. Geben Sie diese Rolle zuerst einer anderen Person."
        )
    record(
        action="person.created" if created else "person.changed",
        actor_id=actor_id,
        tenant_id=city.pk,
        object_type="user",
        object_id=user.pk,
        data={
            "roles": sorted(wanted - waiting),
            "roles_before": sorted(held),
            "password_changed": bool(password),
            **({"roles_requested": sorted(waiting)} if waiting else {}),
        },
    )
    return user


@transaction.atomic
def decide_role(*, request: RoleRequest, user: User, confirmed: bool) -> None:
    """A second administrator confirms or declines. Raises SamePerson for the one who asked, or who would get it."""
    if confirmed and user.pk in {request.requested_by_id, request.user_id}:
        raise SamePerson(_("Das bestätigt eine zweite Person aus der Verwaltung, nicht Sie selbst."))
    if confirmed:
        Membership.objects.get_or_create(user_id=request.user_id, tenant_id=request.tenant_id, role=request.role)
    record(
        action="role.confirmed" if confirmed else "role.declined",
        actor_id=user.pk,
        tenant_id=request.tenant_id,
        object_type="user",
        object_id=request.user_id,
        data={"role": request.role, "requested_by": request.requested_by_id},
    )
    request.delete()


@transaction.atomic
def apply_provider_rights(*, user: User, rights: set[tuple[str, str]]) -> None:
    """Exactly the roles that the identity provider's groups give; recorded in each city where something changes."""
    if user.is_emergency:
        return
    cities = {city.slug: city for city in Tenant.objects.filter(is_active=True)}
    wanted = {(cities[slug].pk, role) for slug, role in rights if slug in cities}
    held = {(one.tenant_id, one.role): one for one in user.memberships.all()}
    for key in held.keys() - wanted:
        held[key].delete()
    added = wanted - held.keys()
    Membership.objects.bulk_create(Membership(user=user, tenant_id=city, role=role) for city, role in sorted(added))
    for city in sorted({city for city, _role in (held.keys() ^ wanted)}):
        record(
            action="person.roles_from_provider",
            tenant_id=city,
            object_type="user",
            object_id=user.pk,
            data={
                "roles": sorted(role for one, role in wanted if one == city),
                "roles_before": sorted(role for one, role in held if one == city),
            },
        )
    if hasattr(user, "_rights"):
        del user._rights


@transaction.atomic
def end_sessions(*, user: User, actor_id: int, city: Tenant) -> int:
    """Sign a person out everywhere; returns how many sessions ended."""
    ended = 0
    for session in UserSession.objects.filter(user=user):
        session.end()
        ended += 1
    record(
        action="person.sessions_ended", actor_id=actor_id, tenant_id=city.pk, object_type="user", object_id=user.pk,
        data={"sessions": ended},
    )  # fmt: skip
    return ended


@transaction.atomic
def reset_second_factor(*, user: User, actor_id: int, city: Tenant) -> int:
    """Somebody lost their telephone or key: forget every second factor; returns how many. They set a new one up."""
    gone, _rows = Authenticator.objects.filter(user=user).delete()
    record(
        action="person.second_factor_reset", actor_id=actor_id, tenant_id=city.pk, object_type="user",
        object_id=user.pk, data={"authenticators": gone},
    )  # fmt: skip
    return gone


@transaction.atomic
def open_emergency_account(*, username: str, until: datetime) -> tuple[User, str]:
    """An administrator of every city with a new password, until the moment given. Returns both, the password once."""
    password = secrets.token_urlsafe(18)
    user = User.objects.filter(username=username).first() or User(username=username, name="Notfallkonto")
    if user.pk and not user.is_emergency:
        raise ValueError(f"{username} is a person's account. Choose another name.")
    user.emergency_until, user.is_active = until, True
    user.set_password(password)
    user.save()
    for city in Tenant.objects.filter(is_active=True):
        Membership.objects.get_or_create(user=user, tenant=city, role=Role.ADMINISTRATOR)
        record(
            action="emergency.opened", tenant_id=city.pk, object_type="user", object_id=user.pk,
            data={"until": until.isoformat()},
        )  # fmt: skip
    return user, password


def sound_emergency_alarm(*, user: User, address: str) -> None:
    """Tell the trail of every city, the log and every administrator with a mail address; never stops the sign-in."""
    with transaction.atomic():
        for city in Tenant.objects.filter(is_active=True):
            record(action="emergency.signed_in", actor_id=user.pk, tenant_id=city.pk, data={"address": address})
    log.critical("emergency account %s signed in from %s", user.username, address)
    people = User.objects.filter(memberships__role=Role.ADMINISTRATOR, is_active=True).exclude(email="").distinct()
    addresses = sorted(set(people.values_list("email", flat=True)))
    if addresses:
        told = _(
            "Das Notfallkonto %(name)s hat sich gerade von %(address)s angemeldet. "
            "Waren Sie es nicht, sperren Sie es sofort in der Verwaltung."
        )
        try:
            send_mail(
                _("Das Notfallkonto hat sich angemeldet"),
                told % {"name": user.username, "address": address},
                None,
                addresses,
            )
        except OSError as error:
            log.critical("the alarm could not be mailed: %s", error)
