"""The scope: reading outside it raises, writing outside it is refused."""

from __future__ import annotations

from datetime import date

import pytest

from tenants.models import Line
from tenants.numbers import normalise_dialled, readable, to_e164
from tenants.scope import ScopeError, all_cities, assert_in_scope, scoped
from tenants.selectors import line_for
from tenants.services import LineTaken, save_line


def test_scope_holds_only_its_cities(lines, duisburg, dinslaken) -> None:
    """A Dinslaken liaison must never read a Duisburg row."""
    with scoped([dinslaken]):
        assert [line.tenant for line in Line.objects.all()] == [dinslaken]
    with all_cities("test"):
        assert Line.objects.count() == 2


def test_writing_outside_the_scope_is_refused(duisburg, dinslaken) -> None:
    with scoped([dinslaken]), pytest.raises(ScopeError):
        save_line(
            line=Line(tenant=duisburg, number="+4920312345", label="x", valid_from=date(2026, 1, 1)), actor_id=None
        )
    with scoped([dinslaken]), pytest.raises(ScopeError):
        assert_in_scope(duisburg)


def test_one_number_means_one_city_on_a_day(lines, duisburg, dinslaken) -> None:
    """Two cities claiming one number would bill the wrong one."""
    with scoped([duisburg]), pytest.raises(LineTaken):
        save_line(
            line=Line(tenant=duisburg, number="+492064660", label="x", valid_from=date(2026, 1, 1)), actor_id=None
        )
    with scoped([dinslaken]):
        old = lines["dinslaken"]
        old.valid_until = date(2026, 6, 30)
        save_line(line=old, actor_id=None)
    with scoped([duisburg]):
        save_line(
            line=Line(tenant=duisburg, number="+492064660", label="x", valid_from=date(2026, 7, 1)), actor_id=None
        )
    assert line_for(number="+492064660", on=date(2026, 6, 30)).tenant == dinslaken
    assert line_for(number="+492064660", on=date(2026, 7, 1)).tenant == duisburg
    assert line_for(number="+4999", on=date(2026, 7, 1)) is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("0203/12345", "+4920312345"),
        ("0203 / 123-45", "+4920312345"),
        ("00492064660", "+492064660"),
        ("493055571600", "+493055571600"),
        ("02214710334", "+492214710334"),
        ("+49 2064 66-0", "+492064660"),
        ("115", ""),
        ("anonymous", ""),
        ("", ""),
        ("214", ""),
    ],
)
def test_number_takes_one_form(raw: str, expected: str) -> None:
    """The same line must be found however a telephone system writes its number."""
    assert to_e164(raw) == expected


def test_dialled_keeps_short_codes_and_queue_names() -> None:
    assert normalise_dialled(" 115 ") == "115"
    assert normalise_dialled("queue-dinslaken") == "queue-dinslaken"
    assert readable("+492064660") == "02064 660"
