"""Rows 15, 19, 20 and 21: live streams over restarts of everything they hang on. Real processes."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.crowd import Desks, listening, proxy, sending
from tests.faults.house import House, engines, eventually, house
from tests.faults.servers import OwnRedis, free_port

pytestmark = pytest.mark.slow


def tickets(here: House) -> Callable[[], str]:
    """A ticket of the agent at extension 21; fetched anew before it is too old, as the desk's page does."""
    kept: list[tuple[float, str]] = []

    def ticket() -> str:
        if not kept or time.monotonic() - kept[-1][0] > 60:
            kept.append((time.monotonic(), here.inside("seat")["ticket"]))
        return kept[-1][1]

    ticket()
    return ticket


def assert_nothing_lost(here: House, desks: Desks, before: set[int]) -> tuple[int, int]:
    """Every desk was told everything since it opened; returns (messages, lost)."""
    expected = set(here.inside("live")) - before
    assert expected
    eventually(lambda: desks.lost(expected) == 0, seconds=30)
    return len(expected), desks.lost(expected)


@pytest.mark.fault(15, 21)
@pytest.mark.postgresql
def test_two_hundred_streams_over_a_restart_of_redis(tmp_path: Path, tally: Callable[..., None]) -> None:
    """The bus goes and comes while 200 desks listen: each must be told of each ring, and the process must end."""
    with OwnRedis() as redis, house(tmp_path, "postgresql", redis=redis) as here:
        here.prepare()
        here.serve()
        stream = here.serve_streams()
        with listening(here.stream_port, tickets(here), 200) as desks:
            before = set(here.inside("live"))
            with sending(here, "redis", threads=3, pause=0.5):
                time.sleep(2)
                redis.kill()
                time.sleep(2)
                redis.start()
                time.sleep(1)
                # What carries live messages here is PostgreSQL's NOTIFY: cut that, too.
                here.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'callcenter-live' "
                    "AND datname = current_database()"
                )
                time.sleep(2)
            _, lost = assert_nothing_lost(here, desks, before)
            tally(15, repetitions=200, lost=lost)
            begin = time.monotonic()
            stream.send_signal(signal.SIGTERM)
            stream.wait(15)
            assert time.monotonic() - begin < 5
            tally(21, repetitions=200)


@pytest.mark.fault(19, 20)
@pytest.mark.parametrize("engine", engines())
def test_stream_process_killed_four_times_behind_a_proxy(
    engine: str, tmp_path: Path, tally: Callable[..., None]
) -> None:
    """Desks come back through a proxy that says 502 for a while, and catch up with everything."""
    with house(tmp_path, engine) as here:
        here.prepare()
        here.serve()
        stream = here.serve_streams()
        front = free_port()
        with proxy(front, here.stream_port), listening(front, tickets(here), 20) as desks:
            before = set(here.inside("live"))
            with sending(here, "killed", threads=2, pause=0.5):
                for _ in range(4):
                    time.sleep(1)
                    stream.kill()
                    stream.wait(10)
                    time.sleep(1)
                    stream = here.serve_streams()
                time.sleep(1)
            refused = sum(desk.refused["502"] for desk in desks.desks)
            assert refused >= 20, "no desk met the proxy's 502"
            assert all(desk.opened >= 5 for desk in desks.desks)
            _, lost = assert_nothing_lost(here, desks, before)
            tally(19, repetitions=4, lost=lost)
            tally(20, repetitions=refused, lost=lost)
