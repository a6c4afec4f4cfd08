"""Who may come in where."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.urls import reverse

from callcenter.accounts.models import Membership, Role, User
from callcenter.accounts.services import LastAdministrator, save_person
from callcenter.audit.models import AuditEntry
from tests.conftest import make_user


def test_page_without_sign_in_leads_to_the_sign_in_page(client, db) -> None:
    """Nobody reads a page of the house without signing in."""
    response = client.get("/verwaltung/")
    assert response.status_code == 302
    assert response["Location"].startswith("/anmelden/")


def test_htmx_without_sign_in_is_told_to_leave_the_page(client, db) -> None:
    """The sign-in page must never be swapped into a fragment of the desk."""
    response = client.get("/verwaltung/", headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == "/anmelden/"


def test_foreign_city_is_404_and_wrong_role_is_403(client_for, people, duisburg, dinslaken) -> None:
    """Somebody else's city must not even be confirmed to exist."""
    only_duisburg = make_user("admin-du", (duisburg, Role.ADMINISTRATOR))
    client = client_for(only_duisburg)
    assert client.get("/verwaltung/duisburg/konten/").status_code == 200
    assert client.get("/verwaltung/dinslaken/konten/").status_code == 404
    assert client.get("/verwaltung/nirgendwo/konten/").status_code == 404
    assert client_for("agent").get("/verwaltung/duisburg/konten/").status_code == 403


def test_signed_in_pages_stay_out_of_caches(client_for) -> None:
    """The next person at a shared desk must not page back into another's session."""
    assert client_for("administrator").get("/verwaltung/")["Cache-Control"] == "no-store"


def test_csp_allows_nothing_inline(client, db) -> None:
    """An injected script must not run even when it gets into a page."""
    policy = client.get(reverse("account_login"))["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_demo_sign_in_works_only_in_demo_mode(client, settings, db) -> None:
    """One-click sign-in on a real installation would be an open door."""
    User.objects.create_user("agent", name="Demo", is_demo=True)
    real = User.objects.create_user("editor", name="Echt", password="ein-langes-kennwort")
    settings.DEMO = True
    assert client.post("/konto/demo/agent/").status_code == 302
    assert client.post(f"/konto/demo/{real.username}/").status_code == 404
    settings.DEMO = False
    assert client.post("/konto/demo/agent/").status_code == 404


def test_signing_up_is_closed(client, db) -> None:
    """Accounts are made by administrators."""
    assert client.get("/anmelden/signup/").status_code == 404


def test_last_administrator_cannot_be_removed(people, duisburg) -> None:
    """A city without an administrator could never be administered again."""
    administrator = people["administrator"]
    with pytest.raises(LastAdministrator):
        save_person(user=administrator, city=duisburg, roles=[], actor_id=administrator.pk)


def test_roles_change_is_recorded(people, dinslaken) -> None:
    """Auditors ask who gave which right."""
    save_person(user=people["agent"], city=dinslaken, roles=[Role.EDITOR], actor_id=people["administrator"].pk)
    entry = AuditEntry.objects.get(action="person.changed", chain=dinslaken.pk)
    assert entry.data == {"roles": ["editor"], "roles_before": ["agent"], "password_changed": False}
    assert set(Membership.objects.filter(user=people["agent"]).values_list("tenant__slug", "role")) == {
        ("duisburg", "agent"),
        ("dinslaken", "editor"),
    }


def test_invalid_person_form_keeps_what_was_typed(client_for, duisburg) -> None:
    """A refusal says what to do and keeps the input."""
    response = client_for("administrator").post(
        "/verwaltung/duisburg/konten/neu/", {"username": "neu", "name": "Neue Person"}
    )
    assert response.status_code == 422
    assert 'value="Neue Person"' in response.content.decode()
    assert "Ein neues Konto braucht ein Kennwort." in response.content.decode()


def test_people_list_query_count(client_for, people, duisburg, django_assert_num_queries) -> None:
    """The list stays as fast with many people as with few."""
    client = client_for("administrator")
    with django_assert_num_queries(7 + (2 if settings.DATABASES["default"]["ATOMIC_REQUESTS"] else 0)) as first:
        client.get("/verwaltung/duisburg/konten/")
    for number in range(3):
        make_user(f"agent-{number}", (duisburg, Role.AGENT))
    with django_assert_num_queries(len(first.captured_queries)):
        client.get("/verwaltung/duisburg/konten/")


@pytest.mark.parametrize("language", ["de", "en"])
def test_page_says_which_language_it_is_in(language: str, people, client_for) -> None:
    """A screen reader would read English with a German voice (WCAG 3.1.1)."""
    people["agent"].language = language
    people["agent"].save(update_fields=["language"])
    assert f'<html lang="{language}"' in client_for("agent").get("/konto/").content.decode()
