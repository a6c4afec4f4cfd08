"""A believable month of calls, or calls that ring at the desks in real time."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from callcenter.calls.simulation.live import Player
from callcenter.calls.simulation.month import MonthClosed, simulate_month
from tenants.models import Tenant
from tenants.scope import all_cities

USUAL = {"duisburg": 40_000, "dinslaken": 3_300}


def month(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(20\d\d)-(0[1-9]|1[0-2])", text)
    if not found:
        raise ArgumentTypeError("a month looks like 2026-10")
    return int(found[1]), int(found[2])


def positive(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise ArgumentTypeError("a number from 1 to 1000000")
    return int(text)


class Command(BaseCommand):
    help = "Simulate a month of calls (both cities when none is named), or play calls to the desks with --live."

    def add_arguments(self, parser: ArgumentParser) -> None:
        way = parser.add_mutually_exclusive_group(required=True)
        way.add_argument("--month", type=month, help="for example 2026-10")
        way.add_argument("--live", action="store_true", help="ring at the desks until stopped")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--tenant", help="one city's slug")
        parser.add_argument("--calls", type=positive)
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        cities = self.cities(options["tenant"])
        if options["live"]:
            Player(cities=cities, seed=options["seed"], tell=self.stdout.write).run()
            return
        year, number = options["month"]
        made = {}
        with all_cities("simulated calls of every city"):
            for city in cities:
                calls = options["calls"] or USUAL.get(city.slug, 1000)
                try:
                    made[city.slug] = simulate_month(
                        tenant=city, year=year, month=number, calls=calls, seed=options["seed"]
                    )
                except MonthClosed as reason:
                    raise CommandError(str(reason)) from None
        if options["json"]:
            self.stdout.write(json.dumps({"month": f"{year}-{number:02}", "seed": options["seed"], "calls": made}))
            return
        for slug, calls in made.items():
            self.stdout.write(f"{slug}: {calls} calls in {year}-{number:02}")

    def cities(self, slug: str | None) -> list[Tenant]:
        found = Tenant.objects.filter(is_active=True)
        found = found.filter(slug=slug) if slug else found.filter(slug__in=USUAL)
        if not found:
            raise CommandError(
                f"no city {slug!r}" if slug else "no demo city here: run manage.py demo, or name a --tenant"
            )
        return list(found)
