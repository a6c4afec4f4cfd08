"""Asterisk's account in the browser, and the test call."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from callcenter.accounts.models import User
from callcenter.audit.models import AuditEntry
from callcenter.calls.models import Connector, Dialect, TelephonyEvent
from callcenter.calls.sealing import unseal
from callcenter.calls.services import add_connector
from tenants.models import Line
from tests.calls.conftest import calls

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]
ACCOUNT = {"host": "pbx.example", "port": "5038", "account": "callcenter", "contexts": "von-aussen"}


def test_asterisk_account_is_entered_and_kept_encrypted(client_for: ClientFor) -> None:
    """A stolen database must not open the telephone system."""
    client = client_for("administrator")
    made = client.post("/verwaltung/anbindungen/", {"name": "Rathaus", "dialect": "ami"})
    connector = Connector.objects.get(name="Rathaus")
    assert made.url == f"/verwaltung/anbindungen/{connector.pk}/asterisk/"
    said = ACCOUNT | {"secret": "sehr geheim", "lines": "buerger = 0203 2830\n\n*77=115"}
    assert client.post(made.url, said).status_code == 302
    connector.refresh_from_db()
    assert connector.ami["lines"] == {"buerger": "0203 2830", "*77": "115"}
    assert unseal(connector.ami_secret) == "sehr geheim"
    assert "sehr geheim" not in client.get(made.url).content.decode()
    client.post(made.url, said | {"secret": "", "host": "other.example"})
    connector.refresh_from_db()
    assert (connector.ami["host"], unseal(connector.ami_secret)) == ("other.example", "sehr geheim")


@pytest.mark.parametrize(("secret", "rows"), [("", ""), ("x", "ohne Zeichen")])
def test_asterisk_form_says_what_is_wrong(client_for: ClientFor, secret: str, rows: str) -> None:
    """What was typed stays, and nothing is saved."""
    connector, _ = add_connector(name="Rathaus", dialect=Dialect.AMI)
    address = f"/verwaltung/anbindungen/{connector.pk}/asterisk/"
    response = client_for("administrator").post(address, ACCOUNT | {"secret": secret, "lines": rows})
    assert response.status_code == 422
    assert "pbx.example" in response.content.decode()
    connector.refresh_from_db()
    assert connector.ami == {}


@pytest.mark.parametrize("dialect", Dialect.values)
def test_test_call_passes_every_step_and_leaves_nothing(
    client_for: ClientFor, lines: dict[str, Line], seated: User, dialect: str
) -> None:
    """A test must not ring, count or be billed."""
    connector, _ = add_connector(name="Rathaus", dialect=dialect)
    address = f"/verwaltung/anbindungen/{connector.pk}/testanruf/"
    page = client_for("administrator").post(address, {"line": lines["dinslaken"].pk}).content.decode()
    assert page.count("gelungen") == 5, page
    assert (calls(), TelephonyEvent.objects.count()) == ([], 0)
    assert AuditEntry.objects.filter(action="connector.tested").count() == 1


def test_test_call_names_the_step_that_failed(client_for: ClientFor, lines: dict[str, Line]) -> None:
    """A connection that is switched off refuses at the door; what follows is not reached."""
    connector, _ = add_connector(name="Rathaus", dialect=Dialect.NATIVE)
    Connector.objects.filter(pk=connector.pk).update(is_active=False)
    address = f"/verwaltung/anbindungen/{connector.pk}/testanruf/"
    page = client_for("administrator").post(address, {"line": lines["dinslaken"].pk}).content.decode()
    assert "this connector is disabled" in page
    assert (page.count("gescheitert"), page.count("nicht erreicht")) == (1, 4)
