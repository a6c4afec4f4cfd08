"""Rows 13, 14 and 32: Redis away or emptied at the wrong moment, a relay killed between sending and marking."""

from __future__ import annotations

import json
import os
import signal
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.house import House, eventually, house
from tests.faults.servers import OwnRedis
from tests.faults.test_jobs import CLOSE, a_locked_agreement, waiting

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]
QUICK = {"DJANGO_SETTINGS_MODULE": "tests.faults.quick_schedule"}


def issue_all(here: House) -> list[str]:
    """Close the last month of the two clients and issue both invoices; returns their numbers."""
    month = here.inside("many", "2", "5", "mail")["month"]
    for city in ("stadt-0", "stadt-1"):
        here.manage("close_month", month, "--tenant", city)
    for invoice in json.loads(here.manage("list_invoices", "--json")):
        here.manage("issue_invoice", invoice["id"])
    return sorted(invoice["number"] for invoice in json.loads(here.manage("list_invoices", "--json")))


def mails(here: House) -> int:
    return sum(path.read_text().count("Subject: ") for path in (here.var / "mail").iterdir())


@pytest.mark.fault(13)
def test_redis_down_at_commit_sends_later(tmp_path: Path, tally: Callable[..., None]) -> None:
    """The broker is away at the moment an invoice is issued: the mail must go out once it is back."""
    with OwnRedis() as redis, house(tmp_path, "postgresql", redis=redis, **QUICK) as here:
        here.prepare()
        redis.kill()
        numbers = issue_all(here)
        assert len(numbers) == 2
        here.worker()
        here.beat()  # both wait for Redis, and must not end
        assert [sent for _, _, sent in here.inside("facts")["outbox"]] == [False, False]
        redis.start()
        eventually(lambda: all(sent for _, _, sent in here.inside("facts")["outbox"]), every=1)
        assert mails(here) == 2
        here.manage("check_ledger")
        tally(13, repetitions=2, lost=2 - mails(here))


@pytest.mark.fault(14)
def test_redis_emptied_loses_nothing(tmp_path: Path, tally: Callable[..., None]) -> None:
    """FLUSHALL with a close in hand, more in the queue and mail in the outbox: all of it happens all the same."""
    with OwnRedis() as redis, house(tmp_path, "postgresql", redis=redis, **QUICK) as here:
        here.prepare()
        issue_all(here)
        here.inside("many", "6", "5")
        here.worker()
        with here.holding(a_locked_agreement(here)):
            for _ in range(3):
                here.inside("task", CLOSE)
            eventually(lambda: waiting(here) == 1)
            redis.flush()
        here.beat()
        eventually(lambda: all(sent for _, _, sent in here.inside("facts")["outbox"]), every=1)
        eventually(lambda: here.sql("SELECT count(*) FROM billing_period WHERE state = 'closed'") == [(9,)], every=0.5)
        facts = here.inside("facts")
        assert facts["usage"] == 8 * 5
        assert mails(here) == 2
        here.manage("check_ledger")
        tally(14, repetitions=1, lost=8 * 5 - facts["usage"])


class Taking(socketserver.StreamRequestHandler):
    """As much SMTP as Django's backend speaks; after the mail is taken, ``taken`` is told before the reply."""

    def handle(self) -> None:
        def say(line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        say("220 relay.test")
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word in {"EHLO", "HELO"}:
                say("250 relay.test")
            elif word == "DATA":
                say("354 go on")
                body = b""
                while (piece := self.rfile.readline()) != b".\r\n":
                    body += piece
                self.server.taken(body)  # type: ignore[attr-defined]
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")


@contextmanager
def mail_server(taken: Callable[[bytes], None]) -> Iterator[int]:
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Taking) as server:
        server.taken = taken  # type: ignore[attr-defined]
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a killed client is what we are about
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join(10)


@pytest.mark.fault(32)
def test_relay_killed_after_sending_sends_at_worst_a_second_mail(tmp_path: Path, tally: Callable[..., None]) -> None:
    """The mail has left, its mark has not been written: a second mail may go, a second invoice never."""
    received: list[bytes] = []
    relays: list[int] = []

    def taken(body: bytes) -> None:
        received.append(body)
        if len(received) == 1:
            os.kill(relays[0], signal.SIGKILL)

    with mail_server(taken) as port:
        smtp = {"CALLCENTER_SMTP_HOST": "127.0.0.1", "CALLCENTER_SMTP_PORT": str(port), "CALLCENTER_SMTP_TLS": "0"}
        with house(tmp_path, "postgresql", **smtp) as here:
            here.prepare()
            numbers = issue_all(here)
            relay = here.start("manage.py", "relay", "--every", "0.2")
            relays.append(relay.pid)
            assert relay.wait(60) == -signal.SIGKILL
            assert [sent for _, _, sent in here.inside("facts")["outbox"]].count(True) == 0
            here.start("manage.py", "relay", "--every", "0.2")
            eventually(lambda: all(sent for _, _, sent in here.inside("facts")["outbox"]), every=1)
            subjects = sorted(
                line.decode().split()[-1]
                for body in received
                for line in body.splitlines()
                if line.startswith(b"Subject:")
            )
            assert set(subjects) == set(numbers)
            assert len(subjects) == len(numbers) + 1, "one second mail is the price, more is not"
            assert len(json.loads(here.manage("list_invoices", "--json"))) == len(numbers)
            here.manage("check_ledger")
            tally(32, repetitions=1, lost=len(set(numbers) - set(subjects)))
