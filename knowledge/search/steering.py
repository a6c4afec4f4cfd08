"""What editors decide about the search, as plain values: synonyms, stop words, protected words, pinned answers.

Pure; ``knowledge.steering`` keeps it in the database and hands it over. Nothing decided is the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from knowledge.search.analysis import Analyser


@dataclass(frozen=True)
class Steering:
    """``stamp`` names the version; equal stamps mean equal contents.

    ``pairs`` are (typed, meant), one-way; a two-way rule is two of them. ``pins`` holds, by tenant id, the
    query as it was entered and the articles that come first for it today, in order.
    """

    stamp: str = ""
    pairs: tuple[tuple[str, str], ...] = ()
    stop_words: frozenset[str] = frozenset()
    protected: frozenset[str] = frozenset()
    pins: Mapping[int, tuple[tuple[str, UUID], ...]] = field(default_factory=dict)

    def pinned(self, query: str, tenant: int, analyser: Analyser) -> list[UUID]:
        """Articles pinned to the query in this city; inflection, order and stop words of the query do not matter."""
        pins = self.pins.get(tenant)
        if not pins:
            return []
        asked = _key(query, analyser)
        return [article for text, article in pins if asked and _key(text, analyser) == asked]


def _key(query: str, analyser: Analyser) -> frozenset[str]:
    return frozenset(word.stem for _, word in analyser.words(query[:250]) if not word.is_stop)
