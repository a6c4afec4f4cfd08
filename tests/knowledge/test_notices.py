"""Situations: on every desk while they last, and gone by themselves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from callcenter.accounts.models import Role
from knowledge import notices
from knowledge.models import Notice, NoticeCity
from knowledge.services import KnowledgeRefusal
from knowledge.signals import notice_changed
from tenants.scope import ScopeError, all_cities, scoped
from tests.conftest import make_user


@pytest.fixture
def told():
    """What the desks are told, as (tenant id, kind)."""
    news: list[tuple[int, str]] = []
    notice_changed.connect(
        lambda **each: news.append((each["tenant_id"], each["kind"])), weak=False, dispatch_uid="test"
    )
    yield news
    notice_changed.disconnect(dispatch_uid="test")


@pytest.fixture
def bomb(people, duisburg, dinslaken, told) -> Notice:
    with scoped([duisburg, dinslaken]):
        return notices.publish_notice(
            actor=people["supervisor"],
            text="Bombenfund Neudorf: Evakuierung ab 14 Uhr.",
            cities=[duisburg],
            valid_until=timezone.now() + timedelta(hours=4),
            severity="danger",
        )


def test_notice_reaches_the_chosen_city_at_once(bomb, told, duisburg, dinslaken):
    """Agents would learn of an evacuation from the callers."""
    assert told == [(duisburg.pk, "begun")]
    with scoped([duisburg]):
        assert notices.current() == [bomb]
    with scoped([dinslaken]):
        assert notices.current() == []


def test_notice_ends_by_itself(bomb, told, duisburg, time_machine):
    """Yesterday's closure would still be told tomorrow."""
    time_machine.move_to(timezone.now() + timedelta(hours=4, seconds=1))
    with scoped([duisburg]):
        assert notices.current() == []
    assert notices.turn_over() == 1
    assert told[-1] == (duisburg.pk, "ended")
    assert notices.turn_over() == 0


def test_notice_waits_for_its_beginning(people, duisburg, told, time_machine):
    with scoped([duisburg]):
        notices.publish_notice(
            actor=people["editor"],
            text="Morgen geschlossen.",
            cities=[duisburg],
            valid_from=timezone.now() + timedelta(hours=1),
            valid_until=timezone.now() + timedelta(hours=9),
        )
        assert notices.current() == []
    assert told == []
    time_machine.move_to(timezone.now() + timedelta(hours=1, seconds=1))
    assert notices.turn_over() == 1
    assert told == [(duisburg.pk, "begun")]
    with scoped([duisburg]):
        assert len(notices.current()) == 1


@pytest.mark.parametrize("hours", [0, -1, 24 * 32])
def test_notice_without_a_sensible_end_is_refused(people, duisburg, hours):
    with scoped([duisburg]), pytest.raises(KnowledgeRefusal):
        notices.publish_notice(
            actor=people["editor"], text="x", cities=[duisburg], valid_until=timezone.now() + timedelta(hours=hours)
        )


def test_notice_for_a_city_outside_the_scope_is_refused(people, duisburg, dinslaken):
    """One city could put its sentences on another city's desks."""
    with scoped([dinslaken]), pytest.raises(ScopeError):
        notices.publish_notice(
            actor=people["editor"], text="x", cities=[duisburg], valid_until=timezone.now() + timedelta(hours=1)
        )


def test_band_counts_reads_and_shows(client_for, bomb, dinslaken):
    agent = client_for("agent")
    assert "Bombenfund" in agent.get("/wissen/lage/").content.decode()
    with all_cities("test"):
        row = bomb.cities.get()
    for expected in ("1 Anfrage", "2 Anfragen"):
        html = agent.post(f"/wissen/lage/zaehlen/{row.pk}/", headers={"HX-Request": "true"}).content.decode()
        assert expected in html
    only_dinslaken = client_for(make_user("nur-dinslaken", (dinslaken, Role.AGENT)))
    assert only_dinslaken.post(f"/wissen/lage/zaehlen/{row.pk}/").status_code == 404
    assert only_dinslaken.post(f"/wissen/lage/{bomb.pk}/gelesen/").status_code == 404
    html = agent.post(f"/wissen/lage/{bomb.pk}/gelesen/", headers={"HX-Request": "true"}).content.decode()
    assert "notice-read" in html
    agent.post(f"/wissen/lage/{bomb.pk}/gelesen/")
    assert bomb.receipts.count() == 1
    with all_cities("test"):
        assert NoticeCity.objects.get().asked == 2


def test_page_publishes_and_ends(client_for, duisburg, dinslaken):
    client = client_for("supervisor")
    until = timezone.localtime(timezone.now() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    data = {"text": "Störung", "severity": "warning", "cities": [duisburg.pk, dinslaken.pk], "valid_until": until}
    assert client.post("/wissen/duisburg/lage/", data).status_code == 302
    notice = Notice.objects.get()
    assert "Störung" in client.get("/wissen/duisburg/lage/").content.decode()
    assert client.post("/wissen/duisburg/lage/", data | {"text": ""}).status_code == 422
    client.post(f"/wissen/duisburg/lage/{notice.pk}/beenden/")
    assert "Störung" not in client_for("agent").get("/wissen/lage/").content.decode()
    assert client_for("agent").get("/wissen/duisburg/lage/").status_code == 403
    assert client_for("liaison").get("/wissen/dinslaken/lage/").status_code == 403


def test_one_citys_writer_cannot_end_what_stands_in_both(people, duisburg, dinslaken):
    with scoped([duisburg, dinslaken]):
        notice = notices.publish_notice(
            actor=people["editor"],
            text="x",
            cities=[duisburg, dinslaken],
            valid_until=timezone.now() + timedelta(hours=1),
        )
    with scoped([dinslaken]), pytest.raises(KnowledgeRefusal):
        notices.end_notice(notice=notice, actor=people["editor"])


def test_notice_leads_to_its_article(client_for, article, duisburg, dinslaken):
    """Agents would search for what the sentence is about while the caller waits."""
    client = client_for("editor")
    page = client.get("/wissen/duisburg/lage/", {"artikel": article.pk}).content.decode()
    assert "Zum Artikel „Hund anmelden“" in page
    until = timezone.localtime(timezone.now() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    data = {"text": "Marken sind aus", "severity": "warning", "cities": [duisburg.pk], "valid_until": until}
    client.post("/wissen/duisburg/lage/", data | {"article": article.pk})
    assert Notice.objects.get().article == article
    assert f"/wissen/duisburg/artikel/{article.pk}/" in client_for("agent").get("/wissen/lage/").content.decode()
    assert client.post("/wissen/duisburg/lage/", data | {"article": "kein Artikel"}).status_code == 422
    assert Notice.objects.count() == 1


def test_many_situations_leave_room_for_the_call(client_for, people, duisburg):
    """On a bad day the band would fill the screen."""
    with scoped([duisburg]):
        for number in range(5):
            notices.publish_notice(
                actor=people["editor"],
                text=f"Lage {number}",
                cities=[duisburg],
                valid_until=timezone.now() + timedelta(hours=1),
                severity="danger" if number == 0 else "warning",
            )
    html = client_for("agent").get("/wissen/lage/").content.decode()
    band, folded = html.split("<details")
    assert band.count('class="notice ') == 3
    assert "Lage 0" in band  # the gravest is never folded away
    assert "2 weitere Lagen" in folded
