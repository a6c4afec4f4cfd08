"""Every page a role can reach by links, in a real browser: it answers, fits, and axe finds nothing."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.urls import Resolver404, resolve

from callcenter.accounts.models import Role, User
from tests.counts import count
from tests.e2e.conftest import axe_violations

pytestmark = pytest.mark.e2e
PER_ADDRESS = 1  # pages visited of one kind: one article stands for all
NOT_PAGES = re.compile(r"\.(css|csv|tsv|xml|pdf|xlsx|zip|jsonl?)$|/strom/|/abmelden/|format=|/export")


@pytest.fixture
def demo(transactional_db, monkeypatch) -> None:
    """The demo with a handful of calls: every page has something to show."""
    monkeypatch.setattr("callcenter.calls.demo.PER_DAY", {"duisburg": 12, "dinslaken": 6})
    call_command("demo", verbosity=0)


def links(page) -> Iterator[str]:
    for address in page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)"):
        parts = urlsplit(address)
        if parts.netloc == urlsplit(page.url).netloc and not NOT_PAGES.search(parts.path):
            yield parts.path + (f"?{parts.query}" if parts.query else "")


def kind(path: str) -> str:
    """Which address of the resolver a path is, so that a thousand articles count as one page."""
    try:
        match = resolve(path.split("?")[0])
    except Resolver404:
        return path
    return match.view_name


def crawl(page, visit: Callable[[str], list[str]], per_address: int) -> list[str]:
    """Follow links from the first page on; what ``visit`` finds wrong, in one list."""
    waiting, seen, visited = ["/", "/konto/"], set[str](), dict[str, int]()
    found: list[str] = []
    while waiting:
        path = waiting.pop(0)
        name = kind(path)
        if path in seen or visited.get(name, 0) >= per_address:
            continue
        seen.add(path)
        visited[name] = visited.get(name, 0) + 1
        response = page.goto(path, wait_until="load")
        if response is None or "text/html" not in (response.headers.get("content-type") or ""):
            continue
        if response.status != 200:
            found.append(f"{path}: {response.status}")
        found += [f"{path}: {sentence}" for sentence in visit(path)]
        waiting.extend(links(page))
    assert len(visited) >= 3
    return found


def complaint(found: list[str]) -> Callable[[object], None]:
    """A listener that keeps what the browser's console says is wrong."""

    def listen(said: object) -> None:
        if getattr(said, "type", "error") == "error":
            found.append(getattr(said, "text", None) or str(said))

    return listen


def sideways(page) -> list[str]:
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return ["scrolls sideways"] if wide else []


def other_language(page, wanted: str) -> list[str]:
    """A screen reader would read the page with the wrong voice."""
    said = page.evaluate("document.documentElement.lang")
    return [] if said.startswith(wanted) else [f"says it is {said!r}, not {wanted!r}"]


@pytest.mark.parametrize("language", ["de", pytest.param("en", marks=pytest.mark.a11y)])
@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.a11y)])
def test_every_page_of_every_role(
    theme: str, language: str, demo, browser_page, request: pytest.FixtureRequest
) -> None:
    """Somebody who works with a screen reader would be shut out of a page."""
    found: list[str] = []
    seen = 0

    def visit(page, path: str) -> list[str]:
        nonlocal seen
        seen += 1
        return axe_violations(page) + sideways(page) + other_language(page, language)

    User.objects.update(language=language)
    for role in Role.values:
        page = browser_page(User.objects.get(username=role), theme=theme, reduced_motion="reduce")
        page.on("console", complaint(found))
        page.on("pageerror", complaint(found))
        found += [f"{role} {line}" for line in crawl(page, functools.partial(visit, page), PER_ADDRESS)]
        page.context.close()
    assert "\n".join(found) == ""
    count(request, f"pages × roles under axe, {theme}, {language}", seen)


def test_every_page_fits_a_narrow_screen(demo, browser_page) -> None:
    """320 px is what 400 % zoom leaves of a desktop screen (WCAG 1.4.10)."""
    found: list[str] = []
    for role in Role.values:
        page = browser_page(User.objects.get(username=role), width=320, height=800)
        found += [f"{role} {line}" for line in crawl(page, lambda path, page=page: sideways(page), 1)]
        page.context.close()
    assert "\n".join(found) == ""
