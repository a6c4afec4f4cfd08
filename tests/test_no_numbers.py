"""A caller's number stands in one table, sealed, and on the screen of whoever answers; nowhere else."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client

from billing import dispatch, outbox, services
from billing.months import Month
from callcenter.audit.models import AuditEntry
from callcenter.calls.models import Call, CallerNumber, RequestLog, TelephonyEvent
from callcenter.calls.sealing import unseal
from callcenter.calls.services import add_connector
from callcenter.desktop.models import LiveEvent
from callcenter.logs import HouseFilter, JsonFormatter, LineFormatter
from tenants.models import Line, Tenant
from tenants.scope import all_cities
from tests.billing.conftest import AFTER_GRACE, complete, make_agreement

pytestmark = pytest.mark.django_db
NUMBER = "+491709876543"
TRACES = re.compile(r"1709876543|170[ /-]*987[ /-]*65[ /-]*43")
SPELLINGS = ("+491709876543", "0170 9876543", "0049 170 987 65 43", "(0170) 987-6543", "0170/9876543")


@pytest.fixture
def told() -> Iterator[io.StringIO]:
    """Everything any logger says, at every level, in both formats."""
    stream, root = io.StringIO(), logging.getLogger()
    level, handlers = root.level, []
    for formatter in (LineFormatter(), JsonFormatter()):
        handler = logging.StreamHandler(stream)
        handler.addFilter(HouseFilter())
        handler.setFormatter(formatter)
        handlers.append(handler)
        root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.setLevel(level)
    for handler in handlers:
        root.removeHandler(handler)


@pytest.fixture
def cities_and_lines(duisburg: Tenant, dinslaken: Tenant, lines: dict[str, Line]) -> tuple[Tenant, Tenant]:
    return duisburg, dinslaken


def send(client: Client, token: str, event: str, call_id: str, number: str, **fields: str) -> int:
    said = {"event": event, "callId": call_id, "direction": "in", "from": number, "to": "+492064660", **fields}
    return client.post(f"/api/v1/cti/{token}", json.dumps(said), content_type="application/json").status_code


def test_no_line_trace_page_or_mail_carries_a_callers_number(
    client: Client, client_for, people, told, cities_and_lines, mailoutbox, monkeypatch
) -> None:
    """What is written once into a log or a mail outlives the days after which it must be deleted."""
    duisburg, dinslaken = cities_and_lines
    complete(duisburg, dinslaken)
    _, token = add_connector(name="Anlage")
    client.raise_request_exception = False

    for index, number in enumerate(SPELLINGS):
        for event in ("newCall", "answer", "hangup"):
            assert send(client, token, event, f"call-{index}", number) == 200
        assert send(client, token, "nonsense", f"call-{index}", number) == 422  # refused, and kept for replay
    with all_cities("test"):
        assert unseal(CallerNumber.objects.first().number) == NUMBER, "the number was never there to leak"
        assert TelephonyEvent.objects.exists()
        assert RequestLog.objects.exists()

    # Something breaks with the number in its hands: in a request, in a job, in a library.
    def fail(*args: object, **kwargs: object) -> None:
        raise ValueError(f"cannot take {NUMBER}: {kwargs}")

    with monkeypatch.context() as broken:
        broken.setattr("callcenter.calls.webhooks.ingest", fail)
        assert send(client, token, "newCall", "broken", NUMBER) == 500
        broken.setattr("callcenter.calls.webhooks.connector_by_token", fail)
        page = client.post(f"/api/v1/cti/{token}?from={NUMBER}", {"from": NUMBER})
    assert page.status_code == 500
    try:
        fail(caller=NUMBER)
    except ValueError:
        logging.getLogger("tests").exception("a library failed on %s", NUMBER)

    # Mails: the invoice, and one that the relay could not send.
    with all_cities("test"):
        agreement = make_agreement(duisburg, dinslaken)
        invoice = services.close_period(agreement=agreement, month=Month.parse("2026-09"), now=AFTER_GRACE).invoice
        services.issue_invoice(invoice=invoice, now=AFTER_GRACE)
    outbox.put(key="broken", kind="broken", payload={})
    outbox.relay({**dispatch.HANDLERS, "broken": lambda payload: fail(caller=NUMBER)})
    assert len(mailoutbox) == 1

    listed = StringIO()
    call_command("list_calls", "--since", "2020-01-01", "--json", stdout=listed)
    pages = [
        client_for(role).get(path).content.decode()
        for role, path in (
            ("supervisor", "/anrufe/dinslaken/"), ("liaison", "/anrufe/dinslaken/"), ("administrator", "/verwaltung/"),
        )
    ]  # fmt: skip
    with all_cities("test"):
        places = {
            "log lines": told.getvalue(),
            "error page": page.content.decode(),
            "mails": "".join(mail.message().as_string() for mail in mailoutbox),
            "audit trail": json.dumps(list(AuditEntry.objects.values_list("data", flat=True))),
            "live messages": json.dumps(list(LiveEvent.objects.values_list("payload", flat=True))),
            "what is kept of events": json.dumps(list(TelephonyEvent.objects.values_list("fields", flat=True))),
            "list_calls": listed.getvalue(),
            "pages of the ledger": "".join(pages),
        }
    assert Call.objects.beyond_scope("test").count() == len(SPELLINGS)
    for place, text in places.items():
        assert text, f"nothing was said in {place}"
        assert not TRACES.search(text), f"{place} carry a caller's number"
