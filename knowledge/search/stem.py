"""Snowball's German stemmer (Porter & Caumanns) over folded words."""

from __future__ import annotations

import threading
from functools import lru_cache

import Stemmer

_local = threading.local()  # a stemmer object keeps state and is not to be shared between threads


@lru_cache(maxsize=16_384)
def stem(folded: str) -> str:
    """The stem of a folded word; numbers and very short words stay as they are."""
    if len(folded) < 4 or folded[0].isdigit():
        return folded
    stemmer = getattr(_local, "stemmer", None)
    if stemmer is None:
        stemmer = _local.stemmer = Stemmer.Stemmer("german", 0)
    return stemmer.stemWord(folded)
