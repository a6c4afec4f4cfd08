"""The forecast must be better than a rule of thumb, and honest about how sure it is."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from callcenter.supervision.backtest import SeriesError, backtest, history_of, read_series, with_interval
from callcenter.supervision.forecast import SLOTS, History, expected_calls, same_weekdays
from tests.supervision.series import years_of_calls

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.slow
@pytest.mark.parametrize("base", [1_800, 150])
def test_backtest_beats_the_rule_of_thumb_and_holds_its_interval(base):
    """The rota would be worse than a guess, or surer of itself than it may be."""
    score = backtest(years_of_calls(11, base=base), step=14)
    assert score.better_by >= 0.08
    assert score.held is not None
    assert 0.75 <= score.held <= 0.85


def test_forecast_knows_only_the_days_before():
    """A back-test that peeks would promise what no forecast keeps."""
    history = years_of_calls(3, days=200)
    changed = History(history.first, history.counts.copy())
    changed.counts[150:] = 7.0
    assert np.array_equal(expected_calls(history.until(150), 7), expected_calls(changed.until(150), 7))


def test_forecast_expects_few_calls_on_a_holiday_never_seen():
    """Twenty people would sit at their desks on All Saints' Day."""
    history = years_of_calls(5, days=302, wild=False)  # until Monday 2023-10-30; Wednesday is a holiday
    expected = expected_calls(history, 7).sum(axis=1)
    assert expected[1] < 0.35 * expected[0]
    assert expected[5] == expected[4] == 0  # weekend


def test_forecast_is_not_moved_by_one_storm():
    """One breakdown would fill the rota of the week after."""
    calm = years_of_calls(5, days=210, wild=False)
    stormy = History(calm.first, calm.counts.copy())
    stormy.counts[207] *= 3  # a Friday
    usual, shaken = (expected_calls(series, 7).sum() for series in (calm, stormy))
    assert shaken == pytest.approx(usual, rel=0.12)


def test_same_weekdays_is_the_mean_of_the_last_four():
    """The yardstick would be easier to beat than it says."""
    counts = np.repeat(np.arange(56.0)[:, None], SLOTS, axis=1)
    found = same_weekdays(History(years_of_calls(1, days=28).first, counts), 8)
    assert found[0, 0] == np.mean([28, 35, 42, 49])
    assert found[7, 0] == np.mean([28, 35, 42, 49])


def test_interval_is_left_out_while_too_little_is_known():
    """A made-up interval would look like knowledge."""
    young = with_interval(years_of_calls(2, days=35), 7)
    assert young.mean.shape == (7, SLOTS)
    assert young.low is None
    old = with_interval(years_of_calls(2, days=140), 7)
    assert old.low is not None
    assert old.high is not None
    assert (old.low <= old.high).all()
    assert old.wape is not None
    assert old.wape < 0.4
    assert old.days[0] == years_of_calls(2, days=140).first + timedelta(days=140)


def test_forecast_bridges_a_gap_in_the_recording():
    """Three weeks without a telephone system would be forecast as three weeks without callers."""
    whole = years_of_calls(2, days=140, wild=False)
    torn = History(whole.first, whole.counts.copy())
    torn.counts[115:136] = np.nan
    assert expected_calls(torn, 7).sum() == pytest.approx(expected_calls(whole, 7).sum(), rel=0.1)


def test_forecast_refuses_less_than_four_weeks():
    """A week of opening days would be extrapolated to a year."""
    with pytest.raises(ValueError, match="28 recorded days"):
        expected_calls(years_of_calls(1, days=20), 7)


def test_read_series_honours_offsets_and_adds_up_finer_rows():
    """An export in UTC would be shifted by an hour or two, and quarter-hours would be thrown away."""
    rows = ["start;calls", "2026-10-05T06:00:00Z;3", "2026-10-05T08:15:00+02:00;2,5", "", "2026-10-05 08:30;4"]
    found = read_series(rows, BERLIN)
    assert found == {
        datetime.fromisoformat("2026-10-05T08:00"): 5.5,
        datetime.fromisoformat("2026-10-05T08:30"): 4.0,
    }
    history = history_of({**found, datetime.fromisoformat("2026-10-07T08:00"): 1.0}, "NW")
    assert history.totals[0] == 9.5
    assert np.isnan(history.totals[1])  # nobody recorded the sixth


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (["time,number", "x,1"], "start and calls"),
        (["start,calls", "2026-10-05T08:00,three"], "line 2"),
        (["start,calls", "2026-10-05T08:00,-1"], "line 2"),
        (["start,calls"], "no half-hour"),
    ],
)
def test_read_series_says_what_is_wrong_and_where(rows, reason):
    """Somebody with ten thousand lines would have to search for the bad one."""
    with pytest.raises(SeriesError, match=reason):
        read_series(rows, BERLIN)


def as_file(history: History, path):
    start = datetime.combine(history.first, datetime.min.time())
    rows = [
        f"{(start + timedelta(days=day, minutes=30 * slot)).isoformat()},{int(calls)}"
        for day, slots in enumerate(history.counts)
        for slot, calls in enumerate(slots)
    ]
    path.write_text("start,calls\n" + "\n".join(rows))
    return path


def test_backtest_forecast_prints_pure_json(tmp_path, capsys):
    """A script could not read the figures."""
    call_command("backtest_forecast", as_file(years_of_calls(4, days=120), tmp_path / "calls.csv"), "--json")
    figures = json.loads(capsys.readouterr().out)
    assert figures.keys() == {
        "forecasts", "half_hours", "calls", "wape", "baseline_wape", "improvement", "interval", "coverage",
    }  # fmt: skip
    assert figures["wape"] < figures["baseline_wape"]


def test_backtest_forecast_refuses_with_the_reason(tmp_path):
    """A short or missing file would end in a traceback."""
    short = as_file(years_of_calls(4, days=20), tmp_path / "short.csv")
    with pytest.raises(CommandError, match="too short"):
        call_command("backtest_forecast", short)
    with pytest.raises(CommandError, match=r"missing\.csv"):
        call_command("backtest_forecast", tmp_path / "missing.csv")
    with pytest.raises(CommandError) as refused:
        call_command("backtest_forecast", short, "--land", "XX")
    assert refused.value.returncode == 2
