"""The dashboards in a real browser: pictures under the strict policy, tables without script, nothing for axe."""

from __future__ import annotations

from datetime import timedelta

import pytest

from callcenter.calls.models import Call
from knowledge.models import SearchEvent
from tenants.scope import all_cities
from tests.e2e.conftest import axe_violations
from tests.supervision.conftest import a_call, make_contact, moment

pytestmark = [
    pytest.mark.e2e,
    # Static files are read synchronously under ASGI, and a browser that leaves drops its request.
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PAGES = ["/auswertung/duisburg/", "/auswertung/vergleich/", "/auswertung/besetzung/", "/auswertung/wandtafel/"]


@pytest.fixture
def october(people, duisburg, dinslaken, lines):
    """A month in both cities, without articles: topics are empty, every other figure is full."""
    with all_cities("test data"):
        for city, number in ((duisburg, 40), (dinslaken, 8)):
            Call.objects.bulk_create(
                a_call(city, moment(f"2026-10-{day:02} 07:00") + timedelta(minutes=n * 11), waited=n % 60)
                for day in range(1, 31)
                for n in range(number)
            )
            make_contact(Call.objects.filter(tenant=city).first())
            SearchEvent.objects.create(
                tenant=city, query="kirmes", hits=0, milliseconds=3, at=moment("2026-10-05 10:00")
            )


@pytest.mark.parametrize(("path", "theme"), [*((path, "light") for path in PAGES), (PAGES[0], "dark")])
def test_page_has_no_violation_and_no_complaint_of_the_policy(browser_page, people, october, path, theme):
    """A blind supervisor would be shut out, or a picture would silently stay empty."""
    page = browser_page(people["supervisor"], theme=theme)
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path)
    page.wait_for_timeout(700)
    assert complaints == []
    assert axe_violations(page) == []
    assert page.locator("[data-chart]:has(canvas)").count() == page.locator("[data-chart]").count()
    assert page.locator("[data-chart][aria-label]").count() == page.locator("[data-chart]").count()


@pytest.mark.parametrize("path", PAGES)
def test_page_on_a_narrow_screen_never_scrolls_sideways(browser_page, people, october, path):
    """At 320 pixels, or at 400 % zoom, half of every line would be out of sight."""
    page = browser_page(people["supervisor"], width=320, height=640)
    page.goto(path)
    page.wait_for_timeout(400)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_figures_are_there_without_script(browser_page, people, october):
    """Where scripts are forbidden the page would be a row of empty boxes."""
    page = browser_page(people["supervisor"], java_script_enabled=False)
    page.goto("/auswertung/duisburg/")
    assert page.locator("[data-chart]:visible").count() == 0
    figure = page.locator("#tage")
    figure.locator("summary").click()
    assert figure.locator("tbody tr").count() == 31
    page.get_by_role("link", name="Dinslaken").click()
    assert page.locator("h1").inner_text() == "Auswertung Dinslaken"


def test_period_is_changed_by_keyboard(browser_page, people, october):
    """Somebody without a mouse could look at one month only."""
    page = browser_page(people["supervisor"])
    page.goto("/auswertung/duisburg/")
    page.get_by_role("link", name="Woche", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**von=2026-10-26**")
    assert page.locator(".period-now strong").inner_text() == "26.10. – 01.11.2026"


def test_wallboard_renews_itself(browser_page, people, october, duisburg):
    """The wall would show the morning all day."""
    from django.utils import timezone

    page = browser_page(people["supervisor"])
    page.goto("/auswertung/wandtafel/")
    assert page.locator(".wall-tile strong").first.inner_text() == "0"
    with all_cities("test data"):
        a_call(duisburg, timezone.now() - timedelta(seconds=3), None).save()
    page.locator(".wall-tile strong", has_text="1").first.wait_for(timeout=9_000)
