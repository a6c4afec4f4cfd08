"""Counts that tests want said at the end of a run, summed over all of them and over all workers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

PROPERTY = "count"


def count(request: pytest.FixtureRequest, name: str, number: int = 1) -> None:
    """Add to a count; what a count is about is its name."""
    request.node.user_properties.append((PROPERTY, [name, number]))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    found: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        if report.when == "call":
            for name, value in report.user_properties:
                if name == PROPERTY:
                    found[value[0]] += value[1]
    for name, number in sorted(found.items()):
        terminalreporter.write_line(f"{name}: {number:,}")
