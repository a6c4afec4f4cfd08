"""Production: Haystack's API over an index inside PostgreSQL, shared by all processes and machines."""

from __future__ import annotations

from typing import Any

from haystack.backends import BaseEngine

from knowledge.search.haystack_base import PlanBackend, PlanQuery
from knowledge.search.stores import postgres_store


class GermanPostgresBackend(PlanBackend):
    def __init__(self, connection_alias: str, **options: Any) -> None:
        super().__init__(connection_alias, **options)
        self.store = postgres_store()


class GermanPostgresEngine(BaseEngine):
    backend = GermanPostgresBackend
    query = PlanQuery
