"""Nobody is measured: not directly, not by a difference of two figures, not unseen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from callcenter.audit.models import AuditEntry
from callcenter.calls.models import Call
from callcenter.calls.services.lifecycle import expire_personal_data
from callcenter.supervision.models import StaffMonth
from callcenter.supervision.periods import Period
from callcenter.supervision.retention import left_over, proofs, prove_all
from callcenter.supervision.staff import (
    LOOKED,
    Handling,
    handling_by_city,
    least_agents,
    own_months,
    released,
    together,
)
from callcenter.supervision.tasks import prove_retention
from tenants.scope import all_cities
from tests.conftest import make_user
from tests.supervision.conftest import make_call, make_contact
from tests.supervision.test_selectors import OCTOBER

groups = st.dictionaries(
    st.integers(0, 6),
    st.builds(
        Handling,
        seconds=st.integers(1, 10_000),
        calls=st.integers(0, 50),
        people=st.frozensets(st.integers(0, 14), max_size=9),
    ),
    max_size=6,
)


@given(groups, st.integers(1, 7))
def test_released_never_lets_fewer_than_k_people_be_computed(groups, k):
    """Somebody would subtract one city from the total and read a colleague's handling time."""
    shown, whole = released(groups, k)
    assert all(group.agents >= k for group in shown.values())
    assert set(shown) <= set(groups)
    filled = {key: group for key, group in groups.items() if group.calls}
    if whole is None:
        return
    assert whole == together(list(filled.values()))
    # Everything that sums and differences of published figures can give is a union of hidden
    # groups with some shown ones; the smallest such remainder is all of the hidden ones.
    hidden = {key: group for key, group in filled.items() if key not in shown}
    for size in range(len(shown) + 1):
        for subtracted in combinations(shown, size):
            rest = [group for key, group in filled.items() if key in hidden or key not in subtracted]
            assert not rest or together(rest).agents >= k


def test_least_agents_can_only_be_raised(settings):
    """A setting would quietly make the groups smaller than was agreed."""
    settings.STAFF_LEAST_AGENTS = 2
    assert least_agents() == 5
    settings.STAFF_LEAST_AGENTS = 8
    assert least_agents() == 8


@pytest.fixture
def handled(duisburg, dinslaken):
    """Five agents answer for Duisburg in October, one of them for Dinslaken too."""
    agents = [make_user(f"agent{n}", (duisburg, "agent"), (dinslaken, "agent")) for n in range(5)]
    for n, agent in enumerate(agents):
        call = make_call(duisburg, f"2026-10-{20 + n} 08:00", agent=agent, talked=100)
        with all_cities("test data"):
            Call.objects.filter(pk=call.pk).update(wrapped_up_at=call.ended_at + timedelta(seconds=20))
    make_call(dinslaken, "2026-10-21 09:00", agent=agents[0], talked=300)
    return agents


def test_handling_counts_talk_and_wrap_up(duisburg, dinslaken, handled):
    """The desks would be planned with half of the work."""
    with all_cities("test"):
        found = handling_by_city([duisburg, dinslaken], OCTOBER)
        assert (found[duisburg.pk].mean_s, found[duisburg.pk].agents) == (120, 5)
        assert found[dinslaken.pk].agents == 1
        assert sum(found[duisburg.pk].steps) == 5
        assert found[duisburg.pk].steps[1] == 5  # above 60, up to 120 seconds
        with pytest.raises(ValueError, match="whole calendar months"):
            handling_by_city([duisburg], Period(OCTOBER.first, OCTOBER.last - timedelta(days=1)))


def test_handling_page_hides_the_small_city_and_notes_the_look(client_for, people, duisburg, dinslaken, handled):
    """Dinslaken's one agent would be read off, and nobody would know who looked."""
    with time_machine.travel("2026-11-10T09:00:00Z", tick=False):
        page = client_for("supervisor").get("/auswertung/bearbeitungszeit/").content.decode()
    row = page.split("Oktober 2026</th>")[1].split("</tr>")[0]
    assert row.count("nicht gezeigt") == 2  # Dinslaken, and Duisburg, which would give it away
    assert AuditEntry.objects.filter(action=LOOKED, actor_id=people["supervisor"].pk).count() == 2
    told = client_for("agent").get("/auswertung/was-gemessen-wird/").content.decode()
    assert "Supervisor" in told
    assert "Bearbeitungszeit je Stadt und Monat" in told


def test_own_figures_are_ones_own(client_for, people, duisburg, handled):
    """A colleague's calls would be among one's own."""
    make_call(duisburg, "2026-10-05 08:00", agent=people["agent"], talked=90)
    with all_cities("test"):
        months = own_months(people["agent"], datetime(2026, 10, 31, 12, tzinfo=duisburg.zone))
    assert (months[0].calls, months[0].talked_s, months[0].wrapped_s) == (1, 90, None)
    assert client_for("agent").get("/auswertung/meine-zahlen/").status_code == 200
    assert client_for("supervisor").get("/auswertung/meine-zahlen/").status_code == 403


def test_retention_counts_what_should_be_gone(duisburg, people):
    """The page would say 'kept' while names are kept for ever."""
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    make_call(duisburg, "2026-10-25 08:00", agent=people["agent"])
    with all_cities("test"):
        assert left_over(duisburg, now).is_kept
        old = make_call(duisburg, "2026-10-01 08:00", agent=people["agent"])
        make_contact(old, note="Hund entlaufen")
        found = left_over(duisburg, now)
    assert (found.agents, found.numbers, found.notes, found.bodies) == (1, 0, 1, 0)
    assert not found.is_kept


def test_every_night_proves_what_the_deletion_left(client_for, duisburg, dinslaken, people):
    """Nobody could say a month later whether it was deleted on time."""
    first_night = datetime(2026, 11, 22, 3, 15, tzinfo=UTC)
    old = make_call(duisburg, "2026-10-01 08:00", agent=people["agent"])
    make_contact(old, note="Hund entlaufen")
    assert prove_all(first_night) == 1
    assert expire_personal_data(now=first_night + timedelta(days=1)) is not None
    assert prove_all(first_night + timedelta(days=1)) == 0
    assert prove_all(first_night + timedelta(days=1)) == 0  # again, one line
    with all_cities("test"):
        nights = proofs([duisburg])
        assert [(night.day.day, night.left) for night in nights] == [(23, 0), (22, 2)]
    page = client_for("agent").get("/auswertung/was-gemessen-wird/").content.decode()
    assert page.count("nicht eingehalten</span>") == 1
    rows = client_for("agent").get("/auswertung/loeschnachweis.csv").content.decode("utf-8-sig").splitlines()
    assert "22.11.2026;Duisburg;30;1;0;1;0" in rows
    with time_machine.travel(first_night + timedelta(days=2)):
        assert prove_retention() == 0


def test_handling_distribution_shows_the_groups_of_the_page_as_a_file(client_for, people, duisburg, handled):
    """A mean hides whether calls are all alike or some very long."""
    with time_machine.travel("2026-11-10T09:00:00Z", tick=False):
        together = client_for("supervisor").get("/auswertung/bearbeitungszeit.csv").content.decode("utf-8-sig")
        assert together.splitlines()[0] == "Bearbeitungszeit;alle Städte"
        StaffMonth.objects.all().delete()
        with all_cities("test"):
            Call.objects.filter(tenant__slug="dinslaken").delete()
        page = client_for("supervisor").get("/auswertung/bearbeitungszeit/").content.decode()
        answer = client_for("supervisor").get("/auswertung/bearbeitungszeit.csv").content.decode("utf-8-sig")
    assert "Wie verteilt sich die Bearbeitungszeit?" in page
    assert answer.splitlines()[0] == "Bearbeitungszeit;Duisburg"
    assert "bis 2:00 min;1" in answer.splitlines()
    assert AuditEntry.objects.filter(action=LOOKED, chain=duisburg.pk).count() == 3
