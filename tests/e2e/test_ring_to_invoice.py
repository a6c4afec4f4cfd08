"""The main job by keyboard alone: a call rings, is answered, closed, billed, and found on the invoice."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.request import Request, urlopen

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone
from playwright.sync_api import Page, expect

from billing.models import Invoice
from callcenter.accounts.models import User
from callcenter.calls.models import Call, Contact
from callcenter.calls.services.connectors import add_connector
from tenants.scope import all_cities
from tests.e2e.conftest import axe_violations

pytestmark = pytest.mark.e2e


MONTHS = ["", "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August"]
MONTHS += ["September", "Oktober", "November", "Dezember"]


class Pbx:
    """A telephone system that posts Generic CTI events to the real server."""

    def __init__(self, base: str, token: str, call_id: str) -> None:
        self.address, self.call_id = f"{base}/api/v1/cti/{token}", call_id

    def send(self, event: str, **fields: object) -> None:
        body = {"event": event, "direction": "in", "callId": self.call_id, **fields}
        request = Request(self.address, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
        with urlopen(request, timeout=10) as response:  # noqa: S310
            assert response.status == 200


def tab_to(page: Page, words: str, *, key: str = "Tab", limit: int = 80) -> None:
    """Press Tab until the focused element says these words; fails when the keyboard cannot reach it."""
    for _ in range(limit):
        page.keyboard.press(key)
        said = page.evaluate("() => document.activeElement.textContent || document.activeElement.value || ''")
        if words in " ".join(said.split()):
            return
    raise AssertionError(f"Tab does not reach {words!r} on {page.url}")


def follow(page: Page, key: str = "Enter") -> None:
    """Press a key that leads to another page, and wait for it."""
    with page.expect_navigation():
        page.keyboard.press(key)


def test_ring_to_invoice_by_keyboard(transactional_db, browser_page, server) -> None:
    """If this breaks, a citizen of Dinslaken is not answered, or the city is billed for a call nobody can show."""
    call_command("demo", verbosity=0)
    _, token = add_connector(name="Telefonanlage", dialect="generic")
    pbx = Pbx(server.url, token, "ring-to-invoice")

    # --- sign in and take a place
    page = browser_page()
    page.goto("/anmelden/")
    tab_to(page, "Telefonservice")
    follow(page)
    page.wait_for_url("**/arbeitsplatz/")
    page.locator("input[name=extension]").focus()
    page.keyboard.type("214")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Sie sind bereit")).to_be_visible()

    # --- it rings, for Dinslaken, and says so before anything is pressed
    pbx.send("newCall", **{"from": "0170/1234711", "to": "02064 660"})
    expect(page.get_by_text("Stadt Dinslaken").first).to_be_visible()
    expect(page.get_by_text("Stadtverwaltung Dinslaken, guten Tag").first).to_be_visible()
    page.keyboard.press("Alt+a")
    pbx.send("answer", user="214")
    page.wait_for_url("**/anruf/**")
    keys = 1

    # --- the answer of the right city
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("perso verlorn")
    expect(page.get_by_role("option").first).to_contain_text("Personalausweis")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    keys += 2
    expect(page.get_by_role("heading", name="Verlust des Personalausweises anzeigen")).to_be_visible()
    expect(page.get_by_text("Bürgerbüro Dinslaken").first).to_be_visible()
    assert axe_violations(page) == []

    # --- closed with two keys, and the next call may come
    page.keyboard.press("Alt+1")
    keys += 1
    pbx.send("hangup", cause="normalClearing")
    page.keyboard.press("Control+Enter")
    keys += 1
    expect(page.get_by_role("heading", name="Sie sind bereit")).to_be_visible()
    assert keys <= 12
    with all_cities("test"):
        call = Call.objects.get(connector_call_id="ring-to-invoice")
        contact = Contact.objects.get(call=call)
    assert (call.tenant.slug, call.outcome, contact.disposition) == ("dinslaken", "answered", "settled")
    assert contact.article is not None

    # --- the month is over and its grace too
    later = (timezone.localtime().replace(day=1, hour=9) + timedelta(days=32)).replace(day=5)
    with time_machine.travel(later, tick=True):
        page = browser_page(User.objects.get(username="accountant"))
        month = timezone.localtime(call.offered_at)
        page.goto("/rechnungen/duisburg/")
        assert axe_violations(page) == []
        tab_to(page, f"Monat abschließen: {MONTHS[month.month]} {month.year}")
        follow(page)
        if page.url.endswith("/rechnungen/duisburg/"):
            tab_to(page, f"Entwurf {MONTHS[month.month]} {month.year}")
            follow(page)
        tab_to(page, "Ausstellen")
        follow(page)
        tab_to(page, "Jetzt ausstellen")
        follow(page)
        expect(page.locator("h1")).to_contain_text(f"-{later.year}-")
        assert axe_violations(page) == []

        # --- every line opens to its calls, and ours is among them
        with all_cities("test"):
            invoice = Invoice.objects.get(period__month__month=month.month, status="issued")
            line = invoice.lines.get(position=1)
        page.goto(f"/rechnungen/duisburg/{invoice.pk}/position/{line.position}/anruf/{call.pk}/")
        expect(page.locator("main")).to_contain_text("Dinslaken")
        assert axe_violations(page) == []

        # --- the partner city sees the same invoice, and nothing to press that is not theirs
        liaison = browser_page(User.objects.get(username="liaison"))
        liaison.goto(f"/rechnungen/dinslaken/{invoice.pk}/")
        expect(liaison.locator("h1")).to_contain_text(invoice.number)
        assert liaison.goto(f"/rechnungen/duisburg/{invoice.pk}/").status == 404
        call_command("check_ledger", verbosity=0)
