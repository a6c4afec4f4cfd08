"""How good the forecast would have been: told again and again what was known, asked for the week after."""

from __future__ import annotations

import csv
import math
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from callcenter.supervision.forecast import FEWEST_DAYS, SLOTS, Array, History, expected_calls, same_weekdays

HELD = 0.8  # the share of half-hours that the interval shall hold
KEPT_WEEKS = 26
FEWEST_ERRORS = 300
WORTH = 0.5  # half-hours with fewer expected calls and none real are night: they count in no interval
CLOSER = 0.1  # how strongly a week that held too much or too little moves the next interval


class SeriesError(Exception):
    """A series that cannot be read, with the line and what to do."""


def history_of(
    counts: Mapping[datetime, float], land: str, events: Mapping[str, Sequence[date]] | None = None
) -> History:
    """Calls by naive local half-hour as days; a day without any row counts as not recorded."""
    days = sorted({moment.date() for moment in counts})
    first = days[0]
    table = np.full(((days[-1] - first).days + 1, SLOTS), np.nan)
    for day in days:
        table[(day - first).days] = 0.0
    for moment, calls in counts.items():
        table[(moment.date() - first).days, moment.hour * 2 + moment.minute // 30] += calls
    return History(first, table, land, events or {})


def read_series(lines: Iterable[str], zone: ZoneInfo) -> dict[datetime, float]:
    """``start,calls`` as local half-hours; finer rows are added up, an offset in ``start`` is honoured."""
    rows = iter(lines)
    header = next(rows, "").lstrip("\ufeff").strip()
    delimiter = ";" if ";" in header else ","
    names = [name.strip().strip('"').lower() for name in header.split(delimiter)]
    if "start" not in names or "calls" not in names:
        raise SeriesError("line 1: the header must name the columns start and calls.")
    start_at, calls_at = names.index("start"), names.index("calls")
    found: dict[datetime, float] = defaultdict(float)
    for number, row in enumerate(csv.reader(rows, delimiter=delimiter), start=2):
        if not row:
            continue
        try:
            moment = datetime.fromisoformat(row[start_at].strip())
            calls = float(row[calls_at].strip().replace(",", ".") or 0)
        except (ValueError, IndexError):
            raise SeriesError(f"line {number}: expected a time like 2026-10-05T08:30 and a number of calls.") from None
        if not math.isfinite(calls) or calls < 0:
            raise SeriesError(f"line {number}: a number of calls is 0 or more.")
        if moment.tzinfo is not None:
            moment = moment.astimezone(zone).replace(tzinfo=None)
        found[moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)] += calls
    if not found:
        raise SeriesError("The file holds no half-hour.")
    return found


class Spread:
    """Learns from the errors of past forecasts how wide the interval of the next one must be."""

    def __init__(self) -> None:
        self.errors: deque[tuple[Array, Array]] = deque(maxlen=KEPT_WEEKS)
        self.wanted = HELD

    def ready(self) -> bool:
        return sum(len(actual) for actual, _ in self.errors) >= FEWEST_ERRORS

    def interval(self, forecast: Array) -> tuple[Array, Array]:
        """Lower and upper bound of each half-hour; needs ``ready()``."""
        actual = np.concatenate([pair[0] for pair in self.errors])
        said = np.concatenate([pair[1] for pair in self.errors])
        # Chance alone spreads calls by the root of their number; days differ beyond that in proportion to it.
        beyond = max(0.0, float(np.sum((actual - said) ** 2 - said)) / max(float(np.sum(said**2)), 1e-9))
        scores = (actual - said) / np.sqrt(said + beyond * said**2 + 0.25)
        tail = (1 - min(0.995, max(0.5, self.wanted))) / 2
        low, high = np.quantile(scores, [tail, 1 - tail])
        scale = np.sqrt(forecast + beyond * forecast**2 + 0.25)
        return np.maximum(0.0, forecast + low * scale), np.maximum(0.0, forecast + high * scale)

    def learn(self, actual: Array, forecast: Array, held: float | None = None) -> None:
        """Errors of half-hours that have passed; ``held`` is the share the last interval held."""
        self.errors.append((actual, forecast))
        if held is not None:
            self.wanted = min(0.97, max(0.6, self.wanted + CLOSER * (HELD - held)))


@dataclass(frozen=True)
class Score:
    """WAPE: sum of absolute errors ÷ sum of calls. ``held`` is None when the series is too short to say."""

    forecasts: int
    half_hours: int
    calls: int
    wape: float
    yardstick_wape: float
    held: float | None

    @property
    def better_by(self) -> float:
        """How much smaller the error is than the yardstick's."""
        return 1 - self.wape / self.yardstick_wape if self.yardstick_wape else 0.0


def scored(actual: Array, forecast: Array) -> NDArray[np.bool_]:
    """Half-hours that somebody recorded and in which a call was real or likely."""
    return ~np.isnan(actual) & ((forecast >= WORTH) | (np.nan_to_num(actual) > 0))


def backtest(
    history: History,
    *,
    horizon: int = 7,
    step: int = 7,
    start: int | None = None,
    told: Callable[[int, int], None] | None = None,
) -> Score:
    """Forecasts ``horizon`` days every ``step`` days, each from nothing but the days before it.

    ``start`` is the number of days before the first forecast: a year, or half the series where
    that is shorter. ``told`` hears about progress: done, all.
    """
    days = len(history.counts)
    begin = start if start is not None else min(365, max(FEWEST_DAYS * 2, days // 2))
    origins = list(range(begin, days - horizon + 1, step))
    if not origins or begin < FEWEST_DAYS:
        raise SeriesError(f"The series is too short: it needs {max(begin, FEWEST_DAYS) + horizon} days and has {days}.")
    spread = Spread()
    missed = yardstick = calls = 0.0
    forecasts = half_hours = inside = judged = 0
    for number, origin in enumerate(origins):
        known = history.until(origin)
        if known.recorded < FEWEST_DAYS:
            continue
        actual = history.counts[origin : origin + horizon]
        forecasts += 1
        forecast = expected_calls(known, horizon)
        simple = same_weekdays(known, horizon)
        counted = scored(actual, np.maximum(forecast, simple))
        missed += float(np.abs(actual - forecast)[counted].sum())
        yardstick += float(np.abs(actual - simple)[counted].sum())
        calls += float(actual[counted].sum())
        half_hours += int(counted.sum())
        judge = scored(actual, forecast) & (forecast > 0)
        held = None
        if judge.any() and spread.ready():
            low, high = spread.interval(forecast[judge])
            hits = (low <= actual[judge]) & (actual[judge] <= high)
            held = float(hits.mean())
            inside += int(hits.sum())
            judged += len(hits)
        if judge.any():
            spread.learn(actual[judge], forecast[judge], held)
        if told:
            told(number + 1, len(origins))
    if not calls:
        raise SeriesError("The series holds no calls to forecast.")
    return Score(
        forecasts=forecasts,
        half_hours=half_hours,
        calls=round(calls),
        wape=missed / calls,
        yardstick_wape=yardstick / calls,
        held=inside / judged if judged else None,
    )


@dataclass(frozen=True)
class Forecast:
    """Calls by day and half-hour; the interval and the errors are None while too little is known."""

    first: date
    mean: Array
    low: Array | None
    high: Array | None
    wape: float | None
    yardstick_wape: float | None

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range(len(self.mean))]


def with_interval(history: History, horizon: int, weeks: int = 12) -> Forecast:
    """A forecast with what the same method's errors of the last weeks say about it."""
    days, spread = len(history.counts), Spread()
    missed = yardstick = calls = 0.0
    for back in range(weeks, 0, -1):
        known = history.until(max(0, days - 7 * back))
        if known.recorded < FEWEST_DAYS:
            continue
        actual = history.counts[days - 7 * back : days - 7 * back + 7]
        said = expected_calls(known, 7)
        counted = scored(actual, said)
        missed += float(np.abs(actual - said)[counted].sum())
        yardstick += float(np.abs(actual - same_weekdays(known, 7))[counted].sum())
        calls += float(actual[counted].sum())
        judge = counted & (said > 0)
        if judge.any():
            spread.learn(actual[judge], said[judge])
    mean = expected_calls(history, horizon)
    low = high = None
    if spread.ready():
        low, high = spread.interval(mean)
        low, high = np.where(mean > 0, low, 0.0), np.where(mean > 0, high, 0.0)
    first = history.first + timedelta(days=days)
    return Forecast(first, mean, low, high, missed / calls if calls else None, yardstick / calls if calls else None)
