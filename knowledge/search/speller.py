"""Typing errors: words within one or two edits, found by their deletion neighbourhood.

After W. Garbe's SymSpell: a word and its misspelling share a string that both reach by deleting
letters. Only the first ``PREFIX`` letters are varied; what is found is checked by its distance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

PREFIX = 8


def allowed_distance(word: str) -> int:
    """Edits that are still believed: none below four letters, one below eight, two from there."""
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2


def deletions(word: str, distance: int) -> Iterator[str]:
    """The word's beginning with up to ``distance`` letters left out."""
    start = word[:PREFIX]
    yield start
    for count in range(1, distance + 1):
        for gaps in combinations(range(len(start)), count):
            yield "".join(char for at, char in enumerate(start) if at not in gaps)


def edit_distance(left: str, right: str, limit: int) -> int:
    """Optimal string alignment (a swap of neighbours is one edit); ``limit + 1`` when further apart.

    H. Hyyrö's bit-parallel algorithm (2002): one step per letter of ``right``.
    """
    size = len(left)
    if abs(size - len(right)) > limit:
        return limit + 1
    places: dict[str, int] = {}
    for at, char in enumerate(left):
        places[char] = places.get(char, 0) | (1 << at)
    mask = (1 << size) - 1
    top = 1 << (size - 1)
    plus, minus, diagonal, before, score = mask, 0, 0, 0, size
    for char in right:
        here = places.get(char, 0)
        swap = (((~diagonal) & here) << 1) & before
        diagonal = ((((here & plus) + plus) ^ plus) | here | minus | swap) & mask
        up = (minus | ~(diagonal | plus)) & mask
        down = diagonal & plus
        if up & top:
            score += 1
        elif down & top:
            score -= 1
        up = ((up << 1) | 1) & mask
        plus = ((down << 1) | ~(diagonal | up)) & mask
        minus = up & diagonal
        before = here
    return score if score <= limit else limit + 1


class Speller:
    """Corrections out of a fixed list of words; the more frequent word wins a tie."""

    def __init__(self, words: Sequence[str], counts: Sequence[int]) -> None:
        self.words = list(words)
        self.known = frozenset(words)
        self.counts = list(counts)
        keys: list[int] = []
        owners: list[int] = []
        for number, word in enumerate(self.words):
            for variant in set(deletions(word, allowed_distance(word))):
                keys.append(hash(variant) & 0xFFFFFFFF)
                owners.append(number)
        order = np.argsort(np.array(keys, dtype=np.uint32), kind="stable")
        self._keys = np.array(keys, dtype=np.uint32)[order]
        self._owners = np.array(owners, dtype=np.int32)[order]

    def corrections(self, word: str, limit: int = 3) -> list[tuple[str, int]]:
        """Known words near this one with their distance, nearest and most frequent first."""
        distance = allowed_distance(word)
        if not distance or not len(self._keys):
            return []
        wanted = np.array([hash(v) & 0xFFFFFFFF for v in set(deletions(word, distance))], dtype=np.uint32)
        first, last = np.searchsorted(self._keys, wanted), np.searchsorted(self._keys, wanted, side="right")
        near: dict[int, int] = {}
        for begin, end in zip(first.tolist(), last.tolist(), strict=True):
            for number in self._owners[begin:end].tolist():
                if number not in near:
                    near[number] = edit_distance(word, self.words[number], distance)
        found = [(gap, -self.counts[n], self.words[n]) for n, gap in near.items() if 0 < gap <= distance]
        # People rarely miss the first letter: such a candidate has to be one edit better.
        found.sort(key=lambda item: (item[0] + (item[2][0] != word[0]), item[1], item[2]))
        return [(text, gap) for gap, _, text in found[:limit]]
