"""Read a bank statement in, as the page of payments does; for a folder that the bank's program fills."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from billing.camt import MOST_BYTES
from billing.management.base import BillingCommand, city, person
from billing.payments import import_statement


class Command(BillingCommand):
    help = "Read a bank statement (camt.053, XML or ZIP) in. Proposes; books nothing. The same file again is refused."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--tenant", metavar="S", required=True, help="the city whose account it is")
        parser.add_argument("--as", dest="username", metavar="USER")
        parser.add_argument("--json", action="store_true")

    def run(self, *, file: Path, tenant: str, username: str | None, json: bool, **options: Any) -> None:
        try:
            if file.stat().st_size > MOST_BYTES:
                raise CommandError(f"{file} is larger than {MOST_BYTES // 1024 // 1024} MB.")
            content = file.read_bytes()
        except OSError as error:
            raise CommandError(f"Cannot read {file}: {error.strerror}.") from error
        done = import_statement(city=city(tenant), content=content, file_name=file.name, actor=person(username))
        if json:
            self.print_json(asdict(done))
        else:
            self.stdout.write(f"{done.bookings} bookings read: {done.kept} to check, {done.known} known already.")
