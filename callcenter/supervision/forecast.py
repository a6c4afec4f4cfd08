"""Calls per half-hour of the coming days, with an interval that says how sure that is.

A day's volume is a log-linear model of the calendar (weekday, season, trend, public holidays, days
around them, known events) times a level that follows the last weeks; the day's shape is the mean
of earlier days of that weekday, weighted to the recent ones and pulled towards the common shape
where there are few calls. The calendar is fitted as a quasi-Poisson regression with ridge priors
(a public holiday that was never seen is taken for a quiet day) and Huber weights, so that a storm
or a breakdown does not become a pattern. The 80 % interval is conformal: the spread of the errors
that the same method made in the weeks before, forecast by forecast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from callcenter.supervision.local_time import public_holidays

Array = NDArray[np.float64]
SLOTS = 48
FEWEST_DAYS = 28
SEASON_DAYS = 420  # a season is believed once it has been seen for more than a year
DISPERSION = 0.01  # relative variance of a day's volume beyond chance
MEMORY_DAYS = 365.0
SHAPE_MEMORY_DAYS = 70.0
LEVEL_GAINS = (0.03, 0.06, 0.12, 0.25, 0.4)
SHAPE_PULLS = (30.0, 300.0, 3_000.0, 30_000.0)


@dataclass(frozen=True)
class History:
    """``counts`` holds calls by day and local half-hour; a day that nobody recorded is NaN."""

    first: date
    counts: Array  # shape (days, 48)
    land: str = "NW"
    events: Mapping[str, Sequence[date]] = field(default_factory=dict)

    @property
    def totals(self) -> Array:
        return self.counts.sum(axis=1)

    @property
    def recorded(self) -> int:
        """Days that somebody recorded."""
        return int((~np.isnan(self.totals)).sum())

    def until(self, days: int) -> History:
        """What was known at the end of the first ``days`` days."""
        return History(self.first, self.counts[:days], self.land, self.events)


def calendar(history: History, days: int) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Features of ``days`` days from the first on: matrix, prior means, prior strengths, special days."""
    dates = [history.first + timedelta(days=n) for n in range(days)]
    free = set(public_holidays(history.land, range(dates[0].year, dates[-1].year + 2)))
    one = timedelta(days=1)

    def closed(day: date) -> bool:
        return day in free or day.weekday() > 4

    columns: list[tuple[list[float], float, float]] = []  # values, prior mean, prior strength

    def flag(values: list[bool], prior: float = 0.0, strength: float = 3.0) -> None:
        columns.append(([float(value) for value in values], prior, strength))

    for weekday in range(7):
        flag([day.weekday() == weekday for day in dates], strength=0.01)
    holiday = [day in free for day in dates]
    eve = [(day.month, day.day) in {(12, 24), (12, 31)} for day in dates]
    between = [day.month == 12 and 27 <= day.day <= 30 for day in dates]
    bridge = [
        not closed(day) and ((day.weekday() == 4 and day - one in free) or (day.weekday() == 0 and day + one in free))
        for day in dates
    ]
    after = [not closed(day) and day - one in free for day in dates]
    after_weekend = [not closed(day) and day.weekday() == 1 and day - one in free for day in dates]
    before = [not closed(day) and day + one in free for day in dates]
    flag(holiday, prior=-2.0, strength=2.0)
    flag(eve, prior=-1.0, strength=2.0)
    for values in (between, bridge, after, after_weekend, before):
        flag(values)
    for name in sorted(history.events):
        wanted = set(history.events[name])
        flag([day in wanted for day in dates])
    special = np.array([any(marks) for marks in zip(holiday, eve, bridge, after, strict=True)])
    years = np.arange(days) / 365.25
    columns.append((list(years - years[-1]), 0.0, 5.0))
    if days > SEASON_DAYS:
        angle = 2 * np.pi * np.array([day.timetuple().tm_yday for day in dates]) / 365.25
        for wave in range(1, 7):
            for curve in (np.sin(wave * angle), np.cos(wave * angle)):
                columns.append((list(curve), 0.0, 5.0 * wave))
    matrix = np.array([values for values, _, _ in columns]).T
    return matrix, np.array([prior for _, prior, _ in columns]), np.array([s for _, _, s in columns]), special


def fit_calendar(totals: Array, matrix: Array, prior: Array, strength: Array, special: NDArray[np.bool_]) -> Array:
    """Coefficients of the quasi-Poisson regression, by iterated weighted least squares."""
    days = len(totals)
    known = ~np.isnan(totals)
    y, x = totals[known], matrix[:days][known]
    fade = 0.5 ** (np.arange(days)[::-1] / MEMORY_DAYS)[known]
    ordinary = ~special[:days][known]
    eta = np.log(np.maximum(y, 0.5))
    mu = np.exp(eta)
    coefficients = prior.copy()
    for step in range(12):
        weight = fade * mu / (1 + DISPERSION * mu)
        if step > 3:
            surprise = np.abs(y - mu) / np.sqrt(mu + DISPERSION * mu**2 + 0.5)
            scale = max(1.0, float(np.median(surprise[ordinary])) * 1.48) if ordinary.any() else 1.0
            weight = weight * np.where(ordinary, np.minimum(1.0, 2.5 * scale / np.maximum(surprise, 1e-9)), 1.0)
        # In units of a well-known day, so that a prior counts as so many days whatever the volume is.
        weight = weight / (1 / DISPERSION) * 4
        target = eta + (y - mu) / mu - x @ prior
        found = np.linalg.solve(x.T @ (x * weight[:, None]) + np.diag(strength * 0.05), x.T @ (weight * target)) + prior
        eta = np.clip(x @ found, -3.0, 16.0)
        mu = np.exp(eta)
        if np.max(np.abs(found - coefficients)) < 1e-4:
            return found
        coefficients = found
    return coefficients


def level_paths(ratio: Array, weight: Array, gain: float) -> Array:
    """The level after each day: a running mean of actual ÷ calendar that one wild day cannot move far."""
    spread = 1.4826 * float(np.median(np.abs(ratio[weight > 0] - 1))) if (weight > 0).any() else 0.1
    limit = 3 * max(spread, 0.03)
    path, level, runs = np.empty(len(ratio)), 1.0, 0
    for n, (value, counts) in enumerate(zip(ratio, weight, strict=True)):
        if counts > 0:
            step = value - level
            # A surprise in the same direction for three days is news, not noise.
            runs = (
                (runs + 1 if runs >= 0 else 1)
                if step > limit
                else (runs - 1 if runs <= 0 else -1)
                if step < -limit
                else 0
            )
            bounded = step if abs(runs) >= 3 else max(-limit, min(limit, step))
            level += gain * counts * bounded
        path[n] = level
    return path


def best_level(totals: Array, mu: Array, special: NDArray[np.bool_], horizon: int) -> float:
    """Today's level, with the gain that forecast the last months best at this distance."""
    days = len(totals)
    known = ~np.isnan(totals) & (mu > 1) & ~special
    ratio = np.where(known, np.nan_to_num(totals) / np.maximum(mu, 1e-9), 1.0)
    usual = max(float(np.median(mu[known])) if known.any() else 1.0, 1e-9)
    weight = np.where(known, np.minimum(1.0, mu / usual), 0.0)
    best, best_error = 1.0, np.inf
    recent = np.arange(max(horizon, days - 120), days)
    for gain in LEVEL_GAINS:
        path = level_paths(ratio, weight, gain)
        error = sum(
            float(
                np.sum(
                    (known * np.abs(np.nan_to_num(totals) - mu * path[np.maximum(0, np.arange(days) - ahead)]))[recent]
                )
            )
            for ahead in (1, max(1, horizon // 2), horizon)
        )
        if error < best_error:
            best, best_error = float(path[-1]), error
    return best


def shapes(history: History, special: NDArray[np.bool_]) -> Array:
    """Share of a day's calls by weekday and half-hour; each row sums to one, or to zero if nobody ever called."""
    days = len(history.counts)
    weekdays = (np.arange(days) + history.first.weekday()) % 7
    counts = np.nan_to_num(history.counts)
    usable = ~np.isnan(history.counts).any(axis=1) & ~special[:days]
    fade = np.where(usable, 0.5 ** (np.arange(days)[::-1] / SHAPE_MEMORY_DAYS), 0.0)
    groups = [range(5), [5], [6]]
    recent = max(0, days - 56)
    found = np.zeros((7, SLOTS))
    for group in groups:
        inside = np.isin(weekdays, list(group))

        def shape(pull: float, until: int, group=group, inside=inside) -> Array:
            seen = np.where(np.arange(days) < until, fade, 0.0)
            common = (seen * inside) @ counts
            common = common / max(common.sum(), 1e-9)
            rows = np.zeros((7, SLOTS))
            for weekday in group:
                own = (seen * (weekdays == weekday)) @ counts + pull * common
                rows[weekday] = own / max(own.sum(), 1e-9)
            return rows

        def miss(pull: float, inside=inside, shape=shape) -> float:
            rows = shape(pull, recent)[weekdays[recent:]]
            totals = counts[recent:].sum(axis=1, keepdims=True)
            return float(np.abs(counts[recent:] - rows * totals)[(inside & usable)[recent:]].sum())

        pull = min(SHAPE_PULLS, key=miss) if recent > 28 else SHAPE_PULLS[1]
        found += shape(pull, days)
    return found


def expected_calls(history: History, horizon: int) -> Array:
    """Mean calls for the ``horizon`` days after the history, by half-hour: shape (horizon, 48)."""
    days = len(history.counts)
    if history.recorded < FEWEST_DAYS:
        raise ValueError(f"A forecast needs at least {FEWEST_DAYS} recorded days.")
    matrix, prior, strength, special = calendar(history, days + horizon)
    totals = history.totals
    coefficients = fit_calendar(totals, matrix, prior, strength, special)
    mu = np.exp(np.clip(matrix @ coefficients, -3.0, 16.0))
    mu = np.where(mu < 0.6, 0.0, mu)
    level = best_level(totals, mu[:days], special[:days], min(horizon, 7))
    ahead = (np.arange(days, days + horizon) + history.first.weekday()) % 7
    return mu[days:, None] * level * shapes(history, special)[ahead]


def same_weekdays(history: History, horizon: int, weeks: int = 4) -> Array:
    """The yardstick: mean of the last four same weekdays and half-hours."""
    days = len(history.counts)
    rows = []
    for ahead in range(horizon):
        earlier = [days + ahead - 7 * n for n in range(1, weeks + 1 + horizon // 7 + 1)]
        picked = history.counts[[n for n in earlier if 0 <= n < days][:weeks]]
        known = picked[~np.isnan(picked).any(axis=1)] if len(picked) else picked
        rows.append(known.mean(axis=0) if len(known) else np.zeros(SLOTS))
    return np.array(rows)
