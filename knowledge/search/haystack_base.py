"""Haystack's side of an engine: its backend and query classes, thin over a store."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from haystack.backends import BaseSearchBackend, BaseSearchQuery, SearchNode, log_query
from haystack.models import SearchResult

from knowledge.models import EffectiveArticle
from knowledge.search.articles import document_of
from knowledge.search.documents import impacts
from knowledge.search.engine import Engine
from knowledge.search.memory import steered
from knowledge.search.rules import current as steering
from tenants.scope import all_cities


class PlanBackend(BaseSearchBackend):
    """Takes the words as they were typed and asks the store by plan; needs the city as ``tenant``."""

    store: Engine

    def update(self, index: Any, iterable: Any, commit: bool = True) -> None:
        analyser = steered(settings.VAR, steering()).analyser
        self.store.write([impacts(document_of(row), analyser) for row in iterable])

    def remove(self, obj_or_string: Any, commit: bool = True) -> None:
        key = obj_or_string.rpartition(".")[2] if isinstance(obj_or_string, str) else obj_or_string.pk
        self.store.write(remove=[UUID(str(key))])

    def clear(self, models: Any = None, commit: bool = True) -> None:
        if models is None or EffectiveArticle in models:
            self.store.rebuild([])

    @log_query
    def search(self, query_string: str, **kwargs: Any) -> dict[str, Any]:
        tenant = kwargs.get("tenant")
        if tenant is None:
            raise ValueError("A search needs its city: filter(tenant=…).")
        first, last = kwargs.get("start_offset") or 0, kwargs.get("end_offset") or 10
        view = self.store.snapshot()
        plan = steered(settings.VAR, steering()).plan(query_string, view)
        found, total = view.search(plan, tenant, last)
        result = kwargs.get("result_class") or SearchResult
        results = [
            result(EffectiveArticle._meta.app_label, EffectiveArticle._meta.model_name, str(hit.key), hit.score)
            for hit in found[first:last]
        ]
        return {"results": results, "hits": total, "spelling_suggestion": plan.did_you_mean or None}

    def build_schema(self, fields: Any) -> tuple[str, list[Any]]:
        return "text", []


class PlanQuery(BaseSearchQuery):
    """Collects the text and the city out of Haystack's filter tree; nothing is parsed."""

    def build_query(self) -> str:
        return " ".join(str(value) for name, value in _leaves(self.query_filter) if name != "tenant")

    def build_params(self, spelling_query: str | None = None) -> dict[str, Any]:
        params: dict[str, Any] = super().build_params(spelling_query)
        cities = [value for name, value in _leaves(self.query_filter) if name == "tenant"]
        params["tenant"] = int(cities[0]) if cities else None
        return params


def _leaves(node: SearchNode) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for child in node.children:
        if isinstance(child, SearchNode):
            found += _leaves(child)
        else:
            found.append((child[0].partition("__")[0], getattr(child[1], "query_string", child[1])))
    return found


def every_article() -> Any:
    """All rows to index, for Haystack's own commands."""
    with all_cities("the index holds every city"):
        return EffectiveArticle.objects.all()
