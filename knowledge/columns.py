"""The editor's form: shared text and each city's sections side by side, as plain values.

A *column* is one chain of revisions (shared, or one city's); a *cell* is one section of it. Each
cell carries a digest of what the form was filled with (``seen``), so that a save knows which
cells its author touched, and two people who change different sections never get in each
other's way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from django.http import QueryDict

from knowledge.diff import SectionDiff, as_text, diff_words
from knowledge.models import Revision
from knowledge.sanitise import clean_section, plain
from knowledge.sections import SECTIONS, Section, Sections, SectionValue, Shape
from tenants.models import Tenant

INHERIT, OWN, OMIT = "inherit", "own", "omit"
EMPTY: dict[Shape, SectionValue] = {Shape.TEXT: "", Shape.RICH: "", Shape.ITEMS: [], Shape.FACTS: []}
SPARE_ROWS = 2  # empty rows under a list, so that it grows without JavaScript


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


@dataclass
class Cell:
    """One section in one column. ``mode``: inherit (the city says nothing of its own), own, omit."""

    column: str
    section: Section
    mode: str
    value: SectionValue
    seen: str
    inherited: SectionValue | None = None
    shared_changed: bool = False  # the shared draft changes what this city says in its own words
    theirs: SectionDiff | None = None  # in a conflict: from their text to mine
    adopted: bool = False  # in a conflict: their change, which mine does not touch
    overridden_in: list[str] = field(default_factory=list)  # shared text: the cities that say it in their own words

    @property
    def name(self) -> str:
        return f"{self.column}.{self.section.key}"

    @property
    def stored(self) -> SectionValue | None:
        """What a revision would hold: None for nothing of its own."""
        if self.mode == INHERIT or (self.mode == OWN and not self.value):
            return None
        return EMPTY[self.section.shape] if self.mode == OMIT else self.value

    @property
    def touched(self) -> bool:
        return digest(self.stored) != self.seen

    @property
    def rows(self) -> list[SectionValue | dict[str, str] | str]:
        """List entries with empty rows to fill in."""
        spare: list = [{"value": "", "label": ""} if self.section.shape is Shape.FACTS else ""] * SPARE_ROWS
        return [*self.value, *spare]

    @property
    def inherited_text(self) -> str:
        return as_text(self.section, self.inherited)

    @property
    def is_missing(self) -> bool:
        """Neither the city nor the shared text says anything."""
        return self.stored is None and not self.inherited


@dataclass
class Column:
    """One chain in the form."""

    key: str
    tenant: Tenant | None
    head: Revision | None
    token: str
    may_write: bool
    has_title: bool  # the chain carries the article's title
    title: str = ""
    seen_title: str = ""
    note: str = ""
    valid_from: str = ""
    valid_until: str = ""
    seen_validity: str = ""
    terms: str = ""
    seen_terms: str = ""
    cells: dict[str, Cell] = field(default_factory=dict)
    conflict: bool = False

    @property
    def is_shared(self) -> bool:
        return self.tenant is None

    @property
    def inherits(self) -> bool:
        """Whether a cell may leave its text to the shared column."""
        return self.tenant is not None and not self.has_title

    @property
    def sections(self) -> Sections:
        return {key: cell.stored for key, cell in self.cells.items() if cell.stored is not None}

    @property
    def touched(self) -> bool:
        return (
            any(cell.touched for cell in self.cells.values())
            or self.title != self.seen_title
            or f"{self.valid_from}|{self.valid_until}" != self.seen_validity
        )

    def typed_terms(self) -> list[str]:
        """The search terms as they stand in the form."""
        return list(_lines(self.terms))

    def terms_after(self, present: list[str]) -> list[str]:
        """The search terms as they should be: what I added and took away, applied to what is there now."""
        mine, seen = _lines(self.terms), _lines(self.seen_terms)
        return [term for term in present if term not in seen or term in mine] + [
            term for term in mine if term not in seen and term not in present
        ]


def local_input(moment: datetime | None, zone: tzinfo) -> str:
    """A moment as ``<input type=datetime-local>`` wants it."""
    return moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if moment else ""


def parse_local(text: str, zone: tzinfo) -> datetime | None:
    """The reverse; raises ValueError for what is not a date and time."""
    return datetime.fromisoformat(text).replace(tzinfo=zone) if text else None


def from_revision(
    *,
    key: str,
    tenant: Tenant | None,
    head: Revision | None,
    token: str,
    may_write: bool,
    has_title: bool,
    zone: tzinfo,
    terms: list[str],
    shared: Mapping[str, SectionValue] | None = None,
    shared_changes: frozenset[str] = frozenset(),
) -> Column:
    """A column as it stands in the database. ``shared`` is the newest shared text, for cities below it."""
    sections: Sections = head.sections if head else {}
    column = Column(
        key=key,
        tenant=tenant,
        head=head,
        token=token,
        may_write=may_write,
        has_title=has_title,
        title=head.title if head else "",
        seen_title=head.title if head else "",
        note=head.note if head and head.state in ("draft", "in_review") else "",
        valid_from=local_input(head.valid_from, zone) if head else "",
        valid_until=local_input(head.valid_until, zone) if head else "",
        terms="\n".join(terms),
        seen_terms="\n".join(terms),
    )
    column.seen_validity = f"{column.valid_from}|{column.valid_until}"
    for section in SECTIONS:
        value = sections.get(section.key)
        if value is not None:
            mode = OWN if value or not column.inherits else OMIT
        else:
            mode = INHERIT if column.inherits else OWN
        cell = Cell(key, section, mode, value or EMPTY[section.shape], "")
        cell.seen = digest(cell.stored)
        cell.inherited = (shared or {}).get(section.key)
        cell.shared_changed = section.key in shared_changes and value is not None and column.inherits
        column.cells[section.key] = cell
    return column


def read_form(column: Column, data: QueryDict) -> Column:
    """The same column as the form was sent. Raises SectionError for a value of a wrong shape."""
    sent = Column(
        key=column.key,
        tenant=column.tenant,
        head=column.head,
        token=data.get(f"{column.key}.token", ""),
        may_write=column.may_write,
        has_title=column.has_title,
        title=plain(data.get(f"{column.key}.title", ""))[:250],
        seen_title=data.get(f"{column.key}.seen-title", ""),
        note=data.get(f"{column.key}.note", ""),
        valid_from=data.get(f"{column.key}.from", ""),
        valid_until=data.get(f"{column.key}.until", ""),
        seen_validity=data.get(f"{column.key}.seen-validity", ""),
        terms=data.get(f"{column.key}.terms", "").replace("\r\n", "\n"),
        seen_terms=data.get(f"{column.key}.seen-terms", "").replace("\r\n", "\n"),
    )
    for key, cell in column.cells.items():
        value = clean_section(key, _read_value(cell, data))
        mode = (data.get(f"{cell.name}.mode", "") or INHERIT) if column.inherits else OWN
        sent.cells[key] = Cell(
            column.key,
            cell.section,
            mode if mode in (INHERIT, OWN, OMIT) else INHERIT,
            value,
            data.get(f"{cell.name}.seen", ""),
            inherited=cell.inherited,
            shared_changed=cell.shared_changed,
            overridden_in=cell.overridden_in,
        )
    return sent


def merge(mine: Column, theirs: Column) -> Column:
    """What to show when somebody else saved in between: both texts, and nothing lost.

    Cells I did not touch take their text; cells only I touched keep mine; where both changed,
    mine stays in the field and ``theirs`` shows the way from their text to mine. The token is
    theirs, so that saving again is a decision.
    """
    mine.conflict, mine.token, mine.head = True, theirs.token, theirs.head
    if mine.title == mine.seen_title:
        mine.title = theirs.title
    mine.seen_title = theirs.title
    if f"{mine.valid_from}|{mine.valid_until}" == mine.seen_validity:
        mine.valid_from, mine.valid_until = theirs.valid_from, theirs.valid_until
    mine.seen_validity = theirs.seen_validity
    for key, cell in mine.cells.items():
        other = theirs.cells[key]
        if cell.touched:
            if other.seen not in (cell.seen, digest(cell.stored)):
                before = as_text(cell.section, other.stored)
                cell.theirs = SectionDiff(cell.section, diff_words(before, as_text(cell.section, cell.stored)))
            cell.seen = other.seen
            continue
        other.adopted = other.seen != cell.seen
        mine.cells[key] = other
    return mine


def _lines(text: str) -> list[str]:
    return [term for term in map(plain, text.splitlines()) if term]


def _read_value(cell: Cell, data: QueryDict) -> object:
    if cell.section.shape is Shape.ITEMS:
        return data.getlist(cell.name)
    if cell.section.shape is Shape.FACTS:
        pairs = zip(data.getlist(f"{cell.name}.value"), data.getlist(f"{cell.name}.label"), strict=False)
        return [{"value": value, "label": label} for value, label in pairs]
    return data.get(cell.name, "").replace("\r\n", "\n")
