"""Second factors, sessions, four eyes over weighty roles, and the emergency account."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client

from callcenter.accounts.models import Membership, Role, RoleRequest, User
from callcenter.accounts.services import SamePerson, decide_role, save_person
from callcenter.audit.models import AuditEntry
from tenants.scope import all_cities
from tests.conftest import make_user

PASSWORD = "a long password of the test"


@pytest.fixture
def administrator(people) -> User:
    user = people["administrator"]
    user.set_password(PASSWORD)
    user.email = "verwaltung@example.org"
    user.save()
    return user


def sign_in(user: User, client: Client | None = None):
    client = client or Client()
    return client, client.post("/anmelden/", {"login": user.username, "password": PASSWORD}, follow=True)


def current_code(secret: str, *, later: int = 0) -> str:
    """What the app shows, ``later`` seconds from now; a code that was used once is used up."""
    return format_hotp_value(hotp_value(secret, (int(time.time()) + later) // 30))


def test_app_is_set_up_and_asked_for_at_the_next_sign_in(administrator: User) -> None:
    client, _page = sign_in(administrator)
    assert client.get("/konto/sicherheit/app/").url.startswith("/konto/bestaetigen/"), "an unlocked desk is enough"
    page = client.post("/konto/bestaetigen/", {"password": PASSWORD, "next": "/konto/sicherheit/app/"}, follow=True)
    page = page.content.decode()
    secret = re.search(r'value="([A-Z2-7]{20,})"', page)
    assert secret, page
    done = client.post("/konto/sicherheit/app/", {"code": current_code(secret.group(1))}, follow=True)
    assert done.status_code == 200
    kept = Authenticator.objects.get(user=administrator, type="totp")
    assert secret.group(1) not in str(kept.data), "the seed lies open in the database"

    other, page = sign_in(administrator)
    assert other.get("/verwaltung/").status_code == 302, "the password alone opened the house"
    wrong = other.post("/anmelden/zweiter-faktor/", {"code": "000000"})
    assert wrong.status_code == 200
    other.post("/anmelden/zweiter-faktor/", {"code": current_code(secret.group(1), later=30)}, follow=True)
    assert other.get("/verwaltung/").status_code == 200


def test_weighty_role_meets_the_second_factor_first(administrator: User, settings) -> None:
    settings.SECOND_FACTOR_ROLES = ["administrator"]
    client, page = sign_in(administrator)
    assert page.redirect_chain[-1][0] == "/konto/sicherheit/"
    assert client.get("/verwaltung/").url == "/konto/sicherheit/"
    assert client.get("/konto/").status_code == 200


def test_other_roles_go_straight_to_work(people, settings) -> None:
    settings.SECOND_FACTOR_ROLES = ["administrator"]
    people["agent"].set_password(PASSWORD)
    people["agent"].save()
    client, _page = sign_in(people["agent"])
    assert client.get("/arbeitsplatz/").status_code == 200


def test_lost_second_factor_is_reset_by_an_administrator(administrator: User, people, client_for) -> None:
    Authenticator.objects.create(user=people["agent"], type="totp", data={"secret": "x"})
    client_for("administrator").post(f"/verwaltung/duisburg/konten/{people['agent'].pk}/zweiter-faktor/")
    assert not Authenticator.objects.filter(user=people["agent"]).exists()
    assert AuditEntry.objects.filter(action="person.second_factor_reset").exists()


def test_administrator_signs_a_person_out_everywhere(administrator: User, people) -> None:
    people["agent"].set_password(PASSWORD)
    people["agent"].save()
    theirs, _page = sign_in(people["agent"])
    theirs.get("/arbeitsplatz/")
    mine, _page = sign_in(administrator)
    mine.post(f"/verwaltung/duisburg/konten/{people['agent'].pk}/abmelden/")
    assert theirs.get("/arbeitsplatz/").status_code == 302


def test_own_sessions_are_listed_and_the_others_ended(administrator: User) -> None:
    """Two browsers: from the second one the first is signed out."""
    first, _page = sign_in(administrator)
    second, _page = sign_in(administrator)
    first.get("/konto/")
    second.get("/konto/")
    assert second.get("/konto/sitzungen/").content.decode().count("127.0.0.1") == 2
    second.post("/konto/sitzungen/")
    assert first.get("/konto/").status_code == 302
    assert second.get("/konto/").status_code == 200


def test_weighty_role_waits_for_a_second_administrator(administrator: User, people, duisburg, settings) -> None:
    settings.ROLE_FOUR_EYES = True
    second = make_user("second", (duisburg, Role.ADMINISTRATOR))
    save_person(user=people["agent"], city=duisburg, roles=["agent", "accountant"], actor_id=administrator.pk)
    assert not people["agent"].memberships.filter(role="accountant").exists()
    with all_cities("test"):
        asked = RoleRequest.objects.get(user=people["agent"])
        with pytest.raises(SamePerson):
            decide_role(request=asked, user=administrator, confirmed=True)
        decide_role(request=asked, user=second, confirmed=True)
        assert not RoleRequest.objects.exists()
    assert people["agent"].memberships.filter(tenant=duisburg, role="accountant").exists()


def test_page_confirms_and_declines(administrator: User, people, duisburg, settings, client_for) -> None:
    settings.ROLE_FOUR_EYES = True
    second = make_user("second", (duisburg, Role.ADMINISTRATOR))
    save_person(user=people["agent"], city=duisburg, roles=["accountant"], actor_id=administrator.pk)
    save_person(user=people["editor"], city=duisburg, roles=["accountant"], actor_id=administrator.pk)
    with all_cities("test"):
        first, other = RoleRequest.objects.order_by("user__username")
    client = client_for(second)
    assert "Warten auf eine zweite Person" in client.get("/verwaltung/duisburg/konten/").content.decode()
    client.post(f"/verwaltung/duisburg/rollen/{first.pk}/", {"confirm": "1"})
    client.post(f"/verwaltung/duisburg/rollen/{other.pk}/", {"decline": "1"})
    assert Membership.objects.filter(tenant=duisburg, user=first.user, role="accountant").exists()
    assert not Membership.objects.filter(tenant=duisburg, user=other.user, role="accountant").exists()


def test_first_administrators_are_made_alone(administrator: User, people, duisburg, settings) -> None:
    """Where there is nobody to ask, the city still gets its people."""
    settings.ROLE_FOUR_EYES = True
    save_person(user=people["agent"], city=duisburg, roles=["accountant"], actor_id=administrator.pk)
    assert people["agent"].memberships.filter(tenant=duisburg, role="accountant").exists()


def open_glass(**options: object) -> tuple[str, str]:
    out = StringIO()
    call_command("break_glass", stdout=out, **options)
    found = re.search(r"Sign in as (\S+) with (\S+) until", out.getvalue())
    assert found
    return found.group(1), found.group(2)


def test_emergency_account_opens_and_sounds_the_alarm(administrator: User, settings) -> None:
    settings.OIDC_ONLY = True
    name, password = open_glass()
    client = Client()
    client.post("/anmelden/", {"login": name, "password": password})
    assert client.get("/verwaltung/").status_code == 200
    assert mail.outbox[0].to == ["verwaltung@example.org"]
    assert AuditEntry.objects.filter(action="emergency.signed_in").count() == 2, "one in each city's trail"


def test_emergency_account_is_void_afterwards(administrator: User) -> None:
    name, password = open_glass()
    client = Client()
    client.post("/anmelden/", {"login": name, "password": password})
    user = User.objects.get(username=name)
    user.emergency_until -= timedelta(hours=9)
    user.save()
    assert client.get("/verwaltung/").status_code == 302, "an open session outlived the emergency"
    again = Client().post("/anmelden/", {"login": name, "password": password}, follow=True)
    assert "abgelaufen" in again.content.decode()


def test_emergency_account_is_never_a_persons(administrator: User) -> None:
    with pytest.raises(CommandError, match="a person's account"):
        open_glass(username=administrator.username)
    with pytest.raises(CommandError, match="1 to 72"):
        open_glass(hours=100)


def test_forgotten_password_is_reset_by_mail(administrator: User) -> None:
    """And the page says the same for addresses nobody has."""
    known = Client().post("/kennwort/vergessen/", {"email": administrator.email}, follow=True)
    link = re.search(r"http://testserver(/kennwort/neu/\S+)", mail.outbox[0].body)
    assert link
    client = Client()
    form = client.get(link.group(1), follow=True)
    client.post(
        form.redirect_chain[-1][0], {"password1": "quite another password", "password2": "quite another password"}
    )
    administrator.refresh_from_db()
    assert administrator.check_password("quite another password")
    unknown = Client().post("/kennwort/vergessen/", {"email": "nobody@example.org"}, follow=True)
    assert unknown.status_code == known.status_code
    assert unknown.redirect_chain == known.redirect_chain
