"""The demo's people: one per role, named after it, and those that four eyes need; in demo mode only, by one click."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from callcenter.accounts.models import Membership, Role, User
from tenants.models import Tenant

# username, shown name, role, cities
PEOPLE: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("agent", "Alex Beispiel", Role.AGENT, ("duisburg", "dinslaken")),
    ("agent2", "Kim Beispiel", Role.AGENT, ("duisburg", "dinslaken")),
    ("editor", "Robin Redaktion", Role.EDITOR, ("duisburg", "dinslaken")),
    ("editor2", "Toni Prüfung", Role.EDITOR, ("duisburg", "dinslaken")),
    ("supervisor", "Sascha Leitung", Role.SUPERVISOR, ("duisburg", "dinslaken")),
    ("accountant", "Chris Abrechnung", Role.ACCOUNTANT, ("duisburg",)),
    ("accountant2", "Luca Freigabe", Role.ACCOUNTANT, ("duisburg",)),
    ("accountant3", "Nour Kämmerei", Role.ACCOUNTANT, ("dinslaken",)),
    ("accountant4", "Charlie Kasse", Role.ACCOUNTANT, ("dinslaken",)),
    ("liaison", "Mika Partnerstadt", Role.LIAISON, ("dinslaken",)),
    ("administrator", "Jona Verwaltung", Role.ADMINISTRATOR, ("duisburg", "dinslaken")),
)


@transaction.atomic
def load(cities: Mapping[str, Tenant]) -> dict[str, User]:
    """Create the demo people; none has a usable password. Running it again changes nothing."""
    users = {}
    for username, name, role, slugs in PEOPLE:
        user = User.objects.filter(username=username).first()
        if user is None:
            user = User.objects.create_user(username, name=name, is_demo=True, email=f"{username}@demo.example")
        for slug in slugs:
            Membership.objects.get_or_create(user=user, tenant=cities[slug], role=role)
        users[username] = user
    return users
