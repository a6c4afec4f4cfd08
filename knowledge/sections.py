"""The sections of an article, their shapes and their XZuFi codes.

Codes: XZuFi/LeiKa text modules ``urn:de:xzufi:codeliste:leistungstextmodulleika`` (2024-02-16);
95, 97 and 98 are those the PVOG search service uses for duration, deadlines and fees. Sections
without a code are this house's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Shape(StrEnum):
    TEXT = "text"  # str, plain
    RICH = "rich"  # str, sanitised HTML
    ITEMS = "items"  # list[str], each item sanitised inline HTML
    FACTS = "facts"  # list[{"value": str, "label": str}], plain: a short headline and its detail


@dataclass(frozen=True)
class Section:
    key: str
    label: str  # German, as agents read it
    shape: Shape
    xzufi: str = ""
    agents_only: bool = False


SECTIONS: tuple[Section, ...] = (
    Section("say", "So sagen", Shape.TEXT),
    Section("summary", "Kurz gesagt", Shape.TEXT, "05"),
    Section("fees", "Gebühr", Shape.FACTS, "98"),
    Section("deadlines", "Frist", Shape.FACTS, "97"),
    Section("office", "Wo", Shape.FACTS, "22"),
    Section("documents", "Unterlagen", Shape.ITEMS, "08"),
    Section("procedure", "Ablauf", Shape.ITEMS, "11"),
    Section("requirements", "Voraussetzungen", Shape.ITEMS, "09"),
    Section("duration", "Bearbeitungsdauer", Shape.FACTS, "95"),
    Section("description", "Beschreibung", Shape.RICH, "06"),
    Section("hints", "Hinweise", Shape.RICH, "16"),
    Section("forms", "Formulare und Online-Dienste", Shape.ITEMS, "14"),
    Section("legal", "Rechtsgrundlagen", Shape.ITEMS, "07"),
    Section("appeal", "Rechtsbehelf", Shape.RICH, "25"),
    Section("further", "Weiterführende Informationen", Shape.RICH, "15"),
    Section("agents", "Nur für Sie", Shape.RICH, "", agents_only=True),
)
BY_KEY = {section.key: section for section in SECTIONS}
BY_XZUFI = {section.xzufi: section for section in SECTIONS if section.xzufi}

SectionValue = str | list[str] | list[dict[str, str]]
Sections = dict[str, SectionValue]
