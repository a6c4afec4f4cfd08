"""Ring to closed contact as a screen reader has it, in every look in which agents work.

The same keys, the same words, the same order: at 1440 pixels, at 320, in forced colours, and at 400 % zoom (which is
1280 × 1024 with a quarter of the pixels each way, WCAG 1.4.10). At each step the text of the accessibility tree must
be there, what has the focus must be in sight, and nothing may scroll sideways.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from callcenter.calls.models import Contact
from tests.e2e import test_desk as desk
from tests.e2e.test_desk import Typist, stored

pytestmark = desk.pytestmark
make_article, agent, switchboard, open_desk = desk.make_article, desk.agent, desk.switchboard, desk.open_desk

LOOKS: dict[str, dict[str, Any]] = {
    "wide": {},
    "narrow": {"width": 320, "height": 700},
    "forced": {"forced_colors": "active"},
    "zoom": {"width": 320, "height": 256},
}
RING = """
- region "Stadt Dinslaken":
  - paragraph: "Anruf für"
  - paragraph: Stadt Dinslaken
  - paragraph: /Stadtverwaltung Dinslaken, guten Tag/
  - button "Annehmen"
"""
CALL = """
- heading "Stadt Dinslaken" [level=1]
- paragraph: Begrüßung
- text: Stadtverwaltung Dinslaken, guten Tag. Was kann ich für Sie tun?
- term: Gewählt
- definition: 02064 660
- term: Anrufer
- definition: endet auf 4711
- region "Suchen":
  - search:
    - combobox "Wissen durchsuchen für Dinslaken"
- region "Antwort"
- region "Anliegen 1"
"""
HITS = """
- region "Suchen":
  - search:
    - combobox "Wissen durchsuchen für Dinslaken" [expanded]: perso verloren
  - listbox "Treffer":
    - option /Verlust des Personalausweises anzeigen/ [selected]
    - option /Personalausweis beantragen/
"""
ARTICLE = """
- article "Verlust des Personalausweises anzeigen":
  - heading "Verlust des Personalausweises anzeigen" [level=2]
  - link "mit Duisburg vergleichen"
  - paragraph: So sagen
  - paragraph: „Bitte sperren Sie den Online-Ausweis sofort unter der 116 116.“
  - term: Gebühr
  - term: Wo Dinslaken
  - heading "Unterlagen" [level=3]
  - list
  - heading "Ablauf" [level=3]
  - list
"""
DONE = """
- region "Anliegen 1":
  - list:
    - listitem:
      - checkbox /Verlust des Personalausweises anzeigen/ [checked]
  - group "Ergebnis":
    - radio "Erledigt" [checked]
    - radio "Weiterverbunden"
  - group "Antwort im Wissen?":
    - radio "ja" [checked]
  - status: /gespeichert/
  - textbox "Notiz"
  - button "Abschließen und bereit"
"""
IN_SIGHT = """() => {
  const box = document.activeElement.getBoundingClientRect();
  return box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
}"""


def looks_right(page: Any, *, focus: str = "") -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "scrolls sideways"
    if focus:
        expect(page.locator(focus)).to_be_focused()
        page.wait_for_function(IN_SIGHT)


@pytest.mark.parametrize("look", LOOKS)
def test_ring_to_closed_contact_in_words(look: str, open_desk, switchboard) -> None:
    """An agent who does not see the screen, or only a corner of it, closes the contact with the same few keys."""
    page = open_desk(**LOOKS[look], reduced_motion="reduce")
    typist = Typist(page)
    call = switchboard.ring("dinslaken")
    page.wait_for_selector("[data-ring]", timeout=15_000)
    assert page.inner_text("#ring-voice") == "Anruf für Dinslaken. Alt A nimmt an."
    expect(page.locator("#rings")).to_match_aria_snapshot(RING)
    looks_right(page)
    typist.press("Alt+a")
    page.wait_for_url("**/anruf/**")
    page.wait_for_selector("html.scripted")
    expect(page.locator("main")).to_match_aria_snapshot(CALL)
    looks_right(page, focus="#search")
    typist.query("perso verloren")
    page.wait_for_selector("[role=option] >> text=Verlust des Personalausweises anzeigen")
    page.wait_for_selector("#announce:has-text('2 Treffer für Dinslaken. Verlust des')", state="attached")
    expect(page.locator(".find")).to_match_aria_snapshot(HITS)
    looks_right(page, focus="#search")
    typist.press("Enter")
    page.wait_for_selector(".answer-title")
    expect(page.locator("#answer")).to_match_aria_snapshot(ARTICLE)
    looks_right(page, focus=".answer-title")
    typist.press("Alt+1")
    page.wait_for_selector("#saved >> text=gespeichert", state="attached")
    looks_right(page)
    typist.press("Control+Enter")
    page.wait_for_url("**/arbeitsplatz/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sie sind bereit")
    looks_right(page)
    assert typist.strokes <= 12, typist.strokes
    kept = stored(Contact, call_id=call.pk)
    assert (kept.disposition, kept.found) == ("settled", True)


def test_chosen_result_is_told(open_desk, switchboard) -> None:
    """After the key for a result a screen reader finds the tick, the result and when it was kept."""
    page = open_desk()
    typist = Typist(page)
    desk.ring_and_take(page, switchboard, typist)
    typist.query("perso verloren")
    page.wait_for_selector("[role=option] >> text=Verlust des Personalausweises anzeigen")
    typist.press("Enter")
    page.wait_for_selector(".answer-title")
    typist.press("Alt+1")
    page.wait_for_selector("#saved >> text=gespeichert")
    expect(page.locator(".conclude")).to_match_aria_snapshot(DONE)
    page.reload()
    expect(page.locator(".conclude")).to_match_aria_snapshot(DONE.replace("  - status: /gespeichert/\n", ""))


# --- keys of one's own ------------------------------------------------------------------------------
def change(page: Any, label: str, key: str) -> None:
    page.goto("/arbeitsplatz/tasten/")
    page.get_by_label(label, exact=True).fill(key)
    page.get_by_role("button", name="Speichern").click()
    page.wait_for_selector("text=Gespeichert.")
    page.goto("/arbeitsplatz/")


def test_changed_key_works_and_is_printed(open_desk, switchboard) -> None:
    """A screen reader's own keys come first: the desk's make way."""
    page = open_desk()
    change(page, "Anruf annehmen", "F8")
    switchboard.ring("dinslaken")
    page.wait_for_selector("[data-ring]", timeout=15_000)
    assert "F8 nimmt an." in page.inner_text("#ring-voice")
    assert page.inner_text("[data-ring] kbd") == "F8"
    page.keyboard.press("Alt+a")
    page.keyboard.press("F8")
    page.wait_for_url("**/anruf/**")


def test_keys_that_are_switched_off_do_nothing(open_desk, switchboard) -> None:
    """WCAG 2.1.4: whoever dictates must not close a call by a word."""
    page = open_desk()
    page.goto("/arbeitsplatz/tasten/")
    page.get_by_label("Tasten sind eingeschaltet").uncheck()
    page.get_by_role("button", name="Speichern").click()
    page.wait_for_selector("text=Gespeichert.")
    page.goto("/arbeitsplatz/")
    switchboard.ring("dinslaken")
    page.wait_for_selector("[data-ring]", timeout=15_000)
    assert page.locator("kbd:visible").count() == 0
    for key in ("Alt+a", "?", "p", "o"):
        page.keyboard.press(key)
    page.wait_for_timeout(300)
    assert page.url.endswith("/arbeitsplatz/")
    assert page.locator("dialog[open]").count() == 0
    page.get_by_role("button", name="Annehmen").click()
    page.wait_for_url("**/anruf/**")


# --- several calls ------------------------------------------------------------------------------------
def test_two_calls_by_keyboard(open_desk, switchboard) -> None:
    """Take the second, go back to the first by one key, and close both."""
    page = open_desk()
    typist = Typist(page)
    first = desk.ring_and_take(page, switchboard, typist)
    second = switchboard.ring("duisburg", users=("214",))
    page.wait_for_selector("[data-ring]", timeout=15_000)
    typist.press("Alt+a")
    page.wait_for_url(f"**/anruf/{second.pk}/**")
    page.wait_for_selector("html.scripted")
    expect(page.get_by_role("list", name="Ihre anderen Gespräche")).to_contain_text("gehalten seit")
    typist.press("Alt+g")
    page.wait_for_url(f"**/anruf/{first.pk}/**")
    page.wait_for_selector("html.scripted")
    expect(page.get_by_role("heading", level=1)).to_have_text("Stadt Dinslaken")
    typist.press("Alt+l")
    page.wait_for_selector("text=Zurückholen")
    typist.press("Alt+l")
    page.wait_for_selector("text=Halten")
    typist.press("Control+Enter")
    page.wait_for_url(f"**/anruf/{second.pk}/**")
    page.wait_for_selector("html.scripted")
    typist.press("Control+Enter")
    page.wait_for_url("**/arbeitsplatz/")
