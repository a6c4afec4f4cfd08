"""The fault list, and the table that says what became of each row: ``make test-faults``.

A test says which rows it covers: ``@pytest.mark.fault(7)``, with ``repetitions=`` where the fault is played
more than once. What is only known afterwards is told by the fixture ``tally``.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

ROWS = {
    1: "the same webhook five times at once",
    2: "hangup, answer, newCall in that order",
    3: "hangup never comes",
    4: "newCall never comes",
    5: "bad or missing signature; an old body replayed",
    6: "web process killed after commit, before the reply",
    7: "a worker's child killed mid-close",
    8: "the whole worker killed",
    9: "sixty kill -9 during one close",
    10: "two schedulers running",
    11: "two people close the month at once",
    12: "visibility timeout shorter than the task",
    13: "Redis down at commit",
    14: "Redis flushed",
    15: "Redis restart with 200 streams open",
    16: "PostgreSQL restarted under load",
    17: "PostgreSQL away for 30 s",
    18: "max_connections reached",
    19: "stream process killed four times",
    20: "proxy 502 on reconnect",
    21: "SIGTERM with open streams",
    22: "SQLite, six writers",
    23: "killed during a SQLite write",
    24: "killed during an index write",
    25: "index file truncated or missing",
    26: "disk full at the index",
    27: "disk full at the database",
    28: "a call arrives after its month closed",
    29: "DST month edge, clock jump",
    30: "backup under load, then restore",
    31: "migration under load",
    32: "mail relay killed after sending, before marking",
}
WANTED = "CALLCENTER_FAULT_TABLE"


class Report(Protocol):
    """What is read of a pytest report."""

    when: str
    outcome: str
    nodeid: str
    user_properties: list[tuple[str, object]]


@dataclass
class Row:
    tests: int = 0
    failed: int = 0
    repetitions: int = 0
    lost: int = 0


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("fault"):
        for row in mark.args:
            assert row in ROWS, f"{item.nodeid}: there is no row {row}"
            item.user_properties.append(("fault", [row, mark.kwargs.get("repetitions", 1)]))


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Callable[..., None]:
    """``tally(7, repetitions=3, lost=0)``: how often the fault was played, and what was lost."""

    def note(row: int, *, repetitions: int, lost: int = 0) -> None:
        request.node.user_properties.append(("tally", [row, repetitions, lost]))

    return note


def table(reports: Iterable[Report]) -> dict[int, Row]:
    """What the reports say of each row; a tally replaces the repetitions of the mark."""
    found: dict[int, Row] = defaultdict(Row)
    for report in reports:
        if report.when != "call" and report.outcome != "failed":
            continue
        said: list[Any] = [value for name, value in report.user_properties if name == "tally"]
        marks: list[Any] = [value for name, value in report.user_properties if name == "fault"]
        for row, repetitions in marks:
            counted = [(times, lost) for tallied, times, lost in said if tallied == row]
            line = found[row]
            line.tests += 1
            line.failed += report.outcome != "passed"
            line.repetitions += sum(times for times, _ in counted) if counted else repetitions
            line.lost += sum(lost for _, lost in counted)
    return found


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not os.environ.get(WANTED):
        return
    stats = terminalreporter.stats
    found = table(stats.get("passed", []) + stats.get("failed", []) + stats.get("error", []))
    write = terminalreporter.write_line
    terminalreporter.section("faults")
    write(f"{'row':>3}  {'fault':<52}{'tests':>6}{'repetitions':>13}{'lost':>6}  result")
    for number, name in ROWS.items():
        row = found.get(number, Row())
        result = "not tried" if not row.tests else "FAILED" if row.failed else "survived"
        write(f"{number:>3}  {name:<52}{row.tests:>6}{row.repetitions:>13}{row.lost:>6}  {result}")
    survived = sum(bool(row.tests) and not row.failed for row in found.values())
    write(
        f"{survived} of {len(ROWS)} rows survived; {sum(row.repetitions for row in found.values())} faults played, "
        f"{sum(row.lost for row in found.values())} lost"
    )
    if not terminalreporter.config.option.collectonly and survived < len(ROWS):
        write("Rows that were not tried need what is missing here (PostgreSQL, Redis, Chromium).")
