"""Tries the forecast on any series of half-hour counts, beside the usual rule of thumb."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import BaseCommand, CommandError

from callcenter.supervision.backtest import SeriesError, backtest, history_of, read_series
from callcenter.supervision.local_time import public_holidays

HELP = (
    "Back-test the forecast on a CSV with the columns start,calls (half-hours; finer rows are added up). "
    "Forecasts a week again and again from the days before it, and compares the error (WAPE) with that of "
    "the mean of the last four same weekdays and half-hours."
)


class Command(BaseCommand):
    help = HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV with the header start,calls")
        parser.add_argument("--zone", default="Europe/Berlin", help="time zone for starts with an offset")
        parser.add_argument("--land", default="NW", help="German Land for public holidays, as in NW")
        parser.add_argument("--horizon", type=int, default=7, help="days forecast each time (1 to 35)")
        parser.add_argument("--step", type=int, default=7, help="days between two forecasts")
        parser.add_argument("--start", type=int, help="days before the first forecast (default: 365, or half)")
        parser.add_argument("--json", action="store_true", help="pure JSON on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["horizon"] <= 35 or options["step"] < 1:
            raise CommandError("--horizon is 1 to 35 days, --step at least 1.", returncode=2)
        try:
            zone = ZoneInfo(options["zone"])
            public_holidays(options["land"], [2026])
        except (ZoneInfoNotFoundError, NotImplementedError, ValueError) as error:
            raise CommandError(f"Unknown time zone or Land: {error}", returncode=2) from error
        try:
            with options["file"].open(encoding="utf-8-sig", newline="") as lines:
                history = history_of(read_series(lines, zone), options["land"])
            score = backtest(history, horizon=options["horizon"], step=options["step"], start=options["start"])
        except (OSError, UnicodeDecodeError, SeriesError) as error:
            raise CommandError(f"{options['file']}: {error}") from error
        figures = {
            "forecasts": score.forecasts,
            "half_hours": score.half_hours,
            "calls": score.calls,
            "wape": round(score.wape, 4),
            "baseline_wape": round(score.yardstick_wape, 4),
            "improvement": round(score.better_by, 4),
            "interval": 0.8,
            "coverage": None if score.held is None else round(score.held, 4),
        }
        if options["json"]:
            self.stdout.write(json.dumps(figures))
            return
        held = "too short to say" if score.held is None else f"{score.held:.1%} of the half-hours"
        self.stdout.write(
            f"{score.forecasts} forecasts of {options['horizon']} days: "
            f"{score.half_hours} half-hours, {score.calls} calls\n"
            f"error (WAPE)                         {score.wape:.1%}\n"
            f"mean of four same weekdays and times {score.yardstick_wape:.1%}\n"
            f"better by                            {score.better_by:.1%}\n"
            f"80 % interval holds                  {held}"
        )
