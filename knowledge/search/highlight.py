"""Marking what matched, as a reader of German sees it: whole words, parts of compounds, beginnings."""

from __future__ import annotations

from collections.abc import Sequence

from knowledge.search.analysis import Analyser, Word
from knowledge.search.fold import fold
from knowledge.search.plan import Plan

SHORT = 300  # characters; what is longer is not kept as words
Segment = tuple[str, bool]  # a piece of the text, and whether it matched


def mark(text: str, plan: Plan, analyser: Analyser) -> list[Segment]:
    """Cut a text into pieces; joined they are the text again."""
    wanted = frozenset(clause.term for clause in plan.clauses if clause.weight > 0.1)
    prefixes = plan.prefixes()
    spans: list[tuple[int, int]] = []
    for token, word in analyser.short(text) if len(text) <= SHORT else analyser.words(text):
        spans.extend(
            (token.start + begin, token.start + end) for begin, end in _in_word(token.text, word, wanted, prefixes)
        )
    return _cut(text, spans)


def matches(word: Word, stems: frozenset[str]) -> bool:
    """Whether a word has one of the stems, as a whole or as a part."""
    return word.stem in stems or any(part in stems for part in (*word.parts, *word.spans))


def _in_word(text: str, word: Word, wanted: frozenset[str], prefixes: Sequence[str]) -> list[tuple[int, int]]:
    if word.is_stop and word.stem not in wanted:
        return []
    if word.stem in wanted or any(span in wanted for span in word.spans):
        return [(0, len(text))]
    places: list[tuple[int, int]] = []
    at = 0
    for surface, part in zip(word.surfaces, word.parts, strict=True):
        begin = word.folded.find(surface, at)
        at = begin + len(surface)
        if part in wanted:
            places.append(_original(text, begin, at))
        else:
            places.extend(_original(text, begin, begin + len(p)) for p in prefixes if surface.startswith(p))
    if not places:
        places.extend(_original(text, 0, len(p)) for p in prefixes if word.folded.startswith(p))
    return places


def _original(text: str, begin: int, end: int) -> tuple[int, int]:
    """Places in the folded word as places in the word as written (ß is two letters there, ae is one)."""
    first = next((at for at in range(len(text)) if len(fold(text[: at + 1])) > begin), len(text))
    last = next((at for at in range(first, len(text) + 1) if len(fold(text[:at])) >= end), len(text))
    return first, last


def _cut(text: str, spans: list[tuple[int, int]]) -> list[Segment]:
    pieces: list[Segment] = []
    at = 0
    for begin, end in sorted(spans):
        if end <= at:
            continue
        begin = max(begin, at)
        if begin > at:
            pieces.append((text[at:begin], False))
        if pieces and pieces[-1][1]:
            pieces[-1] = (pieces[-1][0] + text[begin:end], True)
        else:
            pieces.append((text[begin:end], True))
        at = end
    if at < len(text):
        pieces.append((text[at:], False))
    return pieces
