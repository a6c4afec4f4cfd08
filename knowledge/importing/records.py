"""What every reader of a foreign format yields, and why something is refused. Plain values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from django.utils.translation import gettext_lazy as _

from knowledge.sections import Sections

# Commands speak English, pages German: one sentence each.
REASONS: dict[str, tuple[str, object]] = {
    "not_public": ("not public", _("nicht öffentlich")),
    "no_text": ("no text", _("kein Text")),
    "no_title": ("no title", _("kein Titel")),
    "no_id": ("no id of its own in the source", _("keine eigene Kennung in der Quelle")),
    "duplicate": ("the id occurs twice in the file", _("die Kennung kommt in der Datei zweimal vor")),
    "broken": ("cannot be read", _("nicht lesbar")),
    "encoding": ("not UTF-8", _("nicht als UTF-8 lesbar")),
    "shape": ("a section has another shape than expected", _("ein Abschnitt hat eine andere Form")),
    "columns": ("more or fewer fields than the header", _("mehr oder weniger Felder als die Kopfzeile")),
    "open_draft": (
        "somebody is working on a draft; publish or discard it, then import again",
        _("jemand arbeitet an einem Entwurf; veröffentlichen oder verwerfen Sie ihn und lesen Sie dann erneut ein"),
    ),
    "edited_here": (
        "edited here since the last import; the source's change was not taken over",
        _("hier seit dem letzten Einlesen bearbeitet; die Änderung der Quelle wurde nicht übernommen"),
    ),
    "unknown_city": ("names a city that does not exist here", _("nennt eine Stadt, die es hier nicht gibt")),
    "other_city": ("belongs to another city", _("gehört zu einer anderen Stadt")),
}


class UnreadableFile(Exception):
    """Nothing of the file can be read; the message is English."""


@dataclass(frozen=True)
class Refused:
    """One entry that was not taken. ``reason`` is a key of REASONS; ``detail`` adds what the parser said."""

    line: int
    id: str
    reason: str
    detail: str = ""

    @property
    def english(self) -> str:
        return REASONS[self.reason][0] + (f": {self.detail}" if self.detail else "")

    @property
    def german(self) -> str:
        return str(REASONS[self.reason][1])


@dataclass(frozen=True)
class Incoming:
    """One article as a source describes it; sections are already clean.

    ``key`` is the source's own id, never the LeiKa key. ``owner``: None for the city of the import,
    "" for a shared article, else a slug. ``local`` holds cities' own sections by slug. Only this
    project's own export uses the last two.
    """

    line: int
    key: str
    title: str
    sections: Sections
    terms: tuple[str, ...] = ()
    leika_key: str = ""
    themes: tuple[str, ...] = ()
    kind: str = "service"
    owner: str | None = None
    local: dict[str, dict[str, object]] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of everything that is taken over, in canonical form."""
        body = [self.title, self.sections, self.terms, self.leika_key, self.themes, self.kind, self.owner, self.local]
        text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Deleted:
    """The source no longer has this article. Feeds delete what they never sent by the million: no error."""

    line: int
    key: str


Entry = Incoming | Deleted | Refused
Reader = Callable[[BinaryIO], Iterator[Entry]]
