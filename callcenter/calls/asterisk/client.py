"""A small AMI client: logs in, follows events, pings, and comes back after a lost connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

Packet = dict[str, str]
MAX_LINE = 64 * 1024  # bytes; a longer line is no AMI


class LoginFailed(Exception):
    """The PBX refused user or secret; trying again soon would only lock the account."""


@dataclass(frozen=True)
class Account:
    """Where the PBX listens and who signs in; ``secret`` in clear, in memory only."""

    host: str
    port: int
    user: str
    secret: str


async def packets(reader: asyncio.StreamReader) -> AsyncIterator[Packet]:
    """Blocks of ``Name: value`` lines, ended by an empty one; unreadable bytes are replaced."""
    packet: Packet = {}
    while line := await reader.readline():
        if not line.endswith(b"\n"):
            return  # the connection broke inside a line: half an event is none
        text = line.decode(errors="replace").rstrip("\r\n")
        if not text:
            if packet:
                yield packet
            packet = {}
            continue
        name, colon, value = text.partition(":")
        if colon:
            packet[name.strip()] = value.strip()


class Client:
    """Follow one PBX: ``await Client(account, on_event, on_channels).run()`` until cancelled.

    ``on_channels`` gets the PBX's channels after each login, so that what was missed can be caught up.
    ``wait`` and ``longest`` are the first and the longest pause between two attempts, ``ping`` the time without
    a word after which the PBX is asked, all in seconds.
    """

    def __init__(
        self,
        account: Account,
        on_event: Callable[[Packet], Awaitable[None]],
        on_channels: Callable[[list[Packet]], Awaitable[None]],
        tell: Callable[[str], object] = print,
        *,
        wait: float = 1,
        longest: float = 60,
        ping: float = 20,
    ) -> None:
        self.account, self.on_event, self.on_channels, self.tell = account, on_event, on_channels, tell
        self.wait, self.longest, self.ping = wait, longest, ping
        self.logins = 0

    async def run(self) -> None:
        """Until cancelled; raises LoginFailed."""
        pause = self.wait
        while True:
            before = self.logins
            try:
                await self.follow()
                self.tell("the connection was closed")
            except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
                self.tell(f"no connection: {error or type(error).__name__}")
            if self.logins > before:
                pause = self.wait
            await asyncio.sleep(pause)
            pause = min(pause * 2, self.longest)

    async def follow(self) -> None:
        """One connection, from login to its end."""
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection(self.account.host, self.account.port, limit=MAX_LINE)
        pinger: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(10):
                await reader.readline()  # the greeting
                await send(
                    writer, Action="Login", ActionID="login", Username=self.account.user, Secret=self.account.secret
                )
            channels: list[Packet] = []
            source = packets(reader)
            while True:
                async with asyncio.timeout(self.ping * 3):  # pings are answered, so silence means it is gone
                    packet = await anext(source, None)
                if packet is None:
                    return
                if packet.get("ActionID") == "login":
                    if packet.get("Response") != "Success":
                        raise LoginFailed(packet.get("Message", "login refused"))
                    self.logins += 1
                    self.tell("logged in")
                    await send(writer, Action="CoreShowChannels", ActionID="channels")
                    pinger = asyncio.create_task(self.keep_alive(writer))
                elif packet.get("Event") == "CoreShowChannel":
                    channels.append(packet)
                elif packet.get("Event") == "CoreShowChannelsComplete":
                    await self.on_channels(channels)
                    channels = []
                elif "Event" in packet:
                    await self.on_event(packet)
        finally:
            if pinger:
                pinger.cancel()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def keep_alive(self, writer: asyncio.StreamWriter) -> None:
        """Ask now and then, so that a dead connection is noticed."""
        with contextlib.suppress(OSError):
            while True:
                await asyncio.sleep(self.ping)
                await send(writer, Action="Ping", ActionID="ping")


async def send(writer: asyncio.StreamWriter, **fields: str) -> None:
    """One action; line breaks inside a value would be a second action, so they go."""
    lines = "".join(f"{name}: {' '.join(value.splitlines())}\r\n" for name, value in fields.items())
    writer.write(lines.encode() + b"\r\n")
    await writer.drain()
