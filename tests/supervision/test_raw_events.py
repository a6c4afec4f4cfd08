"""Figures against the raw events: what the telephone systems said, counted by hand, second by second."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from callcenter.calls.events import ParsedEvent
from callcenter.calls.models import Call, CallLeg, Connector, TelephonyEvent
from callcenter.calls.services.ingest import ingest
from callcenter.calls.services.lifecycle import reap_stale_calls
from callcenter.supervision import adding_up, rollups
from callcenter.supervision.measures import Counts, total
from callcenter.supervision.models import Targets
from callcenter.supervision.periods import containing
from callcenter.supervision.selectors import Look
from tenants.scope import all_cities
from tests.supervision.test_selectors import moments

MONTHS = [containing("month", date(2026, month, 1)) for month in (3, 10)]  # each with a day the clock changes


@dataclass(frozen=True)
class Told:
    """One event as a telephone system would send it."""

    leg: str
    kind: str
    at: datetime
    voicemail: bool = False
    linked: str = ""
    turned_away: bool = False


@st.composite
def stories(draw):
    """What happened in one call, and what of it was told: transfers, lost and repeated events, any order."""
    start = draw(moments())
    wait, talk = draw(st.integers(0, 90) | st.integers(0, 1_500)), draw(st.integers(0, 1_200))
    answer = start + timedelta(seconds=wait)
    end = answer + timedelta(seconds=talk)
    kind = draw(st.sampled_from(["answered"] * 4 + ["transferred"] * 2 + ["abandoned"] * 2 + ["voicemail", "rejected"]))
    told = [Told("a", "offered", start, turned_away=kind == "rejected")]
    if kind in {"answered", "transferred"}:
        told.append(Told("a", "answered", answer))
    if kind == "voicemail":
        told.append(Told("a", "answered", answer, voicemail=True))
    if kind == "transferred":
        again = end + timedelta(seconds=draw(st.integers(0, 40)))
        if draw(st.booleans()):
            told.append(Told("a", "transferred", end, linked="b"))
        told.append(Told("b", "offered", end, linked="a"))
        told.append(Told("b", "answered", again, linked="a"))
        told.append(Told("b", "ended", again + timedelta(seconds=draw(st.integers(0, 600))), linked="a"))
    if kind != "rejected":
        told.append(Told("a", "ended", end))
    lost = draw(st.sets(st.integers(0, len(told) - 1), max_size=1))
    left = [one for place, one in enumerate(told) if place not in lost or len(told) == 1]
    left += draw(st.lists(st.sampled_from(left), max_size=2))
    return draw(st.permutations(left)), draw(st.sampled_from(["+492032830", "+492032830", "+492064660"]))


def by_hand(told: list[Told]) -> tuple[datetime, str | None, int, int]:
    """(offered, outcome, seconds waited, seconds talked) of one call; ``told`` is in order of receipt."""
    offered = min(one.at for one in told)
    spoken = min((one.at for one in told if one.kind == "answered" and not one.voicemail), default=None)
    recorded = min((one.at for one in told if one.voicemail), default=None)
    turned_away = [one for one in told if one.turned_away]
    ends: list[datetime] = []
    for leg in {one.leg for one in told}:
        own, other = [one for one in told if one.leg == leg], [one for one in told if one.leg != leg]
        hung_up = [one.at for one in own if one.kind == "ended"]
        passed_on = [one.at for one in own if one.kind == "transferred"]
        if hung_up:
            ends.append(min(hung_up))
        elif any(one.turned_away for one in own):
            ends.append(min(one.at for one in turned_away))
        elif passed_on and any(one.at >= min(passed_on) and one.kind != "transferred" for one in other):
            ends.append(min(passed_on))
        else:  # its hangup never came: it counts until the last sign of life
            ends.append(max(told[-1].at, offered))
    ended = max(ends)
    if spoken:
        answered = min(spoken, ended)
        return offered, "answered", int((answered - offered).total_seconds()), int((ended - answered).total_seconds())
    if recorded:
        return offered, "voicemail", int((min(recorded, ended) - offered).total_seconds()), 0
    return offered, "rejected" if turned_away else "abandoned", int((ended - offered).total_seconds()), 0


@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(told=st.lists(stories(), min_size=1, max_size=14), refresh_at=st.integers(0, 40), chance=st.randoms())
def test_figures_equal_the_raw_events_counted_by_hand(duisburg, lines, told, refresh_at, chance):
    """Nobody could trust a figure whose seconds are not those of the telephone system."""
    with all_cities("test"):
        TelephonyEvent.objects.all().delete()
        CallLeg.objects.all().delete()
        Call.objects.all().delete()
        connector, _ = Connector.objects.get_or_create(name="Anlage", defaults={"token_hash": "x"})
        # Events of all calls mixed as they come, each call's own in the order that was drawn.
        turns = [number for number, (events, _) in enumerate(told) for _ in events]
        chance.shuffle(turns)
        places: Counter[int] = Counter()
        received = datetime.fromisoformat("2026-11-20T08:00:00+00:00")
        for turn, number in enumerate(turns):
            events, dialled = told[number]
            one = events[places[number]]
            places[number] += 1
            ingest(
                connector=connector,
                event=ParsedEvent(
                    kind=one.kind,
                    call_id=f"{number}{one.leg}",
                    direction="in",
                    dialled=dialled if one.kind == "offered" or places[number] == 1 else "",
                    is_voicemail=one.voicemail,
                    linked_call_id=f"{number}{one.linked}" if one.linked else "",
                    turned_away=one.turned_away,
                    at=one.at,
                ),
                raw=repr(one).encode(),
                received_at=received + timedelta(seconds=turn),
            )
            if turn == refresh_at:
                adding_up.refresh_all()
        reap_stale_calls(now=received + timedelta(days=1))
        expected: dict[date, Counts] = defaultdict(Counts)
        waits: dict[str, Counter[int]] = {"answered": Counter(), "abandoned": Counter()}
        for events, dialled in told:
            seen: list[Told] = []
            for one in events:  # a repetition says nothing new
                if one not in seen:
                    seen.append(one)
            offered, outcome, waited, talked = by_hand(seen)
            local = offered.astimezone(duisburg.zone).date()
            if dialled != "+492032830" or not any(local in month for month in MONTHS):
                continue
            answered, abandoned = outcome == "answered", outcome == "abandoned"
            expected[local] += Counts(
                offered=1,
                answered=answered,
                abandoned=abandoned,
                voicemail=outcome == "voicemail",
                rejected=outcome == "rejected",
                in_time=answered and waited <= 30,
                short=abandoned and waited < 5,
                abandoned_in_time=abandoned and waited <= 30,
                short_in_time=abandoned and waited < 5,
                waited_answered_s=waited if answered else 0,
                waited_abandoned_s=waited if abandoned else 0,
                talked_s=talked if answered else 0,
            )
            if outcome in waits:
                waits[outcome][waited] += 1
        for refreshed in (False, True):
            if refreshed:
                adding_up.refresh_all()
            found_waits: dict[str, Counter[int]] = {"answered": Counter(), "abandoned": Counter()}
            for month in MONTHS:
                look = Look(duisburg, month, Targets(tenant=duisburg))
                found = rollups.sources(look)
                wanted = {day: counts for day, counts in expected.items() if day in month}
                assert rollups.by_day(look, found) == wanted
                assert rollups.in_total(look, found) == total(wanted.values())
                for outcome, histogram in rollups.waiting_times(look, found).items():
                    found_waits[outcome].update(histogram)
            assert found_waits == waits
