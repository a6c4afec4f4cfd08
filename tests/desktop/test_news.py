"""What an agent missed while they were away, and what became of what they reported."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from callcenter.accounts.models import User
from callcenter.calls.models import Feedback
from callcenter.calls.services.lifecycle import expire_personal_data
from callcenter.desktop import news
from callcenter.desktop.models import LiveEvent
from knowledge import services as knowledge
from knowledge import worklist
from tenants.scope import all_cities, scoped
from tests.conftest import make_user
from tests.desktop.conftest import count

PAGE = "/arbeitsplatz/geaendert/"


@pytest.fixture
def edit(people):
    """``edit(article, city_or_none, section=…)``: published at once."""

    def write(article, tenant=None, **sections):
        with all_cities("test data"):
            head = knowledge.head_of(article=article, tenant=tenant)
            draft = knowledge.save_draft(
                article=article,
                tenant=tenant,
                actor=people["editor"],
                title="" if tenant else head.title,
                sections={**(head.sections if head else {}), **sections},
                token=knowledge.chain_token(article=article, tenant=tenant),
            )
            knowledge.publish(revision=draft, actor=None, without_review="test data", announce=False)

    return write


def found(user: User, cities) -> list[news.Change]:
    user = User.objects.get(pk=user.pk)
    with scoped(cities):
        return news.changes(user)


def test_changes_are_told_word_by_word_and_once(passport, agent, edit, duisburg, dinslaken, time_machine):
    """A fee that changed overnight would be told as it was."""
    time_machine.move_to(timezone.now() + timedelta(days=1))
    news.mark_read(user=agent)
    assert found(agent, [duisburg, dinslaken]) == []
    time_machine.move_to(timezone.now() + timedelta(minutes=1))
    edit(passport, fees=[{"value": "76,00 €", "label": "ab 24 Jahren"}])
    (change,) = found(agent, [duisburg, dinslaken])
    assert {city.slug for city in change.cities} == {"duisburg", "dinslaken"}
    (diff,) = change.diffs
    assert [(piece.kind, piece.text) for piece in diff.pieces][:2] == [("removed", "70,00"), ("added", "76,00")]
    news.mark_read(user=agent)
    assert found(agent, [duisburg, dinslaken]) == []


def test_local_change_is_told_for_its_city_alone(passport, agent, edit, duisburg, dinslaken, time_machine):
    time_machine.move_to(timezone.now() + timedelta(days=1))
    news.mark_read(user=agent)
    time_machine.move_to(timezone.now() + timedelta(minutes=1))
    edit(passport, dinslaken, office=[{"value": "Bürgerbüro", "label": "im neuen Rathaus"}])
    (change,) = found(agent, [duisburg, dinslaken])
    assert [city.slug for city in change.cities] == ["dinslaken"]
    assert found(agent, [duisburg]) == []


def test_article_the_agent_uses_stands_first(passport, make_article, desk, taken, concern, agent, answer_of, dinslaken):
    make_article("Aal angeln", summary="Mit Schein.")
    desk.post(
        f"/arbeitsplatz/anruf/{taken.pk}/oeffnen/",
        {"contact": concern.pk, "effective": answer_of(passport, dinslaken).pk, "query": "pass"},
    )
    with scoped([dinslaken]):
        titles = [(change.title, change.is_used, change.is_new) for change in news.changes(agent)]
        assert titles == [("Reisepass beantragen", True, True), ("Aal angeln", False, True)]
        assert [change.title for change in news.headlines(agent)] == ["Reisepass beantragen", "Aal angeln"]


def test_withdrawn_article_is_named(passport, agent, people, dinslaken):
    with all_cities("test"):
        knowledge.archive_article(article=passport, actor=people["editor"])
    with scoped([dinslaken]):
        assert news.withdrawn(agent) == ["Reisepass beantragen"]


@pytest.mark.parametrize(("away", "expected"), [(timedelta(hours=14), True), (timedelta(minutes=40), False)])
def test_break_is_no_new_shift(desk, agent, time_machine, away, expected):
    """After lunch an agent would lose what changed overnight."""
    time_machine.move_to("2026-11-25T12:00:00Z", tick=False)
    desk.post("/arbeitsplatz/platz/verlassen/")
    left = timezone.now()
    time_machine.move_to(left + away, tick=False)
    desk.post("/arbeitsplatz/platz/", {"extension": "214"})
    agent.refresh_from_db()
    assert (news.knows_until(agent) == left) is expected


def test_page_and_desk_show_it_until_it_is_read(desk, passport):
    assert "Reisepass beantragen" in desk.get("/arbeitsplatz/").content.decode()
    html = desk.get(PAGE).content.decode()
    assert "Alles gelesen" in html
    assert html.count("Reisepass beantragen") == 1  # new in both cities
    assert "Duisburg" in html
    assert "Dinslaken" in html
    assert desk.post(PAGE).url == "/arbeitsplatz/"
    assert "Reisepass beantragen" not in desk.get("/arbeitsplatz/").content.decode()


def test_page_costs_the_same_for_one_and_three_changes(desk, make_article, reads):
    make_article("Eins", say="x")
    desk.get(PAGE)
    with reads() as one:
        desk.get(PAGE)
    make_article("Zwei", say="x")
    make_article("Drei", say="x")
    with reads() as three:
        desk.get(PAGE)
    assert count(one) == count(three)


# --- reports ---------------------------------------------------------------------------------------
@pytest.fixture
def report(agent, dinslaken):
    with all_cities("test data"):
        return Feedback.objects.create(tenant=dinslaken, kind="missing", query="Hüpfburg mieten", reporter=agent)


def close(people, city, answer="Steht jetzt unter „Hüpfburg“."):
    with all_cities("test"):
        (entry,) = worklist.entries(city=city)
        worklist.close(city=city, key=entry.key, title=entry.title, answer=answer, user=people["editor"])


def test_reporter_hears_what_became_of_it(desk, agent, people, report, dinslaken):
    """Whoever reports into the void stops reporting."""
    assert "1 Meldung liegt noch bei der Redaktion" in desk.get("/arbeitsplatz/").content.decode()
    close(people, dinslaken)
    event = LiveEvent.objects.filter(kind="report").get()
    assert event.audience == [agent.pk]
    html = desk.get("/arbeitsplatz/").content.decode()
    assert "Hüpfburg mieten" in html
    assert "Steht jetzt unter „Hüpfburg“." in html
    fragment = desk.post(f"/arbeitsplatz/meldungen/{report.pk}/gelesen/", headers={"HX-Request": "true"})
    assert "Hüpfburg" not in fragment.content.decode()
    assert desk.get("/arbeitsplatz/meldungen/").content == fragment.content


def test_colleagues_report_is_not_mine(client_for, report, people, duisburg, dinslaken):
    close(people, dinslaken)
    colleague = client_for(make_user("kollegin", (dinslaken, "agent")))
    assert "Hüpfburg" not in colleague.get("/arbeitsplatz/meldungen/").content.decode()
    assert colleague.post(f"/arbeitsplatz/meldungen/{report.pk}/gelesen/").status_code == 404


def test_who_reported_is_forgotten_after_the_citys_days(report, people, dinslaken, time_machine):
    """A report from last year would still carry a colleague's name."""
    time_machine.move_to(timezone.now() + timedelta(days=dinslaken.retention_days + 1))
    expire_personal_data()
    report.refresh_from_db()
    assert report.reporter is not None  # nobody has answered yet
    close(people, dinslaken)
    expire_personal_data()
    report.refresh_from_db()
    assert (report.reporter, report.query) == (None, "Hüpfburg mieten")
