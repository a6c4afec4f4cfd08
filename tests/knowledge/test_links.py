"""Dead links are found at night, on a server of the test's own."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from knowledge import links
from knowledge.models_authoring import Link
from tenants.scope import all_cities


class Pages(BaseHTTPRequestHandler):
    """/da answers, /weg does not, /nurget refuses HEAD, /um leads on, /intern asks for a password."""

    asked: list[str]
    answers = {"/da": 200, "/weg": 404, "/nurget": 200, "/intern": 401, "/kaputt": 500, "/stra%C3%9Fe": 200}

    def do_GET(self) -> None:
        type(self).asked.append(f"{self.command} {self.path}")
        if self.path in ("/um", "/umweg"):
            self.send_response(301)
            self.send_header("Location", "/da" if self.path == "/um" else "/weg")
        elif self.path == "/nurget" and self.command == "HEAD":
            self.send_response(405)
        else:
            self.send_response(self.answers.get(self.path, 404))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def site(settings):
    """The address of a small web server on this machine."""
    settings.LINK_CHECK_LOOPBACK = True
    Pages.asked = []
    server = HTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(5)


def linked(*addresses: str) -> str:
    return "<p>" + " ".join(f'<a href="{address}">hier</a>' for address in addresses) + "</p>"


@pytest.mark.parametrize(
    ("path", "alive"),
    [("/da", True), ("/weg", False), ("/nurget", True), ("/um", True), ("/umweg", False), ("/intern", True),
     ("/kaputt", False), ("/straße", True)],
)  # fmt: skip
def test_an_address_is_alive_or_not(site, path, alive):
    """Editors would chase links that work, or miss those that do not."""
    assert (links.ask(site + path).problem == "") is alive


def test_a_server_that_is_gone_is_a_dead_link():
    assert links.ask("http://gibt-es-nicht.invalid/").problem


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://localhost/", "http://[::1]/", "http://169.254.169.254/x"]
)
def test_an_article_does_not_make_the_server_ask_itself(url):
    """An editor could reach what only this machine may reach."""
    assert links.ask(url) == links.Answer(None, "Adresse dieses Rechners")


def test_a_page_elsewhere_does_not_lead_the_server_to_itself(site, settings, monkeypatch):
    allowed = iter([None])
    original = links._refuse_own

    def first_is_fine(url: str) -> None:
        if next(allowed, "no more") == "no more":
            settings.LINK_CHECK_LOOPBACK = False
            original(url)

    monkeypatch.setattr(links, "_refuse_own", first_is_fine)
    assert links.ask(site + "/um").problem == "Adresse dieses Rechners"


def test_the_job_asks_every_address_once_and_the_report_says_where_it_stands(site, make_article, client_for, dinslaken):
    """Each city would send its callers to a page that is gone."""
    make_article("Mit Link", say="x", description=linked(f"{site}/weg", f"{site}/da"), forms=[linked(f"{site}/weg")])
    assert links.check_due() == 2
    assert Pages.asked.count("GET /weg") == 1
    page = client_for("editor").get("/wissen/dinslaken/links/").content.decode()
    assert f"{site}/weg" in page
    for word in ("Mit Link", "Beschreibung", "HTTP 404"):
        assert word in page
    assert f"{site}/da" not in page
    assert "tote Links" in client_for("editor").get("/wissen/dinslaken/").content.decode()
    assert links.check_due() == 0, "once a day is enough"


def test_a_mended_article_leaves_the_report_at_once(site, make_article, published, dinslaken):
    article = make_article("Mit Link", say="x", description=linked(f"{site}/weg"))
    links.check_due()
    published(article, title="Mit Link", say="x", description=linked(f"{site}/da"))
    with all_cities("test"):
        assert links.broken_in(dinslaken) == []
    links.check_due()
    assert [link.url for link in Link.objects.all()] == [f"{site}/da"], "addresses that are gone are forgotten"


def test_since_when_stays_and_a_living_page_clears_it(site, make_article):
    make_article("Mit Link", say="x", description=linked(f"{site}/weg"))
    links.check_due()
    since = Link.objects.get().broken_since
    links.check_due(everything=True)
    assert Link.objects.get().broken_since == since
    Pages.answers = {**Pages.answers, "/weg": 200}
    try:
        links.check_due(everything=True)
    finally:
        Pages.answers = {**Pages.answers, "/weg": 404}
    assert Link.objects.get().broken_since is None


def test_another_citys_own_article_is_not_in_the_report(site, make_article, client_for, duisburg, dinslaken):
    make_article("Nur Duisburg", owner=duisburg, say="x", description=linked(f"{site}/weg"))
    links.check_due()
    assert "Nur Duisburg" not in client_for("editor").get("/wissen/dinslaken/links/").content.decode()
    assert "Nur Duisburg" in client_for("editor").get("/wissen/duisburg/links/").content.decode()


def test_the_button_checks_again(site, make_article, client_for):
    make_article("Mit Link", say="x", description=linked(f"{site}/weg"))
    client_for("editor").post("/wissen/dinslaken/links/pruefen/")
    assert Link.objects.get().status == 404


def test_drafts_are_nobodys_business(site, make_article):
    make_article("Entwurf", publish=False, say="x", description=linked(f"{site}/weg"))
    assert links.check_due() == 0
    assert Pages.asked == []
