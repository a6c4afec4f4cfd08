"""The scope: which cities the code at hand may read. Outside a scope, reading raises.

A scope is a set of tenants: an agent's holds the cities they answer for, a liaison's one.
Work that must see every city (indexing, closing) opens ``all_cities`` and says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models

if TYPE_CHECKING:
    from tenants.models import Tenant


class ScopeError(RuntimeError):
    """Tenant-owned rows were read without a scope, or written outside it."""


class OutsideScope(ScopeError):
    """A write for a city that the open scope does not hold; to a person it is 404."""


@dataclass(frozen=True)
class Scope:
    """``tenant_ids`` is None for the named all-cities scope."""

    tenant_ids: frozenset[int] | None
    reason: str = ""

    def holds(self, tenant_id: int | None) -> bool:
        return self.tenant_ids is None or tenant_id in self.tenant_ids


_current: ContextVar[Scope | None] = ContextVar("tenant_scope", default=None)


def current_scope() -> Scope:
    """The open scope; raises ScopeError when there is none."""
    scope = _current.get()
    if scope is None:
        raise ScopeError("Tenant-owned rows need a scope: open tenants.scope.scoped() or all_cities().")
    return scope


def _ids(tenants: Iterable[Tenant | int]) -> frozenset[int]:
    return frozenset(tenant if isinstance(tenant, int) else tenant.pk for tenant in tenants)


@contextmanager
def scoped(tenants: Iterable[Tenant | int]) -> Iterator[Scope]:
    """Open a scope of these cities; scopes nest, the innermost counts."""
    scope = Scope(_ids(tenants))
    token = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(token)


@contextmanager
def all_cities(reason: str) -> Iterator[Scope]:
    """Open the scope over every city; ``reason`` names the work that needs it."""
    if not reason:
        raise ValueError("The all-cities scope needs its reason.")
    scope = Scope(None, reason)
    token = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(token)


def set_scope(tenants: Iterable[Tenant | int] | None) -> None:
    """Set or clear the scope of this request; only the access middleware calls it."""
    _current.set(None if tenants is None else Scope(_ids(tenants)))


_beyond: ContextVar[bool] = ContextVar("tenant_beyond", default=False)


@contextmanager
def _beyond_scope() -> Iterator[None]:
    token = _beyond.set(True)
    try:
        yield
    finally:
        _beyond.reset(token)


def database_scope() -> str:
    """The open scope as PostgreSQL's policies read it (tenants/rls.py): "*", ids with commas, or nothing."""
    if _beyond.get():
        return "*"
    scope = _current.get()
    if scope is None:
        return ""
    return "*" if scope.tenant_ids is None else ",".join(map(str, sorted(scope.tenant_ids)))


def assert_in_scope(tenant: Tenant | int | None) -> None:
    """Services call this before they write for a city: a scope does not stop create(tenant=other)."""
    tenant_id: Any = getattr(tenant, "pk", tenant)
    if not current_scope().holds(tenant_id):
        raise OutsideScope(f"City {tenant_id} is outside the open scope.")


M = TypeVar("M", bound=models.Model)
_END: Any = object()


class BeyondScope(models.QuerySet[M]):
    """Rows whose right the caller checks; opens the database's wall for its own statements only.

    As a sub-query of a scoped query it stays inside: the outer statement's scope counts.
    """

    def _fetch_all(self) -> None:
        with _beyond_scope():
            super()._fetch_all()

    def iterator(self, chunk_size: int | None = None) -> Iterator[M]:
        rows = super().iterator(chunk_size)
        while True:
            with _beyond_scope():  # not around the yield: whoever reads the rows keeps their own scope
                row = next(rows, _END)
            if row is _END:
                return
            yield row

    def count(self) -> int:
        with _beyond_scope():
            return super().count()

    def exists(self) -> bool:
        with _beyond_scope():
            return super().exists()

    def aggregate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        with _beyond_scope():
            return super().aggregate(*args, **kwargs)

    def create(self, **kwargs: Any) -> M:
        with _beyond_scope():
            return super().create(**kwargs)

    def update(self, **kwargs: Any) -> int:
        with _beyond_scope():
            return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        with _beyond_scope():
            return super().delete()

    update.alters_data = delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


class ScopedManager(models.Manager[M]):
    """Reads only what the open scope holds.

    ``field`` is the path to the tenant (or its id); rows where it is null belong to nobody and
    are seen only in the all-cities scope, or through a method that says so.
    """

    def __init__(self, field: str = "tenant_id") -> None:
        super().__init__()
        self.field = self.path = field

    def get_queryset(self) -> models.QuerySet[M]:
        queryset = super().get_queryset()
        scope = current_scope()
        if scope.tenant_ids is None:
            return queryset
        # Django builds related managers (office.hours) anew: without our path, and with a ``field`` of its own.
        path = getattr(self.model._default_manager, "path", self.path)
        return queryset.filter(**{f"{path}__in": scope.tenant_ids})

    def beyond_scope(self, reason: str) -> models.QuerySet[M]:
        """Every row, for code that checks the right itself; ``reason`` says how."""
        if not reason:
            raise ValueError("Reading beyond the scope needs its reason.")
        return BeyondScope(self.model, using=self._db, hints=self._hints)  # type: ignore[attr-defined]

    def every_row(self) -> models.QuerySet[M]:
        """Where a subclass starts its own ``get_queryset``; on PostgreSQL the second wall still holds."""
        return super().get_queryset()

    def city_paths(self) -> list[str]:
        """The paths to the cities that may see a row; the database's policy is made from them."""
        return [self.field]


class TenantOwned(models.Model):
    """A row that belongs to exactly one city."""

    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, related_name="+")

    objects = ScopedManager()

    class Meta:
        abstract = True
