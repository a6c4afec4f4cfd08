"""Questions an office wants answered before it calls back: the form they make, and what was said. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

TAGS = re.compile(r"<[^>]+>")


@dataclass(frozen=True)
class Asked:
    """One question as the desk asks it; ``kind`` is text, choice, date or check."""

    key: str
    label: str
    kind: str
    required: bool = False
    choices: tuple[str, ...] = ()
    initial: str = ""


@dataclass(frozen=True)
class Answered:
    """One question with the caller's answer, as the office reads it."""

    label: str
    answer: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def said(question: Asked, value: Any) -> str:
    """The answer as words; empty when nothing was said. Dates are German, ticks are yes or no."""
    if question.kind == "check":
        return "ja" if value else "nein"
    if isinstance(value, date):
        return value.strftime("%d.%m.%Y")
    return str(value or "").strip()


def answered(questions: Iterable[Asked], values: Mapping[str, Any]) -> list[Answered]:
    """Every question that has an answer, in the order asked."""
    pairs = [(question, said(question, values.get(question.key))) for question in questions]
    return [Answered(question.label, text) for question, text in pairs if text]


def prefilled(prefill: str, *, title: str, sections: Mapping[str, Any]) -> str:
    """What the open article says for a question: its title, or a section in one line of plain text."""
    if prefill == "title":
        return title
    return _plain(sections.get(prefill, "")) if prefill else ""


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(filter(None, (_plain(item) for item in value)))
    if isinstance(value, dict):
        return " ".join(filter(None, (_plain(value.get("value", "")), _plain(value.get("label", "")))))
    return " ".join(html.unescape(TAGS.sub(" ", str(value))).split())
