"""The wallboard counts what is, and shows nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache

from callcenter.calls.models import Presence, PresenceState
from callcenter.supervision.models import Targets
from callcenter.supervision.wallboard import expected, now_in
from tenants.scope import all_cities, scoped
from tests.conftest import make_user
from tests.supervision.conftest import make_call, make_contact
from tests.supervision.test_selectors import look_at

NOON = datetime(2026, 11, 17, 11, 0, tzinfo=UTC)  # a Tuesday, 12:00 in Duisburg


@pytest.fixture(autouse=True)
def _nothing_kept():
    cache.clear()


def test_now_counts_today_by_city(duisburg, dinslaken):
    """Yesterday's calls, or the other city's, would stand on the wall as today's."""
    answered = make_call(duisburg, NOON - timedelta(hours=2), waited=10)
    make_contact(answered)
    make_call(duisburg, NOON - timedelta(hours=2), waited=40)
    make_call(duisburg, NOON - timedelta(hours=1), "abandoned", waited=50)
    make_call(duisburg, NOON - timedelta(hours=1), "abandoned", waited=2)
    make_call(duisburg, NOON - timedelta(hours=13))  # 23:00 the evening before
    make_call(duisburg, NOON - timedelta(seconds=41), None)
    make_call(duisburg, NOON - timedelta(seconds=12), None)
    make_call(dinslaken, NOON - timedelta(seconds=5), None)
    make_call(duisburg, NOON - timedelta(hours=8), None)  # its hangup never came
    with scoped([duisburg, dinslaken]):
        now = now_in([duisburg, dinslaken], NOON)
    one, other = now.cities
    assert (one.waiting, one.longest_wait_s, other.waiting) == (2, 41, 1)
    assert (now.waiting, now.longest_wait_s) == (3, 41)
    assert one.counts.offered == 7  # the one without a hangup rang today
    assert (one.service_level.numerator, one.service_level.denominator) == (1, 3)
    assert (now.first_contact.numerator, now.first_contact.denominator) == (1, 1)
    assert one.below_promise
    assert not one.alarm


@pytest.mark.parametrize("thresholds", [{"alarm_waiting": 2}, {"alarm_waiting": 99, "alarm_wait_s": 30}])
def test_alarm_at_the_citys_own_thresholds(duisburg, thresholds):
    """Callers would wait and nobody in the room would notice."""
    for seconds in (31, 5):
        make_call(duisburg, NOON - timedelta(seconds=seconds), None)
    with scoped([duisburg]):
        assert not now_in([duisburg], NOON).alarm
        Targets.objects.create(tenant=duisburg, **thresholds)
        assert now_in([duisburg], NOON).alarm


def test_desks_are_counted_once_and_only_of_these_cities(duisburg, dinslaken):
    """An agent of two cities would be two free desks, or one of another city would be ours."""
    both = make_user("both", (duisburg, "agent"), (dinslaken, "agent"))
    only = make_user("only", (dinslaken, "agent"))
    gone = make_user("gone", (duisburg, "agent"))
    for user, state in ((both, PresenceState.READY), (only, PresenceState.CALL), (gone, PresenceState.AWAY)):
        Presence.objects.create(user=user, state=state, extension=user.username, since=NOON, seen_at=NOON)
    with all_cities("test"):
        assert now_in([duisburg, dinslaken], NOON).desks == {"ready": 1, "call": 1}
        assert now_in([duisburg], NOON).desks == {"ready": 1}


def test_expected_is_the_mean_of_the_same_weekday(duisburg):
    """The dashed bars would promise a quiet Monday."""
    for weeks in (1, 1, 2, 3):
        make_call(duisburg, NOON - timedelta(weeks=weeks))
    make_call(duisburg, NOON - timedelta(days=1))
    with scoped([duisburg]):
        day = look_at(duisburg).over(look_at(duisburg).period.__class__(NOON.date(), NOON.date()))
        assert expected(day) == {datetime.fromisoformat("2026-11-17T12:00"): pytest.approx(4 / 3)}


def test_wallboard_piece_equals_the_page(client_for, duisburg, dinslaken):
    """After five seconds the wall would show something else than after a reload."""
    make_call(duisburg, datetime.now(UTC) - timedelta(minutes=5))
    client = client_for("supervisor")
    page = client.get("/auswertung/wandtafel/").content.decode()
    for query, marker in (("", 'id="wall"'), ("?teil=tabelle", 'id="wall-table"')):
        piece = client.get(f"/auswertung/wandtafel/stand{query}").content.decode()
        assert marker in piece
        clock = piece.split('wall-clock">')[1][:5] if not query else None
        assert piece.strip() in page or (clock and clock not in page)  # the minute may turn between the two


def test_wallboard_is_not_for_liaisons(client_for):
    """A partner city would watch the operator's desks."""
    assert client_for("liaison").get("/auswertung/wandtafel/").status_code == 403
