"""The embedded default: Haystack's API over an untouched Whoosh index with our own scorer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from haystack.backends import BaseEngine

from knowledge.search.haystack_base import PlanBackend, PlanQuery
from knowledge.search.stores import whoosh_store


class GermanWhooshBackend(PlanBackend):
    def __init__(self, connection_alias: str, **options: Any) -> None:
        super().__init__(connection_alias, **options)
        self.store = whoosh_store(Path(options["PATH"]))


class GermanWhooshEngine(BaseEngine):
    backend = GermanWhooshBackend
    query = PlanQuery
