"""allauth's pages under German addresses, each with who may come in. What is not here does not exist."""

from __future__ import annotations

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from allauth.socialaccount import views as social
from allauth.socialaccount.providers.openid_connect import views as oidc
from allauth.usersessions import views as sessions
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, re_path

from callcenter.accounts.access import public, signed_in

_sign_in = public("the sign-in page; allauth checks and limits attempts")
_reset = public(
    "asks for a mail address or the link sent there; allauth limits attempts and tells nothing about accounts"
)
_provider = public("the way to and from the identity provider; state, nonce and PKCE are checked by allauth")


def _remove_key(request: HttpRequest, pk: int) -> HttpResponseBase:
    """allauth looks the key up among the user's own; another's is 404."""
    return webauthn.remove_webauthn(request, pk=pk)


urlpatterns = [
    path("anmelden/", _sign_in(account.login), name="account_login"),
    path("anmelden/gesperrt/", _sign_in(account.account_inactive), name="account_inactive"),
    path(
        "anmelden/zweiter-faktor/",
        public("the second step of a sign-in; without a first one it leads back there")(mfa.authenticate),
        name="mfa_authenticate",
    ),
    path("abmelden/", signed_in(account.logout), name="account_logout"),
    path("konto/bestaetigen/", signed_in(account.reauthenticate), name="account_reauthenticate"),
    path("konto/bestaetigen/faktor/", signed_in(mfa.reauthenticate), name="mfa_reauthenticate"),
    path(
        "konto/bestaetigen/schluessel/", signed_in(webauthn.reauthenticate_webauthn), name="mfa_reauthenticate_webauthn"
    ),
    path("konto/kennwort/", signed_in(account.password_change), name="account_change_password"),
    path("konto/kennwort/setzen/", signed_in(account.password_set), name="account_set_password"),
    path("kennwort/vergessen/", _reset(account.password_reset), name="account_reset_password"),
    path("kennwort/vergessen/gesendet/", _reset(account.password_reset_done), name="account_reset_password_done"),
    re_path(
        r"^kennwort/neu/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)/$",
        _reset(account.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path(
        "kennwort/neu/fertig/",
        _reset(account.password_reset_from_key_done),
        name="account_reset_password_from_key_done",
    ),
    path("konto/sicherheit/", signed_in(mfa.index), name="mfa_index"),
    path("konto/sicherheit/app/", signed_in(totp.activate_totp), name="mfa_activate_totp"),
    path("konto/sicherheit/app/aus/", signed_in(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("konto/sicherheit/codes/", signed_in(codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path("konto/sicherheit/codes/neu/", signed_in(codes.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("konto/sicherheit/codes/datei/", signed_in(codes.download_recovery_codes), name="mfa_download_recovery_codes"),
    path("konto/sicherheit/schluessel/", signed_in(webauthn.list_webauthn), name="mfa_list_webauthn"),
    path("konto/sicherheit/schluessel/neu/", signed_in(webauthn.add_webauthn), name="mfa_add_webauthn"),
    path(
        "konto/sicherheit/schluessel/<int:pk>/entfernen/",
        signed_in(_remove_key),
        name="mfa_remove_webauthn",
    ),
    path("konto/sitzungen/", signed_in(sessions.list_usersessions), name="usersessions_list"),
    path("anmelden/amt/<str:provider_id>/", _provider(oidc.login), name="openid_connect_login"),
    path("anmelden/amt/<str:provider_id>/zurueck/", _provider(oidc.callback), name="openid_connect_callback"),
    path("anmelden/amt/abgebrochen", _provider(social.login_cancelled), name="socialaccount_login_cancelled"),
    path("anmelden/amt/fehler", _provider(social.login_error), name="socialaccount_login_error"),
]
