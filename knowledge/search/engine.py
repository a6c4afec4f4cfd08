"""What the rest asks of an engine, whichever it is; found through Haystack's connection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol
from uuid import UUID

from haystack import connections

from knowledge.search.documents import Impacts
from knowledge.search.snapshot import Snapshot


class Engine(Protocol):
    """Every method raises EngineUnavailable when the index cannot be used."""

    def exists(self) -> bool:
        """Whether there is an index at all, however broken."""

    def snapshot(self) -> Snapshot:
        """The newest committed state; one search plans and ranks on the same one."""

    def write(self, add: Sequence[Impacts] = (), remove: Sequence[UUID] = ()) -> None:
        """Replace and remove documents, all or none."""

    def rebuild(self, documents: Iterable[Impacts]) -> int:
        """Build anew beside the old and swap; returns the number of documents."""

    def verify(self) -> None:
        """Read the whole index anew; raises EngineUnavailable when a piece is damaged."""

    def tidy(self) -> bool:
        """Put small pieces together when there are many; whether a rebuild by the caller is due."""


def current() -> Engine:
    """The engine that the settings name."""
    engine: Engine = connections["default"].get_backend().store
    return engine
