"""Which number outbound calls show, set up in the browser."""

from __future__ import annotations

import pytest

from callcenter.calls.models import CallerIdRule
from tests.calls.conftest import Pbx

pytestmark = pytest.mark.django_db


def test_rule_of_the_page_is_told_to_the_telephone_system(pbx: Pbx, lines, client_for) -> None:
    """Whoever is called back must see the city's number, not an extension's."""
    page = f"/verwaltung/anbindungen/{pbx.connector.pk}/anzeige/"
    client = client_for("administrator")
    client.post(page, {"begins": "02064", "caller_id": "02064 66-0"})
    client.post(page, {"begins": "", "caller_id": "0203 2830"})
    out = {"direction": "out", "from": "02064660"}
    assert pbx.send("newCall", "1", **out, to="02064/4711").json()["caller_id"] == "492064660"
    assert pbx.send("newCall", "2", **out, to="0221/4711").json()["caller_id"] == "492032830"
    assert "0203 2830" in client.get(page).content.decode()
    rule = CallerIdRule.objects.get(prefix="+492064")
    client.post(f"{page}{rule.pk}/")
    assert pbx.send("newCall", "3", **out, to="02064/4711").json()["caller_id"] == "492032830"


@pytest.mark.parametrize(("prefix", "kept"), [("02064", "+492064"), ("0049 2064", "+492064"), ("+31", "+31"), ("", "")])
def test_beginning_is_kept_in_one_form(prefix: str, kept: str, pbx: Pbx, client_for) -> None:
    page = f"/verwaltung/anbindungen/{pbx.connector.pk}/anzeige/"
    client_for("administrator").post(page, {"begins": prefix, "caller_id": "0203 2830"})
    assert CallerIdRule.objects.get().prefix == kept


@pytest.mark.parametrize("said", [{"begins": "abc", "caller_id": "0203 2830"}, {"begins": "", "caller_id": "Rathaus"}])
def test_what_is_no_number_is_refused_at_the_form(said: dict[str, str], pbx: Pbx, client_for) -> None:
    answer = client_for("administrator").post(f"/verwaltung/anbindungen/{pbx.connector.pk}/anzeige/", said)
    assert answer.status_code == 422
    assert said["caller_id"] in answer.content.decode()
    assert not CallerIdRule.objects.exists()
