"""What is counted, and the rates made of it: pure, each with its numerator and denominator.

Formulas: service level in the variants that are in use in call centres, percentiles by nearest
rank. The promise of the German 115 number: 75 % answered within 30 seconds, 65 % settled in the
first contact.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from django.db.models import TextChoices
from django.utils.translation import gettext


@dataclass(frozen=True)
class Rate:
    """A share that never forgets what it is a share of."""

    numerator: int
    denominator: int

    @property
    def value(self) -> float | None:
        """Between 0 and 1; None when there is nothing to divide by."""
        return self.numerator / self.denominator if self.denominator else None


@dataclass(frozen=True)
class Counts:
    """Incoming calls of one stretch of time; seconds are whole seconds.

    ``short`` are abandoned calls that waited less than the short limit, ``in_time`` answered
    calls that waited at most the promised seconds, ``short_in_time`` short ones within them.
    """

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    voicemail: int = 0
    rejected: int = 0
    in_time: int = 0
    short: int = 0
    abandoned_in_time: int = 0
    short_in_time: int = 0
    waited_answered_s: int = 0
    waited_abandoned_s: int = 0
    talked_s: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*map(operator.add, _values(self), _values(other)))

    @property
    def open(self) -> int:
        """Calls without an outcome yet: still ringing or in conversation."""
        return self.offered - self.answered - self.abandoned - self.voicemail - self.rejected

    @property
    def abandoned_long(self) -> int:
        return self.abandoned - self.short

    @property
    def abandon_rate(self) -> Rate:
        """Abandoned ÷ (answered + abandoned), both without short ones."""
        return Rate(self.abandoned_long, self.answered + self.abandoned_long)

    @property
    def mean_wait_s(self) -> float | None:
        """Average speed of answer: waiting seconds of answered calls ÷ answered calls."""
        return self.waited_answered_s / self.answered if self.answered else None


_values = operator.attrgetter(*(field.name for field in fields(Counts)))


def total(counts: Iterable[Counts]) -> Counts:
    return sum(counts, Counts())


class Variant(TextChoices):
    """Ways to compute the service level; the name of each says what stands below the line."""

    ANSWERED = "answered", "nur angenommene"
    OFFERED = "offered", "mit allen aufgelegten"
    WITHOUT_SHORT = "without_short", "ohne kurz aufgelegte"
    OFFERED_FOR = "offered_for", "aufgelegte in der Frist zählen als gehalten"
    WITHOUT_SHORT_FOR = "without_short_for", "ohne kurz aufgelegte, übrige in der Frist zählen als gehalten"


def service_level(counts: Counts, variant: Variant = Variant.WITHOUT_SHORT) -> Rate:
    """Answered in time ÷ what the variant counts. Voicemail and rejected calls are in no variant."""
    match variant:
        case Variant.ANSWERED:
            return Rate(counts.in_time, counts.answered)
        case Variant.OFFERED:
            return Rate(counts.in_time, counts.answered + counts.abandoned)
        case Variant.WITHOUT_SHORT:
            return Rate(counts.in_time, counts.answered + counts.abandoned_long)
        case Variant.OFFERED_FOR:
            return Rate(counts.in_time + counts.abandoned_in_time, counts.answered + counts.abandoned)
        case Variant.WITHOUT_SHORT_FOR:
            kept = counts.in_time + counts.abandoned_in_time - counts.short_in_time
            return Rate(kept, counts.answered + counts.abandoned_long)
    raise ValueError(variant)


def formula(variant: Variant, *, within_s: int, short_s: int) -> str:
    """The variant in words, with its seconds."""
    kept = gettext("angenommen in %(seconds)s s") % {"seconds": within_s}
    kept_or_left = gettext("(angenommen oder aufgelegt in %(seconds)s s)") % {"seconds": within_s}
    later = gettext("aufgelegt ab %(seconds)s s") % {"seconds": short_s}
    answered, abandoned = gettext("angenommen"), gettext("aufgelegt")
    match variant:
        case Variant.ANSWERED:
            return f"{kept} ÷ {answered}"
        case Variant.OFFERED:
            return f"{kept} ÷ ({answered} + {abandoned})"
        case Variant.WITHOUT_SHORT:
            return f"{kept} ÷ ({answered} + {later})"
        case Variant.OFFERED_FOR:
            return f"{kept_or_left} ÷ ({answered} + {abandoned})"
        case Variant.WITHOUT_SHORT_FOR:
            between = gettext("(angenommen in %(within)s s oder aufgelegt nach %(short)s bis %(within)s s)")
            return f"{between % {'within': within_s, 'short': short_s}} ÷ ({answered} + {later})"
    raise ValueError(variant)


def percentile(histogram: Mapping[int, int], share: float) -> int | None:
    """The smallest value that at least ``share`` of the cases do not exceed (nearest rank).

    ``histogram`` maps a value to its number of cases; None when there are none.
    """
    cases = sum(histogram.values())
    if not cases:
        return None
    rank, seen = max(1, math.ceil(share * cases)), 0
    for value in sorted(histogram):
        seen += histogram[value]
        if seen >= rank:
            return value
    return max(histogram)


WAIT_STEPS = (5, 10, 20, 30, 45, 60, 90, 120, 180, 300)


def in_steps(histogram: Mapping[int, int], steps: tuple[int, ...] = WAIT_STEPS) -> list[int]:
    """Cases by step: up to and including each bound, and one more for what lies above the last."""
    counted = [0] * (len(steps) + 1)
    for value, cases in histogram.items():
        counted[next((n for n, bound in enumerate(steps) if value <= bound), len(steps))] += cases
    return counted


def change(now: float | None, before: float | None) -> float | None:
    """Relative change; None when there is nothing to compare with."""
    if now is None or not before:
        return None
    return now / before - 1
