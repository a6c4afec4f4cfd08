"""An article as agents see it: which section stands where. Pure but for the words it prints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from knowledge.models import EffectiveArticle
from knowledge.sections import BY_KEY, SECTIONS, Section, Sections, SectionValue, Shape

# The order of a call: what to say, the three facts callers ask for, papers and steps, then the rest folded.
FACTS = ("fees", "deadlines", "office")
SIDE_BY_SIDE = ("documents", "procedure")
OPEN = ("say", "summary", *FACTS, *SIDE_BY_SIDE)


@dataclass(frozen=True)
class Part:
    """A section with its value; ``is_local`` where the city has its own."""

    section: Section
    value: SectionValue
    is_local: bool

    @property
    def is_rich(self) -> bool:
        return self.section.shape is Shape.RICH

    @property
    def is_items(self) -> bool:
        return self.section.shape is Shape.ITEMS

    @property
    def is_facts(self) -> bool:
        return self.section.shape is Shape.FACTS


@dataclass(frozen=True)
class Shown:
    """What ``knowledge/_article.html`` prints."""

    say: Part | None
    summary: Part | None
    facts: list[Part]
    side_by_side: list[Part]
    folded: list[Part]
    agents_only: list[Part]
    local_count: int


def arrange(sections: Sections, local_keys: Iterable[str] = ()) -> Shown:
    """Put an article's sections in their places; those without a text are left out."""
    local = set(local_keys)

    def part(key: str) -> Part | None:
        value = sections.get(key)
        return Part(BY_KEY[key], value, key in local) if value else None

    def parts(keys: Iterable[str]) -> list[Part]:
        return [each for each in map(part, keys) if each]

    agents_only = [section.key for section in SECTIONS if section.agents_only]
    rest = [section.key for section in SECTIONS if section.key not in (*OPEN, *agents_only)]
    return Shown(
        say=part("say"),
        summary=part("summary"),
        facts=parts(FACTS),
        side_by_side=parts(SIDE_BY_SIDE),
        folded=parts(rest),
        agents_only=parts(agents_only),
        local_count=len(local),
    )


def arrange_effective(effective: EffectiveArticle) -> Shown:
    return arrange(effective.sections, effective.local_keys)
