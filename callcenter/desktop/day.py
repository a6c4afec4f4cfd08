"""An agent's own day: from the changes of presence to stretches, sums, and when the next break is due. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

BREAK = "Pause"  # the reason that counts as rest; the others are work away from the telephone
REST_AT_LEAST = timedelta(minutes=15)  # shorter ones do not count (§ 4 Satz 2 ArbZG)
WORK_AT_MOST = timedelta(hours=6)  # without a rest (§ 4 Satz 3 ArbZG)
BAR = 1000  # units of the picture's width


@dataclass(frozen=True)
class Stretch:
    """What the agent did from ``start`` to ``end``; ``x`` and ``width`` place it on a bar of ``BAR`` units."""

    state: str
    reason: str
    start: datetime
    end: datetime
    x: int = 0
    width: int = 0

    @property
    def seconds(self) -> int:
        return int((self.end - self.start).total_seconds())

    @property
    def is_rest(self) -> bool:
        return self.state == "away" or (self.state == "not_ready" and self.reason == BREAK)


@dataclass(frozen=True)
class Day:
    """Today so far. Sums are whole seconds; ``break_by`` is None for who is away or resting now."""

    stretches: Sequence[Stretch]
    calls: int = 0

    @property
    def begun(self) -> datetime | None:
        return self.stretches[0].start if self.stretches else None

    @property
    def signed_on_s(self) -> int:
        return sum(each.seconds for each in self.stretches if each.state != "away")

    @property
    def rest_s(self) -> int:
        return sum(each.seconds for each in self.stretches if each.is_rest)

    def seconds_in(self, *states: str) -> int:
        return sum(each.seconds for each in self.stretches if each.state in states)

    @property
    def talking_s(self) -> int:
        return self.seconds_in("call")

    @property
    def wrap_up_s(self) -> int:
        return self.seconds_in("wrap_up")

    @property
    def other_s(self) -> int:
        """Not ready for another reason than a break: meeting, training, screen break."""
        return sum(each.seconds for each in self.stretches if each.state == "not_ready" and not each.is_rest)

    @property
    def break_by(self) -> datetime | None:
        """The latest start of the next break: six hours after the last rest of at least a quarter of an hour."""
        if not self.stretches or self.stretches[-1].is_rest:
            return None
        working_since = self.stretches[0].start
        for each in self.stretches:
            if each.is_rest and each.end - each.start >= REST_AT_LEAST:
                working_since = each.end
        return working_since + WORK_AT_MOST


def day_of(changes: Sequence[Sequence[str]], *, now: datetime, calls: int = 0) -> Day:
    """The day from its changes ``[state, reason, ISO time]``; the last one goes on until ``now``.

    A change that came with a clock set back begins where the one before did.
    """
    starts: list[tuple[str, str, datetime]] = []
    for state, reason, at in changes:
        moment = datetime.fromisoformat(at)
        starts.append((state, reason, max(moment, starts[-1][2]) if starts else moment))
    while starts and starts[0][0] == "away":
        starts.pop(0)
    if not starts:
        return Day([], calls)
    end = max(now, starts[-1][2])
    begun, whole = starts[0][2], max(1.0, (end - starts[0][2]).total_seconds())
    stretches = []
    for (state, reason, start), stop in zip(starts, [*(one[2] for one in starts[1:]), end], strict=True):
        x = round((start - begun).total_seconds() / whole * BAR)
        width = round((stop - begun).total_seconds() / whole * BAR) - x
        stretches.append(Stretch(state, reason, start, stop, x, width))
    return Day(stretches, calls)
