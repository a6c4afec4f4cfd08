"""Keys in templates: the attribute that makes a key work and the mark that prints it stand side by side."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import phonenumbers
from django import template
from django.template import Context
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from callcenter.desktop import shortcuts
from knowledge.search.highlight import Segment

register = template.Library()


def _key(context: Context, action: str) -> str:
    if action not in shortcuts.BY_NAME:
        raise template.TemplateSyntaxError(f"The desk has no action {action!r}.")
    request = context["request"]
    if not hasattr(request, "_desk_keys"):
        request._desk_keys = shortcuts.keys_of(request.user)
    return request._desk_keys.get(action, "")


@register.simple_tag(takes_context=True)
def keys(context: Context, action: str) -> SafeString:
    """Attributes that let the desk's script act on this element when the key is pressed."""
    key = _key(context, action)
    if not key:
        return mark_safe("")
    return format_html('data-keys="{}" aria-keyshortcuts="{}"', key, shortcuts.for_aria(key))


@register.simple_tag(takes_context=True)
def kbd(context: Context, action: str) -> SafeString:
    """The key as printed; hidden from screen readers, who hear it from ``aria-keyshortcuts``."""
    key = _key(context, action)
    return format_html('<kbd aria-hidden="true">{}</kbd>', shortcuts.shown(key)) if key else mark_safe("")


@register.simple_tag(takes_context=True)
def spoken_key(context: Context, action: str) -> str:
    """The key within a sentence; empty when there is none."""
    key = _key(context, action)
    return shortcuts.spoken(key) if key else ""


@register.simple_tag(takes_context=True)
def key_list(context: Context) -> list[dict[str, object]]:
    """Every action with its key, for the help sheet."""
    return [
        {"label": action.label, "key": shortcuts.shown(key)}
        for action in shortcuts.ACTIONS
        if (key := _key(context, action.name))
    ]


@register.filter
def marked(pieces: Iterable[Segment]) -> SafeString:
    """A text with what matched in <mark>; written here, because every key press writes sixteen of them."""
    return mark_safe("".join(f"<mark>{escape(text)}</mark>" if match else escape(text) for text, match in pieces))


@register.filter
def seconds_since(moment: datetime | None) -> int:
    """Whole seconds since a moment, never negative."""
    return max(0, int((timezone.now() - moment).total_seconds())) if moment else 0


@register.filter
def dialled(number: str) -> str:
    """A dialled number as people write it: +492064660 as 02064 660; short codes and queues stay."""
    if not number or not number.startswith("+"):
        return number or "–"
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number
    form = (
        phonenumbers.PhoneNumberFormat.NATIONAL
        if parsed.country_code == 49
        else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    )
    return phonenumbers.format_number(parsed, form)
