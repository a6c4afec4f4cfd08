"""What OWASP's ASVS asks of every answer, cookie, sign-in and session; docs/admin/asvs.md names these tests."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings as house
from django.contrib.auth.hashers import Argon2PasswordHasher, identify_hasher
from django.core.cache import cache
from django.test import Client

from callcenter.accounts.models import User
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
PASSWORD = "ein-langes-kennwort"


def sign_in(client: Client, name: str, password: str = PASSWORD, **extra):
    return client.post("/anmelden/", {"login": name, "password": password}, **extra)


# --- every answer ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/anmelden/", "/staedte.css", "/health/live", "/gibt-es-nicht/", "/api/v1/cti/x"])
def test_every_answer_carries_the_protecting_headers(client: Client, path: str) -> None:
    """A browser would guess types, show the page in a foreign frame, or run what was smuggled in."""
    response = client.get(path)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    assert "unsafe" not in response["Content-Security-Policy"]
    kind = response["Content-Type"]
    assert not kind.startswith("text/") or "charset=utf-8" in kind


def test_transport_security_is_sent_over_tls_for_a_year(client: Client, settings) -> None:
    """A first visit over plain HTTP could be read on the way."""
    settings.SECURE_HSTS_SECONDS = 31_536_000
    from django.middleware.security import SecurityMiddleware

    from callcenter.views import live

    middleware = SecurityMiddleware(live)
    request = client.get("/health/live", secure=True).wsgi_request
    assert middleware(request)["Strict-Transport-Security"] == "max-age=31536000"
    text = (Path(house.BASE_DIR) / "callcenter" / "settings.py").read_text()
    assert re.search(r"if HTTPS:\n\s+SECURE_PROXY_SSL_HEADER.+\n\s+SECURE_HSTS_SECONDS = 31_536_000", text)


def test_no_other_site_may_read_answers(client: Client) -> None:
    response = client.get("/anmelden/", headers={"Origin": "https://evil.example"})
    assert not response.has_header("Access-Control-Allow-Origin")
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


def test_trace_is_not_spoken(client: Client) -> None:
    for path in ("/anmelden/", "/api/v1/cti/x"):
        body = client.generic("TRACE", path, headers={"X-Secret": "mirrored"}).content
        assert b"mirrored" not in body


def test_address_of_another_site_is_no_way_out(client: Client, people) -> None:
    """A link that signs in and lands on a forged page would look like ours."""
    response = sign_in(client, "agent", QUERY_STRING="next=https://evil.example/")
    assert response.status_code == 302
    assert "evil" not in response["Location"]


def test_host_name_that_is_not_ours_is_refused(client: Client, settings) -> None:
    """Links in mails are made from the host name."""
    settings.ALLOWED_HOSTS = ["call.example.org"]
    assert client.get("/anmelden/", headers={"Host": "evil.example"}).status_code == 400


def test_error_page_tells_nothing_of_the_inside(client: Client, monkeypatch) -> None:
    client.raise_request_exception = False

    def fail(*args: object) -> str:
        raise ValueError("SELECT secret FROM inside WHERE number = '+491701234567'")

    monkeypatch.setattr("callcenter.views.colour_rules", fail)
    page = client.get("/staedte.css").content.decode()
    assert "secret" not in page
    assert "1234567" not in page
    assert "Traceback" not in page


@pytest.mark.parametrize("sign", ["%00", "%0d%0aSet-Cookie:x=1", "<script>alert(1)</script>", "{{7*7}}", "' OR 1=1--"])
def test_nonsense_in_addresses_is_text_at_most(client_for, people, sign: str) -> None:
    """What is typed into a search or an address must not run, split the header or reach the database as code."""
    client = client_for("supervisor")
    response = client.get(f"/wissen/?q={sign}", follow=True)
    assert response.status_code in {200, 404, 422}
    assert b"<script>alert" not in response.content
    assert not response.cookies.get("x")


# --- cookies and sessions -------------------------------------------------------------------------


def test_session_cookie_is_for_the_server_alone(client: Client, people) -> None:
    sign_in(client, "agent")
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert client.session.get_expiry_age() <= 12 * 3600, "a shift"
    text = (Path(house.BASE_DIR) / "callcenter" / "settings.py").read_text()
    assert "SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS" in text


def test_session_is_new_after_sign_in_and_dead_after_sign_out(client: Client, people) -> None:
    """A session id that was planted, or copied from a desk, must be worth nothing."""
    client.get("/anmelden/")
    planted = client.session.session_key
    sign_in(client, "agent")
    key = client.cookies["sessionid"].value
    assert key != planted
    client.post("/abmelden/")
    stolen = Client()
    stolen.cookies["sessionid"] = key
    assert stolen.get("/konto/").status_code == 302


def test_disabled_person_is_out_at_once(client_for, people) -> None:
    client = client_for("agent")
    assert client.get("/konto/").status_code == 200
    User.objects.filter(pk=people["agent"].pk).update(is_active=False)
    assert client.get("/konto/").status_code == 302


def test_new_password_ends_the_other_sessions(client: Client, people) -> None:
    """Somebody who knew the old one must not stay inside."""
    other = Client()
    sign_in(client, "agent")
    sign_in(other, "agent")
    client.post("/konto/bestaetigen/", {"password": PASSWORD})
    data = {"oldpassword": PASSWORD, "password1": "ein ganz anderes kennwort", "password2": "ein ganz anderes kennwort"}
    assert client.post("/konto/kennwort/", data).status_code == 302
    assert other.get("/konto/").status_code == 302


def test_every_page_shows_the_way_out(client_for) -> None:
    assert b'action="/abmelden/"' in client_for("agent").get("/konto/").content


# --- passwords ------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["kurz", "password1234", "elf-zeichen"])
def test_weak_password_is_refused(client: Client, people, password: str) -> None:
    sign_in(client, "agent")
    data = {"oldpassword": PASSWORD, "password1": password, "password2": password}
    assert client.post("/konto/kennwort/", data).status_code in {200, 302}
    people["agent"].refresh_from_db()
    assert people["agent"].check_password(PASSWORD)


@pytest.mark.parametrize("password", ["ß" * 64, "nur kleine buchstaben hier", " leer am rand und mit Ümläuten 🔑 "])
def test_long_and_unusual_passwords_count_as_typed(client: Client, db, password: str) -> None:
    """No rule about kinds of signs, nothing cut off: whole sentences and password managers must work."""
    user = make_user("someone")
    user.set_password(password)
    user.save()
    assert sign_in(client, "someone", password).status_code == 302
    assert sign_in(Client(), "someone", password[:-1]).status_code == 200


def test_passwords_are_kept_as_argon2(settings) -> None:
    settings.PASSWORD_HASHERS = house_hashers()
    user = User(username="x")
    user.set_password(PASSWORD)
    assert isinstance(identify_hasher(user.password), Argon2PasswordHasher)


def house_hashers() -> list[str]:
    from callcenter import settings as plain

    return plain.PASSWORD_HASHERS


def test_guessing_is_slowed_down(client: Client, people) -> None:
    """Ten wrong tries, then the right one: whoever guesses must wait, and the page says so."""
    cache.clear()
    answers = [sign_in(client, "agent", f"wrong-{number}-wrong") for number in range(7)]
    assert answers[0].status_code == 200
    late = sign_in(client, "agent")
    assert not late.wsgi_request.user.is_authenticated
    cache.clear()
    assert sign_in(client, "agent").status_code == 302


def test_answer_never_tells_whether_an_account_exists(client: Client, people, mailoutbox, settings) -> None:
    settings.DEMO = False  # whose buttons name accounts
    cache.clear()
    EmailAddress.objects.all().delete()
    pages = []
    for name in ("agent", "nobody"):
        page = sign_in(Client(), name, "wrong-password").content.decode()
        # The page repeats the name and carries a token of its own.
        page = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"|"X-CSRFToken": "[^"]+"|' + name, "", page)
        pages.append(page)
    assert pages[0] == pages[1]
    assert client.post("/kennwort/vergessen/", {"email": "nobody@example.org"}).status_code == 302
    assert mailoutbox == []


def test_sign_in_fields_let_password_managers_in(client: Client) -> None:
    page = client.get("/anmelden/").content.decode()
    assert 'type="password"' in page
    assert 'autocomplete="current-password"' in page
    assert "onpaste" not in page


# --- what is told of it ---------------------------------------------------------------------------


def test_sign_ins_and_refusals_are_told_without_what_was_typed(client: Client, people, caplog) -> None:
    """After an incident somebody must be able to say who came in, from where, and who was turned away."""
    cache.clear()
    with caplog.at_level(logging.INFO, logger="callcenter.security"):
        sign_in(client, "agent", "typed-by-mistake")
        sign_in(client, "agent")
        client.get("/verwaltung/")
        client.post("/abmelden/")
    said = [record.getMessage() for record in caplog.records if record.name == "callcenter.security"]
    person = f"user {people['agent'].pk} at 127.0.0.1"
    assert said == [
        "sign-in failed: nobody signed in at 127.0.0.1",
        f"signed in by password: {person}",
        f"refused GET verwaltung/ 403 to {person}",
        f"signed out: {person}",
    ]
    assert "typed-by-mistake" not in caplog.text
