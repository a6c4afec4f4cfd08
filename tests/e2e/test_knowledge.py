"""Editors' pages in a real browser: by keyboard, without a mistake axe could find, and with nothing that runs."""

from __future__ import annotations

import pytest

from callcenter.accounts.models import Role
from knowledge import services
from knowledge.models import EffectiveArticle
from tenants.scope import all_cities
from tests.conftest import make_user
from tests.e2e.conftest import axe_violations


@pytest.fixture
def article(transactional_db, people, duisburg, dinslaken):
    with all_cities("test data"):
        article = services.create_article(
            actor=people["editor"],
            title="Hund anmelden",
            sections={
                "say": "Den Hund melden Sie innerhalb von zwei Wochen an.",
                "fees": [{"value": "132,00 €", "label": "im Jahr"}],
                "documents": ["Chipnummer"],
                "description": "<p>Wer einen Hund hält, zahlt Hundesteuer.</p>",
                "agents": "<p>Nach der Rasse fragen.</p>",
            },
        )
        services.publish(revision=article.revisions.get(), actor=None, without_review="test data")
    return article


def test_correction_by_keyboard_reaches_the_other_citys_article(browser_page, article, people, duisburg, dinslaken):
    """An editor who cannot use a mouse could not correct a wrong fee."""
    page = browser_page(people["editor"])
    page.goto(f"/wissen/dinslaken/artikel/{article.pk}/bearbeiten/")
    own = page.locator('[name="dinslaken.fees.mode"]')
    own.first.focus()
    page.keyboard.press("ArrowRight")  # from "wie gemeinsam" to "eigener Text"
    fee = page.locator('[name="dinslaken.fees.value"]').first
    assert fee.input_value() == "132,00 €", "the city's own text starts from the shared one"
    fee.fill("96,00 €")
    rows = page.locator('[name="dinslaken.fees.value"]').count()
    page.locator('[name="dinslaken.fees.value"]').last.fill("48,00 €")
    assert page.locator('[name="dinslaken.fees.value"]').count() == rows + 1
    page.keyboard.press("Control+s")
    page.wait_for_selector(".message-success")
    page.get_by_role("button", name="Zur Prüfung geben").press("Enter")
    page.wait_for_url("**/pruefung/")
    reviewer = make_user("zweite", (duisburg, Role.EDITOR), (dinslaken, Role.EDITOR))
    other = browser_page(reviewer)
    other.goto(f"/wissen/dinslaken/artikel/{article.pk}/pruefung/")
    assert "96,00" in other.locator("ins").first.inner_text() or "96" in other.content()
    other.get_by_role("button", name="Veröffentlichen").press("Enter")
    other.wait_for_selector(".message-success")
    assert "96,00 €" in other.locator(".answer-facts").inner_text()
    with all_cities("test"):
        assert EffectiveArticle.objects.get(article=article, tenant=duisburg).sections["fees"][0]["value"] == "132,00 €"


def test_typed_text_survives_a_closed_tab(browser_page, article, people):
    """A tab closed by mistake would take the last sentences with it."""
    page = browser_page(people["editor"])
    address = f"/wissen/dinslaken/artikel/{article.pk}/bearbeiten/"
    page.goto(address)
    page.locator('[name="shared.say"]').fill("Noch nicht gespeichert.")
    page.goto("/wissen/dinslaken/")  # at once: what is typed goes out with the page
    page.wait_for_timeout(500)
    page.goto(address)
    assert page.locator('[name="shared.say"]').input_value() == "Noch nicht gespeichert."
    page.get_by_role("button", name="Verwerfen und gespeicherten Text laden").click()
    page.wait_for_selector(".message-success")
    assert page.locator('[name="shared.say"]').input_value() != "Noch nicht gespeichert."


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(browser_page, article, people, theme):
    """Some editors are blind too."""
    page = browser_page(people["editor"], theme=theme)
    base = f"/wissen/dinslaken/artikel/{article.pk}"
    with all_cities("test data"):
        services.save_draft(
            article=article, tenant=None, actor=people["editor"], title="Hund anmelden", sections={"say": "Neu."},
            token=services.chain_token(article=article, tenant=None),
        )  # fmt: skip
        draft = article.revisions.get(state="draft")
    addresses = ["/wissen/dinslaken/", f"{base}/", f"{base}/bearbeiten/", f"{base}/pruefung/", f"{base}/verlauf/"]
    addresses += [f"{base}/verlauf/{draft.pk}/", "/wissen/dinslaken/neu/", "/wissen/dinslaken/einlesen/"]
    addresses += ["/wissen/dinslaken/lage/", "/wissen/dinslaken/offene-fragen/"]
    for address in addresses:
        page.goto(address)
        assert axe_violations(page) == [], address


def test_pages_fit_a_narrow_screen(browser_page, article, people):
    page = browser_page(people["editor"], width=320, height=700)
    for address in (f"/wissen/dinslaken/artikel/{article.pk}/bearbeiten/", "/wissen/dinslaken/"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, address
