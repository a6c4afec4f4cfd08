"""Row 20 in a real browser: the desk behind a proxy that answers 502, for its one stream in the shared worker too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from callcenter.calls import services
from tests.e2e import test_desk as desk
from tests.e2e.test_desk_stream import wait_for_stream
from tests.faults.crowd import Gateway, proxy
from tests.faults.servers import free_port

pytestmark = desk.pytestmark
make_article, agent, switchboard = desk.make_article, desk.agent, desk.switchboard
TIMES = 3
LOST, BACK = "Verbindung unterbrochen", "Wieder verbunden. Alles ist nachgeholt."


@pytest.fixture
def gateway(server) -> Iterator[Gateway]:
    with proxy(free_port(), urlsplit(server.url).port or 80) as between:
        yield between


@pytest.mark.fault(20)
def test_desk_behind_a_broken_proxy_says_so_and_catches_up(
    gateway: Gateway, agent, switchboard, browser_page, tally: Callable[..., None]
) -> None:
    """An agent would wait for calls at a dead desk, or lose the one that rang while the proxy was being restarted."""
    services.sign_on(user=agent, extension="214")
    page = browser_page(agent)
    page.goto(f"{gateway.url}/arbeitsplatz/")
    page.wait_for_selector("html.scripted")
    wait_for_stream(page, agent)
    state = page.locator("#link-state")
    assert (state.get_attribute("role"), state.inner_text()) == ("status", "")
    page.keyboard.press("Tab")
    focus = page.evaluate("document.activeElement.outerHTML")
    asked = len(gateway.asked)
    for _ in range(TIMES):
        seen = switchboard.ring("dinslaken")
        page.wait_for_selector("[data-ring]", timeout=15_000)
        switchboard.hang_up(seen)
        page.wait_for_selector("[data-ring]", state="detached", timeout=15_000)
        refused = gateway.refused
        gateway.breaks()
        state.filter(has_text=LOST).wait_for()
        missed = switchboard.ring("dinslaken")
        switchboard.hang_up(missed)
        waiting = switchboard.ring("duisburg")
        for _ in range(100):
            if gateway.refused >= refused + 2:
                break
            page.wait_for_timeout(100)
        assert gateway.refused >= refused + 2, "the desk did not try again"
        assert page.locator("[data-ring]").count() == 0
        gateway.mends()
        page.wait_for_selector(f"[data-ring='{waiting.pk}']", timeout=20_000)
        state.filter(has_text=BACK).wait_for(timeout=20_000)
        wait_for_stream(page, agent)
        assert page.locator("[data-ring]").count() == 1
        assert "Anruf für Duisburg" in page.locator("#ring-voice").inner_text()
        switchboard.hang_up(waiting)
        page.wait_for_selector("[data-ring]", state="detached", timeout=15_000)
    assert page.evaluate("document.activeElement.outerHTML") == focus, "the focus was taken away"
    again = [line for line in gateway.asked[asked:] if "/arbeitsplatz/strom?" in line]
    assert len(again) >= TIMES
    assert all("after=" in line for line in again), "the stream came back without saying what it knows"
    tally(20, repetitions=TIMES)
