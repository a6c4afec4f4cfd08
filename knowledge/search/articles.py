"""Effective articles as search documents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from knowledge.models import EffectiveArticle
from knowledge.search.analysis import plain_text
from knowledge.search.documents import Document
from knowledge.sections import BY_KEY, SectionValue

# Notes for agents name the articles that this one is confused with; indexed, they would be found for those.
NOT_INDEXED = {key for key, section in BY_KEY.items() if section.agents_only} | {"legal"}


def document_of(row: EffectiveArticle) -> Document:
    """The search document of an effective article."""
    body = [text for key, value in row.sections.items() if key not in NOT_INDEXED for text in _texts(value)]
    return Document(row.pk, row.tenant_id, row.title, tuple(row.terms), body, stamp_of(row.changed_at))


def stamp_of(moment: datetime) -> int:
    """Microseconds since 1970: by this, index and database are compared."""
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def _texts(value: SectionValue) -> Iterator[str]:
    if isinstance(value, str):
        yield plain_text(value)
        return
    for item in value:
        if isinstance(item, str):
            yield plain_text(item)
        else:
            yield from (str(part) for part in item.values())
