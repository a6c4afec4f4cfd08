"""Reports: the page's figures on paper, once a month, to those who may see them."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pikepdf
import pytest
from django.core import mail

from callcenter.accounts.models import Membership, Role
from callcenter.audit.models import AuditEntry
from callcenter.supervision.models import ReportSubscription, Targets
from callcenter.supervision.services import send_due_reports, subscribe
from callcenter.supervision.tasks import send_monthly_reports
from tenants.scope import ScopeError, all_cities, scoped
from tests.supervision.test_views import busy_october  # noqa: F401 (a fixture)

NOVEMBER = datetime(2026, 11, 22, 12, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, 6, tzinfo=UTC)


@pytest.fixture
def subscribed(people, dinslaken):
    people["liaison"].email = "partner@dinslaken.example"
    people["liaison"].save()
    with scoped([dinslaken]):
        return subscribe(city=dinslaken, user=people["liaison"], now=NOVEMBER)


def test_report_pdf_is_tagged_and_in_german(client_for, busy_october):  # noqa: F811
    """A blind council member could not read the report."""
    answer = client_for("liaison").get("/auswertung/dinslaken/bericht.pdf?von=2026-10-01&bis=2026-10-31")
    assert answer["Content-Type"] == "application/pdf"
    with pikepdf.open(io.BytesIO(answer.content)) as pdf:
        assert pdf.Root.MarkInfo.Marked
        assert str(pdf.Root.Lang).startswith("de")
        assert str(pdf.docinfo["/Title"]) == "Bericht Oktober 2026, Stadt Dinslaken"


def test_report_csv_says_what_the_page_says(client_for, busy_october):  # noqa: F811
    """The city's own tables would show other figures than the page."""
    answer = client_for("liaison").get("/auswertung/dinslaken/bericht.csv?von=2026-10-05&bis=2026-10-05")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert rows[0] == ["Abschnitt", "Zeile", "Maß", "Wert"]
    assert ["tage", "Mo 05.10.", "Anrufe", "100"] in rows
    assert ["tage", "Mo 05.10.", "angenommen", "80"] in rows


@pytest.mark.parametrize("ending", ["pdf", "csv"])
def test_report_of_a_wrong_period_says_what_to_do(client_for, ending):
    """A mistyped address would be a server error."""
    answer = client_for("supervisor").get(f"/auswertung/duisburg/bericht.{ending}?von=2026-10-05")
    assert answer.status_code == 422
    assert "beide Tage" in answer.content.decode()


def test_monthly_report_goes_out_once_when_the_month_is_over(subscribed, busy_october):  # noqa: F811
    """The partner city would get no report, or the same one every morning."""
    assert send_due_reports(NOVEMBER) == 0
    assert send_due_reports(DECEMBER) == 1
    assert send_due_reports(DECEMBER) == 0
    (message,) = mail.outbox
    assert message.to == ["partner@dinslaken.example"]
    assert message.subject == "Bericht November 2026, Stadt Dinslaken"
    assert message.attachments[0][0] == "dinslaken-2026-11.pdf"


def test_monthly_report_stays_when_the_right_is_gone(subscribed, people, dinslaken):
    """Somebody who left would get the city's figures for years."""
    Membership.objects.filter(user=people["liaison"]).delete()
    send_due_reports(DECEMBER)
    assert mail.outbox == []


def test_monthly_report_failing_for_one_is_due_again(subscribed, monkeypatch):
    """A mail server that is down on the first would cost the report of the month."""
    monkeypatch.setattr("django.core.mail.EmailMessage.send", lambda self: (_ for _ in ()).throw(OSError("down")))
    assert send_due_reports(DECEMBER) == 0
    monkeypatch.undo()
    assert send_due_reports(DECEMBER) == 1
    assert len(mail.outbox) == 1


def test_task_sends_what_is_due(subscribed):
    """The schedule would call a job that does nothing."""
    with all_cities("test"):
        ReportSubscription.objects.update(sent_until="2020-01-01")
    assert send_monthly_reports.delay().get() == 1


def test_subscription_by_form(client_for, people, dinslaken, busy_october):  # noqa: F811
    """The button would promise a mail that nobody can send, or could not be taken back."""
    client, path = client_for("liaison"), "/auswertung/dinslaken/bericht/post"
    assert "keine E-Mail-Adresse" in client.post(path, follow=True).content.decode()
    people["liaison"].email = "partner@dinslaken.example"
    people["liaison"].save()
    assert "per E-Mail bestellen" in client.get("/auswertung/dinslaken/?von=2026-10-05&bis=2026-10-05").content.decode()
    client.post(path)
    client.post(path)
    assert (
        "per E-Mail abbestellen" in client.get("/auswertung/dinslaken/?von=2026-10-05&bis=2026-10-05").content.decode()
    )
    with scoped([dinslaken]):
        assert ReportSubscription.objects.count() == 1
        client.post(path, {"abbestellen": "1"})
    with scoped([dinslaken]):
        assert ReportSubscription.objects.count() == 0


def test_subscribe_refuses_a_city_outside_the_scope(people, duisburg, dinslaken):
    """A liaison would order the other city's figures by mail."""
    with scoped([dinslaken]), pytest.raises(ScopeError):
        subscribe(city=duisburg, user=people["liaison"], now=NOVEMBER)


def test_targets_are_changed_by_supervisors_and_written_down(client_for, people, duisburg):
    """A promise would change and nobody could say who changed it."""
    values = {
        "service_level": 80, "first_contact": 70, "short_abandon_s": 10, "alarm_waiting": 3, "alarm_wait_s": 45,
    }  # fmt: skip
    client = client_for("supervisor")
    assert client.post("/auswertung/duisburg/zusagen/", {**values, "service_level": "0,75"}).status_code == 422
    assert client.post("/auswertung/duisburg/zusagen/", values).status_code == 302
    with scoped([duisburg]):
        assert Targets.of(duisburg).short_abandon_s == 10
    entry = AuditEntry.objects.get(action="supervision.targets_changed")
    assert (entry.actor_id, entry.chain, entry.data["service_level"]) == (
        people["supervisor"].pk,
        duisburg.pk,
        "0.8",
    )
    assert Role.LIAISON not in people["supervisor"].roles()
    assert client_for("liaison").get("/auswertung/dinslaken/zusagen/").status_code == 403
