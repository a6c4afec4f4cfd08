"""Keys: written in many ways, changed by each agent, switched off by those who must."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone

from callcenter.calls.models import Call
from callcenter.desktop import shortcuts
from tenants.models import Office
from tenants.scope import all_cities

KEYS = "/arbeitsplatz/tasten/"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Strg ↵", "Ctrl+Enter"),
        ("strg+eingabe", "Ctrl+Enter"),
        ("Ctrl + Enter", "Ctrl+Enter"),
        ("alt+1", "Alt+1"),
        ("Alt 1", "Alt+1"),
        ("v", "V"),
        ("?", "?"),
        ("+", "+"),
        ("shift+strg+k", "Ctrl+Shift+K"),
        ("f8", "F8"),
        ("", ""),
    ],
)
def test_canonical_reads_what_people_write(written, kept):
    """A key typed as it is printed must not be refused."""
    assert shortcuts.canonical(written) == kept


@pytest.mark.parametrize("written", ["Strg", "a b", "Strg+W", "Enter", "Leertaste", "xyz", "F5"])
def test_canonical_refuses_what_cannot_work(written):
    """A key that the browser keeps would simply do nothing."""
    with pytest.raises(shortcuts.ShortcutError):
        shortcuts.canonical(written)


def test_defaults_are_free_of_doubles_and_canonical():
    keys = [action.default for action in shortcuts.ACTIONS]
    assert len(set(keys)) == len(keys)
    assert [shortcuts.canonical(key) for key in keys] == keys


def post_of(**changes: str) -> dict[str, str]:
    fields = {f"key_{action.name}": action.default for action in shortcuts.ACTIONS}
    return fields | {"enabled": "on"} | changes


def test_changed_key_is_printed_where_it_works(desk, telephone, agent):
    desk.post(KEYS, post_of(key_take="Strg+Shift+A"))
    telephone.ring()
    page = desk.get("/arbeitsplatz/").content.decode()
    assert 'data-keys="Ctrl+Shift+A" aria-keyshortcuts="Control+Shift+A"' in page
    assert '<kbd aria-hidden="true">Strg Umschalt A</kbd>' in page
    agent.refresh_from_db()
    assert agent.preferences["shortcuts"]["keys"] == {"take": "Ctrl+Shift+A"}


def test_keys_switched_off_leave_no_trace(desk, telephone):
    """Speech input users set off single keys by talking (WCAG 2.1.4)."""
    desk.post(KEYS, {key: value for key, value in post_of().items() if key != "enabled"})
    telephone.ring()
    page = desk.get("/arbeitsplatz/").content.decode()
    assert "data-keys" not in page
    assert "<kbd aria-hidden" not in page
    assert 'data-sentence="Anruf für Dinslaken."' in page


def test_doubled_key_is_refused_with_both_names(desk, agent):
    response = desk.post(KEYS, post_of(key_note="V"))
    assert response.status_code == 422
    page = response.content.decode()
    assert "doppelt vergeben" in page
    assert "Zur Notiz" in page
    agent.refresh_from_db()
    assert "shortcuts" not in agent.preferences


def test_impossible_key_stands_at_its_field(desk):
    response = desk.post(KEYS, post_of(key_note="Strg+W"))
    assert response.status_code == 422
    assert "braucht der Browser selbst" in response.content.decode()


def test_reset_goes_back_to_the_defaults(desk, agent):
    desk.post(KEYS, post_of(key_note="Z"))
    desk.post(KEYS, {"reset": "1"})
    agent.refresh_from_db()
    assert shortcuts.keys_of(agent)["note"] == "N"


def test_other_preferences_survive(desk, agent):
    agent.preferences = {"list": "compact"}
    agent.save()
    desk.post(KEYS, post_of(key_note="Q", sound="on"))
    agent.refresh_from_db()
    assert agent.preferences["list"] == "compact"
    assert shortcuts.sound(agent)


def test_new_action_takes_nobodys_key_away(desk, agent):
    """Somebody gave Z to the note before an action came that has Z by default."""
    agent.preferences = {"shortcuts": {"keys": {"note": "Z"}}}
    agent.save()
    keys = shortcuts.keys_of(agent)
    assert (keys["note"], keys["course"], keys["take"]) == ("Z", "", "Alt+A")
    desk.post(KEYS, {f"key_{name}": key for name, key in keys.items()} | {"enabled": "on"})
    agent.refresh_from_db()
    assert shortcuts.keys_of(agent) == keys


def test_every_button_of_the_desk_has_a_key(desk, taken, dinslaken, telephone):
    """Whoever cannot use a mouse must not hunt with Tab for the one button that was forgotten."""
    with all_cities("test"):
        office = Office.objects.create(tenant=dinslaken, name="Standesamt", phone="02064 66123")
    telephone.ring("duisburg", users=("214",))
    call = f"/arbeitsplatz/anruf/{taken.pk}/"
    pages = [call, f"{call}amt/{office.pk}/", f"{call}?q=xqzwv"]
    found = {page: desk.get(page).content.decode() for page in pages}
    with all_cities("test"):
        Call.objects.update(state="ended", wrapped_up_at=timezone.now())
    found["idle"] = desk.get("/arbeitsplatz/").content.decode()
    # Enter searches and sends a form; the sheet of keys closes with Escape; the form of a call-back has Alt+3.
    # Leaving one's place in the middle of a talk is not a matter of one letter.
    known = ("Suchen", "Speichern", "Schließen", "Abmelden", "Platz verlassen")
    without = {
        (page, re.sub(r"<[^>]+>|\s+", " ", text).strip())
        for page, html in found.items()
        for attributes, text in re.findall(r"<button([^>]*)>(.*?)</button>", html, re.DOTALL)
        if "data-keys" not in attributes and 'class="hit"' not in attributes and "data-notice-count" not in attributes
    }
    assert {(page, text) for page, text in without if text not in known} == set()
