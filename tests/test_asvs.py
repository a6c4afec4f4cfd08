"""The checklist in docs/admin/asvs.md may not name a test that is gone, nor leave a row without an answer."""

from __future__ import annotations

import re

import pytest
from django.conf import settings

DOCUMENT = settings.BASE_DIR / "docs" / "admin" / "asvs.md"
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([12]) \| ([^|]+) \| ([^|]+) \|$", re.M)
ROWS = ROW.findall(DOCUMENT.read_text())
LEVELS_1_AND_2 = 253  # requirements of ASVS 5.0.0 at levels 1 and 2


def test_checklist_has_every_requirement_once() -> None:
    """A row that is left out would look as if nobody had to ask."""
    numbers = [number for number, _, _, _ in ROWS]
    assert len(numbers) == len(set(numbers)) == LEVELS_1_AND_2
    assert numbers == sorted(numbers, key=lambda number: [int(part) for part in number.split(".")])


@pytest.mark.parametrize(("number", "answer"), [(number, answer) for number, _, _, answer in ROWS])
def test_row_names_a_test_that_exists_or_says_why_not(number: str, answer: str) -> None:
    """A checklist that names tests nobody runs is worse than none."""
    for page in re.findall(r"(?:docs/[\w/.-]+|SECURITY)\.md", answer):
        assert (settings.BASE_DIR / page).is_file(), page
    named = re.findall(r"tests/[\w/]+\.py(?:::\w+)?", answer)
    for one in named:
        file, _, function = one.partition("::")
        path = settings.BASE_DIR / file
        assert path.is_file(), one
        assert not function or re.search(rf"^def {function}\(", path.read_text(), re.M), one
    said = re.sub(r"`[^`]+`", "", answer)
    assert named or len(said.strip()) > 6, f"{number} has neither a test nor a reason"
