"""Streams through a real server: what an open stream holds, and what happens when the bus is cut."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from callcenter.accounts.models import User
from callcenter.desktop import stream
from callcenter.desktop.live import publish
from tests.e2e.conftest import Server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def server(transactional_db) -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def listen(server: Server, people: dict[str, User], client_for: Callable[..., Client]) -> Iterator[Callable]:
    """``listen()`` opens a stream of the signed-in agent and has read its first beat."""
    open_ones: list[http.client.HTTPConnection] = []
    session = client_for("agent").cookies[settings.SESSION_COOKIE_NAME].value

    def start() -> http.client.HTTPResponse:
        line = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=15)
        open_ones.append(line)
        ticket = stream.stream_ticket(people["agent"])
        line.request("GET", f"/arbeitsplatz/strom?ticket={ticket}", headers={"Cookie": f"sessionid={session}"})
        answer = line.getresponse()
        answer.readline()
        return answer

    yield start
    for line in open_ones:
        line.close()


def next_event(answer: http.client.HTTPResponse) -> str:
    """The kind of the next message that is no beat."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        line = answer.readline().decode()
        if line.startswith("event: ") and "beat" not in line:
            return line[7:].strip()
    raise AssertionError("nothing was told")


def test_stream_is_not_buffered_on_its_way(listen: Callable) -> None:
    """A proxy that collects bytes would show the ring when the caller has hung up."""
    answer = listen()
    assert answer.status == 200
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert stream.BEAT_EVERY <= 15


@pytest.mark.postgresql
def test_open_streams_hold_no_database_connection(listen: Callable, people: dict[str, User]) -> None:
    """Each stream asks the session once; kept open, two hundred desks would hold two hundred connections."""
    first = listen()
    publish(kind="ring", payload={}, audience=[people["agent"].pk])
    next_event(first)
    before = connections()
    streams = [listen() for _ in range(12)]
    publish(kind="ring", payload={}, audience=[people["agent"].pk])
    assert [next_event(one) for one in streams] == ["ring"] * 12
    assert connections() <= before + 1


def connections() -> int:
    """This test database's connections beside the test's own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.postgresql
def test_what_is_told_while_the_bus_is_cut_is_told_afterwards(
    listen: Callable, people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients stay connected and do not ask again: after each reconnect the listener reads what the table holds."""
    from callcenter.desktop import bus

    monkeypatch.setattr(bus, "DRAIN_EVERY", 3600.0)  # nothing but the reconnect may bring it
    answer = listen()
    publish(kind="ring", payload={}, audience=[people["agent"].pk])
    assert next_event(answer) == "ring"
    monkeypatch.setattr(bus, "RECONNECT_AFTER", 1.5)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'callcenter-live'"
        )
        assert cursor.fetchone()[0] == 1
    publish(kind="connected", payload={}, audience=[people["agent"].pk])
    assert next_event(answer) == "connected"
