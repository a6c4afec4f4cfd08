"""Fold recorded AMI events."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from callcenter.calls.asterisk.intake import Intake
from callcenter.calls.models import Connector, Dialect
from callcenter.calls.services import add_connector

NAME = "Asterisk (Aufzeichnung)"


class Command(BaseCommand):
    help = "Fold AMI events from a file: JSON Lines, one event each, grouped by their field `case`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--connector", default=NAME, help="name of an Asterisk connection (made when missing)")

    def handle(self, *args: Any, file: Path, connector: str, **options: Any) -> None:
        found = Connector.objects.filter(name__iexact=connector).first()
        if found is None:
            found, _ = add_connector(name=connector, dialect=Dialect.AMI)
        if found.dialect != Dialect.AMI:
            raise CommandError(f"{connector!r} is no Asterisk connection")
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from None
        cases: dict[str, Intake] = {}
        folded = 0
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            case, event = _event(line, number)
            if case not in cases:
                cases[case] = Intake(found, prefix=f"{case}:" if case else "")
            folded += cases[case].take(event)
        self.stdout.write(f"{folded} events folded, {len(cases)} cases")


def _event(line: str, number: int) -> tuple[str, dict[str, str]]:
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise CommandError(f"line {number} is no JSON object")
    case = str(said.pop("case", ""))
    return case, {str(name): str(value) for name, value in said.items() if value is not None}
