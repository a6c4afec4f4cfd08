"""The overlay decides what an agent says to a caller of which city."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowledge.effective import in_effect, overlay
from knowledge.sections import SECTIONS, Sections

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


@dataclass
class Text:
    number: int = 1
    state: str = "published"
    title: str = ""
    sections: Sections = field(default_factory=dict)
    published_at: datetime | None = NOON
    valid_from: datetime | None = None
    valid_until: datetime | None = None


def test_overlay_puts_local_sections_over_shared_ones():
    """A caller from Dinslaken would be told Duisburg's fee."""
    shared = Text(title="Hund anmelden", sections={"say": "Gern.", "fees": [{"value": "132 €", "label": ""}]})
    local = Text(sections={"fees": [{"value": "96 €", "label": ""}]})
    laid = overlay(shared, local)
    assert laid.title == "Hund anmelden"
    assert laid.sections["fees"] == [{"value": "96 €", "label": ""}]
    assert laid.sections["say"] == "Gern."
    assert laid.local_keys == ["fees"]


def test_overlay_hides_a_section_that_the_city_holds_empty():
    """A step that does not exist in this city would still be read out."""
    laid = overlay(Text(title="A", sections={"hints": "<p>x</p>"}), Text(sections={"hints": ""}))
    assert "hints" not in laid.sections
    assert laid.local_keys == ["hints"]


def test_overlay_without_any_text_shows_nothing():
    """An article without a title would stand in the hit list as a blank line."""
    assert overlay(None, Text(sections={"say": "x"})) is None
    assert overlay(None, None) is None


def test_overlay_of_an_owned_article_marks_no_single_section():
    """Every section would carry the city's name where the whole article is the city's."""
    assert overlay(None, Text(title="A", sections={"say": "x"}), owned=True).local_keys == []


def test_in_effect_takes_the_newest_that_has_begun():
    """A text scheduled for next week would be read out today."""
    now, old = Text(number=2), Text(number=1)
    future = Text(number=3, valid_from=NOON + timedelta(days=7))
    assert in_effect([old, now, future], NOON + timedelta(days=1)) is now
    assert in_effect([old, now, future], NOON + timedelta(days=8)) is future


def test_in_effect_never_brings_back_what_was_replaced():
    """When a text expires, last year's fee would come back unseen."""
    old, expired = Text(number=1), Text(number=2, valid_until=NOON + timedelta(days=1))
    assert in_effect([old, expired], NOON + timedelta(days=2)) is None


def test_in_effect_begins_no_earlier_than_published():
    """History would claim that a caller was told what nobody had published yet."""
    assert in_effect([Text(valid_from=NOON - timedelta(days=9))], NOON - timedelta(days=1)) is None


values = st.sampled_from(["", "x", "y"])
sections = st.dictionaries(st.sampled_from([s.key for s in SECTIONS]), values)


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no finding
@given(shared=sections, local=sections)
def test_overlay_takes_every_section_from_exactly_one_side(shared, local):
    """A section would be mixed from two cities' texts, or appear from nowhere."""
    laid = overlay(Text(title="A", sections=shared), Text(sections=local))
    for key in (s.key for s in SECTIONS):
        expected = local.get(key, shared.get(key, ""))
        assert laid.sections.get(key, "") == expected
        assert (key in laid.local_keys) == (key in local)
