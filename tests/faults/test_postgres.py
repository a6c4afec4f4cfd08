"""Rows 16 to 18 and 31: the database restarts, goes away, is full of connections, or changes its tables."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.faults.crowd import listening, sending
from tests.faults.house import House, engines, eventually, house
from tests.faults.servers import OwnPostgres
from tests.faults.test_streams import assert_nothing_lost, tickets

pytestmark = pytest.mark.slow


class Readers:
    """People who load a page again and again; counts what they are answered and how long it took."""

    def __init__(self, here: House, threads: int = 2) -> None:
        self.here, self.answers, self.slowest, self.stopped = here, Counter[int](), 0.0, False
        self.crew = [threading.Thread(target=self.read) for _ in range(threads)]

    def read(self) -> None:
        while not self.stopped:
            begin = time.monotonic()
            try:
                status = self.here.get("/anmelden/", timeout=20)[0]
            except OSError:
                status = 0
            self.answers[status] += 1
            self.slowest = max(self.slowest, time.monotonic() - begin)
            time.sleep(0.05)

    def __enter__(self) -> Readers:
        for thread in self.crew:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped = True
        for thread in self.crew:
            thread.join(30)


@pytest.fixture
def server() -> Iterator[OwnPostgres]:
    with OwnPostgres(max_connections=30) as opened:
        yield opened


@pytest.mark.fault(16)
@pytest.mark.postgresql
def test_restart_under_load_is_hardly_noticed(server: OwnPostgres, tmp_path: Path, tally: Callable[..., None]) -> None:
    """A database update in service hours: at most one request in a hundred fails, no acknowledged event is missing."""
    with house(tmp_path, postgres=server) as here:
        here.prepare()
        here.serve()
        with sending(here, "restart", threads=4, pause=0.2) as senders, Readers(here, 4) as readers:
            time.sleep(3)
            server.restart()
            eventually(lambda: readers.answers.total() + senders.first_answers.total() > 500, seconds=120)
        answers = senders.first_answers + readers.answers
        failed = answers.total() - answers[200]
        assert failed <= answers.total() * 0.01, answers
        assert senders.acknowledged
        tally(16, repetitions=1, lost=senders.lost())
        assert senders.lost() == 0
        here.manage("check_ledger")


@pytest.mark.fault(17)
@pytest.mark.postgresql
def test_database_away_for_thirty_seconds(server: OwnPostgres, tmp_path: Path, tally: Callable[..., None]) -> None:
    """Nobody waits for a page that cannot come, and afterwards desks and calls are complete."""
    with house(tmp_path, postgres=server) as here:
        here.prepare()
        here.serve()
        here.serve_streams()
        with listening(here.stream_port, tickets(here), 10) as desks:
            before = set(here.inside("live"))
            with sending(here, "away", threads=3, pause=0.3, patience=120.0) as senders:
                time.sleep(2)
                server.stop()
                time.sleep(6)  # those that were on their way may wait for the first connection
                with Readers(here) as readers:
                    time.sleep(24)
                assert set(readers.answers) == {503}, readers.answers
                assert readers.slowest < 1.5, f"a page took {readers.slowest:.1f} s to say that it cannot come"
                assert here.get("/health/live")[0] == 200
                server.start()
                eventually(lambda: here.get("/health/ready")[0] == 200, seconds=20)
                time.sleep(4)
            assert senders.first_answers[503] > 0
            _, lost = assert_nothing_lost(here, desks, before)
            assert senders.lost() == 0
            tally(17, repetitions=1, lost=lost + senders.lost())
            here.manage("check_ledger")


@pytest.mark.fault(18)
@pytest.mark.postgresql
def test_no_connection_left_still_takes_events(server: OwnPostgres, tmp_path: Path, tally: Callable[..., None]) -> None:
    """Something eats every connection: pages may fail, but a call that rings is stored."""
    import psycopg

    with house(tmp_path, postgres=server) as here, ExitStack() as eaten:
        here.prepare()
        here.serve()
        assert here.event("newCall", "before") == 200
        with suppress(psycopg.OperationalError):
            for _ in range(40):
                eaten.enter_context(psycopg.connect(server.url(), user="postgres"))
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            psycopg.connect(server.url())
        with sending(here, "full", threads=3, pause=0.2) as senders, Readers(here, 4) as readers:
            time.sleep(8)
        eaten.close()
        assert senders.first_answers[200] > 20
        assert senders.refused <= 0.01, senders.first_answers
        assert set(readers.answers) <= {200, 503}, readers.answers
        tally(18, repetitions=1, lost=senders.lost())
        assert senders.lost() == 0


@pytest.mark.fault(31)
@pytest.mark.parametrize("engine", engines())
def test_migration_under_load_loses_no_event(engine: str, tmp_path: Path, tally: Callable[..., None]) -> None:
    """The next version's migrations run while the old one takes calls: every event is stored."""
    with house(tmp_path, engine) as here:
        here.prepare()
        here.serve()
        with sending(here, "migrated", threads=4, pause=0.2) as senders:
            time.sleep(2)
            for step in ("next/0001", "next/zero", "next/0002"):
                done = here.run(
                    "manage.py", "migrate", *step.split("/"), DJANGO_SETTINGS_MODULE="tests.faults.next_version"
                )
                assert done.returncode == 0, done.stderr[-2000:]
            time.sleep(2)
        assert senders.acknowledged
        assert senders.refused <= 0.01, senders.first_answers
        tally(31, repetitions=3, lost=senders.lost())
        assert senders.lost() == 0
        here.manage("check_ledger")
