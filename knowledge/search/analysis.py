"""From text to the terms that are indexed and asked for: fold, stem, split."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from knowledge.search.decompound import Splitter
from knowledge.search.fold import Token, fold, tokens
from knowledge.search.lists import read_list
from knowledge.search.nouns import compact_nouns
from knowledge.search.stem import stem

STOP_WORDS = frozenset(fold(word) for word in read_list("stop_words"))


@dataclass(frozen=True, slots=True)
class Word:
    """One word understood: its spelling, its stem, and what it is made of."""

    folded: str
    stem: str
    parts: tuple[str, ...]  # stems of the simple words inside a compound, in order
    spans: tuple[str, ...]  # stems of neighbouring parts together: Personalausweis in Personalausweisverlust
    surfaces: tuple[str, ...]  # the parts as they stand in the word, for completing what is being typed
    is_stop: bool


class Analyser:
    """Understands words; one per process, because the noun list is read once.

    ``folder`` is where the compact noun list is kept (none: not kept).
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        splitter: Splitter | None = None,
        stop_words: Iterable[str] = (),
        protected: Iterable[str] = (),
    ) -> None:
        self.splitter = splitter or Splitter(compact_nouns(folder))
        self.stop_words = STOP_WORDS | {fold(word) for word in stop_words}
        self.protected = frozenset(fold(word) for word in protected)
        self.word = lru_cache(maxsize=16_384)(self._word)
        # Titles and summaries are marked again at every key press.
        self.short = lru_cache(maxsize=2_048)(self._short)

    def with_words(self, *, stop_words: Iterable[str], protected: Iterable[str]) -> Analyser:
        """The same nouns, with an editor's own stop words and words that are neither stemmed nor split."""
        return Analyser(splitter=self.splitter, stop_words=stop_words, protected=protected)

    def _word(self, text: str) -> Word:
        folded = fold(text)
        if folded in self.protected:
            return Word(folded, folded, (), (), (), False)
        parts = self.splitter.split(folded)
        stems = tuple(stem(part) for part in parts)
        spans = tuple(
            stem("".join(parts[first:last]))
            for first in range(len(parts))
            for last in range(first + 2, len(parts) + 1)
            if last - first < len(parts)
        )
        return Word(folded, stem(folded), stems, spans, parts, folded in self.stop_words)

    def words(self, text: str) -> Iterator[tuple[Token, Word]]:
        """The words of a text with their places."""
        for token in tokens(text):
            yield token, self.word(token.text)

    def _short(self, text: str) -> tuple[tuple[Token, Word], ...]:
        """``words`` of a short text that comes again and again."""
        return tuple(self.words(text))


_TAG = re.compile(r"<[^>]{0,500}>")
_ENTITY = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#x27;": "'", "&nbsp;": " "}


def plain_text(html: str) -> str:
    """Sanitised HTML as words; a tag separates."""
    text = _TAG.sub(" ", html)
    for entity, char in _ENTITY.items():
        if "&" not in text:
            break
        text = text.replace(entity, char)
    return text
