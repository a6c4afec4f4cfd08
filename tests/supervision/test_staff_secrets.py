"""No page, file, export or call of the interface, alone or subtracted from another, shows fewer than k people."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import chain, combinations

import numpy as np
import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from callcenter.accounts.models import User
from callcenter.calls.models import Call
from callcenter.supervision.builder import GROUPS, MEASURES
from callcenter.supervision.figures import FIGURES
from callcenter.supervision.models import StaffMonth
from callcenter.supervision.staff import least_agents
from callcenter.supervision.staff_months import decide, of_cities
from callcenter.supervision.tasks import decide_staff_months
from callcenter.supervision.tokens import make_token
from tenants.models import Tenant
from tenants.scope import all_cities, scoped
from tests.conftest import make_user
from tests.supervision.conftest import a_call, make_call, make_contact
from tests.supervision.test_selectors import OCTOBER

CITIES = ("a", "b", "c", "d")


@pytest.fixture
def four_cities(db) -> list[Tenant]:
    return [Tenant.objects.create(slug=slug, name=slug.title(), official_name=slug, greeting="x") for slug in CITIES]


@pytest.fixture
def staff(db) -> list[User]:
    return [make_user(f"agent{n}") for n in range(12)]


# In each city some of twelve agents answer; days later names are deleted or calls corrected; people look then too.
work = st.lists(st.lists(st.integers(0, 11), max_size=9), min_size=4, max_size=4)
later = st.lists(
    st.tuples(st.sampled_from(["forget", "correct"]), st.integers(0, 3), st.integers(0, 11)), max_size=6
)  # fmt: skip


def subsets(cities: list[Tenant]):
    return chain.from_iterable(combinations(cities, size) for size in range(1, len(cities) + 1))


def published(month: StaffMonth, cities: list[Tenant]) -> dict[tuple[int, ...], tuple[int, int]]:
    """Everything that anybody may see, as which cities it is the sum of: (seconds, calls)."""
    found = {}
    for seen in subsets(cities):  # supervisors of every choice of cities, who may talk to each other
        shown, whole = of_cities(month, seen)
        for city, group in shown.items():
            found[tuple(int(one.pk == city) for one in cities)] = (group.seconds, group.calls)
        if whole:
            found[tuple(int(one.pk in month.cities) for one in cities)] = (whole.seconds, whole.calls)
    return found


@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(work=work, later=later)
def test_no_sum_or_difference_of_what_anybody_sees_is_about_fewer_than_k_people(four_cities, staff, work, later):
    """Two supervisors would put their pages side by side, subtract, and read a colleague's handling time."""
    with all_cities("test"):
        StaffMonth.objects.all().delete()
        Call.objects.all().delete()
        Call.objects.bulk_create(
            a_call(city, f"2026-10-05 08:{n:02}", agent=staff[agent], talked=60 + 7 * agent)
            for city, agents in zip(four_cities, work, strict=True)
            for n, agent in enumerate(agents)
        )
        first = decide(month=OCTOBER, now=datetime(2026, 11, 2, 9, tzinfo=UTC))
        assert first is not None
        seen = published(first, four_cities)
        for what, city, agent in later:
            calls = Call.objects.filter(tenant=four_cities[city], agent=staff[agent])
            calls.update(agent=None) if what == "forget" else calls.update(talked_s=1)
            again = decide(month=OCTOBER, now=datetime(2026, 12, 20, 9, tzinfo=UTC))
            assert published(again, four_cities) == seen  # looking twice tells nothing new
        people = [frozenset(agents) for agents in work]
        for chosen in subsets(list(range(4))):
            behind = frozenset().union(*(people[place] for place in chosen))
            wanted = np.array([int(place in chosen) for place in range(4)], float)
            quiet = [place for place in range(4) if not people[place]]  # nobody worked there: nothing to hide
            if not behind or any(place in quiet for place in chosen):
                continue
            rows = np.array(
                [[0 if place in quiet else value for place, value in enumerate(row)] for row in seen], float
            )
            if not len(rows):
                continue
            weights, *_ = np.linalg.lstsq(rows.T, wanted, rcond=None)
            can_be_computed = np.allclose(rows.T @ weights, wanted, atol=1e-9)
            assert not can_be_computed or len(behind) >= least_agents(), (work, chosen, seen)


def test_groups_are_the_same_for_everybody_and_decided_after_the_month(duisburg, dinslaken, staff):
    """Whoever sees fewer cities would get other groups, and the difference would be a person."""
    for n in range(6):
        make_call(duisburg, f"2026-10-{10 + n} 08:00", agent=staff[n])
        make_call(dinslaken, f"2026-10-{10 + n} 09:00", agent=staff[0])
    assert decide(month=OCTOBER, now=datetime(2026, 11, 1, 9, tzinfo=UTC)) is None
    with time_machine.travel("2026-11-03T01:00:00Z"):
        assert decide_staff_months() == 2  # September too, which is empty
        assert decide_staff_months() == 0
    month = StaffMonth.objects.get(month=date(2026, 10, 1))
    # Six people in Duisburg alone would be enough, but what is left of the whole would be Dinslaken's one.
    assert of_cities(month, [duisburg]) == ({}, None)
    shown, whole = of_cities(month, [duisburg, dinslaken])
    assert shown == {}
    assert whole is not None
    assert whole.agents == 6
    assert "seconds" not in str(month.shown)


def every_answer(people, token: str) -> dict[str, bytes]:
    """Everything that leaves the house about October: pages, files, reports of one's own, the interface."""
    city, days = "/auswertung/duisburg/", "von=2026-10-01&bis=2026-10-31"
    keys = "&".join(f"mass={key}" for key in MEASURES)
    concerns = "&".join(f"mass={key}" for key, one in MEASURES.items() if one.needs == "concerns")
    counts = "&".join(f"mass={key}" for key, one in MEASURES.items() if one.needs == "counts")
    paths = [f"{city}?{days}", f"/auswertung/vergleich/?{days}", f"{city}bericht.csv?{days}"]
    paths += [f"{city}{key}.csv?{days}" for key in FIGURES]
    for group in GROUPS:
        asked = {"thema": concerns, "uhrzeit": counts}.get(group, keys)
        paths.append(f"{city}berichte/tabelle.csv?{asked}&nach={group}&zeit=fest&{days}")
    api = "/api/figures/v1/"
    october = "first=2026-10-01&last=2026-10-31"
    everything = "&".join(f"measures={key}" for key in MEASURES)
    programs = [f"{api}figures?{everything}&group=tag&{october}", f"{api}measures", f"{api}city"]
    programs += [f"{api}dashboard/{key}?{october}" for key in FIGURES]
    browser = Client()
    browser.force_login(people["supervisor"], backend="allauth.account.auth_backends.AuthenticationBackend")
    found = {}
    for path in [*paths, *programs]:
        answer = browser.get(path, headers={"authorization": f"Bearer {token}"} if path in programs else {})
        assert answer.status_code == 200, (path, answer.content[:300])
        found[path] = b"\n".join(line for line in answer.content.splitlines() if b"csrf" not in line.lower())
    return found


def test_nothing_else_depends_on_how_long_somebody_worked(people, duisburg, dinslaken, lines, staff, make_article):
    """An export would carry what the page hides: nothing may change when one person's handling time does."""
    article = make_article("Reisepass", duisburg)
    for n in range(24):
        call = make_call(
            duisburg, f"2026-10-{1 + n:02} 08:{n:02}", agent=staff[n % 3], waited=n, line=lines["duisburg"]
        )
        make_contact(call, article=article, closed_at=call.offered_at + timedelta(minutes=20))
    with scoped([duisburg]):
        _, token = make_token(
            city=duisburg, user=people["administrator"], name="BI", valid_until=date(2099, 1, 1)
        )  # fmt: skip
    with time_machine.travel("2026-11-10T09:00:00Z", tick=False):
        cache.clear()
        before = every_answer(people, token)
        with all_cities("test"):
            for call in Call.objects.filter(agent=staff[0]):
                Call.objects.filter(pk=call.pk).update(
                    talked_s=1_999,
                    ended_at=call.answered_at + timedelta(seconds=1_999),
                    wrapped_up_at=call.answered_at + timedelta(seconds=2_500),
                )
        cache.clear()
        after = every_answer(people, token)
    assert len(before) > 30
    for path in before:
        assert before[path].splitlines() == after[path].splitlines(), path
