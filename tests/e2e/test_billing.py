"""An accountant's day in a real browser: a statement read in and booked, signed, corrected; axe on each page."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import expect

from billing import demo, services
from billing.models import Invoice
from billing.months import Month
from callcenter.accounts.models import User
from tenants.scope import all_cities
from tests.billing.conftest import complete, make_calls
from tests.billing.test_payments import camt_file
from tests.conftest import make_user
from tests.e2e.conftest import axe_violations
from tests.e2e.test_pages import sideways

pytestmark = pytest.mark.e2e


@pytest.fixture
def accountant(transactional_db, duisburg, dinslaken) -> User:
    """Two issued invoices, one of them overdue."""
    complete(duisburg, dinslaken)
    with all_cities("test data"):
        agreement = demo.load({"duisburg": duisburg, "dinslaken": dinslaken})
        for month, now in (
            ("2026-08", datetime(2026, 9, 5, tzinfo=UTC)),
            ("2026-09", datetime(2026, 11, 5, tzinfo=UTC)),
        ):
            make_calls(dinslaken, month, 3)
            draft = services.close_period(agreement=agreement, month=Month.parse(month), now=now).invoice
            services.issue_invoice(invoice=draft, now=now)
    return make_user("kasse", (duisburg, "accountant"))


def test_accountants_day(accountant: User, browser_page, tmp_path: Path) -> None:
    """From the bank's file to the paid invoice, with keyboard-sized steps, and every page for every eye."""
    file = tmp_path / "auszug.xml"
    file.write_bytes(
        camt_file(
            ("6666.66", "Stadt Dinslaken", "Rechnung IKZ-2026-000001"), ("6666.67", "Stadtkasse", "Telefon September")
        )
    )
    page = browser_page(accountant)
    page.goto("/rechnungen/duisburg/zahlungen/")
    page.get_by_label("Kontoauszug (camt.053)").set_input_files(str(file))
    page.get_by_role("button", name="Einlesen").click()
    expect(page.get_by_role("heading", name="2 Eingänge sind zuzuordnen")).to_be_visible()
    with all_cities("test"):
        first, second = Invoice.objects.order_by("number")
    addresses = [
        "/rechnungen/duisburg/",
        "/rechnungen/duisburg/zahlungen/",
        "/rechnungen/duisburg/kasse/?first=2026-09-01&last=2026-11-30",
        "/rechnungen/duisburg/journal/?pruefen=1",
        "/rechnungen/duisburg/pruefung/",
        f"/rechnungen/duisburg/{first.pk}/",
        f"/rechnungen/duisburg/{first.pk}/berichtigen/",
    ]
    found: list[str] = []
    for theme, width in (("light", 1440), ("dark", 1440), ("light", 320)):
        look = browser_page(accountant, theme=theme, width=width, reduced_motion="reduce")
        for address in addresses:
            assert look.goto(address).status == 200
            problems = [*sideways(look), *(axe_violations(look) if width > 320 else [])]
            found += [f"{theme} {width} {address}: {problem}" for problem in problems]
    assert "\n".join(found) == ""

    page.get_by_role("button", name="Ausführen").click()
    expect(page.get_by_role("status").first).to_contain_text("1 gebucht")
    page.goto(f"/rechnungen/duisburg/{first.pk}/")
    expect(page.locator("main")).to_contain_text("bezahlt")
    page.get_by_role("button", name=re.compile("Unterschreiben.*Sachlich richtig")).click()
    expect(page.locator("main")).to_contain_text("Unterschrieben und versiegelt.")
    page.get_by_role("button", name="Zurücknehmen").click()
    expect(page.locator("main")).to_contain_text("noch offen")
    page.goto(f"/rechnungen/duisburg/{second.pk}/berichtigen/")
    page.get_by_label("Grund").fill("Störung am 12.09.")
    page.get_by_label("Leistung").first.fill("Anrufe ohne Auskunft")
    page.get_by_label("Menge").first.fill("-10")
    page.get_by_label("Einzelpreis").first.fill("2,02")
    page.get_by_role("button", name="Entwurf anlegen").click()
    expect(page.locator("h1")).to_contain_text("Entwurf")
    expect(page.locator("main")).to_contain_text("20,20")
    assert axe_violations(page) == []
