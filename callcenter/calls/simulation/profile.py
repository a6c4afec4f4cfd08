"""What a municipal call centre's calls look like. Pure: a seeded generator in, plain values out.

Assumed: 21 workdays, Mondays a quarter above the mean, the busy hour 13 % of the day, about four minutes of
handling, four of five calls answered within half a minute.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from callcenter.calls.events import ANSWERED, ENDED, OFFERED, REAPED
from callcenter.calls.fold import Event
from callcenter.calls.servicehours import counts

WEEKDAY = (1.25, 1.05, 0.9, 1.0, 0.8, 0.05, 0.02)
HOLIDAY = 0.02
HOUR = {7: 3, 8: 11, 9: 13, 10: 13, 11: 11, 12: 8, 13: 8, 14: 10, 15: 9, 16: 7, 17: 5, 18: 2}
SHARE_ABANDONED, SHARE_VOICEMAIL, SHARE_OUTBOUND = 0.07, 0.006, 0.01
SHARE_TRANSFERRED, SHARE_LATE, SHARE_REAPED = 0.06, 0.01, 0.0008
SHARE_REPEAT = 0.12
# What a city's callers ask most, by the ids of the demo's articles; the others follow in a chance order.
ASKED_MOST = (
    "termin-buergerbuero", "wohnsitz-anmelden", "personalausweis-beantragen", "sperrmuell", "kfz-zulassung-neu",
    "reisepass-beantragen", "ausweis-abholen", "kfz-umschreibung", "wohngeld", "fuehrungszeugnis",
    "meldebescheinigung", "hundesteuer-anmelden", "geburtsurkunde", "fuehrerschein-umtausch", "knoellchen",
    "tonne-nicht-geleert", "wohnsitz-ummelden", "kita-platz", "bewohnerparken", "gewerbe-anmelden",
    "abfallkalender", "grundsteuer", "personalausweis-verlust", "aufenthaltstitel", "oeffnungszeiten",
)  # fmt: skip


@dataclass(frozen=True)
class PlayedEvent:
    """``received_at`` differs from the event's own time by the network, or by hours when it came late."""

    event: Event
    received_at: datetime


@dataclass(frozen=True)
class PlayedCall:
    """One conversation: its events, who called, which agent (by index), how long wrap-up took (seconds)."""

    id: uuid.UUID
    call_id: str
    second_leg: str
    caller: str
    agent: int
    wrap_up_s: int
    events: tuple[PlayedEvent, ...]


def uuid7_at(moment: datetime, chance: Random) -> uuid.UUID:
    """A UUIDv7 of that moment with bits from the generator, so that a seed always gives the same ids."""
    milliseconds = int(moment.timestamp() * 1000)
    bits = (milliseconds & (1 << 48) - 1) << 80 | chance.getrandbits(80)
    bits = bits & ~(0xF << 76) | 0x7 << 76
    return uuid.UUID(int=bits & ~(0b11 << 62) | 0b10 << 62)


def month_days(year: int, month: int) -> list[date]:
    first = date(year, month, 1)
    return [day for n in range(31) if (day := first + timedelta(days=n)).month == month]


def day_counts(days: list[date], calls: int, *, land: str, chance: Random) -> dict[date, int]:
    """Spread exactly ``calls`` over the days by weekday and holiday, with some noise."""
    weights = {}
    for day in days:
        weight = WEEKDAY[day.weekday()]
        if day.weekday() < 5 and not counts(day, land):
            weight = HOLIDAY
        weights[day] = weight * chance.uniform(0.94, 1.06)
    total = sum(weights.values())
    exact = {day: calls * weight / total for day, weight in weights.items()}
    found = {day: int(share) for day, share in exact.items()}
    for day in sorted(days, key=lambda d: exact[d] - found[d], reverse=True)[: calls - sum(found.values())]:
        found[day] += 1
    return found


def moments(day: date, calls: int, zone: ZoneInfo, chance: Random) -> list[datetime]:
    """When calls are offered on a day (UTC, in order)."""
    hours = chance.choices(list(HOUR), weights=list(HOUR.values()), k=calls)
    start = datetime.combine(day, time(), tzinfo=zone)
    found = [start.replace(hour=hour) + timedelta(seconds=chance.uniform(0, 3600)) for hour in hours]
    return sorted(moment.astimezone(UTC).replace(microsecond=0) for moment in found)


def play(
    offered: list[datetime], *, prefix: str, number: str, other: str, area: str, agents: int, chance: Random
) -> Iterator[PlayedCall]:
    """The calls offered at these moments to the dialled ``number``; ``other`` is a colleague's extension.

    ``area`` is the area code that callers ring from, ``agents`` how many agents there are.
    """
    callers: list[str] = []
    for count, moment in enumerate(offered):
        caller = _caller(callers, area, chance)
        yield _play_one(f"{prefix}-{count:05}", moment, number, other, caller, agents, chance)


def _caller(callers: list[str], area: str, chance: Random) -> str:
    if chance.random() < 0.08:
        return ""
    if callers and chance.random() < SHARE_REPEAT:
        return chance.choice(callers[-400:])
    mobile = chance.random() < 0.45
    number = f"+49155{chance.randrange(10**7):07}" if mobile else f"{area}{chance.randrange(10**5, 10**6)}"
    callers.append(number)
    return number


def _play_one(
    call_id: str, offered: datetime, number: str, other: str, caller: str, agents: int, chance: Random
) -> PlayedCall:
    agent = chance.randrange(agents) if agents else 0
    told: list[Event] = []
    fate = chance.random()
    direction = "out" if fate > 1 - SHARE_OUTBOUND else "in"

    def tell(kind: str, seconds: float, leg: str = call_id, **said: object) -> None:
        at = offered + timedelta(seconds=int(seconds))
        told.append(Event(leg=leg, kind=kind, at=at, direction=direction, **said))  # type: ignore[arg-type]

    tell(OFFERED, 0, dialled=number)
    second = ""
    if fate < SHARE_ABANDONED:
        tell(ENDED, 6 + chance.expovariate(1 / 42), cause="cancel")
    elif fate < SHARE_ABANDONED + SHARE_VOICEMAIL:
        wait = chance.uniform(40, 70)
        tell(ANSWERED, wait, is_voicemail=True)
        tell(ENDED, wait + chance.uniform(5, 60), cause="normalClearing")
    else:
        wait = chance.uniform(3, 11) if chance.random() < 0.55 else 4 + chance.expovariate(1 / 24)
        talk = min(2400.0, 15 + chance.lognormvariate(4.95, 0.65))
        tell(ANSWERED, wait, answered_by=str(agent))
        if chance.random() < SHARE_TRANSFERRED:
            second = f"{call_id}-b"
            tell(OFFERED, wait + talk, second, dialled=other, linked=call_id)
            tell(ENDED, wait + talk + 1, cause="forwarded")
            more = chance.uniform(4, 25)
            tell(ANSWERED, wait + talk + more, second)
            tell(ENDED, wait + talk + more + chance.uniform(30, 300), second, cause="normalClearing")
        elif chance.random() < SHARE_REAPED:
            tell(REAPED, wait)
        else:
            tell(ENDED, wait + talk, cause="normalClearing")
    late = chance.random() < SHARE_LATE
    played = []
    for position, event in enumerate(told):
        delay = chance.uniform(600, 6 * 3600) if late and position == len(told) - 1 else chance.uniform(0.02, 0.4)
        played.append(PlayedEvent(event, event.at + timedelta(seconds=delay)))
    wrap_up = int(chance.uniform(8, 70))
    return PlayedCall(uuid7_at(offered, chance), call_id, second, caller, agent, wrap_up, tuple(played))
