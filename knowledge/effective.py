"""The answer for one city: shared text with that city's sections laid over it. Pure functions.

Nothing here knows the database; ``services.refresh_effective`` reads, calls and writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from knowledge.sections import SECTIONS, Sections, SectionValue


class Version(Protocol):
    """What a revision must tell to be chosen and laid over."""

    number: int
    state: str
    title: str
    sections: Sections
    published_at: datetime | None
    valid_from: datetime | None
    valid_until: datetime | None


V = TypeVar("V", bound=Version)


@dataclass(frozen=True)
class Overlay:
    """``local_keys`` are the sections that are the city's own, in the order of the article."""

    title: str
    sections: Sections
    local_keys: list[str]


def is_empty(value: SectionValue | None) -> bool:
    """Whether a section says nothing: no text, no entry."""
    return not value


def begins_at(revision: Version) -> datetime | None:
    """When a published revision takes effect: at ``valid_from``, but never before it was published."""
    if revision.published_at is None or revision.valid_from is None:
        return revision.published_at
    return max(revision.valid_from, revision.published_at)


def in_effect(revisions: Iterable[V], at: datetime) -> V | None:
    """The revision of one chain (shared, or one city's) that is in effect at ``at``.

    It is the newest that was published and has begun. When that one has expired there is none:
    an older text does not come back by itself, because nobody has checked that it is still right.
    """
    newest: V | None = None
    for revision in revisions:
        begins = begins_at(revision)
        if revision.state != "published" or begins is None or begins > at:
            continue
        if newest is None or revision.number > newest.number:
            newest = revision
    if newest is None or (newest.valid_until is not None and newest.valid_until <= at):
        return None
    return newest


def overlay(shared: Version | None, local: Version | None, *, owned: bool = False) -> Overlay | None:
    """Lay the city's sections over the shared ones; None when there is nothing to show.

    A section that the city holds empty is left out on purpose ("entfällt hier"): it hides the
    shared one. ``owned`` articles belong to one city as a whole, so no single section is marked.
    """
    title = (local.title if local else "") or (shared.title if shared else "")
    if not title:
        return None
    below: Mapping[str, SectionValue] = shared.sections if shared else {}
    above: Mapping[str, SectionValue] = local.sections if local else {}
    sections: Sections = {}
    local_keys: list[str] = []
    for section in SECTIONS:
        if section.key in above and not owned:
            local_keys.append(section.key)
        value = above[section.key] if section.key in above else below.get(section.key)
        if value is not None and not is_empty(value):
            sections[section.key] = value
    return Overlay(title, sections, local_keys)


def was_in_effect(history: Iterable[V], at: datetime) -> V | None:
    """The revision of one chain that was in effect at ``at``, told from the history alone.

    ``history`` holds every revision that was ever published, archived ones included; the answer for
    a past moment never changes, whatever is published later.
    """
    newest: V | None = None
    for revision in history:
        begins = begins_at(revision)
        if begins is None or begins > at or revision.state not in ("published", "archived"):
            continue
        withdrawn_at: datetime | None = getattr(revision, "archived_at", None)
        if withdrawn_at is not None and withdrawn_at <= begins:
            continue  # planned for later and taken back before: it never took effect
        if newest is None or revision.number > newest.number:
            newest = revision
    if newest is None or (newest.valid_until is not None and newest.valid_until <= at):
        return None
    archived_at: datetime | None = getattr(newest, "archived_at", None)
    return None if archived_at is not None and archived_at <= at else newest
