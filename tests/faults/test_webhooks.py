"""Rows 1, 2, 4, 5 and 6: what telephone systems do to us, over real HTTP and with processes killed for real."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.house import House, engines, house

pytestmark = pytest.mark.slow

EVENTS = ("newCall", "answer", "hangup")


@pytest.fixture(scope="module", params=engines())
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("webhooks"), request.param) as opened:
        opened.prepare()
        opened.serve()
        yield opened


def call_named(served: House, call_id: str) -> dict[str, object]:
    found = [call for call in served.calls() if call["connector_call_id"] == call_id]
    assert len(found) == 1, f"{len(found)} calls named {call_id}"
    return found[0]


@pytest.mark.fault(1, repetitions=3)
def test_same_webhook_five_times_at_once_is_one_call(served: House) -> None:
    """Row 1: a telephone system that repeats itself must not make four calls for the invoice."""
    events = served.inside("facts")["events"]
    with ThreadPoolExecutor(5) as pool:
        for event in EVENTS:
            assert list(pool.map(lambda _, event=event: served.event(event, "five"), range(5))) == [200] * 5
    assert call_named(served, "five")["outcome"] == "answered"
    assert served.inside("facts")["events"] == events + 3


@pytest.mark.fault(2, repetitions=6)
def test_any_order_of_events_ends_in_the_same_call(served: House) -> None:
    """Row 2: the network decides the order, but not what the call was."""
    for number, order in enumerate(itertools.permutations(EVENTS)):
        for event in order:
            assert served.event(event, f"order-{number}") == 200
    states = {
        (call["tenant"], call["state"], call["outcome"], call["legs"])
        for call in served.calls()
        if str(call["connector_call_id"]).startswith("order-")
    }
    assert states == {("dinslaken", "ended", "answered", 1)}


@pytest.mark.fault(4)
def test_call_is_built_from_its_answer_when_the_ring_never_came(served: House) -> None:
    """Row 4: a lost first event must not lose the call."""
    assert served.event("answer", "no-ring") == 200
    assert call_named(served, "no-ring")["state"] == "connected"
    assert served.event("hangup", "no-ring") == 200
    assert call_named(served, "no-ring")["outcome"] == "answered"


@pytest.mark.fault(5, repetitions=2)
def test_unknown_token_leaves_no_row_and_a_replay_adds_nothing(served: House) -> None:
    """Row 5: nobody outside may invent calls, and an old body sent again is no second call."""
    events = served.inside("facts")["events"]
    token, served.token = served.token, "guessed"
    try:
        assert served.event("newCall", "forged") == 401
    finally:
        served.token = token
    assert served.inside("facts")["events"] == events
    assert served.event("newCall", "replayed") == 200
    assert served.event("newCall", "replayed") == 200
    assert served.inside("facts")["events"] == events + 1


@pytest.mark.fault(6, repetitions=3)
def test_web_process_killed_under_load_loses_nothing_that_was_acknowledged(served: House) -> None:
    """Row 6: what was answered with 200 is stored, and the retry after a lost answer is recognised."""
    acknowledged: set[str] = set()

    def send(number: int) -> None:
        for event in EVENTS:
            try:
                if served.event(event, f"killed-{number}", timeout=5) == 200 and event == "hangup":
                    acknowledged.add(f"killed-{number}")
            except OSError:
                return  # the answer never came: the telephone system sends again

    for round_ in range(3):
        web = served.processes[-1]
        with ThreadPoolExecutor(4) as pool:
            sending = [pool.submit(send, 100 * round_ + index) for index in range(25)]
            while len(acknowledged) < 5 * (round_ + 1):
                if all(one.done() for one in sending):
                    break
            web.kill()
        web.wait(10)
        served.serve()
    stored = {call["connector_call_id"] for call in served.calls()}
    assert acknowledged, "nothing was answered before the kill"
    assert acknowledged <= stored
    for number in [100 * round_ + index for round_ in range(3) for index in range(25)]:
        for event in EVENTS:
            assert served.event(event, f"killed-{number}") == 200
    calls = [call for call in served.calls() if str(call["connector_call_id"]).startswith("killed-")]
    assert len(calls) == 75
    assert {(call["state"], call["outcome"]) for call in calls} == {("ended", "answered")}
    served.manage("check_ledger")
