"""Erlang C against published vectors, and its shape."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.supervision.erlang import agents_needed, on_the_payroll, staffing

VECTOR = {"calls": 100, "seconds": 1800, "handling_s": 180, "target_s": 20}


def test_staffing_matches_the_published_vector():
    """A planner would staff by wrong figures."""
    result = staffing(**VECTOR, agents=14)
    assert result.wait_probability == pytest.approx(0.174132, abs=5e-7)
    assert result.service_level == pytest.approx(0.888350, abs=5e-7)
    assert result.mean_wait_s == pytest.approx(7.836, abs=5e-4)
    assert result.occupancy == pytest.approx(0.714286, abs=5e-7)
    assert staffing(**VECTOR, agents=13).service_level == pytest.approx(0.7956, abs=5e-5)


def test_agents_needed_is_the_smallest_team_that_keeps_the_promise():
    """One person too many or too few on every shift."""
    assert agents_needed(**VECTOR, service_level=0.80) == 14
    assert agents_needed(**VECTOR, service_level=0.79) == 13
    assert on_the_payroll(14, 0.30) == 20
    assert on_the_payroll(14, 0) == 14


def test_staffing_overloaded_says_that_the_queue_only_grows():
    """A plan that can never work would look like a slow one."""
    result = staffing(**VECTOR, agents=10)
    assert (result.service_level, result.occupancy, result.mean_wait_s) == (0.0, 1.0, math.inf)


@pytest.mark.parametrize("wrong", [{"agents": -1}, {"calls": -1}, {"seconds": 0}])
def test_staffing_refuses_what_cannot_be(wrong):
    """A typing error would become a plan."""
    with pytest.raises(ValueError, match="never negative"):
        staffing(**{**VECTOR, "agents": 3, **wrong})


@given(st.floats(0.1, 900), st.floats(30, 900), st.floats(0, 120), st.integers(1, 60))
def test_staffing_more_people_never_wait_longer(calls, handling_s, target_s, agents):
    """What-if pictures would bend the wrong way."""
    both = [
        staffing(calls=calls, seconds=1800, handling_s=handling_s, target_s=target_s, agents=agents + n) for n in (0, 1)
    ]
    assert both[1].service_level >= both[0].service_level - 1e-12
    assert both[1].mean_wait_s <= both[0].mean_wait_s + 1e-9
    assert all(0 <= one.service_level <= 1 and 0 <= one.wait_probability <= 1 for one in both)
