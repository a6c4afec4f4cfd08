"""Follow Asterisk's manager interface until stopped."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser
from typing import Any

from asgiref.sync import sync_to_async
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, close_old_connections

from callcenter.calls.asterisk.client import Account, Client, LoginFailed, Packet
from callcenter.calls.asterisk.intake import Intake
from callcenter.calls.models import Connector, Dialect
from callcenter.calls.sealing import unseal


class Command(BaseCommand):
    help = "Follow an Asterisk PBX (connection set up under Anbindungen) and fold its events into calls."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("connector", nargs="?", help="name; may be left out when there is only one")

    def handle(self, *args: Any, connector: str | None = None, **options: Any) -> None:
        found = _connector(connector)
        said = found.ami
        if not (said.get("host") and said.get("user") and found.ami_secret):
            raise CommandError("host, user or secret is missing; enter them under Verwaltung → Anbindungen")
        account = Account(said["host"], int(said.get("port") or 5038), said["user"], unseal(found.ami_secret) or "")
        intake = Intake(found)

        async def on_event(packet: Packet) -> None:
            await _until_stored(lambda: intake.take(packet), self.stderr.write)

        async def on_channels(channels: list[Packet]) -> None:
            await _until_stored(lambda: intake.catch_up(channels), self.stderr.write)

        try:
            asyncio.run(Client(account, on_event, on_channels, self.stdout.write).run())
        except LoginFailed as error:
            raise CommandError(f"the PBX refused the login: {error}") from None
        except KeyboardInterrupt:
            return


def _connector(name: str | None) -> Connector:
    possible = Connector.objects.filter(dialect=Dialect.AMI, is_active=True)
    found = list(possible.filter(name__iexact=name) if name else possible[:2])
    if len(found) != 1:
        raise CommandError("name one active Asterisk connection: " + ", ".join(one.name for one in possible))
    return found[0]


async def _until_stored(work: Any, tell: Any) -> None:
    """A database that is away is waited for; the events behind wait in the socket."""

    def once() -> None:
        close_old_connections()
        work()

    while True:
        try:
            await sync_to_async(once)()
            return
        except DatabaseError as error:
            tell(f"database unavailable, trying again: {error}")
            await asyncio.sleep(2)
