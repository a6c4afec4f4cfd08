"""What every engine answers with."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


class EngineUnavailable(RuntimeError):
    """The index cannot answer now; the database answers meanwhile."""


@dataclass(frozen=True, slots=True)
class Found:
    """A document with its score; greater is better, and only the order means something."""

    key: UUID
    score: float
