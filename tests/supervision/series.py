"""Years of half-hour counts with everything that makes them hard, from a seed."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from callcenter.supervision.forecast import SLOTS, History
from callcenter.supervision.local_time import public_holidays

PROFILE = [0.5, 0.8, 1.2, 1.5, 1.6, 1.55, 1.4, 1.3, 1.1, 1, 1, 1.1, 1.15, 1.1, 0.95, 0.8, 0.6, 0.45, 0.3, 0.2]


def years_of_calls(seed: int, *, base: float = 1_800, days: int = 1_095, wild: bool = True) -> History:
    """Trend, season, closed holidays and busy days after them, letters in January, jumps and storms."""
    chance = np.random.default_rng(seed)
    first = date(2023, 1, 2)
    free = set(public_holidays("NW", range(2023, 2028)))
    jumps = dict(zip(chance.choice(days, 4).tolist(), chance.uniform(0.8, 1.3, 4), strict=True)) if wild else {}
    storms = dict(zip(chance.choice(days, 10).tolist(), chance.uniform(1.4, 2.5, 10), strict=True)) if wild else {}
    counts, level = np.zeros((days, SLOTS)), 1.0
    for n in range(days):
        day = first + timedelta(days=n)
        level *= jumps.get(n, 1.0)
        factor = [1.25, 1.05, 0.95, 1.05, 0.7, 0, 0][day.weekday()] * (day not in free)
        factor *= 1.25 if day - timedelta(days=1) in free else 1.0
        factor *= 1.3 if day.month == 1 and 10 <= day.day <= 24 else 1.0
        factor *= 1 + 0.1 * np.sin(2 * np.pi * (day.timetuple().tm_yday - 30) / 365)
        shape = np.zeros(SLOTS)
        shape[16:36] = PROFILE
        if day.weekday() == 4:
            shape[28:] *= 0.5
        volume = base * factor * 1.08 ** (n / 365) * level * np.exp(chance.normal(0, 0.06)) * storms.get(n, 1.0)
        counts[n] = chance.poisson(volume * shape / shape.sum() * np.exp(chance.normal(0, 0.05, SLOTS)))
    return History(first, counts)
