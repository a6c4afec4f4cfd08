"""Reading about cities."""

from __future__ import annotations

from datetime import date

from django.db.models import Q

from tenants.models import Line, Tenant


def colour_rules() -> str:
    """CSS: ``--city`` and ``--city-tint`` for each city, light and dark."""
    light, dark = [], []
    for slug, bright, dim in Tenant.objects.values_list("slug", "colour_light", "colour_dark"):
        light.append(_rule(f'[data-city="{slug}"]', bright, "var(--kern-color-white)", 9))
        dark.append((slug, dim))
    forced = [
        _rule(f'[data-kern-theme="dark"] [data-city="{slug}"]', dim, "var(--kern-color-black)", 16)
        for slug, dim in dark
    ]
    by_device = [
        _rule(f':root:not([data-kern-theme="light"]) [data-city="{slug}"]', dim, "var(--kern-color-black)", 16)
        for slug, dim in dark
    ]
    return "\n".join([*light, *forced, "@media (prefers-color-scheme: dark) {", *by_device, "}"]) + "\n"


def _rule(selector: str, colour: str, ground: str, share: int) -> str:
    return f"{selector} {{ --city: {colour}; --city-tint: color-mix(in srgb, {colour} {share}%, {ground}); }}"


def line_for(*, number: str, on: date) -> Line | None:
    """The line that a dialled number or queue name means on that day, or None when unknown.

    Reads across cities: this is the step that decides the city.
    """
    return (
        Line.objects.beyond_scope("the dialled number decides the city")
        .select_related("tenant")
        .filter(number__iexact=number, valid_from__lte=on, tenant__is_active=True)
        .filter(Q(valid_until__isnull=True) | Q(valid_until__gte=on))
        .first()
    )
