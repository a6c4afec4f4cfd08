"""The HTTP interface: one token, one city, no people; what it says is what the pages say."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.test import Client

from callcenter.audit.models import AuditEntry
from callcenter.supervision.models import ApiToken
from callcenter.supervision.tokens import hash_of, make_token, revoke_token
from tenants.scope import all_cities, scoped
from tests.supervision.test_views import busy_october  # noqa: F401 (a fixture)

ROOT = "/api/figures/v1/"
OCTOBER = "first=2026-10-01&last=2026-10-31"


@pytest.fixture
def token(people, dinslaken) -> str:
    with scoped([dinslaken]):
        return make_token(
            city=dinslaken, user=people["administrator"], name="BI", valid_until=date(2099, 1, 1)
        )[1]  # fmt: skip


def get(path: str, token: str = "", **headers):
    if token:
        headers["authorization"] = f"Bearer {token}"
    return Client().get(f"{ROOT}{path}", headers=headers)


def test_figures_of_the_tokens_city_and_no_other(token, lines, busy_october):  # noqa: F811
    """A partner city would read the operator's calls."""
    assert get("city", token).json()["slug"] == "dinslaken"
    answer = get(f"figures?measures=anrufe&measures=frist&group=leitung&{OCTOBER}", token).json()
    assert answer["city"] == "dinslaken"
    assert [row[:2] for row in answer["rows"]] == [[str(lines["dinslaken"]), 100]]
    assert [column["key"] for column in answer["columns"]] == ["leitung", "anrufe", "frist"]
    assert "auch außerhalb der Servicezeit" in answer["counted"]
    assert "÷" in answer["formulas"]["frist"]
    assert get(f"figures?measures=anrufe&line={lines['duisburg'].pk}&{OCTOBER}", token).status_code == 404
    section = get(f"dashboard/tage?{OCTOBER}", token).json()
    assert sum(row[1] for row in section["rows"]) == 100
    english = get("measures", token, accept_language="en-GB").json()
    assert english["measures"][0]["label"] == "Calls"


@pytest.mark.parametrize("path", ["city", "measures", "figures?measures=anrufe", "dashboard/tage"])
def test_without_a_valid_token_nothing(client_for, token, path, people, dinslaken):
    """The figures of every city would stand on the internet."""
    assert get(path).status_code == 401
    assert get(path, "ccf_wrong").status_code == 401
    assert client_for("administrator").get(f"{ROOT}{path}").status_code == 401  # a session is no token
    assert Client().post(f"{ROOT}city", headers={"authorization": f"Bearer {token}"}).status_code == 405
    with scoped([dinslaken]):
        ApiToken.objects.update(valid_until=date(2026, 1, 1))
        assert get(path, token).status_code == 401
    with scoped([dinslaken]):
        ApiToken.objects.update(valid_until=date(2099, 1, 1))
        revoke_token(token=ApiToken.objects.get(), user=people["administrator"], now=datetime.now(UTC))
    assert get(path, token).status_code == 401


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("figures?measures=gespraech", 422, "Unknown: gespraech"),
        ("figures?measures=anrufe&group=agent", 422, "Unknown: agent"),
        ("figures", 422, "measures"),
        ("figures?measures=anrufe&first=2026-10-01", 422, "both days"),
        ("figures?measures=anrufe&first=2026-10-05&last=2026-10-01", 422, "must not lie before"),
        ("figures?measures=anrufe&first=gestern&last=heute", 422, "first"),
        (f"figures?measures=anrufe&group=thema&{OCTOBER}", 422, "nur Anliegen"),
        ("dashboard/agenten", 404, "Sections"),
    ],
)
def test_what_is_wrong_is_said(token, path, status, says):
    """Whoever connects a table program would guess."""
    answer = get(path, token)
    assert answer.status_code == status
    assert says in answer.json()["detail"]


def test_openapi_describes_every_address_and_loads_nothing_from_elsewhere(client_for):
    """The city's program could not be written without asking us."""
    described = Client().get(f"{ROOT}openapi.json").json()
    assert {path.removeprefix(ROOT) for path in described["paths"]} == {
        "city", "measures", "figures", "dashboard/{section}",
    }  # fmt: skip
    assert described["components"]["securitySchemes"]
    assert all(set(methods) == {"get"} for methods in described["paths"].values())
    assert Client().get(f"{ROOT}docs").status_code == 404


def test_token_is_shown_once_and_revoked_in_the_browser(client_for, dinslaken):
    """A token that can be read again is a token that can be stolen again."""
    client, path = client_for("administrator"), "/auswertung/dinslaken/schnittstelle/"
    assert client.post(path, {"name": "BI", "valid_until": "2099-01-01"}).status_code == 422
    until = f"{datetime.now(UTC).year + 1}-06-30"
    page = client.post(path, {"name": "BI", "valid_until": until}).content.decode()
    plain = page.split('class="token">')[1].split("<")[0]
    assert get("city", plain).status_code == 200
    listed = client.get(path).content.decode()
    assert plain not in listed
    with all_cities("test"):
        made = ApiToken.objects.get()
        assert made.token_hash == hash_of(plain)
        assert made.used_on
    client.post(f"{path}{made.pk}/widerrufen")
    assert get("city", plain).status_code == 401
    assert "widerrufen</span>" in client.get(path).content.decode()
    actions = list(AuditEntry.objects.filter(chain=dinslaken.pk).values_list("action", flat=True))
    assert actions == ["supervision.api_token_made", "supervision.api_token_revoked"]


def test_session_of_a_supervisor_makes_no_token(client_for):
    """The right to give figures out of the house is the administration's."""
    assert client_for("supervisor").get("/auswertung/dinslaken/schnittstelle/").status_code == 403
