"""Rows 1, 6, 19, 21: senders that repeat, processes that die, streams that come back. Real processes, both engines."""

from __future__ import annotations

import signal
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from pathlib import Path

import pytest

from tests.faults.house import House, engines, house

pytestmark = pytest.mark.slow

SEAT = """
from callcenter.accounts.models import Membership, User
from callcenter.calls.services import sign_on
from callcenter.desktop.stream import stream_ticket
from tenants.models import Tenant
user, _ = User.objects.get_or_create(username="fault", defaults={"name": "Fault"})
Membership.objects.get_or_create(user=user, tenant=Tenant.objects.get(slug="dinslaken"), role="agent")
sign_on(user=user, extension="21")
print(stream_ticket(user))
"""


def ticket(here: House) -> str:
    return here.manage("shell", "--no-imports", "-c", SEAT).splitlines()[-1]


def open_stream(here: House, after: str = "") -> HTTPResponse:
    address = f"http://127.0.0.1:{here.port}/arbeitsplatz/strom?ticket={ticket(here)}&after={after}"
    return urllib.request.urlopen(address, timeout=20)


def next_message(stream: HTTPResponse) -> tuple[str, str]:
    """(id, kind) of the next message that is not a beat."""
    number = kind = ""
    while line := stream.readline().decode().strip("\n") or "-":
        if line.startswith("id: "):
            number = line[4:]
        if line.startswith("event: "):
            kind = line[7:]
        if line.startswith("data: ") and kind != "beat":
            return number, kind
    raise AssertionError("the stream ended")


@pytest.mark.fault(1, 6)
@pytest.mark.parametrize("engine", engines())
def test_repeated_events_make_one_call(engine: str, tmp_path: Path) -> None:
    """Adapters that retry at once, or after a process was killed before its reply, must not make a second call."""
    with house(tmp_path, engine) as here:
        here.prepare()
        web = here.serve()
        with ThreadPoolExecutor(5) as pool:
            statuses = list(pool.map(lambda _: here.event("newCall", "x"), range(5)))
        web.kill()
        web.wait(10)
        here.serve()
        with ThreadPoolExecutor(5) as pool:
            statuses += pool.map(
                lambda kind: here.event(kind, "x"), ["hangup", "newCall", "answer", "answer", "hangup"]
            )
        assert set(statuses) == {200}
        (call,) = here.calls()
        assert (call["state"], call["outcome"], call["legs"]) == ("ended", "answered", 1)


@pytest.mark.fault(21)
@pytest.mark.parametrize("engine", engines())
def test_stream_catches_up_over_a_restart(engine: str, tmp_path: Path) -> None:
    """A server that is updated during a shift must neither hang nor swallow a ring."""
    with house(tmp_path, engine) as here:
        here.prepare()
        web = here.serve()
        with open_stream(here) as stream:
            here.event("newCall", "first")
            last, kind = next_message(stream)
            assert kind == "ring"
            begin = time.monotonic()
            web.send_signal(signal.SIGTERM)
            web.wait(10)
            assert time.monotonic() - begin < 5
        here.serve()
        here.event("answer", "first")
        with open_stream(here, after=last) as stream:
            kinds = {next_message(stream)[1] for _ in range(3)}
        assert kinds == {"ring_ended", "presence", "connected"}
