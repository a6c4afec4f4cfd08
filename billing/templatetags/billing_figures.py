"""How billing's pages write quantities and unit prices."""

from __future__ import annotations

from decimal import Decimal

from django import template

from billing.money import plain

register = template.Library()


@register.filter
def quantity(value: Decimal) -> str:
    """A quantity without trailing zeros: 2.802 · 12,25."""
    return plain(value)


@register.filter
def unit_price(value: Decimal) -> str:
    """A price with at least two decimals: 2,02 € · 0,1234 €."""
    return f"{plain(value, 2)} €"
