"""Add a telephone system; its secret is shown this once."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import override

from callcenter.calls.addresses import address_of
from callcenter.calls.models import Connector, Dialect
from callcenter.calls.services import Refused, add_connector


class Command(BaseCommand):
    help = "Add a telephony connector and print its URL with the secret, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--dialect", choices=Dialect.values, default=Dialect.GENERIC)
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, name: str, dialect: str, **options: Any) -> None:
        if Connector.objects.filter(name__iexact=name.strip()).exists():
            raise CommandError(f"a connector named {name!r} exists already")
        try:
            with override("en"):  # commands speak English
                connector, token = add_connector(name=name, dialect=dialect)
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        url = address_of(connector, token)
        if options["json"]:
            said = {"id": connector.pk, "name": connector.name, "dialect": dialect, "url": url, "secret": token}
            self.stdout.write(json.dumps(said, ensure_ascii=False))
            return
        self.stdout.write(url)
        if dialect in (Dialect.PLACETEL, Dialect.NATIVE):
            self.stdout.write(f"Signing secret: {token}")
        if dialect == Dialect.SIPGATE:
            self.stdout.write(f"Outbound calls: {url.removesuffix('in')}out")
        self.stdout.write("The secret is not shown again.")
