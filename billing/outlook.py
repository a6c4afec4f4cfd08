"""What a year would come to under other terms, and where it is heading. Pure.

The months ahead are taken from the months behind: their mean, with the interval in which, by Student's t, the sum
of the months ahead lies in four of five cases. Few or uneven months make it wide; that is the honest answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import sqrt
from statistics import mean, stdev

from billing.money import ZERO
from billing.months import ContractYear, Month
from billing.rating import Facts, RatedLine, Usage, YearState, rate, total
from billing.terms import Terms

# Two-sided 80 per cent quantiles of Student's t for 1 to 11 degrees of freedom.
T_80 = (3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415, 1.397, 1.383, 1.372, 1.363)
FEWEST = 3  # months behind us without which no range is given


@dataclass(frozen=True)
class Frame:
    """What of an agreement its prices do not say: its year, its days, its opening balance."""

    year: ContractYear
    months: tuple[Month, ...]  # those that are billed here
    shares: Mapping[Month, tuple[Fraction, Fraction]]  # (share, from_start) of each
    year_share: Fraction
    opening_calls: int = 0
    opening_net: Decimal = ZERO


def year_lines(
    frame: Frame, terms_of: Callable[[Month], Terms], usage: Mapping[Month, Usage]
) -> dict[Month, tuple[RatedLine, ...]]:
    """Each month's lines; the year is settled with its last month, when that is among those of ``usage``."""
    found: dict[Month, tuple[RatedLine, ...]] = {}
    calls, net = frame.opening_calls, frame.opening_net
    for month in sorted(usage):
        terms = terms_of(month)
        calls += usage[month].calls
        state = YearState(
            frame.year, terms, frame.year_share, calls=calls, opening=frame.opening_calls, net_before=net, final=True
        )
        share, from_start = frame.shares[month]
        last = month == frame.months[-1]
        settles = (state,) if last and (terms.settlement or terms.minimum) else ()
        found[month] = rate(Facts(month, frame.year, terms, share, usage[month], (), settles, from_start))
        net += total(found[month])
    return found


@dataclass(frozen=True)
class Expectation:
    """Calls of each month ahead: the middle, and the ends of the range when there is one."""

    low: Usage
    middle: Usage
    high: Usage
    has_range: bool


def expect(behind: Sequence[Usage], ahead: int) -> Expectation:
    """What each of the ``ahead`` months is likely to bring, from complete months; none behind: nothing."""
    if not behind or not ahead:
        return Expectation(Usage(), Usage(), Usage(), has_range=False)
    counts = [usage.calls for usage in behind]
    middle, whole = mean(counts), Usage()
    for usage in behind:
        whole = whole.plus(usage)
    width = 0.0
    if (known := len(counts)) >= FEWEST:
        quantile = T_80[min(known - 1, len(T_80)) - 1]
        width = quantile * stdev(counts) * sqrt(ahead + ahead * ahead / known) / ahead
    low, central, high = (scaled(whole, value) for value in (max(middle - width, 0.0), middle, middle + width))
    return Expectation(low, central, high, has_range=known >= FEWEST)


def scaled(usage: Usage, calls: float) -> Usage:
    """The same mixture of lengths and groups, for so many calls."""
    part = calls / usage.calls if usage.calls else 0.0
    return Usage(
        round(calls),
        {step: round(seconds * part) for step, seconds in usage.seconds.items()},
        {name: round(count * part) for name, count in usage.groups.items()},
    )


@dataclass(frozen=True)
class Outlook:
    """The whole year's net in the middle and at the ends; all the same when no month is ahead."""

    low: Decimal
    middle: Decimal
    high: Decimal
    has_range: bool
    calls: int

    @property
    def is_open(self) -> bool:
        """Whether the ends differ, so that there is a range to show."""
        return self.has_range and self.low != self.high


def outlook(
    frame: Frame, terms_of: Callable[[Month], Terms], usage: Mapping[Month, Usage], behind: Sequence[Usage]
) -> Outlook:
    """Months with ``usage`` as they were, the others of the year as the months ``behind`` let expect."""
    ahead = [month for month in frame.months if month not in usage]
    expected = expect(behind, len(ahead))
    nets = []
    for each in (expected.low, expected.middle, expected.high):
        lines = year_lines(frame, terms_of, {**usage, **dict.fromkeys(ahead, each)})
        nets.append(sum((total(month) for month in lines.values()), frame.opening_net))
    calls = frame.opening_calls + sum(item.calls for item in usage.values()) + expected.middle.calls * len(ahead)
    # Tiers can make more calls cheaper, so the ends are sorted.
    return Outlook(min(nets), nets[1], max(nets), expected.has_range or not ahead, calls)
