"""A day of both cities at ten times the volume, compressed, with a fault every minute.

    python -m benchmarks.endurance --minutes 30

24 simulated hours of calls (both cities, ten times 43,300 a month over 21 working days: 20,600 calls, their hours
after the demo's profile) are sent as native signed events with the sender's own times, and each event is repeated
until it is acknowledged. PostgreSQL and Redis are private; web, stream, worker, beat and relay are processes of
their own. Each minute one thing is broken. In the middle the month is closed while calls come, so that the rest are
late calls of the next invoice. At the end every acknowledged call must be stored, and be exactly one of billed,
not billable, unassigned. Prints what happened each minute; exit code 1 when anything is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import os
import queue
import random
import signal
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.faults.crowd import Desks, listening
from tests.faults.house import House, children, house
from tests.faults.servers import OwnPostgres, OwnRedis
from tests.faults.test_streams import tickets

A_DAY = round(43_300 / 21 * 10)
# (line, share of the calls); the last belongs to no city: its calls are unassigned.
LINES = (("+492032830", 40_000), ("+492064660", 3_300), ("+492999999", 300))


class Day:
    """The simulated day: the last but one of the month that can be closed."""

    def __init__(self, seconds: float, calls: int) -> None:
        from callcenter.calls.simulation.profile import HOUR

        first_of_month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        self.start = (first_of_month - timedelta(days=2)).replace(hour=0)
        self.month = f"{self.start:%Y-%m}"
        self.factor = 86_400 / seconds
        dice = random.Random(11)
        # A tenth of the calls around the clock, so that the night is no pause for the faults.
        shares = [HOUR.get(hour, 0) + 0.4 for hour in range(24)]
        self.offsets = sorted(3600 * hour + dice.random() * 3600 for hour in dice.choices(range(24), shares, k=calls))
        self.dice = dice


class Switchboard:
    """A telephone system with the native contract: signs, sends, and repeats until it hears 200."""

    def __init__(self, here: House, connector: int, secret: str) -> None:
        self.here, self.connector, self.secret = here, connector, secret
        self.acknowledged: set[str] = set()
        self.answers: Counter[int] = Counter()
        self.events = 0
        self.waiting: queue.PriorityQueue[tuple[float, int, dict[str, object]]] = queue.PriorityQueue()
        self.number = 0
        self.lock = threading.Lock()
        self.longest = 0.0

    def put(self, at: float, said: dict[str, object]) -> None:
        with self.lock:
            self.number += 1
            self.waiting.put((at, self.number, said))

    def work(self, begin: float, stop: threading.Event) -> None:
        """One line of the telephone system: takes what is due and brings it to its end."""
        while True:
            try:
                at, _, said = self.waiting.get(timeout=0.5)
            except queue.Empty:
                if stop.is_set():
                    return
                continue
            delay = begin + at - time.monotonic()
            if delay > 0.3:
                self.waiting.put((at, 0, said))
                time.sleep(0.1)
                continue
            time.sleep(max(0.0, delay))
            self.deliver(said)

    def deliver(self, said: dict[str, object]) -> None:
        since = time.monotonic()
        while (status := self.send(said)) != 200:
            if status in {400, 401, 403, 422}:
                raise SystemExit(f"the program refused an event with {status}: {said}")
            time.sleep(0.3)
        self.longest = max(self.longest, time.monotonic() - since)
        if said["event"] == "ended":
            with self.lock:
                self.acknowledged.add(str(said["call_id"]))

    def send(self, said: dict[str, object]) -> int:
        body = json.dumps(said).encode()
        moment = int(time.time())
        sign = hmac.new(self.secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.here.port}/api/v1/calls/{self.connector}",
            data=body,
            headers={"X-Callcenter-Signature": f"t={moment},v1={sign}", "Content-Type": "application/json"},
        )
        try:
            status = self.here._send(request, 20)[0]
        except OSError:
            status = 0
        with self.lock:
            self.answers[status] += 1
            self.events += status == 200
        return status


def schedule(day: Day, board: Switchboard) -> None:
    """Every call's events, at their compressed moment: nine in ten are answered, some hang up in the queue."""
    dice = day.dice
    for number, offset in enumerate(day.offsets):
        line = dice.choices([number for number, _ in LINES], [share for _, share in LINES])[0]
        waited, talked = dice.randint(2, 60), dice.randint(30, 480) if dice.random() < 0.9 else 0
        moments = [("offered", 0), *([("answered", waited)] if talked else []), ("ended", waited + talked)]
        for kind, after in moments:
            at = day.start + timedelta(seconds=offset + after)
            said: dict[str, object] = {
                "event": kind,
                "call_id": f"day-{number}",
                "at": at.isoformat(),
                "direction": "in",
                "from": f"+49170{number:07}",
                "to": line,
            }
            if kind == "answered":
                said["agent"] = "21"
            board.put((offset + after) / day.factor, said)


class Breaker:
    """What is broken, one a minute; each returns when the house stands again."""

    def __init__(self, here: House, server: OwnPostgres, redis: OwnRedis, month: str, folder: Path) -> None:
        self.here, self.server, self.redis, self.month, self.folder = here, server, redis, month, folder
        self.web, self.stream = here.serve(), here.serve_streams()
        self.worker, self.beat = here.worker(), here.beat()
        self.relay = here.start("manage.py", "relay", "--every", "1")
        self.backups = 0

    def faults(self) -> list[tuple[str, Callable[[], None]]]:
        return [
            ("web process killed", self.kill_web),
            ("PostgreSQL restarted", self.server.restart),
            ("worker's child killed", self.kill_child),
            ("Redis killed and back after 10 s", self.redis_away),
            ("stream process killed", self.kill_stream),
            ("Redis emptied", self.redis.flush),
            ("backup", self.back_up),
            ("worker and beat killed", self.kill_worker),
            ("month closed while calls come", self.close_month),
            ("every database connection eaten for 10 s", self.eat_connections),
            ("PostgreSQL killed like a power cut", self.power_cut),
            ("relay killed", self.kill_relay),
            ("web process told to end", self.restart_web),
            ("PostgreSQL away for 15 s", self.database_away),
            ("migration", self.migrate),
        ]

    def kill_web(self) -> None:
        self.web.kill()
        self.web.wait(10)
        self.web = self.here.serve()

    def restart_web(self) -> None:
        self.web.terminate()
        self.web.wait(15)
        self.web = self.here.serve()

    def kill_stream(self) -> None:
        self.stream.kill()
        self.stream.wait(10)
        self.stream = self.here.serve_streams()

    def kill_child(self) -> None:
        for child in children(self.worker):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def kill_worker(self) -> None:
        self.kill_child()
        for process in (self.worker, self.beat):
            process.kill()
            process.wait(10)
        self.worker, self.beat = self.here.worker(), self.here.beat()

    def kill_relay(self) -> None:
        self.relay.kill()
        self.relay.wait(10)
        self.relay = self.here.start("manage.py", "relay", "--every", "1")

    def redis_away(self) -> None:
        self.redis.kill()
        time.sleep(10)
        self.redis.start()

    def power_cut(self) -> None:
        self.server.kill()
        self.server.start()

    def database_away(self) -> None:
        self.server.stop()
        time.sleep(15)
        self.server.start()

    def eat_connections(self) -> None:
        import psycopg

        with ExitStack() as eaten:
            with suppress(psycopg.OperationalError):
                for _ in range(100):
                    eaten.enter_context(psycopg.connect(self.server.url()))
            time.sleep(10)

    def back_up(self) -> None:
        self.backups += 1
        done = self.here.run("manage.py", "backup", str(self.folder / f"backup-{self.backups}.tar.gz"))
        assert done.returncode == 0, done.stderr[-500:]

    def close_month(self) -> None:
        """Two people at once, and the schedule beside them."""
        one = self.here.start("manage.py", "close_month", self.month)
        two = self.here.start("manage.py", "close_month", self.month)
        assert one.wait(300) == two.wait(300) == 0

    def migrate(self) -> None:
        for step in ("0001", "zero"):
            done = self.here.run(
                "manage.py", "migrate", "next", step, DJANGO_SETTINGS_MODULE="tests.faults.next_version"
            )
            assert done.returncode == 0, done.stderr[-500:]


def verdict(here: House, board: Switchboard, desks: Desks, before: set[int]) -> int:
    """Compare what was acknowledged with what is there; returns how much is wrong."""
    calls = [call for call in here.calls() if str(call["connector_call_id"]).startswith("day-")]
    stored = {call["connector_call_id"] for call in calls}
    states = Counter(call["billing"] for call in calls)
    missing = board.acknowledged - stored
    open_ended = [call for call in calls if call["state"] != "ended"]
    twice = len(calls) - len(stored)
    told = set(here.inside("live")) - before
    untold = desks.lost(told)
    ledger = here.run("manage.py", "check_ledger")
    facts = here.inside("facts")
    print(f"calls acknowledged {len(board.acknowledged):,}, stored {len(stored):,}: {dict(states)}")
    print(f"missing {len(missing)}, stored twice {twice}, not ended {len(open_ended)}, open {states['open']}")
    print(f"usage records {facts['usage']:,} for {states['billed']:,} billed calls; invoices: {facts['invoices']}")
    print(f"outbox: {facts['outbox']}")
    print(f"live messages {len(told):,} to {len(desks.desks)} desks, never told: {untold}")
    print(f"check_ledger: {'clean' if ledger.returncode == 0 else ledger.stdout + ledger.stderr}")
    wrong = len(missing) + twice + len(open_ended) + states["open"] + untold + (ledger.returncode != 0)
    return wrong + abs(facts["usage"] - states["billed"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="how long the day takes")
    parser.add_argument("--calls", type=int, default=0, help="default: ten times the cities' day, scaled below 30 min")
    parser.add_argument("--every", type=float, default=60, help="seconds between two faults")
    parser.add_argument("--threads", type=int, default=16, help="lines of the telephone system")
    options = parser.parse_args()
    seconds = options.minutes * 60
    calls = options.calls or round(A_DAY * min(1.0, options.minutes / 30))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callcenter.settings")
    with tempfile.TemporaryDirectory(prefix="callcenter-endurance-") as name:
        folder = Path(name)
        os.environ["CALLCENTER_VAR"] = str(folder / "own")
        import django

        django.setup()
        with (
            OwnPostgres(max_connections=60) as server,
            OwnRedis() as redis,
            house(
                folder / "house", postgres=server, redis=redis,
                DJANGO_SETTINGS_MODULE="tests.faults.quick_schedule", FAULT_VISIBILITY="20",
            ) as here,
        ):  # fmt: skip
            return play(here, server, redis, folder, Day(seconds, calls), options)


def play(here: House, server: OwnPostgres, redis: OwnRedis, folder: Path, day: Day, options: argparse.Namespace) -> int:
    here.prepare()
    native = json.loads(here.manage("add_connector", "Endurance", "--dialect", "native", "--json"))
    board = Switchboard(here, native["id"], native["secret"])
    schedule(day, board)
    breaker = Breaker(here, server, redis, day.month, folder)
    print(f"{len(day.offsets):,} calls of {day.start:%Y-%m-%d} in {options.minutes:g} min, factor {day.factor:.0f}")
    stop, begin = threading.Event(), time.monotonic() + 1
    crew = [threading.Thread(target=board.work, args=(begin, stop)) for _ in range(options.threads)]
    with listening(here.stream_port, tickets(here), 20) as desks:
        before = set(here.inside("live"))
        for thread in crew:
            thread.start()
        faults, played = breaker.faults(), 0
        while time.monotonic() - begin < options.minutes * 60 - options.every / 2:
            time.sleep(max(0.0, begin + (played + 0.5) * options.every - time.monotonic()))
            name, fault = faults[played % len(faults)]
            fault()
            played += 1
            minute = (time.monotonic() - begin) / 60
            print(
                f"{minute:5.1f} min  {name:<42} events {board.events:,}  not 200: "
                f"{sum(n for status, n in board.answers.items() if status != 200):,}",
                flush=True,
            )
        stop.set()
        for thread in crew:
            thread.join()  # what could not be sent in time is sent now: nothing may be forgotten, late or not
        took = (time.monotonic() - begin) / 60
        print(f"{board.events:,} events taken by minute {took:.1f}")
        print(f"{played} faults; answers {dict(board.answers)}; longest until an event was taken {board.longest:.1f} s")
        breaker.close_month()
        here.inside("close_running")  # as if the running month were over: its invoice takes the late calls
        time.sleep(5)
        wrong = verdict(here, board, desks, before)
    print("NOTHING LOST" if not wrong else f"{wrong} WRONG")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
