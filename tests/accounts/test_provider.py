"""Sign-in by the city's identity provider, against a real one run on this machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
import requests
from django.conf import settings as house
from django.test import Client

from callcenter.accounts.models import Membership, Role, User
from callcenter.accounts.provider import granted, parse_rules
from callcenter.audit.models import AuditEntry

CALLBACK = "http://testserver/anmelden/amt/anmeldung/zurueck/"
PEOPLE = {
    "anna": {"preferred_username": "a.amt", "name": "Anna Amt", "email": "anna@example.org", "groups": ["cc-agents"]},
    "ben": {"preferred_username": "b.amt", "name": "Ben Amt", "email": "ben@example.org", "groups": ["canteen"]},
}
NODE = shutil.which("node") or str(house.BASE_DIR / ".venv" / "bin" / "node")


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    environment = {**os.environ, "ACCOUNTS": json.dumps(PEOPLE), "REDIRECT_URI": CALLBACK}
    with subprocess.Popen(
        [NODE, str(house.BASE_DIR / "tests" / "accounts" / "identity_provider.mjs")],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        yield next(line.strip() for line in process.stdout if line.startswith("http"))
        process.kill()


@pytest.fixture
def provider(settings, issuer: str, duisburg, dinslaken) -> str:
    """The settings of docs/admin/sign-in.md."""
    settings.OIDC_ROLES = ["cc-agents=duisburg:agent", "cc-agents=dinslaken:agent", "cc-edit=duisburg:editor"]
    app = {
        "provider_id": "anmeldung", "name": "Stadt Duisburg", "client_id": "callcenter",
        "secret": "a-secret-of-the-test", "settings": {"server_url": issuer, "fetch_userinfo": True},
    }  # fmt: skip
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {"OAUTH_PKCE_ENABLED": True, "SCOPE": ["openid", "profile", "email"], "APPS": [app]}
    }
    return issuer


def sign_in(client: Client, person: str) -> str:
    """Press the button, sign in there, come back; returns the text of the page that follows."""
    away = client.post("/anmelden/amt/anmeldung/")
    assert away.status_code == 302, away.content
    browser = requests.Session()
    answer = browser.get(away["Location"], allow_redirects=False)
    for _step in range(12):
        if answer.is_redirect:
            target = urljoin(answer.url, answer.headers["Location"])
            if target.startswith(CALLBACK):
                return client.get(target.removeprefix("http://testserver"), follow=True).content.decode()
            answer = browser.get(target, allow_redirects=False)
        else:
            action = re.search(r'action="([^"]+)"', answer.text)
            assert action, answer.text
            form = {"prompt": "login", "login": person, "password": "irrelevant"}
            answer = browser.post(urljoin(answer.url, action.group(1)), data=form, allow_redirects=False)
    raise AssertionError("The provider never sent the browser back.")


def roles(user: User) -> set[tuple[str, str]]:
    return set(Membership.objects.filter(user=user).values_list("tenant__slug", "role"))


def test_first_sign_in_makes_the_account_with_its_roles(provider: str) -> None:
    client = Client()
    sign_in(client, "anna")
    user = User.objects.get(username="a.amt")
    assert (user.name, user.email) == ("Anna Amt", "anna@example.org")
    assert roles(user) == {("duisburg", "agent"), ("dinslaken", "agent")}
    assert client.get("/arbeitsplatz/").status_code == 200
    assert AuditEntry.objects.filter(action="person.roles_from_provider").count() == 2


def test_groups_decide_anew_at_every_sign_in(provider: str, duisburg, settings) -> None:
    """Who left the group has lost the role, whatever an administrator gave here in between."""
    sign_in(Client(), "anna")
    user = User.objects.get(username="a.amt")
    Membership.objects.create(user=user, tenant=duisburg, role=Role.ADMINISTRATOR)
    settings.OIDC_ROLES = ["cc-agents=duisburg:agent"]
    sign_in(Client(), "anna")
    assert roles(user) == {("duisburg", "agent")}
    assert User.objects.filter(name="Anna Amt").count() == 1


def test_person_without_a_group_stays_outside(provider: str) -> None:
    client = Client()
    page = sign_in(client, "ben")
    assert "keiner Gruppe" in page
    assert not User.objects.filter(username="b.amt").exists()
    assert client.get("/arbeitsplatz/").status_code == 302


def test_person_who_lost_every_group_loses_every_role(provider: str, settings) -> None:
    sign_in(Client(), "anna")
    settings.OIDC_ROLES = ["others=duisburg:agent"]
    client = Client()
    assert "keiner Gruppe" in sign_in(client, "anna")
    assert roles(User.objects.get(username="a.amt")) == set()
    assert client.get("/konto/").status_code == 302


def test_foreign_code_is_refused(provider: str) -> None:
    """An answer that nobody asked for (login CSRF) signs nobody in."""
    client = Client()
    client.get("/anmelden/amt/anmeldung/zurueck/?code=stolen&state=invented")
    assert client.get("/konto/").status_code == 302


def test_passwords_are_for_emergencies_where_the_provider_signs_in(provider: str, settings, people) -> None:
    settings.OIDC_ONLY = True
    people["agent"].set_password("a long password of the test")
    people["agent"].save()
    client = Client()
    page = client.post(
        "/anmelden/", {"login": people["agent"].username, "password": "a long password of the test"}, follow=True
    )
    assert "Notfallkonten" in page.content.decode()
    assert client.get("/konto/").status_code == 302
    assert "Mit Stadt Duisburg anmelden" in client.get("/anmelden/").content.decode()


def test_rules_add_up_and_nested_claims_are_found() -> None:
    rules = parse_rules(["g=duisburg:agent", "g=duisburg:editor", "h=dinslaken:liaison"])
    assert granted({"groups": ["g", "x"]}, claim="groups", rules=rules) == {
        ("duisburg", "agent"),
        ("duisburg", "editor"),
    }
    keycloak = {"realm_access": {"roles": ["h"]}}
    assert granted(keycloak, claim="realm_access.roles", rules=rules) == {("dinslaken", "liaison")}
    assert granted({"groups": "h"}, claim="groups", rules=rules) == {("dinslaken", "liaison")}
    assert granted({}, claim="groups", rules=rules) == set()


@pytest.mark.parametrize("rule", ["g", "g=duisburg", "g=duisburg:king", "=duisburg:agent", "g=:agent"])
def test_unreadable_rule_is_named(rule: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(rule))):
        parse_rules([rule])


def test_no_button_without_a_provider(db) -> None:
    assert "/anmelden/amt/" not in Client().get("/anmelden/").content.decode()


def test_provider_answers_for_the_second_factor(provider: str, settings) -> None:
    """Who was signed in by the city's own system is not asked for another factor here."""
    settings.SECOND_FACTOR_ROLES = ["agent"]
    client = Client()
    sign_in(client, "anna")
    assert client.get("/arbeitsplatz/").status_code == 200
