"""allauth in this house: accounts are made by administrators or by the identity provider, never by signing up."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from cryptography.fernet import Fernet
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from callcenter.accounts import services
from callcenter.accounts.models import User
from callcenter.accounts.provider import granted, parse_rules


class Adapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        """Where the identity provider signs people in, a password is for emergencies."""
        by_provider = kwargs.get("signal_kwargs") or {}
        if settings.OIDC_ONLY and "sociallogin" not in by_provider and not user.is_emergency:
            messages.error(
                request, _("Bitte melden Sie sich über Ihre Stadt an. Kennwörter gelten nur für Notfallkonten.")
            )
            return redirect("account_login")
        if user.emergency_is_over:
            messages.error(request, _("Dieses Notfallkonto ist abgelaufen."))
            return redirect("account_login")
        return super().pre_login(request, user, **kwargs)

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        if user.is_emergency:
            services.sound_emergency_alarm(user=user, address=self.get_client_ip(request))
        return super().post_login(request, user, **kwargs)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Seeds of authenticator apps and recovery codes are sealed; the database alone opens nothing."""

    def _fernet(self) -> Fernet:
        return Fernet(urlsafe_b64encode(sha256(f"second-factor:{settings.SECRET_KEY}".encode()).digest()))

    def encrypt(self, text: str) -> str:
        return self._fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return self._fernet().decrypt(encrypted_text.encode()).decode()


class ProviderAdapter(DefaultSocialAccountAdapter):
    """Sign-in by the city's identity provider: its groups decide at every sign-in, and without one nobody comes in."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return bool(self._rights(sociallogin))

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        rights = self._rights(sociallogin)
        if sociallogin.is_existing:
            services.apply_provider_rights(user=sociallogin.user, rights=rights)
        if not rights:
            logout(request)
            messages.error(
                request,
                _("Ihr Konto gehört zu keiner Gruppe, die hier arbeitet. Bitte wenden Sie sich an Ihre Verwaltung."),
            )
            raise ImmediateHttpResponse(redirect("account_login"))

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        user = super().populate_user(request, sociallogin, data)
        parts = (data.get("first_name"), data.get("last_name"))
        user.name = (data.get("name") or " ".join(part for part in parts if part) or user.username or user.email)[:120]
        return user

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        user = super().save_user(request, sociallogin, form)
        services.apply_provider_rights(user=user, rights=self._rights(sociallogin))
        return user

    def _rights(self, sociallogin: SocialLogin) -> set[tuple[str, str]]:
        extra = sociallogin.account.extra_data
        claims = {**(extra.get("id_token") or {}), **(extra.get("userinfo") or extra)}
        return granted(claims, claim=settings.OIDC_GROUPS_CLAIM, rules=parse_rules(settings.OIDC_ROLES))
