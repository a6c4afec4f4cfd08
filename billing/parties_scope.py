"""Which rows a scope sees when they belong to two cities."""

from __future__ import annotations

from typing import TypeVar

from django.db import models
from django.db.models import Q

from tenants.scope import ScopedManager, current_scope

M = TypeVar("M", bound=models.Model)


class PartiesManager(ScopedManager[M]):
    """Rows of an agreement belong to two cities: seen when the scope holds either of them.

    What a partner may see of it (issued invoices, never drafts) is decided by the selectors.
    The model's ``parties`` is the path to its agreement; Django builds related managers without
    arguments, so the path cannot be one.
    """

    def __init__(self) -> None:
        super().__init__("operator_id")

    def get_queryset(self) -> models.QuerySet[M]:
        queryset = self.every_row()
        ids = current_scope().tenant_ids
        if ids is None:
            return queryset
        path: str = self.model.parties  # type: ignore[attr-defined]
        return queryset.filter(Q(**{f"{path}operator__in": ids}) | Q(**{f"{path}client__in": ids}))

    def city_paths(self) -> list[str]:
        return [f"{self.model.parties}{city}_id" for city in ("operator", "client")]  # type: ignore[attr-defined]
