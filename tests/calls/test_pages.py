"""The pages of the ledger: who sees what, and what a page never shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from callcenter.accounts.models import User
from callcenter.calls import services
from callcenter.calls.links import office_link
from callcenter.calls.models import Call, Connector, Handover, RequestLog
from tenants.models import Line, Office, Tenant
from tenants.scope import all_cities, scoped
from tests.calls.conftest import Pbx, calls, only_call

pytestmark = pytest.mark.django_db
ClientFor = Callable[[str], Client]


@pytest.fixture
def done(pbx: Pbx, lines: dict[str, Line], seated: User) -> Call:
    """A finished Dinslaken call with a concern and a call-back, and one of Duisburg."""
    pbx.ring("dui", to="0203 2830"), pbx.hangup("dui")
    pbx.ring("1", caller="0203 4711999"), pbx.answer("1", user="201")
    call = Call.objects.beyond_scope("test").get(connector_call_id="1")
    with scoped(seated.tenant_ids()):
        (contact,) = services.contacts_of(user=seated, call=call)
        office = Office.objects.create(tenant=call.tenant, name="Steueramt")
        services.create_handover(
            user=seated,
            contact=contact,
            office=office,
            request="Rückfrage zum Bescheid",
            callback_number="0203 4711999",
        )
    pbx.hangup("1")
    return Call.objects.beyond_scope("test").get(pk=call.pk)


@pytest.mark.parametrize(
    ("who", "dinslaken_status", "duisburg_status"),
    [
        ("supervisor", 200, 200),
        ("liaison", 200, 404),
        ("accountant", 404, 200),
        ("agent", 403, 403),
        ("editor", 403, 403),
    ],
)
def test_call_pages_by_role(
    done: Call, client_for: ClientFor, who: str, dinslaken_status: int, duisburg_status: int
) -> None:
    """One city's calls are nobody else's business."""
    client = client_for(who)
    assert client.get("/anrufe/dinslaken/").status_code == dinslaken_status
    assert client.get("/anrufe/duisburg/").status_code == duisburg_status
    assert client.get(f"/anrufe/dinslaken/{done.pk}/").status_code == dinslaken_status
    if dinslaken_status == duisburg_status == 200:
        assert client.get(f"/anrufe/duisburg/{done.pk}/").status_code == 404


def test_call_pages_show_neither_caller_nor_agent(done: Call, client_for: ClientFor, seated: User) -> None:
    """Neither the citizen nor the colleague may be read off a list of calls."""
    for address in ("/anrufe/dinslaken/", f"/anrufe/dinslaken/{done.pk}/"):
        text = client_for("liaison").get(address).content.decode()
        assert "4711999" not in text
        assert seated.name not in text
        assert "angenommen" in text


@pytest.mark.parametrize(
    ("query", "found"), [("", 1), ("?ausgang=answered", 1), ("?ausgang=abandoned", 0), ("?tag=2020-01-01", 0)]
)
def test_call_list_filters(done: Call, client_for: ClientFor, query: str, found: int) -> None:
    """Whoever looks for one call must not page through a month."""
    page = client_for("liaison").get(f"/anrufe/dinslaken/{query}")
    assert page.context["page"].paginator.count == found


def test_bad_filter_keeps_what_was_typed(done: Call, client_for: ClientFor) -> None:
    """A wrong date says so at its field."""
    assert client_for("liaison").get("/anrufe/dinslaken/?tag=gestern").status_code == 422


def asked(client: Client, address: str) -> int:
    """Queries of one page, without the savepoints that only PostgreSQL sets."""
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    return sum("SAVEPOINT" not in query["sql"] for query in queries)


def test_call_list_asks_as_often_for_three_as_for_one(pbx: Pbx, lines: dict[str, Line], client_for: ClientFor) -> None:
    """A query per row makes the page slow when it is needed most."""
    client = client_for("liaison")
    pbx.ring("0")
    assert asked(client, "/anrufe/dinslaken/") == 7
    pbx.ring("1"), pbx.ring("2")
    assert asked(client, "/anrufe/dinslaken/") == 7


def test_unassigned_call_is_assigned_once(
    pbx: Pbx, lines: dict[str, Line], client_for: ClientFor, people: dict[str, User]
) -> None:
    """A call of nobody becomes somebody's by one choice, and later events leave that choice."""
    pbx.ring("1", to="999"), pbx.answer("1")
    client = client_for("supervisor")
    assert "999" in client.get("/anrufe/nicht-zugeordnet/").content.decode()
    address = f"/anrufe/nicht-zugeordnet/{only_call().pk}/"
    assert client.post(address, {"line": ""}).status_code == 302
    assert only_call().tenant is None
    client.post(address, {"line": lines["dinslaken"].pk})
    assert client.post(address, {"line": lines["duisburg"].pk}).status_code == 404
    pbx.hangup("1")
    assert (only_call().tenant.slug, only_call().line) == ("dinslaken", lines["dinslaken"])  # type: ignore[union-attr]


def test_unassigned_call_is_assigned_by_one_click(
    pbx: Pbx, lines: dict[str, Line], client_for: ClientFor, people: dict[str, User]
) -> None:
    """The line of the nearest number stands on a button; where somebody decided otherwise, that line does."""
    client = client_for("supervisor")
    to_dinslaken = f'name="line" value="{lines["dinslaken"].pk}">Zu Dinslaken: Zentrale Dinslaken</button>'
    pbx.ring("1", to="02064 66777")
    assert to_dinslaken in client.get("/anrufe/nicht-zugeordnet/").content.decode()
    client.post(f"/anrufe/nicht-zugeordnet/{only_call().pk}/", {"line": lines["duisburg"].pk})
    pbx.ring("2", to="02064 66777")
    page = client.get("/anrufe/nicht-zugeordnet/").content.decode()
    assert "Zu Duisburg: Zentrale Duisburg" in page
    assert to_dinslaken not in page
    pbx.ring("3", to="030 1234567")
    assert client.get("/anrufe/nicht-zugeordnet/").content.decode().count("Zu Duisburg") == 1


@pytest.mark.parametrize("who", ["agent", "liaison", "accountant", "editor"])
def test_unassigned_list_is_for_those_who_assign(client_for: ClientFor, who: str) -> None:
    """Whom a call is billed to is not everybody's decision."""
    assert client_for(who).get("/anrufe/nicht-zugeordnet/").status_code == 403


def test_handover_is_answered_by_the_agent(done: Call, client_for: ClientFor) -> None:
    """The agent sees what became of what was handed over."""
    client = client_for("agent")
    assert "Rückfrage zum Bescheid" in client.get("/rueckrufe/").content.decode()
    made = Handover.objects.beyond_scope("test").get()
    page = client.get(f"/rueckrufe/{made.pk}/")
    assert "0203 4711999" in page.content.decode()
    assert client.post(f"/rueckrufe/{made.pk}/", {"step": "done", "note": ""}).status_code == 422
    assert client.post(f"/rueckrufe/{made.pk}/", {"step": "done", "note": "Bescheid erklärt"}).status_code == 302
    assert "Bescheid" not in client.get("/rueckrufe/").content.decode()
    assert "Rückfrage zum Bescheid" in client.get("/rueckrufe/?ansicht=erledigt").content.decode()


def test_office_answers_by_link(done: Call, client: Client) -> None:
    """Offices have no account, and will get none for one call-back."""
    made = Handover.objects.beyond_scope("test").get()
    path = "/rueckruf/" + office_link(made).split("/rueckruf/")[1]
    assert "Steueramt" in client.get(path).content.decode()
    assert client.post(path, {"step": "done", "note": ""}).status_code == 422
    assert client.post(path, {"step": "forget", "note": "x"}).status_code == 422
    assert "Danke" in client.post(path, {"step": "tried", "note": ""}).content.decode()
    assert "Danke" in client.post(path, {"step": "done", "note": "Angerufen, geklärt"}).content.decode()
    assert Handover.objects.beyond_scope("test").get().answer == "Angerufen, geklärt"
    client.post(path, {"step": "done", "note": "anders"})
    assert Handover.objects.beyond_scope("test").get().answer == "Angerufen, geklärt"


@pytest.mark.parametrize("token", ["x", "x:y:z"])
def test_forged_office_link_shows_nothing(done: Call, client: Client, token: str) -> None:
    """A guessed address must not open a citizen's call-back."""
    response = client.get(f"/rueckruf/{token}/")
    assert response.status_code == 404
    assert "Steueramt" not in response.content.decode()


def test_office_link_expires(done: Call, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mails live for years; the link in them must not."""
    made = Handover.objects.beyond_scope("test").get()
    path = "/rueckruf/" + office_link(made).split("/rueckruf/")[1]
    monkeypatch.setattr("callcenter.calls.links.VALID_SECONDS", -1)
    assert client.get(path).status_code == 404


# --- telephone systems ----------------------------------------------------------------------------


def test_connector_from_first_secret_to_rotation(client_for: ClientFor, lines: dict[str, Line]) -> None:
    """An administrator connects a telephone system without a command line."""
    client = client_for("administrator")
    made = client.post("/verwaltung/anbindungen/", {"name": "Rathaus", "dialect": "generic"})
    token = made.context["secret"]
    connector = Connector.objects.get(name="Rathaus")
    assert Pbx(connector, token).ring("1").status_code == 200
    address = f"/verwaltung/anbindungen/{connector.pk}/"
    assert token not in client.get(address).content.decode()
    new = client.post(f"{address}geheimnis/").context["secret"]
    assert Pbx(connector, token).ring("2").status_code == 200
    client.post(f"{address}geheimnis/alt/")
    assert Pbx(connector, token).ring("3").status_code == 401
    assert Pbx(connector, new).ring("3").status_code == 200


def test_connector_form_says_what_is_wrong(client_for: ClientFor, pbx: Pbx) -> None:
    """A typo in a network must not lock the telephone system out."""
    client = client_for("administrator")
    assert client.post("/verwaltung/anbindungen/", {"name": "testanlage", "dialect": "generic"}).status_code == 422
    address = f"/verwaltung/anbindungen/{pbx.connector.pk}/"
    bad = client.post(address, {"name": "T", "is_active": "on", "networks": "300.1.2.3"})
    assert (bad.status_code, "300.1.2.3" in bad.content.decode()) == (422, True)
    assert pbx.ring("1").status_code == 200


def test_refused_request_is_replayed(client_for: ClientFor, pbx: Pbx, lines: dict[str, Line]) -> None:
    """Nothing is lost that was sent while a connector was switched off by mistake."""
    Connector.objects.update(is_active=False)
    assert pbx.ring("1").status_code == 422
    log = RequestLog.objects.get()
    address = f"/verwaltung/anbindungen/{pbx.connector.pk}/"
    client = client_for("administrator")
    assert "disabled" in client.get(address).content.decode()
    client.post(f"{address}anfrage/{log.pk}/")
    assert only_call().tenant == lines["dinslaken"].tenant
    assert not RequestLog.objects.exists()


def test_blocked_number_from_form_to_busy(client_for: ClientFor, pbx: Pbx, lines: dict[str, Line]) -> None:
    """A caller who ties up the lines is turned away within a minute, and let in again."""
    client = client_for("administrator")
    assert client.post("/verwaltung/gesperrte-nummern/", {"number": "x", "reason": "y"}).status_code == 422
    client.post("/verwaltung/gesperrte-nummern/", {"number": "0203 12345", "reason": "Drohungen"})
    page = client.get("/verwaltung/gesperrte-nummern/")
    assert "2345" in page.content.decode()
    assert pbx.ring("1").json()["action"] == "reject"
    client.post(f"/verwaltung/gesperrte-nummern/{page.context['blocked'][0].pk}/")
    assert pbx.ring("2").json() == {}


@pytest.mark.parametrize("who", ["agent", "supervisor", "liaison", "accountant", "editor"])
def test_connectors_are_for_administrators(client_for: ClientFor, pbx: Pbx, who: str) -> None:
    """Whoever can make a connector can make calls."""
    client = client_for(who)
    for address in ("/verwaltung/anbindungen/", f"/verwaltung/anbindungen/{pbx.connector.pk}/"):
        assert client.get(address).status_code == 403


def test_empty_pages_say_what_will_be_here(client_for: ClientFor, duisburg: Tenant) -> None:
    """An empty page without a word looks broken."""
    assert "sobald" in client_for("supervisor").get("/anrufe/duisburg/").content.decode()
    assert "entsteht" in client_for("supervisor").get("/rueckrufe/").content.decode()
    with all_cities("test"):
        assert calls() == []
