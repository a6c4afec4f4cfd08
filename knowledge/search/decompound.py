"""Splitting compounds: ``Personalausweisverlust`` is found by ``Ausweis``.

A word is covered completely by known simple nouns, with a linking element between them, at the
lowest cost: few parts, no short ones. The last part must be a noun; earlier ones may also be
verb stems or adjectives from ``FIRST_PARTS``.
"""

from __future__ import annotations

from collections.abc import Container

from knowledge.search.lists import read_list

LINKS = ("", "s", "es", "n", "en", "e", "er", "ens")
MIN_PART = 4
MAX_PARTS = 5
SHORT_PARTS = read_list("short_parts")
FIRST_PARTS = read_list("first_parts")


class Splitter:
    """Splits folded words by a set of known simple nouns (folded, with their inflected forms)."""

    def __init__(self, nouns: Container[str]) -> None:
        self.nouns = nouns

    def _is_head(self, part: str) -> bool:
        if len(part) < MIN_PART:
            return part in SHORT_PARTS
        return part in self.nouns

    def _is_first(self, part: str) -> bool:
        return part in FIRST_PARTS or self._is_head(part)

    def split(self, word: str) -> tuple[str, ...]:
        """The parts of a folded compound in order, or none when it is no compound we know."""
        size = len(word)
        if size < 7 or size > 48 or not word.isalpha():
            return ()
        # best[i]: cheapest cover of word[:i] by parts, linking element included.
        best: list[tuple[float, tuple[str, ...]] | None] = [None] * (size + 1)
        best[0] = (0.0, ())
        for start in range(size - 2):
            cover = best[start]
            if cover is None or len(cover[1]) >= MAX_PARTS:
                continue
            for end in range(start + 3, size + 1):
                if start == 0 and end == size:
                    continue
                part = word[start:end]
                if end == size:
                    if not self._is_head(part):
                        continue
                    self._offer(best, end, cover, part, 0.0)
                elif self._is_first(part):
                    for link in LINKS:
                        after = end + len(link)
                        if after > size - 3 or not word.startswith(link, end):
                            continue
                        self._offer(best, after, cover, part, 0.15 if link else 0.0)
        found = best[size]
        return found[1] if found and len(found[1]) > 1 else ()

    @staticmethod
    def _offer(
        best: list[tuple[float, tuple[str, ...]] | None],
        at: int,
        cover: tuple[float, tuple[str, ...]],
        part: str,
        link_cost: float,
    ) -> None:
        cost = cover[0] + 1.0 + link_cost + (0.6 if len(part) == 3 else 0.25 if len(part) == 4 else 0.0)
        known = best[at]
        if known is None or cost < known[0]:
            best[at] = (cost, (*cover[1], part))
