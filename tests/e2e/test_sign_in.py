"""Security keys in a real browser, with Chromium's virtual authenticator; the second factor's pages pass axe."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator

from callcenter.accounts.models import User
from tests.e2e.conftest import axe_violations

pytestmark = pytest.mark.e2e
PASSWORD = "a long password of the test"


@pytest.fixture
def administrator(people) -> User:
    user = people["administrator"]
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def page(browser, server):
    """WebAuthn works on a name, not on an address: localhost."""
    context = browser.new_context(base_url=server.url.replace("127.0.0.1", "localhost"), locale="de-DE")
    page = context.new_page()
    page.set_default_timeout(20_000)
    devices = context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True}
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield page
    context.close()


def sign_in(page, user: User) -> None:
    page.goto("/anmelden/")
    page.fill("#id_login", user.username)
    page.fill("#id_password", PASSWORD)
    page.keyboard.press("Enter")


def test_security_key_is_added_and_opens_the_house(administrator, page) -> None:
    sign_in(page, administrator)
    page.wait_for_selector(".shell-nav")
    page.goto("/konto/sicherheit/schluessel/neu/")
    page.fill("#id_password", PASSWORD)  # asked again: an unlocked desk is not enough
    page.keyboard.press("Enter")
    page.fill("#id_name", "Schlüsselbund")
    assert axe_violations(page) == []
    page.click("#mfa_webauthn_add")
    page.wait_for_selector("h1")
    page.wait_for_url("**/codes/**")
    assert Authenticator.objects.filter(user=administrator, type="webauthn").count() == 1
    for address in ("/konto/sicherheit/", "/konto/sicherheit/schluessel/", "/konto/sitzungen/"):
        page.goto(address)
        page.wait_for_selector("h1")
        assert axe_violations(page) == [], address

    page.context.clear_cookies()
    sign_in(page, administrator)
    page.wait_for_selector("#mfa_webauthn_authenticate")
    assert axe_violations(page) == []
    page.click("#mfa_webauthn_authenticate")
    page.wait_for_selector(".shell-nav")
    assert "/zweiter-faktor/" not in page.url
