"""The Kassenzeichen: patterns, check digits, and what a form says of a pattern that gives nothing."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.iso7064 import mod_97_10

from billing import reference
from billing.reference import Facts, render

FACTS = Facts("IKZ-2026-000042", 2026, 42, date(2026, 10, 1), "4711", "05170008")


@pytest.mark.parametrize(
    ("pattern", "made"),
    [
        ("{number}", "IKZ-2026-000042"),
        ("{debtor}.{year}.{sequence}", "4711.2026.000042"),
        ("5.{client}.{month}", "5.05170008.10"),
        ("{debtor}{sequence}{check10}", "47110000420"),
        ("RF{number}{check97}", "RFIKZ-2026-000042" + mod_97_10.calc_check_digits("RFIKZ2026000042")),
    ],
)
def test_pattern_gives_the_reference(pattern: str, made: str) -> None:
    """Each treasury has its own form."""
    assert render(pattern, FACTS) == made


@given(st.text("0123456789", min_size=1, max_size=20))
def test_check_digits_are_those_of_the_standards(digits: str) -> None:
    """A treasury's program refuses a wrong one."""
    assert luhn.is_valid(digits + reference.luhn(digits))
    assert mod_97_10.is_valid(digits + reference.mod97(digits))


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("{kasse}", "kasse"), ("{number", "nicht geschlossen"), ("{number:>90}", "gibt es nicht"), ("x" * 81, "länger")],
)
def test_pattern_that_gives_nothing_says_why(pattern: str, said: str) -> None:
    """At the form, and before issue; not as a fault in the middle of issuing."""
    with pytest.raises(reference.PatternError, match=said):
        reference.example(pattern)
