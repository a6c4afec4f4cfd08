"""What citizens say and what offices write: groups and one-way pairs, compared by stem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from knowledge.search.analysis import Analyser

SHIPPED = Path(__file__).with_name("synonyms.txt")
MAX_PHRASE = 4  # words


@dataclass(frozen=True, slots=True)
class Match:
    typed: str
    meant: str


class Synonyms:
    """Looks for known phrases in a sequence of stems."""

    def __init__(self, pairs: Iterable[tuple[str, str]], analyser: Analyser) -> None:
        self._meanings: dict[tuple[str, ...], list[Match]] = {}
        for typed, meant in pairs:
            key = _stems(typed, analyser)
            # Forms of one word (anmelden, Anmeldung) are the same stem already.
            if key and len(key) <= MAX_PHRASE and key != _stems(meant, analyser):
                self._meanings.setdefault(key, []).append(Match(typed, meant))

    def phrases_in(self, stems: Sequence[str]) -> Iterator[tuple[int, int, Match]]:
        """(first word, words, match) of every phrase, in order of place; the words of a phrase stand together."""
        seen: set[Match] = set()
        for first in range(len(stems)):
            for size in range(1, MAX_PHRASE + 1):
                for match in self._meanings.get(tuple(stems[first : first + size]), ()):
                    if match not in seen and first + size <= len(stems):
                        seen.add(match)
                        yield first, size, match


def _stems(phrase: str, analyser: Analyser) -> tuple[str, ...]:
    return tuple(word.stem for _, word in analyser.words(phrase))


def read_pairs(text: str) -> Iterator[tuple[str, str]]:
    """``a = b`` gives both ways, ``a > b, c`` one; # begins a comment. Raises ValueError with the line."""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        if ">" in line:
            typed, _, meant = line.partition(">")
            if not typed.strip() or not meant.strip():
                raise ValueError(f"line {number}: a side is empty")
            for target in meant.split(","):
                yield typed.strip(), target.strip()
            continue
        group = [word.strip() for word in line.split("=")]
        if len(group) < 2 or not all(group):
            raise ValueError(f"line {number}: a group needs two words")
        for typed in group:
            for meant in group:
                if typed != meant:
                    yield typed, meant


def shipped(analyser: Analyser, more: Iterable[tuple[str, str]] = ()) -> Synonyms:
    """The general list that comes with the program, and what editors added."""
    return Synonyms(chain(read_pairs(SHIPPED.read_text(encoding="utf-8")), more), analyser)
