"""The difference between two versions, as people read it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from knowledge.diff import diff_sections, diff_words

words = st.lists(st.sampled_from(["Gebühr", "37", ",", " ", "\n", "Euro", "und"]), max_size=30).map("".join)


def marked(pieces) -> str:
    signs = {"added": "+{}+", "removed": "-{}-", "same": "{}"}
    return "".join(signs[piece.kind].format(piece.text) for piece in pieces)


def test_diff_marks_words_and_not_letters():
    """A changed amount would be cut into digits nobody can read."""
    assert marked(diff_words("Es kostet 37 Euro.", "Es kostet 46 Euro.")) == "Es kostet -37-+46+ Euro."
    assert marked(diff_words("46,00 €", "48,00 €")) == "-46,00-+48,00+ €"
    assert marked(diff_words("a b", "a b")) == "a b"
    assert marked(diff_words("", "neu")) == "+neu+"


def test_diff_joins_changes_that_only_a_space_parts():
    assert marked(diff_words("am alten Ort dort", "am neuen Platz dort")) == "am -alten Ort-+neuen Platz+ dort"


@given(old=words, new=words)
def test_diff_loses_nothing(old, new):
    """A version would be shown that never existed."""
    pieces = diff_words(old, new)
    assert "".join(p.text for p in pieces if p.kind != "added") == old
    assert "".join(p.text for p in pieces if p.kind != "removed") == new


def test_diff_of_very_long_texts_stays_quick():
    old, new = "wort " * 20_000, "anders " * 20_000
    assert {piece.kind for piece in diff_words(old, new)} <= {"same", "added", "removed"}


def test_diff_sections_names_only_what_changed():
    old = {"say": "a", "fees": [{"value": "1 €", "label": "x"}], "description": "<p>a <b>b</b></p>", "documents": ["x"]}
    new = {"say": "a", "fees": [{"value": "2 €", "label": "x"}], "description": "<p>a b</p>", "documents": ["x", "y"]}
    changes = {
        change.section.key: marked(change.pieces) for change in diff_sections(old, new, old_title="A", new_title="B")
    }
    assert changes == {"title": "-A-+B+", "fees": "-1-+2+ € – x", "description": "a b", "documents": "x+\ny+"}
