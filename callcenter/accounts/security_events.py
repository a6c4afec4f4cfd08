"""Sign-ins and failed ones as lines of ``callcenter.security``.

What was typed stays out of the line: people type their password into the wrong field.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from callcenter.accounts.models import User
from callcenter.logs import security_log, who


@receiver(user_logged_in)
def note_sign_in(request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    records = request.session.get("account_authentication_methods", []) if request else []
    ways = "+".join(str(record.get("method", "")) for record in records)
    security_log.info("signed in by %s: %s", ways or "-", who(request))


@receiver(user_logged_out)
def note_sign_out(request: HttpRequest | None, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        security_log.info("signed out: %s", who(request))


@receiver(user_login_failed)
def note_failure(request: HttpRequest | None, **kwargs: Any) -> None:
    security_log.warning("sign-in failed: %s", who(request))
