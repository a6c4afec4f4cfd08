"""Haystack's description of what is indexed: one document per effective article and city."""

from __future__ import annotations

from typing import Any

from haystack import indexes

from knowledge.models import EffectiveArticle
from knowledge.search.haystack_base import every_article


class EffectiveArticleIndex(indexes.SearchIndex, indexes.Indexable):
    text = indexes.CharField(document=True, model_attr="title")
    tenant = indexes.IntegerField(model_attr="tenant_id")

    def get_model(self) -> type[EffectiveArticle]:
        return EffectiveArticle

    def index_queryset(self, using: str | None = None) -> Any:
        return every_article()

    def get_updated_field(self) -> str:
        return "changed_at"
