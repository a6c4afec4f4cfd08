"""The words of titles and search terms: what is being typed is completed and corrected from them."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence
from typing import Protocol

from knowledge.search.speller import Speller

Word = tuple[str, str, str, int]  # folded, stem, as written, documents
MOST_NEW_WORDS = 200
MOST_CORRECTIONS = 3


class Source(Protocol):
    """A piece of an index that brings words."""

    id: str
    words: list[Word]


class Vocabulary:
    """Immutable; ``of`` makes the next one, with as little work as the change needs."""

    def __init__(self) -> None:
        self.words: list[tuple[str, str]] = []  # folded and stem, in order
        self._sources: frozenset[str] = frozenset()
        self._counts: dict[tuple[str, str], int] = {}
        self._written: dict[str, str] = {}
        self._spellers: list[Speller] = []
        self._lock = threading.Lock()

    def of(self, sources: Sequence[Source]) -> Vocabulary:
        """The vocabulary of these; what was added to the known ones is added only."""
        ids = frozenset(source.id for source in sources)
        made = Vocabulary()
        made._sources = ids
        if self._sources <= ids:
            made._counts, made._written = dict(self._counts), dict(self._written)
            sources = [source for source in sources if source.id not in self._sources]
        for source in sources:
            for word, stem, text, count in source.words:
                made._counts[word, stem] = made._counts.get((word, stem), 0) + count
                if text:
                    made._written.setdefault(word, text)
        made.words = self.words if made._counts.keys() == self._counts.keys() else sorted(made._counts)
        made._spellers = self._spellers[:1]
        return made

    def completions(self, prefix: str, limit: int) -> list[str]:
        """Stems of the words that begin so."""
        first = bisect_left(self.words, (prefix, ""))
        stems: dict[str, None] = {}
        for word, stem in self.words[first : first + limit * 2]:
            if not word.startswith(prefix) or len(stems) >= limit:
                break
            stems[stem] = None
        return list(stems)

    def corrections(self, word: str) -> list[tuple[str, int]]:
        """As people write them, umlauts and capitals included; nearest first."""
        found = [hit for speller in self.spellers() for hit in speller.corrections(word)]
        found.sort(key=lambda hit: hit[1])
        written = self._written
        return [(written.get(text, text), gap) for text, gap in found[:MOST_CORRECTIONS] if (text in self)]

    def __contains__(self, word: str) -> bool:
        at = bisect_left(self.words, (word, ""))
        return at < len(self.words) and self.words[at][0] == word

    def spellers(self) -> list[Speller]:
        """A large speller outlives commits; a few new words get a small one of their own."""
        with self._lock:
            if len(self._spellers) < 2 and self._counts:
                counts: dict[str, int] = {}
                for (word, _), count in self._counts.items():
                    counts[word] = counts.get(word, 0) + count
                large = self._spellers
                new = [word for word in counts if not large or word not in large[0].known]
                if not large or len(new) > MOST_NEW_WORDS:
                    large, new = [Speller(list(counts), list(counts.values()))], []
                self._spellers = [*large, Speller(new, [counts[word] for word in new])]
            return self._spellers
