"""What changed between two versions of a text, word by word. Pure functions.

Shapes: a version is a mapping of section key to value (``knowledge.sections``); a difference is a
list of pieces that read, one after the other, as one text with marks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from knowledge.sanitise import BLOCK_ENDS, text_of
from knowledge.sections import SECTIONS, Section, SectionValue, Shape

Kind = Literal["same", "added", "removed"]
WORDS = re.compile(r"\n|\d+(?:[.,:]\d+)+|\w+|[^\w\s]|[^\S\n]+")
# Beyond this many words on both sides, words are compared sentence by sentence first.
LONG = 1_500


@dataclass(frozen=True)
class Piece:
    kind: Kind
    text: str


@dataclass(frozen=True)
class SectionDiff:
    section: Section
    pieces: list[Piece]


def as_text(section: Section, value: SectionValue | None) -> str:
    """A section's value as plain lines, in the order in which it is read."""
    if not value:
        return ""
    if section.shape is Shape.FACTS:
        return "\n".join(" – ".join(filter(None, (fact["value"], fact["label"]))) for fact in value)  # type: ignore[index]
    if section.shape is Shape.ITEMS:
        return "\n".join(text_of(str(item)) for item in value)
    if section.shape is Shape.RICH:
        blocks = BLOCK_ENDS.sub("\n", str(value)).split("\n")
        return "\n".join(line for line in map(text_of, blocks) if line)
    return str(value)


def diff_words(old: str, new: str) -> list[Piece]:
    """The pieces of ``new`` with what was removed from ``old`` in between."""
    before, after = WORDS.findall(old), WORDS.findall(new)
    head = _shared_start(before, after)
    tail = _shared_start(before[head:][::-1], after[head:][::-1])
    middle_before, middle_after = before[head : len(before) - tail], after[head : len(after) - tail]
    pieces = [Piece("same", "".join(before[:head]))]
    if min(len(middle_before), len(middle_after)) > LONG:
        # Comparing every word with every other would take seconds; nobody reads such a diff word by word.
        pieces += [Piece("removed", "".join(middle_before)), Piece("added", "".join(middle_after))]
    else:
        pieces += _compare(middle_before, middle_after)
    pieces.append(Piece("same", "".join(before[len(before) - tail :])))
    return _joined(pieces)


def diff_sections(
    old: Mapping[str, SectionValue], new: Mapping[str, SectionValue], *, old_title: str = "", new_title: str = ""
) -> list[SectionDiff]:
    """The sections that differ, in the order of the article; the title first."""
    found = []
    if old_title != new_title:
        found.append(SectionDiff(Section("title", "Titel", Shape.TEXT), diff_words(old_title, new_title)))
    for section in SECTIONS:
        before, after = as_text(section, old.get(section.key)), as_text(section, new.get(section.key))
        if before != after:
            found.append(SectionDiff(section, diff_words(before, after)))
        elif old.get(section.key) != new.get(section.key):
            # Only links or emphasis changed: the words are the same, and the reader should know it.
            found.append(SectionDiff(section, [Piece("same", after)]))
    return found


def _compare(before: list[str], after: list[str]) -> list[Piece]:
    pieces: list[Piece] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", "".join(before[i1:i2])))
            continue
        if i2 > i1:
            pieces.append(Piece("removed", "".join(before[i1:i2])))
        if j2 > j1:
            pieces.append(Piece("added", "".join(after[j1:j2])))
    return _without_crumbs(pieces)


def _without_crumbs(pieces: list[Piece]) -> list[Piece]:
    """A lone space or comma between two changes reads better as part of them."""
    merged: list[Piece] = []
    removed, added = "", ""
    for index, piece in enumerate(pieces):
        is_last = index == len(pieces) - 1
        if piece.kind == "removed":
            removed += piece.text
        elif piece.kind == "added":
            added += piece.text
        elif (removed or added) and not is_last and not re.search(r"\w|\n", piece.text):
            removed, added = removed + piece.text, added + piece.text
        else:
            merged += [Piece("removed", removed), Piece("added", added), piece]
            removed, added = "", ""
    return [*merged, Piece("removed", removed), Piece("added", added)]


def _shared_start(left: list[str], right: list[str]) -> int:
    count = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        count += 1
    return count


def _joined(pieces: list[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for piece in pieces:
        if not piece.text:
            continue
        if joined and joined[-1].kind == piece.kind:
            joined[-1] = Piece(piece.kind, joined[-1].text + piece.text)
        else:
            joined.append(piece)
    return joined
