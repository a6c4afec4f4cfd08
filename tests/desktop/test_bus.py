"""The hub behind the live streams: every trap measured in the reference is a test here."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.core import signing

from callcenter.accounts.models import User
from callcenter.desktop import bus, stream
from callcenter.desktop.bus import Hub, Message, Subscription
from callcenter.desktop.live import frame, publish
from callcenter.desktop.models import LiveEvent
from tenants.models import Tenant


def message(number: int, audience: set[int] = frozenset(), tenant: int | None = 1) -> Message:  # type: ignore[assignment]
    return Message(number, frozenset(audience), tenant, frame(number, "ring", {}))


class Table:
    """Stands for the table of live events: what is committed by now."""

    def __init__(self) -> None:
        self.rows: dict[int, Message] = {}
        self.broken = False

    def commit(self, *numbers: int, **said: Any) -> None:
        self.rows |= {number: message(number, **said) for number in numbers}

    def read_new(self, after: int, gaps: list[int]) -> list[Message]:
        if self.broken:
            raise OSError("the database is away")
        return [row for number, row in sorted(self.rows.items()) if number > after or number in gaps]

    def read_since(self, after: int) -> list[Message]:
        return [row for number, row in sorted(self.rows.items()) if number > after]

    def read_start(self) -> tuple[int, list[Message]]:
        return max(self.rows, default=0), [row for _, row in sorted(self.rows.items())]


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    made = Table()
    for name in ("read_new", "read_since", "read_start"):
        monkeypatch.setattr(bus, name, getattr(made, name))
    monkeypatch.setattr(bus, "RECONNECT_AFTER", 0.01)
    return made


def with_hub(test: Callable[[Hub], Awaitable[None]]) -> None:
    """Run a coroutine with a hub whose loop runs, but without a listener."""

    async def play() -> None:
        hub = Hub()
        hub.tasks = [asyncio.create_task(hub.run())]
        await hub.ready.wait()
        try:
            await asyncio.wait_for(test(hub), 5)
        finally:
            hub.stop()

    asyncio.run(play())


async def received(one: Subscription, count: int) -> list[int]:
    return [(await asyncio.wait_for(one.queue.get(), 2)).id for _ in range(count)]  # type: ignore[union-attr]


def test_message_reaches_whom_it_is_for(table: Table) -> None:
    """A ring at a stranger's desk is noise; at no desk, a lost caller."""

    async def play(hub: Hub) -> None:
        mine, other, elsewhere = (
            hub.subscribe(1, frozenset({1})), hub.subscribe(2, frozenset({1})), hub.subscribe(3, frozenset({2})),
        )  # fmt: skip
        table.commit(1, audience={1})
        table.commit(2, tenant=1)
        hub.wake.set()
        assert await received(mine, 2) == [1, 2]
        assert await received(other, 1) == [2]
        assert elsewhere.queue.empty()

    with_hub(play)


def test_row_that_commits_late_is_not_lost(table: Table) -> None:
    """Ids are given before the commit: a lower one may appear after a higher."""

    async def play(hub: Hub) -> None:
        one = hub.subscribe(1, frozenset({1}))
        table.commit(1, 2, 5)
        hub.wake.set()
        assert await received(one, 3) == [1, 2, 5]
        table.commit(4)
        hub.wake.set()
        assert await received(one, 1) == [4]
        table.commit(3, 6)
        hub.wake.set()
        assert await received(one, 2) == [3, 6]
        await hub.drain()
        assert one.queue.empty()

    with_hub(play)


def test_row_from_before_the_start_that_commits_late_is_not_lost(table: Table) -> None:
    """A process that starts while a transaction is open must see it."""
    table.commit(1, 2, 4)

    async def play(hub: Hub) -> None:
        one = hub.subscribe(1, frozenset({1}))
        table.commit(3)
        hub.wake.set()
        assert await received(one, 1) == [3]

    with_hub(play)


def test_database_away_for_a_while_loses_nothing(table: Table) -> None:
    """Streams stay open and catch up when the database is back."""

    async def play(hub: Hub) -> None:
        one = hub.subscribe(1, frozenset({1}))
        table.broken = True
        hub.wake.set()
        await asyncio.sleep(0.1)
        table.commit(1, 2)
        table.broken = False
        assert await received(one, 2) == [1, 2]

    with_hub(play)


def test_stream_that_comes_back_gets_what_it_missed(table: Table) -> None:
    """Sleep, a tunnel, a proxy's 502: whoever comes back with its last id misses nothing."""

    async def play(hub: Hub) -> None:
        first = hub.subscribe(1, frozenset({1}))
        table.commit(1, 3)
        hub.wake.set()
        await received(first, 2)
        hub.unsubscribe(first)
        table.commit(2, 4)
        table.commit(5, tenant=9)
        await hub.drain()
        again = hub.subscribe(1, frozenset({1}))
        assert [one.id for one in await hub.missed(again, 3)] == [2, 4]
        assert [one.id for one in await hub.missed(again, 999_999)] == []

    with_hub(play)


def test_stream_of_another_process_catches_up_from_the_table(table: Table) -> None:
    """After a restart the new process knows nothing; the table does."""

    async def play(hub: Hub) -> None:
        hub.known.clear()
        table.commit(1, 2, 3)
        again = hub.subscribe(1, frozenset({1}))
        assert [one.id for one in await hub.missed(again, 1)] == [2, 3]

    with_hub(play)


def test_slow_stream_is_closed_instead_of_growing(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sleeping browser must not fill the process's memory."""
    monkeypatch.setattr(bus, "BACKLOG", 3)

    async def play(hub: Hub) -> None:
        one = hub.subscribe(1, frozenset({1}))
        for number in range(1, 6):
            hub.take(message(number), time.monotonic())
        assert one.queue.get_nowait() is None

    with_hub(play)


def test_hub_keeps_its_tasks(table: Table) -> None:
    """A task that nobody references is collected, and events stop without an error."""

    async def play() -> None:
        hub = bus.hub()
        assert bus.hub() is hub
        assert len(hub.tasks) >= 1
        gc.collect()
        await hub.ready.wait()
        assert not any(task.done() for task in hub.tasks)
        hub.stop()

    asyncio.run(play())


# --- tickets ----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_ticket_opens_only_for_its_holder(people: dict[str, User], duisburg: Tenant, dinslaken: Tenant) -> None:
    """The stream asks no session: everything hangs on the signature."""
    assert stream.read_ticket(stream.stream_ticket(people["agent"])) == (
        people["agent"].pk,
        frozenset({duisburg.pk, dinslaken.pk}),
    )
    assert stream.read_ticket(stream.stream_ticket(people["liaison"])) == (people["liaison"].pk, frozenset())
    assert stream.read_ticket(signing.dumps({"user": 1, "tenants": [1]}, salt="other")) is None
    assert stream.read_ticket("") is None


@pytest.mark.django_db
def test_ticket_expires(people: dict[str, User], monkeypatch: pytest.MonkeyPatch) -> None:
    """An address in a proxy's log must not open a stream tomorrow."""
    ticket = stream.stream_ticket(people["agent"])
    monkeypatch.setattr(stream, "TICKET_SECONDS", -1)
    assert stream.read_ticket(ticket) is None


@pytest.mark.django_db
def test_stream_without_ticket_is_401(client: Any) -> None:
    """Live events of a city are not for everybody."""
    assert client.get("/arbeitsplatz/strom").status_code == 401


def test_stream_begins_with_a_beat_and_replays(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that buffers shows nothing until the first bytes; a client that comes back wants the rest."""
    monkeypatch.setattr(stream, "BEAT_EVERY", 0.05)
    table.commit(1, 2)

    async def play() -> None:
        house = bus.hub()
        told = stream.messages(1, frozenset({1}), after=1)
        assert await anext(told) == stream.BEAT
        assert b"id: 2\n" in await anext(told)
        assert await anext(told) == stream.BEAT
        table.commit(3)
        house.wake.set()
        while (data := await anext(told)) == stream.BEAT:
            pass
        assert data.startswith(b"id: 3\nevent: ring\n")
        await told.aclose()  # type: ignore[attr-defined]
        assert house.by_user == {1: set()}
        house.stop()

    asyncio.run(play())


# --- what is told -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_publish_to_nobody_writes_nothing(people: dict[str, User]) -> None:
    """A row for nobody would only make the table grow."""
    assert publish(kind="ring", payload={}) is None
    assert publish(kind="ring", payload={}, audience=[people["agent"].pk]) is not None
    assert LiveEvent.objects.count() == 1


@pytest.mark.django_db
def test_ring_is_told_without_the_callers_number(people: dict[str, User], dinslaken: Tenant) -> None:
    """Live events lie in a table and pass through proxies."""
    from callcenter.calls.services import add_connector, sign_on
    from tenants.models import Line
    from tenants.scope import all_cities
    from tests.calls.conftest import Pbx

    with all_cities("test"):
        Line.objects.create(tenant=dinslaken, number="+492064660", label="Zentrale")
    sign_on(user=people["agent"], extension="201")
    pbx = Pbx(*add_connector(name="A"))
    pbx.ring("1", caller="0203 4711999")
    event = LiveEvent.objects.get(kind="ring")
    assert (event.audience, event.payload["city"]) == ([people["agent"].pk], "dinslaken")
    assert "4711" not in str(event.payload)
