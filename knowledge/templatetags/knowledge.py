"""Tags for templates that show articles."""

from __future__ import annotations

from django import template
from django.template.context import Context
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from callcenter.accounts.models import Role
from knowledge.models import EffectiveArticle, Notice
from knowledge.notices import current
from knowledge.presentation import Shown, arrange_effective
from tenants.models import Tenant

register = template.Library()

EVERYONE = (Role.AGENT, Role.EDITOR, Role.SUPERVISOR, Role.LIAISON)
PRINTERS = (Role.AGENT, Role.EDITOR, Role.SUPERVISOR)
# What the knowledge base holds besides the article at hand: name of the address, label, who may come in.
TABS = (
    ("knowledge:list", _("Artikel"), EVERYONE),
    ("knowledge:directory", _("Verzeichnis"), EVERYONE),
    ("knowledge:approvals", _("Freigaben und Vorschläge"), (Role.LIAISON,)),
    ("knowledge:notices", _("Lage"), (Role.EDITOR, Role.SUPERVISOR)),
    ("knowledge:worklist", _("Offene Fragen"), (Role.EDITOR, Role.SUPERVISOR)),
    ("knowledge:figures", _("Zahlen"), (Role.EDITOR, Role.SUPERVISOR)),
    ("knowledge:steering", _("Suche steuern"), (Role.EDITOR,)),
    ("calls:question_sets", _("Fragebögen"), (Role.EDITOR,)),
    ("knowledge:imports", _("Einlesen und ausgeben"), (Role.EDITOR,)),
)


@register.simple_tag
def arranged(effective: EffectiveArticle) -> Shown:
    """``{% arranged effective as shown %}``: the article's sections in their places."""
    return arrange_effective(effective)


@register.simple_tag(takes_context=True)
def from_context(context: Context, name: str, default: object = "") -> object:
    """A variable that the including page may set or leave out."""
    return context.get(name, default)


@register.simple_tag(takes_context=True)
def current_notices(context: Context) -> list[Notice]:
    """``{% current_notices as notices %}``: the situations of the cities in scope, for _notices.html."""
    return current(user=context["request"].user)


@register.filter
def cleaned(html: object) -> SafeString:
    """Print sanitised HTML as it is: every service that writes sections cleans them (sanitise.py)."""
    return mark_safe(str(html))


@register.inclusion_tag("knowledge/_tabs.html", takes_context=True)
def knowledge_tabs(context: Context, city: Tenant, current_name: str) -> dict[str, object]:
    """``{% knowledge_tabs city "directory" %}``: the pages of the knowledge base this person may open."""
    user = context["request"].user
    tabs = [
        {"label": label, "url": reverse(name, args=[city.slug]), "current": name.split(":")[1] == current_name}
        for name, label, roles in TABS
        if user.may(city, roles)
    ]
    paper = reverse("knowledge:paper", args=[city.slug]) if user.may(city, PRINTERS) else ""
    return {"tabs": tabs, "paper": paper}
