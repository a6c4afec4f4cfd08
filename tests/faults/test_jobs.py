"""Rows 3, 7 to 10 and 12: workers and schedulers that die or double, on real Celery, Redis and PostgreSQL."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.house import House, children, eventually, house
from tests.faults.servers import OwnRedis

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]
CLOSE = "billing.tasks.close_due_months"
CLIENTS, CALLS = 12, 30


@pytest.fixture
def office(tmp_path: Path) -> Iterator[House]:
    """Twelve clients whose month is due, PostgreSQL, and a Redis of its own; a lost task comes back after 3 s."""
    with (
        OwnRedis() as redis,
        house(
            tmp_path, "postgresql", redis=redis, DJANGO_SETTINGS_MODULE="tests.faults.quick_schedule",
            FAULT_VISIBILITY="3",
        ) as opened,
    ):  # fmt: skip
        opened.prepare()
        opened.inside("many", str(CLIENTS), str(CALLS))
        yield opened


def a_locked_agreement(office: House) -> str:
    """SQL that holds one agreement, so that its close waits in the middle of its transaction."""
    ((pk,),) = office.sql("SELECT id FROM billing_agreement ORDER BY id OFFSET 5 LIMIT 1")
    return f"SELECT pg_advisory_xact_lock(hashtextextended('billing:{pk}', 0))"


def waiting(office: House) -> int:
    """How many closes wait for the lock right now."""
    ((count,),) = office.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    return count


def assert_closed_once(office: House) -> int:
    """Every agreement has one invoice, every call is billed once; returns the calls that are not."""
    facts = office.inside("facts")
    assert len(facts["invoices"]) == CLIENTS + 1  # the demo's agreement, too
    assert facts["usage"] == CLIENTS * CALLS
    office.manage("check_ledger")
    return CLIENTS * CALLS - facts["usage"]


def closed(office: House) -> int:
    ((count,),) = office.sql("SELECT count(*) FROM billing_period WHERE state = 'closed'")
    return count


@pytest.mark.fault(7)
def test_child_killed_in_the_middle_of_a_close_is_run_again(office: House, tally: Callable[..., None]) -> None:
    """The kernel takes a worker's child (memory): the month must be closed all the same, and once."""
    worker = office.worker()
    with office.holding(a_locked_agreement(office)):
        office.inside("task", CLOSE)
        eventually(lambda: waiting(office) == 1)
        (child,) = children(worker)
        assert 0 < closed(office) < CLIENTS, "not in the middle of the work"
        os.kill(child, signal.SIGKILL)
    eventually(lambda: closed(office) == CLIENTS + 1)
    tally(7, repetitions=1, lost=assert_closed_once(office))


@pytest.mark.fault(8)
def test_worker_killed_whole_gives_its_task_to_the_next(office: House, tally: Callable[..., None]) -> None:
    """A machine goes down with its worker; what it had in hand must come back after the visibility timeout."""
    worker = office.worker()
    with office.holding(a_locked_agreement(office)):
        office.inside("task", CLOSE)
        eventually(lambda: waiting(office) == 1)
        for pid in [*children(worker), worker.pid]:
            os.kill(pid, signal.SIGKILL)
        worker.wait(10)
    before = closed(office)
    assert before < CLIENTS + 1
    time.sleep(3)
    office.worker()
    eventually(lambda: closed(office) == CLIENTS + 1, seconds=120)
    tally(8, repetitions=1, lost=assert_closed_once(office))


@pytest.mark.fault(9, repetitions=60)
def test_sixty_kills_during_one_close(office: House, tally: Callable[..., None]) -> None:
    """Whatever moment a process dies in, nothing is half done: one invoice each, every call once."""
    dice, kills = random.Random(9), 0
    ids = [pk for (pk,) in office.sql("SELECT id FROM billing_agreement ORDER BY id")]
    nursery = office.start("-m", "tests.faults.nursery", *map(str, ids))
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    while kills < 60:
        nursery.stdin.write("go\n")
        nursery.stdin.flush()
        said = nursery.stdout.readline()
        assert said, office.errors(nursery)[-2000:]
        pid = int(said)
        time.sleep(dice.uniform(0.0, 0.12))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        kills += nursery.stdout.readline().strip() == str(-signal.SIGKILL)
    nursery.stdin.write("let it finish\n")
    nursery.stdin.flush()
    nursery.stdout.readline()
    assert nursery.stdout.readline().strip() == "0"
    tally(9, repetitions=kills, lost=assert_closed_once(office))


@pytest.mark.fault(3, 10)
def test_two_schedulers_close_once_and_reap_once(office: House, tally: Callable[..., None]) -> None:
    """Somebody started a second beat: the same job twice each second, on two workers, must have one effect."""
    office.inside("never_hung_up", "no-hangup")
    for _ in range(2):
        office.worker()
        office.beat()
    eventually(lambda: closed(office) == CLIENTS + 1)
    time.sleep(4)  # several more rounds of both
    facts = office.inside("facts")
    assert facts["reaped"] == ["no-hangup"]
    ((state, outcome, talked),) = office.sql(
        "SELECT state, outcome, talked_s FROM calls_call WHERE connector_call_id = 'no-hangup'"
    )
    assert (state, outcome) == ("ended", "answered")
    assert talked == 0, "seconds that nobody saw were counted"
    tally(3, repetitions=1)
    tally(10, repetitions=1, lost=assert_closed_once(office))


@pytest.mark.fault(12)
def test_task_that_outlasts_its_visibility_has_one_effect(office: House, tally: Callable[..., None]) -> None:
    """Redis hands a long task out a second time while the first still works at it."""
    office.worker()
    with office.holding(a_locked_agreement(office)):
        office.inside("task", CLOSE)
        eventually(lambda: waiting(office) == 1)
        time.sleep(3)
        office.worker()
        eventually(lambda: waiting(office) == 2, seconds=60)
    eventually(lambda: closed(office) == CLIENTS + 1)
    tally(12, repetitions=1, lost=assert_closed_once(office))
