"""Settings that must not meet real callers.

``check --deploy`` lists them; ``serve`` and the ASGI entry refuse to start.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.http.request import validate_host

LOOPBACK = {"localhost", "127.0.0.1", "::1", "[::1]"}
SHORTEST_KEY = 32
# Seen in examples and in this project's documentation; whoever copies them has no secret.
WELL_KNOWN = ("changeme", "change-me", "secret", "insecure", "example", "…")


def _is_public() -> bool:
    """Whether anybody but this machine can reach the program, as far as its settings tell."""
    names = {urlsplit(settings.BASE_URL).hostname or "", *settings.ALLOWED_HOSTS}
    return settings.HTTPS or bool(names - LOOPBACK - {"testserver"})


def unsafe_settings() -> list[CheckMessage]:
    """Errors that stop the program from starting; empty when the settings may serve real callers."""
    found: list[CheckMessage] = []

    def refuse(number: int, sentence: str, hint: str) -> None:
        found.append(Error(sentence, hint=hint, id=f"callcenter.E{number:03}"))

    host = urlsplit(settings.BASE_URL).hostname or ""
    if _is_public():
        if settings.DEMO:
            refuse(1, "Demo mode lets anybody sign in with one click.", "Unset CALLCENTER_DEMO.")
        if settings.DEBUG:
            refuse(2, "Debug mode shows settings and data on error pages.", "Unset CALLCENTER_DEBUG.")
        if not settings.HTTPS:
            refuse(3, "The program is reached without TLS.", "Set CALLCENTER_URL to its https:// address.")
    if "*" in settings.ALLOWED_HOSTS:
        refuse(4, "Any host name is accepted.", "List the host names in CALLCENTER_HOSTS.")
    elif settings.HTTPS and not validate_host(host, settings.ALLOWED_HOSTS):
        refuse(5, f"The program does not answer to its own address {host}.", f"Add {host} to CALLCENTER_HOSTS.")
    for name in ("SECRET_KEY", "NUMBER_KEY"):
        key = getattr(settings, name)
        if len(key) < SHORTEST_KEY or any(word in key.lower() for word in WELL_KNOWN):
            refuse(
                6,
                f"CALLCENTER_{name} is short or well known.",
                'Make one: python -c "import secrets; print(secrets.token_urlsafe(48))"',
            )
    if settings.SECRET_KEY == settings.NUMBER_KEY:
        refuse(7, "One key serves sessions and caller numbers.", "Give CALLCENTER_NUMBER_KEY a value of its own.")
    for path in (settings.VAR / "keys").glob("*"):
        if path.is_file() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            refuse(8, f"Others on this machine may read {path.name}.", f"chmod 600 {path}")
    return found


def refuse_unsafe_settings() -> None:
    """Raise ImproperlyConfigured with every reason; called before the first request is served."""
    if found := unsafe_settings():
        raise ImproperlyConfigured(
            "Refused to start with unsafe settings:\n"
            + "\n".join(f"  {message.id} {message.msg} {message.hint}" for message in found)
        )


@register(Tags.security, deploy=True)
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    found = unsafe_settings()
    if settings.HTTPS and "filebased" in settings.EMAIL_BACKEND:
        found.append(
            Warning(
                "Mail is written to files and reaches nobody.", hint="Set CALLCENTER_SMTP_HOST.", id="callcenter.W001"
            )
        )
    return found


@register(Tags.database)
def check_database_role(app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """``check --database default``: is PostgreSQL's wall between cities in force for this role?"""
    from tenants.rls import is_in_force

    found: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor == "postgresql" and _is_public():
            connection.ensure_connection()
            if not is_in_force(connection):
                found.append(
                    Warning(
                        "The database role bypasses row-level security, so only the program keeps cities apart.",
                        hint="Run web, worker and beat as callcenter_app (docs/admin/postgresql-roles.sql).",
                        id="callcenter.W002",
                    )
                )
    return found
