"""The fold: whatever order events arrive in, the same call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.calls.fold import Event, fold

START = datetime(2026, 10, 5, 8, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def event(kind: str, seconds: float = 0, leg: str = "A", **said: object) -> Event:
    return Event(leg=leg, kind=kind, at=at(seconds), **said)  # type: ignore[arg-type]


def test_fold_counts_waiting_and_talk() -> None:
    """Waiting and talk time are what service levels and per-minute prices rest on."""
    call = fold([event("offered", 0), event("answered", 12), event("ended", 100)])
    assert (call.state, call.outcome, call.waited_s, call.talked_s, call.legs) == ("ended", "answered", 12, 88, 1)


def test_fold_unanswered_is_abandoned() -> None:
    """A caller who gave up must not be billed."""
    call = fold([event("offered", 0), event("ended", 40, cause="cancel")])
    assert (call.outcome, call.waited_s, call.talked_s) == ("abandoned", 40, 0)


def test_fold_forwarded_unanswered_has_no_outcome() -> None:
    """A call that went on elsewhere was not given up by its caller."""
    assert fold([event("offered", 0), event("ended", 9, cause="forwarded")]).outcome is None


def test_fold_forwarded_to_nobody_is_abandoned() -> None:
    """Who is passed on and gives up there has waited in vain: the figures must show it."""
    first = [event("offered", 0), event("ended", 9, cause="forwarded")]
    then = [event("offered", 10, "B", linked="A"), event("ended", 40, "B", cause="cancel")]
    call = fold([*first, *then])
    assert (call.outcome, call.waited_s, call.legs) == ("abandoned", 40, 2)


def test_fold_voicemail_is_missed_until_somebody_answers() -> None:
    """A machine's answer must not count as service, a person's must."""
    machine = event("answered", 20, is_voicemail=True)
    assert fold([event("offered"), machine, event("ended", 60)]).outcome == "voicemail"
    both = fold([event("offered"), machine, event("answered", 30), event("ended", 60)])
    assert (both.outcome, both.talked_s) == ("answered", 30)


def test_fold_second_answer_changes_nothing() -> None:
    """Answer-time figures would otherwise move with each retry."""
    first = [event("offered"), event("answered", 5, answered_by="201"), event("ended", 60)]
    again = fold([*first, event("answered", 9, answered_by="202")])
    assert (again.answered_at, again.answered_by) == (at(5), "201")


def test_fold_answer_after_hangup_never_reopens() -> None:
    """A late packet must not leave a call open for ever."""
    call = fold([event("ended", 1), event("answered", 2), event("offered", 3)])
    assert (call.state, call.outcome) == ("ended", "answered")
    assert call.offered_at <= call.answered_at <= call.ended_at  # type: ignore[operator]


def test_fold_transfer_is_one_call_until_the_last_leg_ends() -> None:
    """Two legs of one conversation are one billable call."""
    told = [
        event("offered", 0),
        event("answered", 5, answered_by="201"),
        event("offered", 60, leg="B", linked="A"),
        event("ended", 61, cause="forwarded"),
        event("answered", 70, leg="B", answered_by="305"),
    ]
    going = fold(told)
    assert (going.state, going.legs, going.answered_by) == ("connected", 2, "305")
    done = fold([*told, event("ended", 200, leg="B")])
    assert (done.state, done.outcome, done.talked_s) == ("ended", "answered", 195)


def test_fold_transferred_leg_ends_with_the_next() -> None:
    """A telephone system that sends no hangup for the first leg would leave the call open."""
    told = [event("offered"), event("answered", 5), event("transferred", 60, linked="B")]
    assert fold(told).state == "connected"
    more = [event("offered", 60, leg="B"), event("answered", 65, leg="B"), event("ended", 90, leg="B")]
    assert fold([*told, *more]).state == "ended"


def test_fold_reaped_only_while_something_is_open() -> None:
    """The mark says that the end is a guess; a real hangup takes it back."""
    told = [event("offered"), event("answered", 5), event("reaped", 5)]
    assert (fold(told).reaped, fold(told).state) == (True, "ended")
    real = fold([*told, event("ended", 300)])
    assert (real.reaped, real.talked_s) == (False, 295)


def test_fold_first_leg_names_the_line() -> None:
    """The dialled number of a transfer must not move the call to another city."""
    told = [event("offered", 60, leg="B", linked="A", dialled="+492032830"), event("offered", 90, dialled="+492064660")]
    assert fold(told).candidates == ("+492064660", "+492032830")


def test_fold_without_events_is_refused() -> None:
    """A call out of nothing would be billed to somebody."""
    with pytest.raises(ValueError, match="at least one"):
        fold([])


kinds = st.sampled_from(["offered", "answered", "ended", "transferred", "rejected"])
events = st.builds(
    event,
    kind=kinds,
    seconds=st.integers(0, 600),
    leg=st.sampled_from(["A", "B", "C"]),
    is_voicemail=st.booleans(),
    cause=st.sampled_from(["", "normalClearing", "forwarded"]),
    linked=st.sampled_from(["", "A"]),
    dialled=st.sampled_from(["", "+492064660", "115"]),
)


@given(st.lists(events, min_size=1, max_size=8), st.data())
def test_fold_ignores_order_and_repetition(told: list[Event], data: st.DataObject) -> None:
    """Retries and races must not change what is billed."""
    shuffled = data.draw(st.permutations(told + data.draw(st.lists(st.sampled_from(told), max_size=4))))
    assert fold(shuffled) == fold(told)


@given(st.lists(st.tuples(kinds, st.booleans()), min_size=1, max_size=6), st.data())
def test_fold_state_and_outcome_ignore_receipt_times(told: list[tuple[str, bool]], data: st.DataObject) -> None:
    """Events without a time of their own take their receipt's: state and outcome must not follow it."""
    leg = [(kind, machine) for kind, machine in told if kind != "transferred"] or [("offered", False)]
    shuffled = data.draw(st.permutations(leg))

    def folded(order: list[tuple[str, bool]]) -> tuple[object, ...]:
        call = fold(
            event(kind, seconds, is_voicemail=machine and kind == "answered")
            for seconds, (kind, machine) in enumerate(order)
        )
        assert call.offered_at <= (call.answered_at or call.offered_at) <= (call.ended_at or at(9999))
        return call.state, call.outcome, call.legs

    assert folded(shuffled) == folded(leg)
