"""Several at once, and killed in between: every call once, numbers without a gap. On real PostgreSQL."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from datetime import date

import pytest
from django.conf import settings
from django.db import connection, connections

from billing import ledger, services
from billing.models import Agreement, Invoice, NumberSeries, UsageRecord
from billing.months import Month
from billing.refusals import InvoiceState
from callcenter.calls.models import Call
from tenants.models import Tenant
from tenants.scope import all_cities
from tests.billing.conftest import AFTER_GRACE, complete, make_agreement, make_calls

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgresql,
]
SEPTEMBER = Month.parse("2026-09")
CLIENTS, CALLS, KILLS = 115, 40, 60


def partner(name: str) -> Tenant:
    city = Tenant.objects.create(
        slug=name, name=name.title(), official_name=f"Stadt {name.title()}", greeting="Guten Tag"
    )
    complete(city)
    return city


def at_once(count: int, deed) -> list[object]:
    """Run ``deed(n)`` in so many threads that start together; returns results or errors."""
    gate, results = threading.Barrier(count), [None] * count

    def run(number: int) -> None:
        try:
            with all_cities("test"):
                gate.wait()
                results[number] = deed(number)
        except Exception as error:
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.fault(11, repetitions=4)
def test_two_people_close_at_once(agreement: Agreement, cities) -> None:
    """One invoice; the others are told that it exists."""
    make_calls(cities[1], "2026-09", 50)
    results = at_once(4, lambda _: services.close_period(agreement=agreement, month=SEPTEMBER, now=AFTER_GRACE))
    assert sorted(result.created for result in results) == [False, False, False, True]  # type: ignore[attr-defined]
    assert len({result.invoice.pk for result in results}) == 1  # type: ignore[attr-defined]
    with all_cities("test"):
        assert (Invoice.objects.count(), UsageRecord.objects.count()) == (1, 50)
        assert list(ledger.findings()) == []


@pytest.mark.fault(9, repetitions=8)
def test_numbers_have_no_gap_when_many_issue_and_some_fail(cities, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight at once, a few of them rolled back: neither double nor gap."""
    from billing import pdf

    with all_cities("test"):
        drafts = []
        for number in range(8):
            agreement = make_agreement(cities[0], partner(f"stadt-{number}"))
            drafts.append(services.close_period(agreement=agreement, month=SEPTEMBER, now=AFTER_GRACE).invoice)
    real, lock, calls = pdf.render, threading.Lock(), iter(range(100))

    def sometimes(data, xml):
        with lock:
            number = next(calls)
        if number % 3 == 1:
            raise RuntimeError("killed")
        return real(data, xml)

    monkeypatch.setattr(pdf, "render", sometimes)

    def issue(number: int) -> str:
        return services.issue_invoice(invoice=drafts[number], now=AFTER_GRACE).number or ""

    failed = [n for n, result in enumerate(at_once(8, issue)) if isinstance(result, RuntimeError)]
    assert failed
    monkeypatch.setattr(pdf, "render", real)
    with all_cities("test"):
        for number in failed:
            issue(number)
        numbers = sorted(Invoice.objects.values_list("sequence", flat=True))
        assert numbers == list(range(1, 9))
        assert list(ledger.findings()) == []


@pytest.mark.fault(11, repetitions=3)
def test_two_people_issue_the_same_draft(agreement: Agreement) -> None:
    """Two clicks, one number."""
    with all_cities("test"):
        draft = services.close_period(agreement=agreement, month=SEPTEMBER, now=AFTER_GRACE).invoice
    results = at_once(3, lambda _: services.issue_invoice(invoice=draft, now=AFTER_GRACE).number)
    assert sum(isinstance(result, InvoiceState) for result in results) == 2
    with all_cities("test"):
        assert NumberSeries.objects.get().last == 1


CHILD = """
import django; django.setup()
from django.db import connection
from billing import services
from billing.models import Agreement, InvoiceStatus
from billing.months import Month
from tenants.scope import all_cities
print("ready", flush=True)
with all_cities("killed close"):
    for agreement in Agreement.objects.select_related("operator", "client").order_by("pk"):
        invoice = services.close_period(agreement=agreement, month=Month.parse("2026-09")).invoice
        if invoice.status == InvoiceStatus.DRAFT:
            services.issue_invoice(invoice=invoice)
print("done", flush=True)
"""


@pytest.mark.fault(9)
@pytest.mark.slow
def test_killed_again_and_again_every_call_is_billed_once(cities) -> None:
    """A worker that dies at any moment leaves nothing half done; the next one goes on."""
    with all_cities("test"):
        for number in range(CLIENTS):
            client = partner(f"stadt-{number}")
            make_agreement(cities[0], client, starts_on=date(2026, 1, 1), dispatch="download")
            make_calls(client, "2026-09", CALLS)
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    environment = {
        **os.environ,
        "DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}",
        "DJANGO_SETTINGS_MODULE": "callcenter.settings",
        "CALLCENTER_VAR": str(settings.VAR),
    }
    dice, kills, closed = random.Random(9), 0, 0
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD], env=environment, stdout=subprocess.PIPE, cwd=settings.BASE_DIR
        )
        assert child.stdout is not None
        child.stdout.readline()
        # Somewhere within its first two or three cities, so that sixty deaths spread over the whole close.
        time.sleep(dice.uniform(0.0, 0.12))
        kills += child.poll() is None
        child.kill()
        child.wait()
        child.stdout.close()
        with all_cities("test"):
            closed = Invoice.objects.count()
    assert kills == KILLS
    assert 0 < closed < CLIENTS, "the deaths did not fall into the close"
    subprocess.run([sys.executable, "-c", CHILD], env=environment, cwd=settings.BASE_DIR, check=True)
    with all_cities("test"):
        assert UsageRecord.objects.count() == Call.objects.count() == CLIENTS * CALLS
        assert sorted(Invoice.objects.values_list("sequence", flat=True)) == list(range(1, CLIENTS + 1))
        assert list(ledger.findings()) == []
