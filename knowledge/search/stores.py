"""The stores of this process, shared by all threads: Haystack makes a backend per thread, the open index is one."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path

from knowledge.search.postgres_store import PostgresStore
from knowledge.search.whoosh_store import WhooshStore

_lock = threading.Lock()
_stores: dict[Path, WhooshStore] = {}


def whoosh_store(path: Path) -> WhooshStore:
    """The store in a folder."""
    with _lock:
        return _stores.setdefault(path, WhooshStore(path))


@cache
def postgres_store() -> PostgresStore:
    """The store in the default database."""
    return PostgresStore()
