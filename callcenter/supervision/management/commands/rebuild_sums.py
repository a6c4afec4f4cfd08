"""Makes the kept sums of calls anew from the ledger, or checks that this would change nothing."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from callcenter.supervision import adding_up
from tenants.models import Tenant
from tenants.scope import all_cities


class Command(BaseCommand):
    help = (
        "Rebuild the sums behind the dashboards from the ledger. With --check: add up what is due, compare with "
        "sums made anew, change nothing; exit 1 with the list of days that differ."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", help="slug of one city (default: every city)")
        parser.add_argument("--check", action="store_true", help="compare only")

    def handle(self, *args: Any, **options: Any) -> None:
        cities = Tenant.objects.all()
        if options["tenant"]:
            cities = cities.filter(slug=options["tenant"])
            if not cities:
                raise CommandError(f"No city {options['tenant']}.")
        with all_cities("sums of every city"):
            for city in cities:
                if not options["check"]:
                    self.stdout.write(f"{city.slug}: {adding_up.rebuild(city=city)} days added up")
                    continue
                if wrong := adding_up.differences(city=city):
                    raise CommandError(f"{city.slug}: the sums differ from the ledger.\n" + "\n".join(wrong))
                self.stdout.write(f"{city.slug}: the sums agree with the ledger")
