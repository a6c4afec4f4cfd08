"""Call-backs from the question on the desk to the office's answer: nothing owed is forgotten, nothing is sent twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client

from billing.tasks import relay_outbox
from callcenter.accounts.models import User
from callcenter.calls import services
from callcenter.calls.links import VALID_SECONDS, office_link
from callcenter.calls.models import Call, Contact, Handover, HandoverEntry, HandoverState, Question, QuestionSet
from callcenter.calls.questions import Answered, Asked, answered, prefilled
from callcenter.calls.services.handovers import remind
from callcenter.calls.services.lifecycle import expire_personal_data
from tenants.models import Line, Office, StaffMember, Tenant
from tenants.scope import all_cities, scoped
from tests.calls.conftest import Pbx

pytestmark = pytest.mark.django_db
ClientFor = Callable[[str], Client]
MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)  # 10:00 in Dinslaken
NUMBER = "0203 4711999"


@pytest.fixture
def talking(pbx: Pbx, lines: dict[str, Line], seated: User) -> Contact:
    """A concern of a call from Dinslaken that is going on."""
    pbx.ring("1", caller=NUMBER), pbx.answer("1", user="201")
    call = Call.objects.beyond_scope("test").get(connector_call_id="1")
    with scoped(seated.tenant_ids()):
        return services.contacts_of(user=seated, call=call)[0]


@pytest.fixture
def office(dinslaken: Tenant) -> Office:
    with all_cities("test"):
        return Office.objects.create(tenant=dinslaken, name="Steueramt", email="steuer@dinslaken.example")


def owe(user: User, contact: Contact, office: Office | None, **more: object) -> Handover:
    with scoped(user.tenant_ids()):
        return services.create_handover(
            user=user, contact=contact, office=office, request="Rückfrage", callback_number=NUMBER, **more
        )


def sent() -> list[tuple[list[str], str]]:
    relay_outbox()
    return [(list(each.to), each.subject) for each in mail.outbox]


def steps(handover: Handover) -> list[str]:
    with all_cities("test"):
        return [entry.step for entry in HandoverEntry.objects.filter(handover=handover)]


def link_path(handover: Handover) -> str:
    return "/rueckruf/" + office_link(handover).split("/rueckruf/")[1]


def test_office_gets_a_mail_without_the_callers_number(seated: User, talking: Contact, office: Office) -> None:
    """Mail travels in the clear: link and due time, never who called or what about."""
    made = owe(seated, talking, office, answers=[Answered("Kassenzeichen", "4711-0815")])
    assert sent()[0][0] == ["steuer@dinslaken.example"]
    body = str(mail.outbox[0].body)
    assert "/rueckruf/" in body
    for secret in (NUMBER, "4711999", "Rückfrage", "4711-0815"):
        assert secret not in body + mail.outbox[0].subject
    assert steps(made) == ["created", "mailed"]
    relay_outbox()
    assert len(mail.outbox) == 1


def test_person_is_written_to_and_brings_the_office(seated: User, talking: Contact, office: Office) -> None:
    """A named person reads their own mail, not the office's."""
    with all_cities("test"):
        person = StaffMember.objects.create(
            tenant=office.tenant, office=office, name="Frau Acar", email="acar@dinslaken.example"
        )
    made = owe(seated, talking, None, person=person)
    assert (made.office, sent()[0][0]) == (office, ["acar@dinslaken.example"])


def test_person_of_another_office_is_refused(seated: User, talking: Contact, office: Office) -> None:
    """A call-back to a person behind another office's name would reach nobody."""
    with all_cities("test"):
        other = Office.objects.create(tenant=office.tenant, name="Ordnungsamt")
        person = StaffMember.objects.create(tenant=office.tenant, office=other, name="Herr Yıldız")
    with pytest.raises(services.Refused, match="anderen Amt"):
        owe(seated, talking, office, person=person)


def test_reminder_and_escalation_come_once(
    seated: User, talking: Contact, office: Office, people: dict[str, User]
) -> None:
    """The office is reminded before the promise breaks, supervisors hear when it broke; a second run says nothing."""
    User.objects.filter(pk=people["supervisor"].pk).update(email="leitung@duisburg.example")
    with time_machine.travel(MONDAY, tick=False):
        made = owe(seated, talking, office)
    assert made.due_at == MONDAY + timedelta(hours=24)
    assert remind(now=MONDAY + timedelta(hours=19)) == {"reminded": 0, "escalated": 0}
    for _ in range(2):
        remind(now=MONDAY + timedelta(hours=20, minutes=1))
    for _ in range(2):
        remind(now=MONDAY + timedelta(hours=24, minutes=1))
    told = sent()
    assert [step for step in steps(made) if step != "mailed"] == ["created", "reminded", "escalated"]
    assert [subject.split(" bis")[0] for to, subject in told if to == ["steuer@dinslaken.example"]] == [
        "Bitte um Rückruf",
        "Erinnerung: Rückruf wird bald fällig",
        "Überfällig: Rückruf steht aus",
    ]
    assert [to for to, _ in told].count(["leitung@duisburg.example"]) == 1


def test_reminder_counts_only_working_hours(seated: User, talking: Contact, office: Office) -> None:
    """Friday noon is due on Monday noon: nobody is reminded on Saturday."""
    friday = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
    with time_machine.travel(friday, tick=False):
        made = owe(seated, talking, office)
    assert made.due_at == friday + timedelta(days=3)
    assert remind(now=friday + timedelta(days=1))["reminded"] == 0
    assert remind(now=friday + timedelta(days=2, hours=21))["reminded"] == 1


def test_what_is_done_is_not_reminded(seated: User, talking: Contact, office: Office) -> None:
    """Nor is the first mail sent when the call-back is made before the relay comes by."""
    with time_machine.travel(MONDAY, tick=False):
        made = owe(seated, talking, office)
        with scoped([office.tenant_id]):
            services.take_step(handover=made, step="done", note="Geklärt", actor_id=None)
    assert remind(now=MONDAY + timedelta(days=9)) == {"reminded": 0, "escalated": 0}
    assert sent() == []


def test_states_and_log_follow_the_offices_steps(
    seated: User, talking: Contact, office: Office, client: Client
) -> None:
    """Tried, accepted, done: each step stays in the log, and the last one closes."""
    made = owe(seated, talking, office)
    for step, note, state in (
        ("tried", "", HandoverState.TRIED),
        ("accepted", "", HandoverState.ACCEPTED),
        ("done", "Ratenzahlung vereinbart", HandoverState.DONE),
    ):
        assert client.post(link_path(made), {"step": step, "note": note}).status_code == 200
        assert Handover.objects.beyond_scope("test").get().state == state
    assert steps(made) == ["created", "tried", "accepted", "done"]
    assert client.post(link_path(made), {"step": "tried", "note": ""}).status_code == 422


def test_done_callback_opens_again(seated: User, talking: Contact, office: Office, client_for: ClientFor) -> None:
    """It was not done after all: it is owed again, with the same due time, and the office hears of it."""
    made = owe(seated, talking, office)
    with scoped([office.tenant_id]):
        services.take_step(handover=made, step="done", note="Geklärt", actor_id=None)
    agent = client_for("agent")
    assert agent.post(f"/rueckrufe/{made.pk}/oeffnen/").status_code == 302
    stored = Handover.objects.beyond_scope("test").get()
    assert (stored.state, stored.due_at, stored.done_at) == (HandoverState.OPEN, made.due_at, None)
    assert "wieder geöffnet" in sent()[-1][1]


def test_link_expires_and_cannot_be_forged(seated: User, talking: Contact, office: Office, client: Client) -> None:
    """A link that leaks is worthless after two weeks."""
    path = link_path(owe(seated, talking, office))
    assert client.get(path).status_code == 200
    assert client.get(path[:-4] + "abc/").status_code == 404
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=VALID_SECONDS + 60)):
        assert client.get(path).status_code == 404


def test_returned_callback_is_forwarded(
    seated: User, talking: Contact, office: Office, duisburg: Tenant, client_for: ClientFor, client: Client
) -> None:
    """An office that is not responsible gives it back with a word; the agent passes it on, the due time stays."""
    made = owe(seated, talking, office)
    path = link_path(made)
    assert client.post(path, {"step": "returned", "note": ""}).status_code == 422
    assert client.post(path, {"step": "returned", "note": "Macht das Ordnungsamt"}).status_code == 200
    with all_cities("test"):
        other = Office.objects.create(tenant=office.tenant, name="Ordnungsamt", email="ordnung@dinslaken.example")
        foreign = Office.objects.create(tenant=duisburg, name="Steueramt Duisburg")
    agent = client_for("agent")
    assert "Macht das Ordnungsamt" in agent.get(f"/rueckrufe/{made.pk}/").content.decode()
    assert "Rückfrage" in agent.get("/rueckrufe/?ansicht=zurueck").content.decode()
    forward = f"/rueckrufe/{made.pk}/weitergeben/"
    assert agent.post(forward, {"office": office.pk}).status_code == 422
    assert agent.post(forward, {"office": foreign.pk}).status_code == 422
    assert agent.post(forward, {"office": other.pk, "note": "Bitte heute"}).status_code == 302
    stored = Handover.objects.beyond_scope("test").get()
    assert (stored.office_id, stored.state, stored.due_at) == (other.pk, HandoverState.OPEN, made.due_at)
    assert ["ordnung@dinslaken.example"] in [to for to, _ in sent()]


def test_agent_sees_what_became_of_it(
    seated: User, talking: Contact, office: Office, client_for: ClientFor, pbx: Pbx
) -> None:
    """The answer stands on the quiet desk of the agent who handed it over."""
    made = owe(seated, talking, office)
    pbx.hangup("1")
    with scoped(seated.tenant_ids()):
        services.wrap_up(user=seated, call=made.contact.call)
        services.take_step(handover=made, step="done", note="Bescheid ist berichtigt", actor_id=None)
    assert "Bescheid ist berichtigt" in client_for("agent").get("/arbeitsplatz/").content.decode()


def test_answers_go_with_the_number(seated: User, talking: Contact, office: Office, pbx: Pbx) -> None:
    """What the caller told the office is personal: sealed at rest, gone when the city's days are over."""
    made = owe(seated, talking, office, answers=[Answered("Straße", "Hauptstraße 1")])
    assert services.answers_of(made) == [Answered("Straße", "Hauptstraße 1")]
    assert b"Hauptstra" not in bytes(made.answers)
    pbx.hangup("1")
    with scoped([office.tenant_id]):
        services.take_step(handover=made, step="done", note="Hauptstraße 1 abgeholt", actor_id=seated.pk)
    expire_personal_data(now=datetime.now(UTC) + timedelta(days=400))
    with all_cities("test"):
        made.refresh_from_db()
        assert services.answers_of(made) == []
        assert {(entry.note, entry.by_id) for entry in HandoverEntry.objects.filter(handover=made)} == {("", None)}
    assert len(steps(made)) == 2


# --- question sets -----------------------------------------------------------------------------------


def rows(*questions: dict[str, str]) -> dict[str, str]:
    data = {"frage-TOTAL_FORMS": str(len(questions)), "frage-INITIAL_FORMS": "0"}
    for number, question in enumerate(questions):
        row = {"kind": "text", "label": "", "choices": "", "prefill": ""} | question
        data |= {f"frage-{number}-{name}": value for name, value in row.items()}
    return data


def test_editor_builds_a_question_set(dinslaken: Tenant, client_for: ClientFor, office: Office) -> None:
    """Four kinds of questions, in order; an empty row is no question; saved again, nothing doubles."""
    client = client_for("editor")
    data = {"name": "Bescheid", "office": str(office.pk), "article": "", "is_active": "on"} | rows(
        {"label": "Kassenzeichen", "required": "on"},
        {"label": "Art", "kind": "choice", "choices": "Grundsteuer, Hundesteuer , Grundsteuer"},
        {},
        {"label": "Datum", "kind": "date"},
        {"label": "Mahnung", "kind": "check"},
    )
    address = "/wissen/dinslaken/frageboegen/"
    assert client.post(f"{address}neu/", data).status_code == 302
    with all_cities("test"):
        made = QuestionSet.objects.get()
        assert [(q.label, q.kind, q.choices, q.required) for q in made.questions.all()] == [
            ("Kassenzeichen", "text", [], True),
            ("Art", "choice", ["Grundsteuer", "Hundesteuer"], False),
            ("Datum", "date", [], False),
            ("Mahnung", "check", [], False),
        ]
    assert "bei Steueramt" in client.get(address).content.decode()
    assert client.post(f"{address}{made.pk}/", data).status_code == 302
    assert client.post(f"{address}neu/", data).status_code == 422  # the name is taken; what was typed is kept
    with all_cities("test"):
        assert Question.objects.count() == 4
    assert client.post(f"{address}{made.pk}/loeschen/").status_code == 302
    with all_cities("test"):
        assert not QuestionSet.objects.exists()


def test_choice_without_answers_is_refused_and_kept(client_for: ClientFor, dinslaken: Tenant) -> None:
    """A choice of one is no question; the editor's words stay on the page."""
    data = {"name": "Bescheid", "office": "", "article": ""} | rows({"label": "Art", "kind": "choice", "choices": "x"})
    response = client_for("editor").post("/wissen/dinslaken/frageboegen/neu/", data)
    assert response.status_code == 422
    assert "mindestens zwei Antworten" in response.content.decode()
    assert 'value="Art"' in response.content.decode()


@pytest.fixture
def sets(dinslaken: Tenant, office: Office) -> dict[str, QuestionSet]:
    with all_cities("test"):
        always = QuestionSet.objects.create(tenant=dinslaken, name="Immer")
        theirs = QuestionSet.objects.create(tenant=dinslaken, name="Amt", office=office)
        Question.objects.create(question_set=always, position=1, label="Wann erreichbar?", required=True)
        Question.objects.create(question_set=theirs, position=1, label="Kassenzeichen", required=True)
    return {"always": always, "office": theirs}


def test_desk_asks_what_the_office_asks(
    seated: User, talking: Contact, office: Office, sets: dict[str, QuestionSet], client_for: ClientFor
) -> None:
    """The chosen office brings its questions; a missing answer is named at its field and nothing typed is lost."""
    client = client_for("agent")
    address = f"/arbeitsplatz/anruf/{talking.call_id}/rueckruf/"
    assert "Wann erreichbar?" in client.get(address).content.decode()
    fragment = client.get(address, {"fragen": "1", "office": office.pk}).content.decode()
    assert "Kassenzeichen" in fragment
    assert "<h2" not in fragment
    data = {"office": office.pk, "person": "", "request": "Rückfrage", "callback_number": NUMBER}
    refused = client.post(address, data)
    assert refused.status_code == 422
    assert "Das Amt braucht diese Angabe" in refused.content.decode()
    assert NUMBER in refused.content.decode()
    with all_cities("test"):
        (question,) = sets["office"].questions.all()
    assert client.post(address, data | {f"question_{question.pk}": "4711"}).status_code == 302
    made = Handover.objects.beyond_scope("test").get()
    assert services.answers_of(made) == [Answered("Kassenzeichen", "4711")]
    page = Client().get(link_path(made)).content.decode()
    assert "Kassenzeichen" in page
    assert "4711" in page


def test_inactive_set_and_foreign_set_are_not_asked(
    seated: User, talking: Contact, sets: dict[str, QuestionSet], client_for: ClientFor, duisburg: Tenant
) -> None:
    """Another city's questions are another city's business."""
    with all_cities("test"):
        QuestionSet.objects.filter(pk=sets["always"].pk).update(is_active=False)
        foreign = QuestionSet.objects.create(tenant=duisburg, name="Immer")
        Question.objects.create(question_set=foreign, position=1, label="Duisburger Frage")
    page = client_for("agent").get(f"/arbeitsplatz/anruf/{talking.call_id}/rueckruf/").content.decode()
    assert "Wann erreichbar?" not in page
    assert "Duisburger Frage" not in page


def test_answers_are_words() -> None:
    """The office reads German dates and yes or no, and nothing for what was not said."""
    asked = [
        Asked("a", "Text", "text"),
        Asked("b", "Datum", "date"),
        Asked("c", "Ja?", "check"),
        Asked("d", "Leer", "text"),
    ]
    values = {"a": " 4711 ", "b": date(2026, 11, 3), "c": False, "d": ""}
    assert [each.answer for each in answered(asked, values)] == ["4711", "03.11.2026", "nein"]


def test_prefill_is_plain_text_of_the_article() -> None:
    """An office must not read markup."""
    sections = {"fees": [{"value": "37,00 EUR", "label": "ab 24"}], "documents": ["<b>Ausweis</b> &amp; Foto", "Geld"]}
    assert prefilled("fees", title="T", sections=sections) == "37,00 EUR ab 24"
    assert prefilled("documents", title="T", sections=sections) == "Ausweis & Foto; Geld"
    assert prefilled("title", title="T", sections=sections) == "T"
    assert prefilled("", title="T", sections=sections) == ""
