"""The practice telephone system: any sequence, into the real ledger, marked as practice."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.selectors import BillingStates
from callcenter.accounts.models import User
from callcenter.calls import training
from callcenter.calls.models import Call, CallState, Connector, Outcome, TelephonyEvent
from callcenter.calls.selectors import connectors
from callcenter.calls.services import Refused
from tenants.models import Line
from tenants.scope import all_cities
from tests.calls.conftest import calls

PAGE = "/verwaltung/uebungsanlage/"
NUMBER = "+492064660"


def play(people: dict[str, User], text: str, run: str = "abc", extension: str = "201") -> list[training.Step]:
    steps = training.read(text, run=run, number=NUMBER, extension=extension)
    return training.play(user=people["administrator"], steps=steps)


def told(call: Call) -> tuple[str, str | None, int]:
    return call.state, call.outcome, call.legs


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("klingeln", [("offered", None, 1)]),
        ("gespraech", [("ended", "answered", 1)]),
        ("aufgelegt", [("ended", "abandoned", 1)]),
        ("gruppe", [("ended", "answered", 1)]),
        ("zwei", [("ended", "answered", 1), ("ended", "answered", 1)]),
        ("rueckfrage", [("ended", "answered", 1), ("ended", "answered", 1)]),
        ("weiter", [("ended", "answered", 2)]),
        ("anonym", [("offered", None, 1)]),
        ("unbekannt", [("offered", None, 1)]),
        ("anrufbeantworter", [("ended", "voicemail", 1)]),
        ("rueckwaerts", [("ended", "answered", 1)]),
        ("fuenfmal", [("ended", "answered", 1)]),
        ("ohne-anfang", [("ended", "answered", 1)]),
        ("zweimal-angenommen", [("ended", "answered", 1)]),
        ("ohne-ende", [("connected", "answered", 1)]),
        ("grosse-gruppe", [("offered", None, 1)]),
        ("unbrauchbar", []),
        ("roh", [("ended", "answered", 1)]),
    ],
)
def test_every_example_does_what_it_says(key: str, expected: list, people, lines, seated) -> None:
    """A trainer shows what happens; an example that does something else teaches something wrong."""
    played = play(people, training.BY_KEY[key].text)
    assert [told(call) for call in calls()] == expected
    assert all(call.source == "training" for call in calls())
    assert {step.status for step in played} == ({422} if key == "unbrauchbar" else {200})


def test_every_example_is_tried() -> None:
    parameters = test_every_example_does_what_it_says.pytestmark[0].args[1]
    assert {key for key, _ in parameters} == set(training.BY_KEY)


@pytest.mark.django_db
def test_practice_is_never_billed_and_counted_nowhere(people, lines: dict[str, Line], seated, dinslaken) -> None:
    """A practice call on an invoice would be money for nothing."""
    from billing.freezing import billable
    from billing.terms import BillableRule
    from callcenter.supervision.periods import Period
    from callcenter.supervision.selectors import calls as counted
    from tests.supervision.test_selectors import look_at

    play(people, training.BY_KEY["gespraech"].text)
    call = calls()[0]
    assert (call.state, call.outcome, call.tenant) == (CallState.ENDED, Outcome.ANSWERED, dinslaken)
    with all_cities("test"):
        assert not Call.objects.filter(billable(BillableRule())).exists()
        today = call.offered_at.date()
        assert not counted(look_at(dinslaken, Period(today - timedelta(days=1), today + timedelta(days=1)))).exists()
        assert BillingStates().of([call])[call.pk].state == "not_billable"


@pytest.mark.django_db
def test_connector_of_practice_takes_nothing_from_outside(people, lines) -> None:
    """Nobody may send practice calls through the network, and it is not in the list of telephone systems."""
    play(people, "newCall")
    made = Connector.objects.get(name=training.CONNECTOR)
    assert not made.is_active
    assert made not in connectors()


@pytest.mark.parametrize("text", ["", "   \n# nur ein Hinweis", "newCall ohne", "\n".join(["newCall"] * 300)])
def test_what_is_no_sequence_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(Refused):
        training.read(text, run="abc", number=NUMBER, extension="")


WORDS = ["newCall", "answer", "hangup", "explode", "callId=2", "user=1", "direction=out", "=", "a=b\n"]


@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_any_text_is_read_or_refused(words: list[str]) -> None:
    """Whoever practises types anything; nothing but a sentence about it may come of that."""
    with suppress(Refused):
        steps = training.read(" ".join(words), run="abc", number=NUMBER, extension="")
        assert all(step.status == 200 or step.detail for step in steps)


# --- the page ---------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "status"), [("administrator", 200), ("supervisor", 200), ("agent", 403), ("editor", 403)]
)
def test_page_is_for_administrators_and_trainers(role: str, status: int, client_for, lines) -> None:
    assert client_for(role).get(PAGE).status_code == status


@pytest.mark.django_db
def test_sequence_is_played_step_by_step(client_for, lines, seated) -> None:
    """The trainer decides when the next event comes; what was sent is not sent again."""
    client = client_for("supervisor")
    data = {"line": lines["dinslaken"].pk, "extension": "201", "sequence": "newCall user={platz}\nhangup cause=cancel"}
    page = client.post(PAGE, data | {"restart": "step"})
    assert [told(call) for call in calls()] == [("offered", None, 1)]
    run, done = page.context["run"], page.context["done"]
    client.post(PAGE, data | {"run": run, "done": done, "look": "1"})
    assert TelephonyEvent.objects.count() == 1
    page = client.post(PAGE, data | {"run": run, "done": done, "step": "1"})
    assert [told(call) for call in calls()] == [("ended", "abandoned", 1)]
    assert page.context["waiting"] == []
    assert "aufgelegt" in page.content.decode()
    again = client.post(PAGE, data | {"run": run, "done": 2, "restart": "all"})
    assert again.context["run"] != run
    assert len(calls()) == 2


@pytest.mark.django_db
def test_agent_answers_a_practice_call_at_the_desk(client_for, lines, seated, people) -> None:
    """Practice is the real desk: take, hang up, close; and it says that it is practice."""
    play(people, "newCall user={platz}")
    call = calls()[0]
    desk = client_for("agent")
    assert "Übung" in desk.get("/arbeitsplatz/").content.decode()
    desk.post(f"/arbeitsplatz/annehmen/{call.pk}/")
    assert "Übung" in desk.get(f"/arbeitsplatz/anruf/{call.pk}/").content.decode()
    desk.post(f"/arbeitsplatz/anruf/{call.pk}/auflegen/")
    assert [told(one) for one in calls()] == [("ended", "answered", 1)]


@pytest.mark.django_db
def test_foreign_line_cannot_be_practised_on(client_for, lines, dinslaken) -> None:
    """A supervisor of one city rings at no other's desks."""
    from callcenter.accounts.models import Role
    from tests.conftest import make_user

    trainer = make_user("trainer", (dinslaken, Role.SUPERVISOR))
    data = {"line": lines["duisburg"].pk, "extension": "", "sequence": "newCall", "restart": "all"}
    assert client_for(trainer).post(PAGE, data).status_code == 422
    assert calls() == []
