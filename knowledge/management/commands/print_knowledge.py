"""The knowledge base on paper: one PDF for one city or for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from knowledge import pack
from tenants.models import Tenant
from tenants.scope import scoped


class Command(BaseCommand):
    help = "Write every published answer as a PDF with contents, offices and an index, for the day of an outage."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, required=True, help="PDF file to write")
        parser.add_argument("--tenant", action="append", default=[], help="short name of a city; all when left out")

    def handle(self, *args: Any, **options: Any) -> None:
        cities = list(Tenant.objects.filter(is_active=True))
        if wanted := set(options["tenant"]):
            if missing := sorted(wanted - {city.slug for city in cities}):
                raise CommandError(f"There is no city {', '.join(missing)}")
            cities = [city for city in cities if city.slug in wanted]
        with scoped(cities):
            pdf = pack.render(cities=cities)
        try:
            options["out"].write_bytes(pdf)
        except OSError as problem:
            raise CommandError(f"{options['out']} cannot be written: {problem.strerror}") from None
        self.stdout.write(f"{options['out'].name}: {', '.join(city.name for city in cities)}")
