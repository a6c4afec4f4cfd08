"""Crowds for the fault tests: telephone systems that send and repeat, desks that listen and come back, a proxy."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.faults.house import House

EVENTS = ("newCall", "answer", "hangup")


# --- telephone systems ----------------------------------------------------------------------------


@dataclass
class Senders:
    """Telephone systems that send calls at a steady rate and repeat an event until it is acknowledged."""

    here: House
    prefix: str
    first_answers: Counter[int] = field(default_factory=Counter)  # by status; 0: no answer came
    acknowledged: set[str] = field(default_factory=set)  # calls whose three events were answered with 200
    slowest: float = 0.0
    stopped: bool = False
    patience: float = 60.0

    def send(self, event: str, call_id: str) -> bool:
        end, first = time.monotonic() + self.patience, True
        while time.monotonic() < end:
            begin = time.monotonic()
            try:
                status = self.here.event(event, call_id, timeout=20)
            except OSError:
                status = 0
            self.slowest = max(self.slowest, time.monotonic() - begin)
            if first:
                self.first_answers[status] += 1
                first = False
            if status == 200:
                return True
            time.sleep(0.5)
        return False

    def call(self, call_id: str) -> None:
        if all(self.send(event, call_id) for event in EVENTS):
            self.acknowledged.add(call_id)

    def run(self, number: int, pause: float) -> None:
        for index in itertools.count():
            if self.stopped:
                return
            self.call(f"{self.prefix}-{number}-{index}")
            time.sleep(pause * random.uniform(0.5, 1.5))

    @property
    def refused(self) -> float:
        """Share of events whose first answer was not 200."""
        return 1 - self.first_answers[200] / max(1, self.first_answers.total())

    def lost(self) -> int:
        """Acknowledged calls that are not stored as ended and answered."""
        stored = {
            call["connector_call_id"]
            for call in self.here.calls()
            if (call["state"], call["outcome"]) == ("ended", "answered")
        }
        return len(self.acknowledged - stored)


@contextmanager
def sending(here: House, prefix: str, *, threads: int = 6, pause: float = 0.3, **options: Any) -> Iterator[Senders]:
    """Calls come in while the block runs; those begun are brought to their end."""
    senders = Senders(here, prefix, **options)
    crew = [threading.Thread(target=senders.run, args=(number, pause)) for number in range(threads)]
    for thread in crew:
        thread.start()
    try:
        yield senders
    finally:
        senders.stopped = True
        for thread in crew:
            thread.join(120)


# --- desks ----------------------------------------------------------------------------------------


@dataclass
class Desk:
    """One open stream: the ids it was told, the last one, how it fared."""

    ids: set[int] = field(default_factory=set)
    last: str = ""
    opened: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class Desks:
    """So many streams in a thread of their own; each comes back with its last id when it is cut."""

    def __init__(self, port: int, ticket: Callable[[], str], count: int) -> None:
        self.port, self.ticket = port, ticket
        self.desks = [Desk() for _ in range(count)]
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.tasks = [self.loop.create_task(self._follow(desk)) for desk in self.desks]
        self.loop.run_forever()
        for task in self.tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*self.tasks, return_exceptions=True))
        self.loop.close()

    async def _follow(self, desk: Desk) -> None:
        while True:
            writer = None
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                address = f"/arbeitsplatz/strom?ticket={quote(self.ticket())}&after={desk.last}"
                writer.write(f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
                status = (await reader.readline()).split()
                if len(status) < 2 or status[1] != b"200":
                    desk.refused[status[1].decode() if len(status) > 1 else "cut"] += 1
                    raise OSError("refused")
                await self._read(reader, desk)
            except OSError:
                pass
            finally:
                if writer is not None:
                    writer.close()
            await asyncio.sleep(random.uniform(0.1, 0.5))

    async def _read(self, reader: asyncio.StreamReader, desk: Desk) -> None:
        kind = number = ""
        first = True
        while line := await reader.readline():
            said = line.decode().strip()
            if said.startswith("event: "):
                kind = said[7:]
                if first and kind == "beat":
                    desk.opened += 1
                    first = False
            elif said.startswith("id: "):
                number = said[4:]
            elif said.startswith("data: ") and kind != "beat" and number:
                desk.ids.add(int(number))
                desk.last = number

    def lost(self, expected: set[int]) -> int:
        """Messages that some desk never got, summed over the desks."""
        return sum(len(expected - desk.ids) for desk in self.desks)


@contextmanager
def listening(port: int, ticket: Callable[[], str], count: int) -> Iterator[Desks]:
    """``count`` desks with open streams."""
    crowd = Desks(port, ticket, count)
    crowd.thread.start()
    try:
        end = time.monotonic() + 60
        while not all(desk.opened for desk in crowd.desks):
            assert time.monotonic() < end, f"{sum(not desk.opened for desk in crowd.desks)} streams never opened"
            time.sleep(0.1)
        yield crowd
    finally:
        crowd.loop.call_soon_threadsafe(crowd.loop.stop)
        crowd.thread.join(20)


# --- a proxy --------------------------------------------------------------------------------------


class Gateway:
    """A reverse proxy's behaviour where it matters: bytes through, and 502 while nothing answers behind it.

    ``breaks()`` cuts what is open and answers 502 whatever stands behind; ``mends()`` lets through again.
    """

    def __init__(self, listen: int, target: int) -> None:
        self.listen, self.target = listen, target
        self.url = f"http://127.0.0.1:{listen}"
        self.asked: list[str] = []  # first lines of the requests that went through
        self.refused = 0
        self.broken = False
        self.open: set[asyncio.StreamWriter] = set()
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()

    def breaks(self) -> None:
        self.broken = True
        self.loop.call_soon_threadsafe(lambda: [writer.close() for writer in self.open])

    def mends(self) -> None:
        self.broken = False

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, note: bool = False) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if note and data.startswith(b"GET "):
                    self.asked.append(data.split(b"\r\n", 1)[0].decode())
                writer.write(data)
                await writer.drain()
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.broken:
                await reader.read(65536)
                raise OSError("broken")
            behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            self.refused += 1
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            with suppress(OSError):
                await writer.drain()
            writer.close()
            return
        both = {writer, behind_writer}
        self.open |= both
        try:
            await asyncio.gather(self._pump(reader, behind_writer, note=True), self._pump(behind_reader, writer))
        finally:
            self.open -= both

    def run(self) -> None:
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.listen))
        self.ready.set()
        self.loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0.05))
        self.loop.close()


@contextmanager
def proxy(listen: int, target: int) -> Iterator[Gateway]:
    gateway = Gateway(listen, target)
    thread = threading.Thread(target=gateway.run, daemon=True)
    thread.start()
    assert gateway.ready.wait(10)
    try:
        yield gateway
    finally:
        gateway.loop.call_soon_threadsafe(gateway.loop.stop)
        thread.join(10)
