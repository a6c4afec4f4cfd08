"""The rich-text editor in a real browser: keyboard, Word, unsaved work, and no word of the policy broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from callcenter.accounts.models import Role
from knowledge import services
from knowledge.models import Revision
from tenants.scope import all_cities
from tests.conftest import make_user
from tests.e2e.conftest import axe_violations

TABLE = (
    "<p>Sätze:</p><table><tbody><tr><th>Hunde</th><th>im Jahr</th></tr>"
    "<tr><td>einer</td><td>132,00 €</td></tr></tbody></table>"
)
# As Word writes it: conditional comments, bullets as spans, styles, a bookmark, an empty paragraph.
WORD = (Path(__file__).parent / "data" / "word.html").read_text()
WORD_CLEANED = (
    "<h3>Anmeldung</h3><p>Das <strong>geht</strong> <em>einfach</em>:</p><ul><li>Ausweis</li><li>Foto</li></ul>"
    '<ol><li>Erstens</li></ol><p><a href="https://example.org/hund">Formular</a></p>'
)
PASTE = """(element, [html, text]) => {
  const data = new DataTransfer();
  if (html) data.setData("text/html", html);
  data.setData("text/plain", text);
  element.focus();
  element.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""

# What has the focus is in the bar itself, or above it.
CLEAR = """() => {
  const bar = document.querySelector(".edit-bar"), here = document.activeElement;
  return bar.contains(here) || here.getBoundingClientRect().bottom <= bar.getBoundingClientRect().top;
}"""


@pytest.fixture
def article(transactional_db, people, duisburg, dinslaken):
    with all_cities("test data"):
        article = services.create_article(
            actor=people["editor"],
            title="Hund anmelden",
            sections={
                "say": "Den Hund melden Sie innerhalb von zwei Wochen an.",
                "documents": ["Chipnummer", '<a href="https://example.org/form">Formular</a>'],
                "description": TABLE,
            },
        )
        services.publish(revision=article.revisions.get(), actor=None, without_review="test data")
    return article


@pytest.fixture
def open_editor(browser_page, article, people):
    """The editor with everything mounted; ``page.complaints`` collects what the browser had to say."""

    def open_page(user=None, **options):
        page = browser_page(user or people["editor"], **options)
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(f"/wissen/dinslaken/artikel/{article.pk}/bearbeiten/")
        page.wait_for_selector('form[data-ready="rich"]')
        return page

    return open_page


def rich(page, name: str):
    return page.locator(f'[name="{name}"] + .rich .rich-text')


def save(page) -> None:
    page.keyboard.press("Control+s")
    page.wait_for_selector(".message-success")


def draft_of(article) -> Revision:
    return Revision.objects.get(article=article, tenant=None, state="draft")


def test_writing_by_keyboard_alone(open_editor, article):
    """Editors who cannot use a mouse, or HTML, could not set a word in bold or a link."""
    page = open_editor()
    rich(page, "shared.hints").focus()
    page.keyboard.type("Bitte ")
    page.keyboard.press("Control+b")
    page.keyboard.type("rechtzeitig")
    page.keyboard.press("Control+b")
    page.keyboard.press("Enter")
    page.keyboard.type("- eins")
    page.keyboard.press("Enter")
    page.keyboard.type("zwei ")
    page.keyboard.press("Control+k")
    page.keyboard.type("example.org/hund")
    page.keyboard.press("Enter")
    assert rich(page, "shared.hints").evaluate("element => element === document.activeElement"), "focus comes back"
    save(page)
    assert draft_of(article).sections["hints"] == (
        "<p>Bitte <strong>rechtzeitig</strong></p><ul><li>eins</li><li>zwei "
        '<a href="https://example.org/hund" rel="noopener noreferrer">example.org/hund</a></li></ul>'
    )
    assert page.complaints == []


def test_the_toolbar_is_one_stop_and_arrows_lead_through_it(open_editor):
    """Seven buttons before each of six fields: nobody would reach the end of the page with Tab."""
    page = open_editor()
    bar = page.locator('[name="shared.hints"] + .rich [role=toolbar]')
    assert bar.locator('button[tabindex="0"]').count() == 1
    bar.locator("button").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.value") == "heading"
    page.keyboard.press("Enter")
    page.keyboard.type("Kosten")
    assert page.locator('[name="shared.hints"]').input_value() == "<h3>Kosten</h3>"
    page.keyboard.press("Tab")
    left = "!document.querySelector('[name=\"shared.hints\"] + .rich').contains(document.activeElement)"
    assert page.evaluate(left), "Tab leaves the field"


def test_word_is_cleaned_while_pasting(open_editor, article):
    """Word's styles, bullets and comments would stand in front of callers."""
    page = open_editor()
    rich(page, "shared.hints").evaluate(PASTE, [WORD, "Anmeldung"])
    assert page.locator('[name="shared.hints"]').input_value() == WORD_CLEANED
    assert page.evaluate("window.ran") is None
    save(page)
    assert draft_of(article).sections["hints"] == WORD_CLEANED.replace('hund">', 'hund" rel="noopener noreferrer">')
    assert page.complaints == []


def test_a_list_from_word_becomes_entries(open_editor, article):
    """Documents pasted as prose would be one long line on the desk."""
    page = open_editor()
    rich(page, "shared.documents").nth(2).evaluate(PASTE, ["", "- Ausweis\n- Foto & Pass\n\n2) Nachweis"])
    save(page)
    assert draft_of(article).sections["documents"] == [
        "Chipnummer", '<a href="https://example.org/form" rel="noopener noreferrer">Formular</a>',
        "Ausweis", "Foto &amp; Pass", "Nachweis",
    ]  # fmt: skip


def test_a_link_in_an_entry_shows_as_a_link_and_its_address_can_be_changed(open_editor, article):
    """Editors would see <a href=…> and break it."""
    page = open_editor()
    entry = rich(page, "shared.documents").nth(1)
    assert entry.inner_text() == "Formular"
    entry.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Control+k")
    page.keyboard.press("Control+a")
    page.keyboard.type("https://example.org/neu")
    page.keyboard.press("Enter")
    save(page)
    entries = draft_of(article).sections["documents"]
    assert entries == ["Chipnummer", '<a href="https://example.org/neu" rel="noopener noreferrer">Formular</a>']


def test_enter_in_an_entry_leads_to_the_next(open_editor):
    page = open_editor()
    entries = rich(page, "shared.requirements")
    entries.first.focus()
    for word in ("eins", "zwei", "drei"):
        page.keyboard.type(word)
        page.keyboard.press("Enter")
    values = page.locator('[name="shared.requirements"]').evaluate_all("all => all.map(each => each.value)")
    assert values[:3] == ["eins", "zwei", "drei"]


def test_opening_an_article_changes_nothing_and_a_table_survives_a_correction(open_editor, article):
    """A text from an import would lose its table because somebody corrected a word beside it."""
    page = open_editor()
    page.locator('[name="shared.say"]').fill("Neu.")
    save(page)
    assert draft_of(article).sections["description"] == TABLE
    page.wait_for_selector('form[data-ready="rich"]')
    rich(page, "shared.description").locator("p").first.click()
    page.keyboard.press("End")
    page.keyboard.type(" neu")
    save(page)
    assert draft_of(article).sections["description"].replace(" neu", "") == TABLE


def test_what_is_typed_comes_back_after_the_session_is_lost(open_editor, article, people, browser_page):
    """A lost sign-in would take an hour of writing with it, on another machine too."""
    page = open_editor()
    rich(page, "shared.hints").focus()
    page.keyboard.type("Noch nicht gespeichert.")
    page.wait_for_selector("[data-kept]")
    page.context.clear_cookies()
    again = browser_page(people["editor"])
    again.goto(f"/wissen/dinslaken/artikel/{article.pk}/bearbeiten/")
    again.wait_for_selector('form[data-ready="rich"]')
    assert rich(again, "shared.hints").inner_text() == "Noch nicht gespeichert."
    assert "Sie schreiben weiter" in again.locator(".edit-continued").inner_text()
    # And what was typed without any session at all waits in the browser.
    page.locator('[name="shared.say"]').fill("Ohne Anmeldung geschrieben.")
    page.wait_for_selector("#edit-state:has-text('Keine Verbindung')")
    assert page.evaluate("Object.keys(localStorage).length") == 1


def test_two_editors_at_once_know_of_each_other(open_editor, duisburg, dinslaken):
    """Two people would write the same paragraph for half an hour."""
    first = open_editor()
    first.locator('[name="shared.say"]').fill("Eins.")
    first.wait_for_selector("[data-kept]")
    second = open_editor(make_user("zweite", (duisburg, Role.EDITOR), (dinslaken, Role.EDITOR)))
    assert "Editor schreibt hier gerade auch" in second.locator("main").inner_text()
    second.locator('[name="shared.say"]').fill("Zwei.")
    second.wait_for_selector("[data-kept]")
    first.locator('[name="shared.say"]').fill("Eins und mehr.")
    first.wait_for_selector("[data-writing]")
    assert "Zweite schreibt hier gerade auch" in first.locator("#edit-state").inner_text()


def test_changing_the_shared_text_asks_the_city_with_its_own_words_at_once(open_editor, article, people, dinslaken):
    page = open_editor()
    page.locator('[name="dinslaken.say.mode"][value="own"]').check()
    flag = page.locator('[data-cell="dinslaken.say"] [data-asks]')
    assert not flag.is_visible()
    page.locator('[name="shared.say"]').fill("Den Hund melden Sie innerhalb von vier Wochen an.")
    assert flag.is_visible()


def test_the_preview_stays_in_sight_and_hides_nothing_that_tab_reaches(open_editor):
    """Editors would scroll five screens to see what a word does, or write behind the preview."""
    page = open_editor(height=900)
    page.locator("[data-preview]").click()
    page.wait_for_selector("#previews .answer")
    page.locator('[name="shared.say"]').focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("Gleich am Telefon.")
    shown = page.locator("#previews .answer-words", has_text="Gleich am Telefon.")
    shown.first.wait_for()
    assert shown.count() == 2, "both cities"
    for _stop in range(12):
        page.keyboard.press("Tab")
        page.wait_for_function(CLEAR)
    assert page.evaluate("document.activeElement.name") != "shared.say"
    assert page.complaints == []


def test_a_list_has_one_empty_row_and_grows_by_itself(open_editor):
    page = open_editor()
    facts = page.locator('[data-cell="shared.fees"] .edit-fact')
    assert facts.count() == 1
    assert not facts.locator("input").nth(1).is_visible()
    facts.locator("input").first.focus()
    page.keyboard.type("12,00 €")
    page.keyboard.press("Tab")
    page.keyboard.type("im Jahr")
    assert facts.count() == 2
    assert page.locator('[name="shared.fees.label"]').first.input_value() == "im Jahr"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_the_mounted_editor(open_editor, theme):
    page = open_editor(theme=theme)
    page.locator("[data-preview]").click()
    page.wait_for_selector("#previews .answer")
    rich(page, "shared.hints").focus()
    page.keyboard.press("Control+k")
    assert axe_violations(page) == []


def test_the_editor_fits_a_narrow_screen(open_editor):
    page = open_editor(width=320, height=700)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
