"""One hub per process: reads the table of live events when something wakes it, and hands each to its streams.

The table is the truth. On PostgreSQL, NOTIFY wakes the hub; on SQLite it looks every 250 ms. Either way it
drains what the table holds: after each wake-up, after each reconnect of the listener, and every few seconds.
Ids may commit out of order, so ids that were skipped are asked for again until they have come or are too old.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Max, Q

from callcenter.desktop.live import CHANNEL, frame
from callcenter.desktop.models import LiveEvent

log = logging.getLogger(__name__)

POLL_EVERY = 0.25  # seconds, SQLite
DRAIN_EVERY = 5.0  # seconds, PostgreSQL, beside the notifications
RECONNECT_AFTER = 0.5  # seconds
GAP_KEPT = 60.0  # seconds a skipped id is asked for again
GAPS_AT_MOST = 2000
OVERLAP = 500  # ids before the last seen that are read again where nothing else is known
KEPT = 5000  # messages kept in memory for streams that come back
BACKLOG = 1000  # messages a slow stream may be behind; then it is closed and catches up


@dataclass(frozen=True)
class Message:
    id: int
    audience: frozenset[int]
    tenant_id: int | None
    data: bytes

    def concerns(self, user_id: int, tenants: frozenset[int]) -> bool:
        return user_id in self.audience if self.audience else self.tenant_id in tenants


@dataclass(eq=False)
class Subscription:
    """One open stream. ``queue`` yields messages, and None when the stream is to be closed."""

    user_id: int
    tenants: frozenset[int]
    queue: asyncio.Queue[Message | None] = field(default_factory=lambda: asyncio.Queue(BACKLOG + 1))

    def offer(self, message: Message) -> None:
        if self.queue.qsize() >= BACKLOG:
            while not self.queue.empty():
                self.queue.get_nowait()
            self.queue.put_nowait(None)
        else:
            self.queue.put_nowait(message)


def _messages(rows: Iterable[LiveEvent]) -> list[Message]:
    return [
        Message(row.pk, frozenset(row.audience), row.tenant_id, frame(row.pk, row.kind, row.payload)) for row in rows
    ]


def read_new(after: int, gaps: Iterable[int]) -> list[Message]:
    """Messages with an id above ``after``, or one of the skipped ids, in the order of their ids."""
    wanted = Q(pk__gt=after) | Q(pk__in=list(gaps)) if gaps else Q(pk__gt=after)
    return _messages(LiveEvent.objects.filter(wanted).order_by("pk")[:KEPT])


def read_since(after: int) -> list[Message]:
    """What a stream may have missed whose last message was ``after``, from the table, doubles included."""
    seen = LiveEvent.objects.filter(pk=after).values_list("at", flat=True).first()
    late = Q(pk__gt=after - OVERLAP, at__gte=seen - timedelta(seconds=10)) if seen else Q(pk__gt=after)
    return _messages(LiveEvent.objects.filter(Q(pk__gt=after) | late).exclude(pk=after).order_by("pk")[:KEPT])


def read_start() -> tuple[int, list[Message]]:
    """The highest id, and the messages shortly before it."""
    top = LiveEvent.objects.aggregate(top=Max("pk"))["top"] or 0
    return top, _messages(LiveEvent.objects.filter(pk__gt=top - OVERLAP, pk__lte=top).order_by("pk"))


class Hub:
    """Keeps the streams of this process; ``start`` belongs to the running event loop."""

    def __init__(self) -> None:
        self.by_user: dict[int, set[Subscription]] = {}
        self.by_tenant: dict[int, set[Subscription]] = {}
        self.last = 0
        self.gaps: dict[int, float] = {}
        self.kept: deque[Message] = deque(maxlen=KEPT)
        self.known: set[int] = set()
        self.reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="live-events")
        self.wake = asyncio.Event()
        self.ready = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    # --- streams
    def subscribe(self, user_id: int, tenants: frozenset[int]) -> Subscription:
        one = Subscription(user_id, tenants)
        self.by_user.setdefault(user_id, set()).add(one)
        for tenant in tenants:
            self.by_tenant.setdefault(tenant, set()).add(one)
        return one

    def unsubscribe(self, one: Subscription) -> None:
        self.by_user.get(one.user_id, set()).discard(one)
        for tenant in one.tenants:
            self.by_tenant.get(tenant, set()).discard(one)

    async def missed(self, one: Subscription, after: int) -> list[Message]:
        """What this stream did not get since ``after``: from memory in the order it came, else from the table."""
        await self.ready.wait()
        if after in self.known:
            kept = list(self.kept)
            start = next(index for index, message in enumerate(kept) if message.id == after) + 1
            found = kept[start:]
        else:
            found = await self.read(read_since, after)
        return [message for message in found if message.concerns(one.user_id, one.tenants)]

    # --- reading
    async def read(self, what: Callable[..., Any], *arguments: Any) -> Any:
        """Run a query in the hub's one thread and give the connection back at once."""

        def work() -> Any:
            try:
                return what(*arguments)
            finally:
                if connection.vendor == "postgresql" or not connection.is_usable():
                    connection.close()

        return await asyncio.get_running_loop().run_in_executor(self.reader, work)

    async def drain(self) -> None:
        """Read what is new and hand it out."""
        now = time.monotonic()
        self.gaps = {one: since for one, since in self.gaps.items() if now - since < GAP_KEPT}
        for message in await self.read(read_new, self.last, list(self.gaps)):
            self.take(message, now)

    def take(self, message: Message, now: float) -> None:
        """Hand a message to its streams, once."""
        if message.id in self.known:
            return
        self.keep(message)
        self.gaps.pop(message.id, None)
        if message.id > self.last:
            if self.last and len(self.gaps) < GAPS_AT_MOST:
                for skipped in range(max(self.last + 1, message.id - OVERLAP), message.id):
                    self.gaps.setdefault(skipped, now)
            self.last = message.id
        if message.audience:
            streams: Iterable[Subscription] = (s for user in message.audience for s in self.by_user.get(user, ()))
        else:
            streams = self.by_tenant.get(message.tenant_id or 0, ())
        for one in list(streams):
            one.offer(message)

    def keep(self, message: Message) -> None:
        if len(self.kept) == self.kept.maxlen:
            self.known.discard(self.kept[0].id)
        self.kept.append(message)
        self.known.add(message.id)

    # --- life
    def start(self) -> None:
        """Begin to listen. The tasks are kept here: a task that nobody references is garbage-collected."""
        names = [self.run]
        if connection.vendor == "postgresql":
            names.append(self.listen)
        self.tasks = [asyncio.create_task(name()) for name in names]

    def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        self.reader.shutdown(wait=False)

    async def run(self) -> None:
        every = DRAIN_EVERY if connection.vendor == "postgresql" else POLL_EVERY
        while True:
            try:
                if not self.ready.is_set():
                    await self.begin()
                await self.drain()
            except Exception:
                # The database is away: streams stay open, and what they missed is drained when it is back.
                log.warning("live events cannot be read, trying again", exc_info=True)
                await asyncio.sleep(RECONNECT_AFTER)
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self.wake.wait(), every)
            self.wake.clear()

    async def begin(self) -> None:
        self.last, recent = await self.read(read_start)
        now, previous = time.monotonic(), 0
        for message in recent:
            self.keep(message)
            for skipped in range(previous + 1, message.id) if previous else ():
                self.gaps[skipped] = now
            previous = message.id
        self.ready.set()

    async def listen(self) -> None:
        """Follow NOTIFY on a connection of its own; after each reconnect everything new is drained."""
        import psycopg

        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**_parameters(), autocommit=True) as listener:
                    await listener.execute(f"LISTEN {CHANNEL}")
                    self.wake.set()
                    async for _ in listener.notifies():
                        self.wake.set()
            except (psycopg.Error, OSError):
                log.warning("the listener lost its connection, trying again")
            await asyncio.sleep(RECONNECT_AFTER)


def _parameters() -> dict[str, Any]:
    """How psycopg reaches the database that Django uses, without Django's own options."""
    said = connection.settings_dict
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    plain = {name: said[key] for name, key in names.items() if said.get(key)}
    options = {name: value for name, value in said["OPTIONS"].items() if name.startswith("ssl") or name == "options"}
    return {**plain, **options, "connect_timeout": 5, "application_name": "callcenter-live"}


_hub: tuple[asyncio.AbstractEventLoop, Hub] | None = None


def hub() -> Hub:
    """The hub of the running event loop, started when first asked for."""
    global _hub
    loop = asyncio.get_running_loop()
    if _hub is None or _hub[0] is not loop:
        fresh = Hub()
        fresh.start()
        _hub = (loop, fresh)
    return _hub[1]
