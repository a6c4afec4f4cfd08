"""Who may do what, from the identity provider's groups; pure, so that a mapping can be tried without one.

A rule reads ``group=city:role``, such as ``cc-agents=duisburg:agent``. Rules for one group add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from callcenter.accounts.models import Role


def parse_rules(rules: Iterable[str]) -> dict[str, frozenset[tuple[str, str]]]:
    """Rules as ``{group: {(city slug, role)}}``. Raises ValueError with the rule that cannot be read."""
    parsed: dict[str, set[tuple[str, str]]] = {}
    for rule in rules:
        group, equals, right = rule.rpartition("=")
        city, colon, role = right.partition(":")
        if not (equals and colon and group and city and role in Role.values):
            raise ValueError(f"{rule!r} is not of the form group=city:role with a role of {', '.join(Role.values)}.")
        parsed.setdefault(group, set()).add((city, role))
    return {group: frozenset(rights) for group, rights in parsed.items()}


def granted(
    claims: Mapping[str, Any], *, claim: str, rules: Mapping[str, frozenset[tuple[str, str]]]
) -> set[tuple[str, str]]:
    """(city slug, role) for each group of the claims; a dotted claim name reaches into nested objects (Keycloak)."""
    value: Any = claims
    for part in claim.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    groups = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return {right for group in groups if isinstance(group, str) for right in rules.get(group.lstrip("/"), ())}
