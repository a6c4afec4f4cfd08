"""Queries that mean the same: inflected, reordered, split into parts or mistyped. Pure, but for the noun list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from knowledge.search.analysis import Analyser, Word
from knowledge.search.speller import Speller

TWO_EDITS_FROM = 10  # letters of a stem; shorter words with two other letters are other words


class Grouping:
    """Learns from all queries at once: a spelling nobody knows is taken for a near one that more people typed."""

    def __init__(self, analyser: Analyser, queries: Iterable[str], *, known: Iterable[str] = ()) -> None:
        """``known`` are texts whose words are spelled right, such as titles; they are never corrected."""
        self.analyser = analyser
        right = {word.stem for text in known for _token, word in analyser.words(text)}
        seen: dict[str, Word] = {}
        counts: Counter[str] = Counter()
        for query in queries:
            for word in self._words(query):
                seen[word.stem] = word
                counts[word.stem] += 1
        self._instead: dict[str, Word] = {}
        speller = Speller(list(counts), list(counts.values()))
        for stem, word in seen.items():
            if word.parts or stem in right or word.folded in analyser.splitter.nouns:
                continue
            for near, gap in speller.corrections(stem):
                # anmelden, abmelden, ummelden: the beginning tells words apart, and few people mistype it.
                if near[:2] != stem[:2] or (gap > 1 and len(stem) < TWO_EDITS_FROM):
                    continue
                other = seen[near]
                is_right = bool(other.parts) or near in right or other.folded in analyser.splitter.nouns
                if is_right or counts[near] > counts[stem]:
                    self._instead[stem] = other
                    break

    def key(self, query: str) -> str:
        """The same for what means the same; empty when nothing was said."""
        stems: set[str] = set()
        for word in self._words(query):
            word = self._instead.get(word.stem, word)
            stems.update(word.parts or (word.stem,))
        return " ".join(sorted(stems))

    def _words(self, query: str) -> list[Word]:
        words = [word for _token, word in self.analyser.words(query)]
        return [word for word in words if not word.is_stop] or words
