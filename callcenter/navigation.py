"""The shell around every page: what the signed-in user may reach, and where they are."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from callcenter.accounts import demo
from callcenter.accounts.models import Role, User


@dataclass(frozen=True)
class Entry:
    label: object
    url_name: str
    roles: tuple[str, ...]
    prefix: str  # pages below it count as this entry


ENTRIES = (
    Entry(_("Arbeitsplatz"), "desktop:desk", (Role.AGENT,), "/arbeitsplatz/"),
    Entry(_("Wissen"), "knowledge:home", (Role.EDITOR, Role.AGENT, Role.SUPERVISOR, Role.LIAISON), "/wissen/"),
    Entry(_("Rückrufe"), "calls:handovers", (Role.AGENT, Role.SUPERVISOR), "/rueckrufe/"),
    Entry(_("Auswertung"), "supervision:home", (Role.SUPERVISOR, Role.LIAISON), "/auswertung/"),
    Entry(_("Anrufe"), "calls:home", (Role.SUPERVISOR, Role.LIAISON, Role.ACCOUNTANT), "/anrufe/"),
    Entry(_("Rechnungen"), "billing:home", (Role.ACCOUNTANT, Role.LIAISON), "/rechnungen/"),
    Entry(_("Verwaltung"), "administration:home", (Role.ADMINISTRATOR,), "/verwaltung/"),
)

DEMO_ROLES = tuple(
    {"slug": role.value, "label": role.label, "sees": sees}
    for role, sees in (
        (Role.AGENT, _("Anrufe annehmen und die Antwort der richtigen Stadt finden")),
        (Role.EDITOR, _("Artikel beider Städte pflegen und prüfen")),
        (Role.SUPERVISOR, _("Zusagen und Auslastung im Blick behalten")),
        (Role.ACCOUNTANT, _("Monate abschließen und Rechnungen stellen")),
        (Role.LIAISON, _("Dinslaken: eigene Anrufe, Zusagen und Rechnungen")),
        (Role.ADMINISTRATOR, _("Städte, Konten, Leitungen und Anbindungen")),
    )
)
# The others, for whatever needs a second person or the partner city's own.
DEMO_OTHERS = tuple(
    {"slug": username, "name": name, "sees": f"{Role(role).label}, {' · '.join(slug.title() for slug in slugs)}"}
    for username, name, role, slugs in demo.PEOPLE
    if username not in {role["slug"] for role in DEMO_ROLES}
)


def shell(request: HttpRequest) -> dict[str, object]:
    """Context of ``base.html``: navigation, demo mode, theme."""
    user = getattr(request, "user", None)
    signed_in = isinstance(user, User)
    entries = []
    if isinstance(user, User):
        roles = user.roles()
        for entry in ENTRIES:
            if roles & {*entry.roles, Role.ADMINISTRATOR}:
                try:
                    url = reverse(entry.url_name)
                except NoReverseMatch:
                    continue
                entries.append({"label": entry.label, "url": url, "current": request.path.startswith(entry.prefix)})
    return {
        "navigation": entries,
        "demo_mode": settings.DEMO,
        "demo_roles": DEMO_ROLES if settings.DEMO and not signed_in else (),
        "demo_others": DEMO_OTHERS if settings.DEMO and not signed_in else (),
        "is_employed": isinstance(user, User) and bool(user.roles() - {Role.LIAISON}),
        "is_agent": isinstance(user, User) and Role.AGENT in user.roles(),
        "theme": getattr(user, "theme", "auto") if signed_in else "auto",
    }
