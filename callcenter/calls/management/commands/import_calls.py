"""Calls exported from another system (an ACD), for one city."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from callcenter.calls.importing import BadFile, read_rows
from callcenter.calls.services.imports import import_calls
from tenants.models import Tenant
from tenants.scope import scoped


class Command(BaseCommand):
    help = "Import calls from a CSV file for one city. Again: changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--tenant", required=True, help="the city's slug")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, write nothing")
        parser.add_argument("--json", action="store_true", help="pure JSON on standard output")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        city = Tenant.objects.filter(slug=options["tenant"]).first()
        if city is None:
            known = ", ".join(Tenant.objects.values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no city {options['tenant']!r}; known: {known}")
        try:
            with file.open(encoding="utf-8-sig", newline="") as lines, scoped([city]):
                result = import_calls(tenant=city, rows=read_rows(lines), dry_run=options["dry_run"])
        except OSError as problem:
            raise CommandError(f"{file} cannot be read: {problem.strerror}") from None
        except UnicodeDecodeError:
            raise CommandError(f"{file.name} is no UTF-8 text") from None
        except BadFile as problem:
            raise CommandError(f"{file.name}: {problem}") from None
        if options["json"]:
            self.stdout.write(json.dumps(asdict(result), ensure_ascii=False))
            return
        would = "would be " if options["dry_run"] else ""
        self.stdout.write(f"{would}created {result.created}, changed {result.changed}, unchanged {result.unchanged}")
        for refused in result.refused:
            self.stdout.write(f"line {refused['line']} ({refused['id'] or 'no id'}): {refused['reason']}")
