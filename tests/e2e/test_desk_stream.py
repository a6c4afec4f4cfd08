"""The live stream in a real browser: one for all tabs, and nothing lost by sleep, a proxy's error or a restart."""

from __future__ import annotations

from typing import Any

from callcenter.desktop import bus
from tests.e2e import test_desk as desk

pytestmark = desk.pytestmark
make_article, agent, switchboard, open_desk = desk.make_article, desk.agent, desk.switchboard, desk.open_desk
WITHOUT_WORKER = "delete window.SharedWorker;"


def streams_of(user: Any) -> int:
    """Open streams of this user at the server."""
    assert bus._hub is not None
    return len(bus._hub[1].by_user.get(user.pk, ()))


def wait_for_stream(page: Any, user: Any, count: int = 1) -> None:
    for _ in range(100):
        if bus._hub and streams_of(user) == count:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{streams_of(user)} streams instead of {count}")


def test_tabs_share_one_stream(open_desk, agent, switchboard) -> None:
    """Browsers allow six connections a host: an agent with seven tabs would load no page any more."""
    page = open_desk()
    tabs = [page]
    for _ in range(3):
        tabs.append(page.context.new_page())
        tabs[-1].goto("/arbeitsplatz/")
        tabs[-1].wait_for_selector("html.scripted")
    wait_for_stream(page, agent)
    page.wait_for_timeout(500)
    assert streams_of(agent) == 1
    switchboard.ring("dinslaken")
    for tab in tabs:
        tab.wait_for_selector("[data-ring]", timeout=15_000)


def test_last_tab_that_goes_ends_the_stream_and_the_first_does_not(open_desk, agent, switchboard) -> None:
    page = open_desk()
    other = page.context.new_page()
    other.goto("/arbeitsplatz/")
    wait_for_stream(page, agent)
    page.close()
    switchboard.ring("dinslaken")
    other.wait_for_selector("[data-ring]", timeout=15_000)
    assert streams_of(agent) == 1


def test_after_a_proxys_error_the_stream_asks_for_what_it_missed(open_desk, agent, switchboard) -> None:
    """EventSource forgets its last id when a proxy answers 502; what rang meanwhile would never be shown."""
    page = open_desk()
    page.add_init_script(WITHOUT_WORKER)  # in a shared worker no test can stand between
    asked: list[str] = []
    broken = {"is": False}

    def between(route: Any) -> None:
        asked.append(route.request.url)
        if broken["is"]:
            route.fulfill(status=502, body="bad gateway")
        else:
            route.continue_()

    page.route("**/arbeitsplatz/strom?*", between)
    page.reload()
    page.wait_for_selector("html.scripted")
    wait_for_stream(page, agent)
    first = switchboard.ring("dinslaken")
    page.wait_for_selector("[data-ring]", timeout=15_000)
    switchboard.hang_up(first)
    page.wait_for_selector("[data-ring]", state="detached", timeout=15_000)
    broken["is"] = True
    assert bus._hub is not None
    for one in list(bus._hub[1].by_user[agent.pk]):
        bus._hub[0].call_soon_threadsafe(one.queue.put_nowait, None)  # the server lets go
    page.wait_for_function("document.getElementById('link-state') !== null")
    page.wait_for_timeout(1500)
    switchboard.ring("dinslaken")
    broken["is"] = False
    page.wait_for_selector("[data-ring]", timeout=20_000)
    wait_for_stream(page, agent)
    assert "after=" in asked[-1]


def test_sleeping_browser_catches_up(open_desk, agent, switchboard) -> None:
    """A laptop is opened again: what rings by then is on the screen at once, and what stopped ringing is gone."""
    page = open_desk()
    wait_for_stream(page, agent)
    page.context.set_offline(True)
    gone = switchboard.ring("dinslaken")
    switchboard.hang_up(gone)
    switchboard.ring("duisburg")
    page.context.set_offline(False)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("[data-ring] >> text=Stadt Duisburg", timeout=20_000)
    assert page.locator("[data-ring]").count() == 1
