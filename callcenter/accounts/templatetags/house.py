"""Template tags and filters of the house, available in every template."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django import forms, template
from django.utils import timezone

from tenants.numbers import readable

register = template.Library()


@register.filter
def clock(seconds: float | int | None) -> str:
    """Seconds as m:ss, or h:mm:ss from an hour on; an en dash when unknown."""
    if seconds is None:
        return "–"
    total = int(seconds)
    hours, rest = divmod(total, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"


@register.filter
def euro(amount: Decimal | None) -> str:
    """An amount as German money: 6.666,67 €; an en dash when unknown."""
    if amount is None:
        return "–"
    text = f"{amount:,.2f}".replace(",", "\0").replace(".", ",").replace("\0", ".")
    return f"{text} €"


@register.filter
def percent(share: float | Decimal | None, digits: int = 0) -> str:
    """A share of one as German per cent: 0.831 → 83 %; an en dash when unknown."""
    if share is None:
        return "–"
    return f"{float(share) * 100:.{digits}f}".replace(".", ",") + " %"


@register.filter
def local_time(moment: datetime | None, form: str = "%d.%m.%Y %H:%M") -> str:
    """A moment in the active time zone."""
    return timezone.localtime(moment).strftime(form) if moment else "–"


@register.filter
def words(text: str) -> list[str]:
    """The words of a string, for a loop over a few fixed names."""
    return text.split()


@register.filter(name="field")
def form_field(form: forms.BaseForm, name: str) -> forms.BoundField:
    """One field of a form by its name."""
    return form[name]


@register.filter
def phone(number: str) -> str:
    """A telephone number as people in the region write it: ``0203 283 0``."""
    return readable(number)
