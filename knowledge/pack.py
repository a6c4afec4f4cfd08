"""The knowledge base on paper, for the day the screens are dark: every answer of the chosen cities as one PDF.

Ordered by theme and title, with a table of contents, the directory, and an index of citizens' words. Where cities
answer alike the text stands once; where they differ, each city's own stands under its name.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import typst
from django.conf import settings
from django.utils import timezone

from knowledge import notices
from knowledge.models import Category, EffectiveArticle
from knowledge.sanitise import BLOCK_TAGS, text_of
from knowledge.sections import SECTIONS, Section, SectionValue, Shape
from tenants import directory
from tenants.models import Tenant
from tenants.numbers import readable
from tenants.scope import assert_in_scope

LAYOUT = Path(__file__).parent / "layout" / "pack.typ"
OTHER = "Weitere Themen"
LEFT_OUT = {"further"}  # links are of no use on paper
WEEKDAYS = ("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So")


def render(*, cities: Sequence[Tenant]) -> bytes:
    """The PDF for these cities as it stands now. The scope must hold them."""
    for city in cities:
        assert_in_scope(city)
    drawn: bytes = typst.compile(
        LAYOUT.read_bytes(),
        format="pdf",
        pdf_standards=["a-2b"],
        sys_inputs={"data": json.dumps(content(cities, timezone.localtime()), ensure_ascii=False)},
    )
    return drawn


def path_of(cities: Sequence[Tenant]) -> Path:
    """Where the last pack for exactly these cities lies, whether it was made already or not."""
    folder: Path = settings.VAR / "packs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / ("-".join(str(pk) for pk in sorted(city.pk for city in cities)) + ".pdf")


def keep(*, cities: Sequence[Tenant]) -> Path:
    """Make the pack anew; the file appears under its name only when it is complete."""
    path = path_of(cities)
    draft = path.with_suffix(f".{uuid4().hex}")
    try:
        draft.write_bytes(render(cities=cities))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def made_at(cities: Sequence[Tenant]) -> datetime | None:
    """When the last pack for these cities was made; None when there is none."""
    path = path_of(cities)
    return datetime.fromtimestamp(path.stat().st_mtime, tz=UTC) if path.exists() else None


def content(cities: Sequence[Tenant], now: datetime) -> dict[str, Any]:
    """Everything that is printed, as plain values: typst shows strings and never runs them."""
    return {
        "title": "Wissen auf Papier",
        "cities": [{"name": city.name, "greeting": city.greeting, "colour": city.colour_light} for city in cities],
        "printed": f"{now:%d.%m.%Y, %H:%M} Uhr",
        "date": [now.year, now.month, now.day],
        "notices": [
            f"{', '.join(row.tenant.name for row in notice.here)}: {notice.text}"  # type: ignore[attr-defined]
            for notice in notices.current()
        ],
        "themes": _themes(cities),
        "offices": [{"city": city.name, "entries": _offices(city)} for city in cities],
    }


def _themes(cities: Sequence[Tenant]) -> list[dict[str, Any]]:
    rows: dict[UUID, dict[int, EffectiveArticle]] = defaultdict(dict)
    for row in EffectiveArticle.objects.filter(tenant__in=cities).order_by("sort_key"):
        rows[row.article_id][row.tenant_id] = row
    theme_of: dict[UUID, str] = {}
    for category in Category.objects.order_by("-position", "-name").prefetch_related("articles"):
        theme_of |= dict.fromkeys((article.pk for article in category.articles.all()), category.name)
    themes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for article_id, by_city in rows.items():
        themes[theme_of.get(article_id, OTHER)].append(_article(by_city, cities))
    return [{"name": name, "articles": themes[name]} for name in sorted(themes, key=lambda each: (each == OTHER, each))]


def _article(by_city: Mapping[int, EffectiveArticle], cities: Sequence[Tenant]) -> dict[str, Any]:
    """One article; ``only`` names the cities that have it when not all do."""
    here = [city for city in cities if city.pk in by_city]
    first = by_city[here[0].pk]
    terms = sorted({term for row in by_city.values() for term in row.terms}, key=str.casefold)
    parts = [part for section in SECTIONS if section.key not in LEFT_OUT for part in _parts(section, by_city, here)]
    only = [city.name for city in here] if len(here) < len(cities) else []
    return {"title": first.title, "only": only, "terms": terms, "parts": parts}


def _parts(section: Section, by_city: Mapping[int, EffectiveArticle], here: Sequence[Tenant]) -> list[dict[str, Any]]:
    """The section once where all say the same, else once for each city that says something."""
    values = [(city, by_city[city.pk].sections.get(section.key)) for city in here]
    told = [(city, value) for city, value in values if value]
    if not told:
        return []
    same = len(told) == len(here) and all(value == told[0][1] for _city, value in told)
    return [
        {
            "label": section.label,
            "city": "" if same else city.name,
            "agents": section.agents_only,
            "say": section.key == "say",
            "blocks": blocks_of(section, value),
        }
        for city, value in (told[:1] if same else told)
    ]


def blocks_of(section: Section, value: SectionValue) -> list[dict[str, str]]:
    """A section as paragraphs and list entries of plain words."""
    if section.shape is Shape.FACTS:
        return [
            {"kind": "item", "text": " – ".join(filter(None, (fact["value"], fact["label"])))}  # type: ignore[index]
            for fact in value
        ]
    if section.shape is Shape.ITEMS:
        return [{"kind": "item", "text": text_of(str(item))} for item in value]
    if section.shape is Shape.RICH:
        reader = _Blocks()
        reader.feed(str(value))
        reader.close()
        return reader.found()
    return [{"kind": "text", "text": str(value)}]


class _Blocks(HTMLParser):
    """Cuts sanitised HTML into paragraphs and list entries."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[dict[str, str]] = [{"kind": "text", "text": ""}]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in BLOCK_TAGS or tag == "br":
            self.blocks.append({"kind": "item" if tag == "li" else "text", "text": ""})

    def handle_endtag(self, tag: str) -> None:
        if tag in BLOCK_TAGS:
            self.blocks.append({"kind": "text", "text": ""})

    def handle_data(self, data: str) -> None:
        self.blocks[-1]["text"] += data

    def found(self) -> list[dict[str, str]]:
        cleaned = [{**block, "text": " ".join(block["text"].split())} for block in self.blocks]
        return [block for block in cleaned if block["text"]]


def _offices(city: Tenant) -> list[dict[str, Any]]:
    entries = directory.offices(city=city)
    schedules = directory.schedules(city=city, office_ids=[entry.office.pk for entry in entries])
    return [
        {
            "name": entry.office.name,
            "task": entry.office.responsibility,
            "phone": readable(entry.office.phone),
            "address": ", ".join(
                filter(None, (entry.office.street, f"{entry.office.postcode} {entry.office.town}".strip()))
            ),
            "hours": _week(schedules[entry.office.pk].week),
            "by_appointment": entry.office.by_appointment,
            "people": [
                " · ".join(filter(None, (person.name, readable(person.phone), person.room and f"Raum {person.room}")))
                for person in entry.staff
            ],
        }
        for entry in entries
    ]


def _week(week: Mapping[int, Iterable[tuple[Any, Any]]]) -> str:
    """``Mo, Di 08:00–12:30, 13:30–16:00; Mi 08:00–12:30``: days with the same hours together."""
    days: dict[str, list[str]] = {}
    for day in sorted(week):
        times = ", ".join(f"{opens:%H:%M}–{closes:%H:%M}" for opens, closes in week[day])
        days.setdefault(times, []).append(WEEKDAYS[day])
    return "; ".join(f"{', '.join(names)} {times}" for times, names in days.items())
