"""The desk in a real browser, by keyboard alone: ring → take → search → open → result → close → next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from callcenter.accounts.models import User
from callcenter.calls import services
from callcenter.calls.models import Call, Contact, ContactArticle
from knowledge.models import SearchEvent
from tenants.models import Office, Tenant
from tenants.scope import all_cities
from tests.desktop import conftest as desktop
from tests.desktop.conftest import Telephone
from tests.e2e.conftest import axe_violations

pytestmark = [
    pytest.mark.e2e,
    # Filters are set anew for each test, and the one of callcenter.asgi is set once, on import.
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators"),
    # A browser that goes on leaves requests half read behind.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


make_article = desktop.make_article  # a fixture of the desk's own tests


class Typist:
    """Presses keys and counts them; typing a query is counted apart."""

    def __init__(self, page: Any) -> None:
        self.page, self.strokes = page, 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.strokes += 1
            self.page.keyboard.press(key)

    def query(self, text: str) -> None:
        self.page.keyboard.type(text, delay=25)


@pytest.fixture
def agent(people: dict[str, User], make_article: Callable[..., Any], dinslaken: Tenant) -> User:
    """The agent, and what the two cities answer about lost identity cards and dogs."""
    make_article(
        "Verlust des Personalausweises anzeigen",
        say="Bitte sperren Sie den Online-Ausweis sofort unter der 116 116.",
        summary="Verlorenen Ausweis melden und neuen beantragen.",
        fees=[{"value": "keine", "label": "für die Anzeige"}],
        office=[{"value": "Bürgerservice", "label": "mit Termin"}],
        documents=["Reisepass oder Führerschein"],
        procedure=["Sperren lassen", "Verlust anzeigen"],
        local={dinslaken: {"office": [{"value": "Bürgerbüro Dinslaken", "label": "im Rathaus"}]}},
    )
    make_article("Personalausweis beantragen", say="Persönlich im Bürgerbüro.", summary="Neuer Ausweis ab 16 Jahren.")
    make_article("Hund anmelden", say="Den Hund melden Sie binnen zwei Wochen an.", summary="Hundesteuer.")
    return people["agent"]


@pytest.fixture
def switchboard(lines: dict[str, Any]) -> Telephone:
    return Telephone()


@pytest.fixture
def open_desk(agent, switchboard, browser_page) -> Iterator[Callable[..., Any]]:
    """``open_desk(width=320, theme="dark")``: the agent's desk, ready at extension 214; errors of the page fail."""
    errors: list[str] = []

    def start(**options: Any) -> Any:
        services.sign_on(user=agent, extension="214")
        page = browser_page(agent, **options)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                errors.append(message.text)
                if message.type == "error" and "Content Security Policy" in message.text
                else None
            ),
        )
        page.goto("/arbeitsplatz/")
        return page

    yield start
    assert errors == []


def ring_and_take(page: Any, switchboard: Telephone, typist: Typist, city: str = "dinslaken") -> Call:
    call = switchboard.ring(city)
    page.wait_for_selector("[data-ring]", timeout=15_000)
    typist.press("Alt+a")
    page.wait_for_url("**/anruf/**")
    page.wait_for_selector("html.scripted")
    return call


def stored(model: type, **where: Any) -> Any:
    with all_cities("test"):
        return model.objects.select_related("tenant").get(**where)


def test_ring_to_closed_contact_by_keyboard(open_desk, switchboard) -> None:
    """The job itself: no mouse, and at most twelve keystrokes beside the words of the question."""
    page = open_desk()
    typist = Typist(page)
    call = ring_and_take(page, switchboard, typist)
    assert page.inner_text("h1") == "Stadt Dinslaken"
    assert page.evaluate("document.activeElement.id") == "search"
    typist.query("perso verloren")
    page.wait_for_selector("[role=option] >> text=Verlust des Personalausweises anzeigen")
    typist.press("Enter")
    page.wait_for_selector(".answer-title")
    assert page.evaluate("document.activeElement.classList.contains('answer-title')")
    typist.press("Alt+1")
    page.wait_for_selector("#saved >> text=gespeichert")
    typist.press("Control+Enter")
    page.wait_for_url("**/arbeitsplatz/")
    assert "Sie sind bereit" in page.inner_text("h1")
    assert typist.strokes <= 12, typist.strokes
    kept = stored(Contact, call_id=call.pk)
    assert (kept.disposition, kept.found, kept.tenant.slug) == ("settled", True, "dinslaken")
    assert stored(ContactArticle, contact=kept).title == "Verlust des Personalausweises anzeigen"
    with all_cities("test"):
        assert Call.objects.get(pk=call.pk).wrapped_up_at is not None
        assert list(SearchEvent.objects.values_list("query", "chosen_rank")) == [("perso verloren", 1)]
    # and the next one
    ring_and_take(page, switchboard, typist, "duisburg")
    assert page.inner_text("h1") == "Stadt Duisburg"


def test_ring_is_spoken_and_never_steals_focus(open_desk, switchboard) -> None:
    """A screen reader says one sentence; what the agent is typing goes on."""
    page = open_desk()
    typist = Typist(page)
    ring_and_take(page, switchboard, typist)
    typist.query("hund")
    switchboard.ring("duisburg", users=("214",))
    page.wait_for_selector("[data-ring]", timeout=15_000)
    assert page.inner_text("#ring-voice") == "Zweiter Anruf wartet: Duisburg. Alt A nimmt an."
    assert page.get_attribute("#ring-voice", "aria-live") == "assertive"
    assert page.evaluate("document.activeElement.id") == "search"
    assert page.input_value("#search") == "hund"


def test_combobox_keeps_focus_and_tells_what_is_chosen(open_desk, switchboard) -> None:
    """The pattern screen readers know: focus stays in the box, the chosen hit is named."""
    page = open_desk()
    typist = Typist(page)
    ring_and_take(page, switchboard, typist)
    typist.query("ausweis")
    page.wait_for_selector("[role=option]")
    page.wait_for_selector("#announce:has-text('Treffer')", state="attached")
    assert page.get_attribute("#search", "aria-expanded") == "true"
    typist.press("ArrowDown", "ArrowDown")
    chosen = page.get_attribute("#search", "aria-activedescendant")
    assert chosen == "hit-2"
    assert page.get_attribute(f"#{chosen}", "aria-selected") == "true"
    assert page.evaluate("document.activeElement.id") == "search"
    snapshot = page.locator(".find").aria_snapshot()
    assert 'combobox "Wissen durchsuchen für Dinslaken" [expanded]' in snapshot
    assert "[selected]" in snapshot
    typist.press("Escape")
    assert page.input_value("#search") == ""
    assert page.get_attribute("#search", "aria-expanded") == "false"


def test_older_answer_never_overtakes_a_newer_one(open_desk, switchboard) -> None:
    """A slow answer to the first letters must not replace the hits of the whole word."""
    page = open_desk()
    typist = Typist(page)
    ring_and_take(page, switchboard, typist)
    held = []

    def hold_first(route: Any) -> None:
        if "q=hu&" in route.request.url:
            held.append(route)
        else:
            route.continue_()

    page.route("**/suche/?*", hold_first)
    typist.query("hund")
    page.wait_for_selector("#hits [name=query][value=hund]", state="attached")
    for route in held:
        route.abort()
    page.wait_for_timeout(200)
    assert page.get_attribute("#hits [name=query]", "value") == "hund"


def test_wrong_city_is_switched_by_one_key(open_desk, switchboard) -> None:
    page = open_desk()
    typist = Typist(page)
    call = ring_and_take(page, switchboard, typist)
    typist.query("perso verloren")
    page.wait_for_selector("[role=option]")
    typist.press("Enter")
    page.wait_for_selector(".answer-title")
    typist.press("s")
    page.wait_for_selector(".answers-for")
    assert "Der Anruf zählt weiter für Stadt Dinslaken." in page.inner_text(".answers-for")
    assert page.get_attribute(".answer", "data-city") == "duisburg"
    assert stored(Contact, call_id=call.pk).tenant.slug == "duisburg"
    assert stored(Call, pk=call.pk).tenant.slug == "dinslaken"


def test_compare_and_back_by_one_key_each(open_desk, switchboard) -> None:
    page = open_desk()
    typist = Typist(page)
    ring_and_take(page, switchboard, typist)
    typist.query("perso verloren")
    page.wait_for_selector("[role=option]")
    typist.press("Enter")
    page.wait_for_selector(".answer-title")
    typist.press("v")
    page.wait_for_selector("table.compare")
    assert page.inner_text("table.compare thead").split() == ["Abschnitt", "Dinslaken", "Duisburg"]
    assert page.evaluate("document.activeElement.tagName") == "H2"
    typist.press("Escape")
    page.wait_for_selector(".answer-title")


def test_note_is_kept_while_typing_and_letters_stay_letters(open_desk, switchboard) -> None:
    """Keys without Ctrl or Alt never act while somebody writes."""
    page = open_desk()
    typist = Typist(page)
    call = ring_and_take(page, switchboard, typist)
    page.evaluate("document.activeElement.blur()")
    typist.press("n")
    page.keyboard.type("vsmw? ruft wieder an", delay=10)
    page.wait_for_selector("#saved >> text=gespeichert")
    assert page.input_value("#note") == "vsmw? ruft wieder an"
    assert page.evaluate("document.activeElement.id") == "note"
    assert stored(Contact, call_id=call.pk).note == "vsmw? ruft wieder an"


def test_question_without_hit_is_reported_by_one_key(open_desk, switchboard) -> None:
    page = open_desk()
    typist = Typist(page)
    ring_and_take(page, switchboard, typist)
    typist.query("xqzwv")
    page.wait_for_selector(".no-hit")
    typist.press("Alt+m")
    page.wait_for_selector("#answer >> text=Gemeldet.")


def test_wrap_up_closes_by_itself(open_desk, switchboard) -> None:
    """Where the city limits the wrap-up, an agent who was called away is not left out of the queue."""
    Tenant.objects.filter(slug="dinslaken").update(wrap_up="timed", wrap_up_seconds=3)
    page = open_desk()
    typist = Typist(page)
    call = ring_and_take(page, switchboard, typist)
    switchboard.hang_up(call)
    page.wait_for_selector("[data-state=wrap_up]", timeout=15_000)
    page.wait_for_url("**/arbeitsplatz/", timeout=15_000)
    assert stored(Call, pk=call.pk).wrapped_up_at is not None


def test_last_article_opens_without_a_letter(open_desk, agent, switchboard, dinslaken) -> None:
    """Arrow down and Enter: what was just said to somebody else needs no word."""
    page = open_desk()
    typist = Typist(page)
    ring_and_take(page, switchboard, typist)
    typist.query("hund")
    page.wait_for_selector("[role=option] >> text=Hund anmelden")
    typist.press("Enter")
    page.wait_for_selector(".answer-title")
    page.reload()
    page.wait_for_selector("html.scripted")
    page.focus("#search")
    page.wait_for_selector("#recent-group")
    typist.press("ArrowDown", "Enter")
    page.wait_for_selector(".answer-title >> text=Hund anmelden")


def test_hits_are_narrowed_and_everything_comes_back(open_desk, agent, switchboard, dinslaken) -> None:
    """One click shows offices only; the box keeps focus, and an emptied box starts afresh."""
    with all_cities("test"):
        Office.objects.create(tenant=dinslaken, name="Amt für Hundefragen")
    page = open_desk()
    typist = Typist(page)
    ring_and_take(page, switchboard, typist)
    typist.query("hund")
    page.wait_for_selector("[role=option] >> text=Hund anmelden")
    page.click("[data-kind=aemter]")
    page.wait_for_selector("[data-kind=aemter][aria-current]")
    assert page.locator("[role=option]").all_inner_texts()[0].startswith("Amt für Hundefragen")
    assert page.locator("[role=option] >> text=Hund anmelden").count() == 0
    assert page.evaluate("document.activeElement.id") == "search"
    typist.press("Escape")
    typist.query("hund")
    page.wait_for_selector("[role=option] >> text=Hund anmelden")
    page.click("[data-everywhere]")
    page.wait_for_selector("[data-everywhere][aria-current]")
    assert "in allen Städten" in page.inner_text("#hit-count")


def test_pasted_page_is_a_search(open_desk, agent, switchboard) -> None:
    """Ten thousand letters on the clipboard must not take the hits away."""
    page = open_desk()
    typist = Typist(page)
    ring_and_take(page, switchboard, typist)
    page.focus("#search")
    page.keyboard.insert_text("hund " + "\"'/(" * 2500)
    page.wait_for_selector("[role=option] >> text=Hund anmelden")
    typist.press("Enter")
    page.wait_for_selector(".answer-title >> text=Hund anmelden")


def test_lost_connection_is_said_and_caught_up(open_desk, switchboard) -> None:
    """The network goes and comes: a quiet line says so, nothing typed is lost, the ring is there afterwards."""
    page = open_desk()
    page.wait_for_timeout(500)
    page.context.set_offline(True)
    page.wait_for_selector("#link-state >> text=Verbindung unterbrochen", timeout=15_000)
    switchboard.ring("dinslaken")
    page.context.set_offline(False)
    page.wait_for_selector("[data-ring]", timeout=20_000)
    page.wait_for_selector("#link-state >> text=Wieder verbunden", timeout=15_000)


def test_help_sheet_opens_and_gives_focus_back(open_desk) -> None:
    page = open_desk()
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    assert "Strg ↵" in page.inner_text("dialog")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[open]", state="detached")


def test_desk_works_without_a_script(agent, switchboard, browser_page) -> None:
    """Plain pages first: the whole call with the script switched off."""
    services.sign_on(user=agent, extension="214")
    page = browser_page(agent, java_script_enabled=False)
    call = switchboard.ring("dinslaken")
    page.goto("/arbeitsplatz/")
    page.click("text=Annehmen")
    page.fill("#search", "perso verloren")
    page.click("#search-form button")
    page.click("[role=option] >> nth=0")
    assert "Personalausweis" in page.inner_text(".answer-title")
    page.check("input[value=settled]")
    page.click("text=Abschließen und bereit")
    assert "Sie sind bereit" in page.inner_text("h1")
    assert stored(Contact, call_id=call.pk).disposition == "settled"


@pytest.mark.parametrize(
    "options",
    [
        {"theme": "light"},
        {"theme": "dark"},
        {"width": 320, "height": 700},
        {"forced_colors": "active"},
    ],
    ids=["light", "dark", "narrow", "forced"],
)
def test_every_state_is_accessible_and_fits(options: dict[str, Any], open_desk, switchboard) -> None:
    """Each state of the desk: axe finds nothing, nothing scrolls sideways, a call fits the screen."""
    page = open_desk(**options, reduced_motion="reduce")
    typist = Typist(page)
    found: list[str] = []

    def look(state: str) -> None:
        found.extend(f"{state}: {violation}" for violation in axe_violations(page))
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{state}: scrolls sideways")
        if "width" not in options and page.evaluate("document.documentElement.scrollHeight > innerHeight"):
            found.append(f"{state}: scrolls")

    look("ready")
    ring_and_take(page, switchboard, typist)
    look("call")
    typist.query("perso verloren")
    page.wait_for_selector("[role=option]")
    look("hits")
    typist.press("Enter")
    page.wait_for_selector(".answer-title")
    look("article")
    typist.press("v")
    page.wait_for_selector("table.compare")
    look("compare")
    typist.press("m")
    page.wait_for_selector("[name=kind]")
    look("report")
    typist.press("Alt+3")
    page.wait_for_selector("#id_callback_number")
    look("handover")
    typist.press("/")
    typist.query("xqzwv")
    page.wait_for_selector(".no-hit")
    look("no hit")
    switchboard.ring("duisburg", users=("214",))
    page.wait_for_selector("[data-ring]", timeout=15_000)
    look("second call")
    typist.press("Alt+s")
    page.wait_for_selector(".answers-for")
    look("switched")
    typist.press("Alt+h")
    page.wait_for_selector("[data-state=wrap_up]")
    look("wrap-up")
    typist.press("Control+Enter")
    page.wait_for_selector(".idle-head")
    look("ringing")
    page.goto("/arbeitsplatz/von-hand/")
    look("by hand")
    assert found == []
