"""Practice beside real work: with it or without it, every figure and every amount is the same."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core import mail
from django.core.cache import cache
from django.utils import timezone

from billing.freezing import billable
from billing.terms import BillableRule
from callcenter import metrics
from callcenter.calls.models import Call, CallerNumber, Contact, ContactArticle, Feedback, Handover, Source
from callcenter.calls.services import create_handover
from callcenter.calls.services.handovers import remind
from callcenter.calls.usage import ContactUsage
from callcenter.desktop import finding
from callcenter.desktop import selectors as at_desk
from callcenter.supervision import adding_up, rollups, selectors
from callcenter.supervision.figures import FIGURES
from callcenter.supervision.periods import containing
from callcenter.supervision.staff import handling_by_city, own_months
from callcenter.supervision.tokens import make_token
from callcenter.supervision.wallboard import now_in
from knowledge.models import SearchEvent
from tenants.models import Office
from tenants.scope import all_cities
from tests.supervision.conftest import make_call
from tests.supervision.test_selectors import look_at

MOMENT = datetime(2026, 10, 14, 9, 30, tzinfo=UTC)
MONTH = containing("month", MOMENT.date())
PAGES = [
    "/auswertung/dinslaken/?monat=2026-10",
    "/auswertung/vergleich/?monat=2026-10",
    "/auswertung/wandtafel/stand",
    "/auswertung/besetzung/?stadt=dinslaken",
    "/auswertung/meine-zahlen/",
    *(f"/auswertung/dinslaken/{key}.csv?monat=2026-10" for key in FIGURES),
]
CHANGES_ANYWAY = re.compile(r"\b\w{64}\b|\b\d{1,2}:\d\d\b")  # tokens of forms, and the time
API = ["dashboard/tage", "figures?measures=anrufe&measures=frist&group=leitung"]


def _work(city: Any, article: Any, people: dict[str, Any], *, source: str, number: int) -> None:
    """A call in the past and one that rings now, each with all that an agent leaves behind."""
    for at, outcome in ((MOMENT, "answered"), (MOMENT, "abandoned"), (timezone.now() - timedelta(minutes=1), None)):
        call = make_call(city, at + timedelta(seconds=number), outcome, source=source, agent=people["agent"])
        with all_cities("test data"):
            Call.objects.filter(pk=call.pk).update(wrapped_up_at=call.ended_at)
            seen = call.offered_at
            CallerNumber.objects.create(call=call, number=b"", keyed_hash="same", seen_at=seen)
            own = Contact.objects.create(
                tenant=city, call=call, article=article, disposition="settled", found=True, opened_at=seen,
                closed_at=seen + timedelta(minutes=3),
            )  # fmt: skip
            ContactArticle.objects.create(
                tenant=city, contact=own, article=article, title="Pass", opened_at=seen, used=True
            )
            made = Handover.objects.create(
                tenant=city, contact=own, request="x", due_at=timezone.now() - timedelta(hours=1),
                remind_at=timezone.now() - timedelta(hours=5),
            )  # fmt: skip
            Handover.objects.filter(pk=made.pk).update(created_at=seen)


def _told(city: Any, people: dict[str, Any], client_for: Any, token: str) -> dict[str, Any]:
    """Everything that counts calls, as people and programs get it."""
    cache.clear()
    told: dict[str, Any] = {}
    for page in PAGES:
        who = "agent" if "meine" in page else "supervisor"
        response = client_for(who).get(page)
        assert response.status_code == 200, page
        told[page] = CHANGES_ANYWAY.sub("", response.content.decode())
    for path in API:
        query = ("&" if "?" in path else "?") + "first=2026-10-01&last=2026-10-31"
        header = {"authorization": f"Bearer {token}"}
        response = client_for("agent").get(f"/api/figures/v1/{path}{query}", headers=header)
        assert response.status_code == 200, path
        told[path] = response.json()["rows"]
    with all_cities("test"):
        told["sums"] = adding_up._fingerprints(city)
        look = look_at(city, MONTH)
        found = rollups.sources(look)
        told["kept"] = (rollups.in_total(look, found), rollups.dispositions(look, found))
        now = now_in([city], timezone.now())
        told["wall"] = [(one.waiting, one.counts, one.first_contact, one.handovers_due) for one in now.cities]
        told["live"] = (selectors.in_total(look), selectors.dispositions(look), selectors.repeats(look))
        told["owed"] = selectors.handovers(look, timezone.now())
        told["newest"] = selectors.last_month_with_calls([city], timezone.now().date() + timedelta(days=1))
        told["staff"] = handling_by_city([city], MONTH)
        told["own"] = own_months(people["agent"], MOMENT.astimezone(city.zone))
        told["usage"] = ContactUsage().by_article(city, MOMENT - timedelta(days=1))
        told["concerns"] = ContactUsage().concerns(city, MOMENT - timedelta(days=1))
        told["frequent"] = [row.pk for row in finding.at_hand(city, None).frequent]
        told["bills"] = Call.objects.filter(billable(BillableRule())).count()
    told["metrics"] = [
        (gauge.name, gauge.samples) for gauge in metrics.gauges() if gauge.name.startswith(("calls", "handovers"))
    ]
    return told


def test_every_figure_is_the_same_with_and_without_practice(dinslaken, lines, passport, people, client_for, duisburg):
    """A morning of practice would otherwise stand on the wall, in the report and on the invoice."""
    with all_cities("test"):
        token = make_token(
            city=dinslaken, user=people["administrator"], name="BI", valid_until=timezone.now().date()
        )[1]  # fmt: skip
    for source, number in ((Source.TELEPHONY, 0), (Source.TELEPHONY, 5)):
        _work(dinslaken, passport, people, source=source, number=number)
    with all_cities("test"):
        adding_up.refresh(city=dinslaken)
    before = _told(dinslaken, people, client_for, token)
    assert before["bills"] == 2
    assert before["usage"]
    for number in range(7):
        _work(dinslaken, passport, people, source=Source.TRAINING, number=number)
    live = _told(dinslaken, people, client_for, token)  # the days are marked: read from the ledger
    live["sums"] = before["sums"]
    assert {name for name in before if before[name] != live[name]} == set()
    with all_cities("test"):
        adding_up.refresh(city=dinslaken)
    kept = _told(dinslaken, people, client_for, token)
    assert {name for name in before if before[name] != kept[name]} == set()
    for number in range(3):  # and the comparison would notice: real work changes each of them
        _work(dinslaken, passport, people, source=Source.TELEPHONY, number=number)
    after = _told(dinslaken, people, client_for, token)
    for name in ("kept", "live", "wall", "owed", "staff", "own", "usage", "concerns", "bills", "metrics", *API[:1]):
        assert before[name] != after[name], name


def test_practice_bothers_no_office_and_no_editor(
    desk,
    concern,
    passport,
    answer_of,
    dinslaken,
    people,
    django_capture_on_commit_callbacks,
):
    """A trainee's call-back rings nobody up; what was typed is no citizen's question."""
    with all_cities("test"):
        Call.objects.filter(pk=concern.call_id).update(source=Source.TRAINING)
        office = Office.objects.create(tenant=dinslaken, name="Standesamt", email="amt@example.org")
        concern.refresh_from_db()
        concern.call.refresh_from_db()
    address = f"/arbeitsplatz/anruf/{concern.call_id}/"
    assert "data-ended" not in desk.get(address).content.decode()
    effective = answer_of(passport, dinslaken)
    picked = {"contact": concern.pk, "pick": f"1:{effective.pk}", "query": "pass", "hits": 3, "milliseconds": "1"}
    assert desk.post(f"{address}oeffnen/", picked).status_code == 302
    reported = {"contact": concern.pk, "query": "hundefrisör", "hits": 0, "milliseconds": "1"}
    page = desk.post(f"{address}frage-melden/", reported, headers={"HX-Request": "true"})
    assert "geht keine Meldung an die Redaktion" in page.content.decode()
    with all_cities("test"):
        assert not SearchEvent.objects.exists()
        assert not Feedback.objects.exists()
        with django_capture_on_commit_callbacks(execute=True):
            made = create_handover(user=people["agent"], contact=concern, office=office, request="Urkunde")
            Handover.objects.filter(pk=made.pk).update(remind_at=timezone.now(), due_at=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        assert remind() == {"reminded": 0, "escalated": 0}
    assert mail.outbox == []


def test_own_day_counts_real_calls_alone(desk, concern, people):
    presence = at_desk.presence_of(people["agent"])
    assert at_desk.own_day(people["agent"], presence).calls == 1
    with all_cities("test"):
        Call.objects.update(source=Source.TRAINING)
    assert at_desk.own_day(people["agent"], presence).calls == 0
