"""Words as they are compared: one spelling for ß and ss, ä and ae, upper and lower case."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

# Soft hyphens and zero-width characters sit inside words of imported texts and split nothing.
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_WORD = re.compile(rf"[^\W_](?:[{_INVISIBLE}]*[^\W_])*")
_REMOVE_INVISIBLE = str.maketrans("", "", _INVISIBLE)
# ae/oe/ue for an umlaut; not after a vowel or q ("neue", "Steuer", "Quelle"), after Snowball's german2.
_UMLAUT_PAIR = re.compile(r"(?<![aeiouq])([aou])e(?!u)")
MAX_WORD = 64  # longer "words" are pasted noise


@dataclass(frozen=True, slots=True)
class Token:
    """A word with its place in the original text (``start`` inclusive, ``end`` exclusive)."""

    text: str
    start: int
    end: int


def tokens(text: str) -> Iterator[Token]:
    """The words of a text with their places; hyphens, slashes and gender marks separate."""
    for match in _WORD.finditer(text):
        yield Token(match.group(), match.start(), match.end())


def word_texts(text: str) -> list[str]:
    """The words of a text without their places; several times faster."""
    return _WORD.findall(text)


def fold(word: str) -> str:
    """The spelling under which a word is compared: ``Straße`` and ``STRASSE`` give ``strasse``."""
    if word.isascii():
        plain = word.lower()
    else:
        decomposed = unicodedata.normalize("NFKD", word.translate(_REMOVE_INVISIBLE)).casefold()
        plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    if "e" in plain:
        plain = _UMLAUT_PAIR.sub(r"\1", plain)
    return plain[:MAX_WORD]
