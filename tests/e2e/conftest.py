"""A real browser against the real server: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from django.conf import settings as django_settings
from django.test import Client

from callcenter.accounts.models import User

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

if CHROMIUM is None and not os.environ.get("CI"):
    collect_ignore_glob = ["test_*.py"]  # tests/report.py names what is missing at the end of the run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser drops connections as it pleases; what the server's thread leaves open then is no finding."""
    for item in items:
        if item.get_closest_marker("e2e") or "tests/e2e" in str(item.path):
            for warning in ("ResourceWarning", "pytest.PytestUnraisableExceptionWarning"):
                item.add_marker(pytest.mark.filterwarnings(f"ignore::{warning}"))


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "Chromium is missing: apt-get install chromium"
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's loop runs in the test's thread
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Server:
    """The ASGI application in a thread, as ``serve`` runs it: pages, static files and live streams."""

    def __init__(self) -> None:
        from callcenter.asgi import application

        config = uvicorn.Config(
            application, host="127.0.0.1", port=0, log_level="error", lifespan="off", loop="asyncio"
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        for _ in range(200):
            if self.server.started:
                break
            time.sleep(0.05)
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(10)


@pytest.fixture
def server(transactional_db) -> Iterator[Server]:
    """Instead of pytest-django's live_server: that one is WSGI and cannot stream."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def browser_page(browser, server) -> Iterator[Callable]:
    """``browser_page(user, width=1440, height=900, theme="light")`` opens a signed-in page."""
    contexts = []

    def open_page(user: User | None = None, *, width: int = 1440, height: int = 900, theme: str = "light", **options):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            base_url=server.url,
            locale="de-DE",
            **options,
        )
        contexts.append(context)
        if user is not None:
            client = Client()
            client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
            context.add_cookies(
                [
                    {
                        "name": django_settings.SESSION_COOKIE_NAME,
                        "value": client.cookies[django_settings.SESSION_COOKIE_NAME].value,
                        "url": server.url,
                    }
                ]
            )
        page = context.new_page()
        page.set_default_timeout(10_000)
        return page

    yield open_page
    for context in contexts:
        context.close()


def axe_violations(page) -> list[str]:
    """What axe finds on the page as it is, one sentence each."""
    script = (django_settings.NODE_MODULES / "axe-core" / "axe.min.js").read_text()
    page.evaluate(script)
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)")
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]
