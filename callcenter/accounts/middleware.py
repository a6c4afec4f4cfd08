"""Closes the scope before and after each request, and keeps pages of signed-in users out of caches."""

from __future__ import annotations

from collections.abc import Callable

from allauth.account.authentication import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.defaults import page_not_found

from callcenter.accounts.models import User
from tenants.scope import OutsideScope, set_scope

SECOND_FACTOR_SEEN = "second_factor"
# What a person without their second factor may still reach.
WITHOUT_SECOND_FACTOR = ("/konto/", "/abmelden/", "/anmelden/", "/static/", "/staedte.css", "/health/")


def _signed_in_by_provider(request: HttpRequest) -> bool:
    """The identity provider asks for a second factor itself."""
    return any(one["method"] == "socialaccount" for one in get_authentication_records(request, request.user))


class AccessMiddleware:
    """The frame around every request; what reaches for another city's object is 404 here at the latest."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        set_scope(None)
        user = getattr(request, "user", None)
        if user is not None and user.is_authenticated and (first := self._not_yet(request, user)):
            return first
        if user is not None and user.is_authenticated:
            translation.activate(user.language)
            request.LANGUAGE_CODE = user.language
        try:
            response = self.get_response(request)
        finally:
            set_scope(None)
        if user is not None and user.is_authenticated and not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        lost_sign_in = response.status_code == 302 and "/anmelden/" in response["Location"]
        if lost_sign_in and request.headers.get("HX-Request"):
            # htmx would swap the sign-in page into a fragment of the page.
            target = response["Location"].split("?")[0]
            response = HttpResponse(status=204)
            response["HX-Redirect"] = target
        return response

    def _not_yet(self, request: HttpRequest, user: User) -> HttpResponse | None:
        """What stands before everything else: an emergency that is over, a second factor still to be set up."""
        if user.emergency_is_over:
            logout(request)
            return redirect("account_login")
        if not settings.SECOND_FACTOR_ROLES or request.session.get(SECOND_FACTOR_SEEN):
            return None
        if not user.roles() & set(settings.SECOND_FACTOR_ROLES) or _signed_in_by_provider(request):
            return None
        if is_mfa_enabled(user):
            request.session[SECOND_FACTOR_SEEN] = True
            return None
        if request.path.startswith(WITHOUT_SECOND_FACTOR):
            return None
        messages.warning(request, _("Ihre Rolle braucht einen zweiten Faktor. Bitte richten Sie ihn jetzt ein."))
        return redirect("mfa_index")

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, OutsideScope):
            return page_not_found(request, exception)
        return None
