"""What one look holds, read part by part, and the shape in which a figure is shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext

from callcenter.supervision import measures, rollups
from callcenter.supervision.display import Column, Value, shown
from callcenter.supervision.measures import Counts, Variant
from callcenter.supervision.periods import Period
from callcenter.supervision.rollups import Sources
from callcenter.supervision.selectors import Look, Settled, Topic
from tenants.models import Line

Chart = dict[str, object]
SHORT_HOURS = "%H:%M"


@dataclass(frozen=True)
class Figure:
    """``rows`` are plain values as in the CSV; ``links`` (one per row, may be empty) lead to the calls."""

    key: str
    question: str
    sentence: str
    note: str
    columns: tuple[Column, ...]
    rows: list[tuple[Value, ...]]
    links: list[str] = field(default_factory=list)
    chart: Chart | None = None
    optional: bool = False  # left out of the page while it has no rows

    @property
    def chart_id(self) -> str:
        return f"{self.key}-data"

    @property
    def table(self) -> list[list[dict[str, object]]]:
        """Rows for the template: text, whether it is a number, and the link of the first cell."""
        return [
            [
                {
                    "text": shown(column.kind, value),
                    "number": column.is_number,
                    "url": self.links[n] if self.links and not place else "",
                }
                for place, (column, value) in enumerate(zip(self.columns, row, strict=True))
            ]
            for n, row in enumerate(self.rows)
        ]


def calls_url(look: Look, first: date, last: date, **more: str) -> str:
    """The calls behind a figure: some days of this look, narrowed as the look is."""
    path = reverse("supervision:calls", args=[look.city.slug])
    return f"{path}?{urlencode(look.query(Period(first, last)) | more)}"


class Overview:
    """Everything a page may show of one look; each part is read once, and only when it is shown."""

    def __init__(self, look: Look, before: Period, now: datetime) -> None:
        self.look = look
        self.before = before
        self.now = now

    def of_line(self, line: Line) -> Overview:
        """The same, of one line only."""
        return Overview(replace(self.look, line=line), self.before, self.now)

    @cached_property
    def has_sums(self) -> bool:
        return rollups.has_sums(self.look.city)

    @cached_property
    def sources(self) -> Sources:
        return rollups.sources(self.look, summed=self.has_sums)

    @cached_property
    def sources_before(self) -> Sources:
        return rollups.sources(self.look.over(self.before), summed=self.has_sums)

    @cached_property
    def days(self) -> dict[date, Counts]:
        """Counts by day; in a long period a whole month may stand under its first day."""
        return rollups.by_day(self.look, self.sources)

    @cached_property
    def active_days(self) -> int:
        return rollups.active_days(self.look, self.sources)

    @cached_property
    def week(self) -> dict[tuple[int, int], int]:
        """Calls by weekday and half-hour of the day."""
        return rollups.by_weekday_and_half(self.look, self.sources)

    @cached_property
    def counts(self) -> Counts:
        return measures.total(self.days.values())

    @cached_property
    def counts_before(self) -> Counts:
        return rollups.in_total(self.look.over(self.before), self.sources_before)

    @cached_property
    def waits(self) -> dict[str, Counter[int]]:
        return rollups.waiting_times(self.look, self.sources)

    @cached_property
    def settled(self) -> Settled:
        return rollups.dispositions(self.look, self.sources)

    @cached_property
    def settled_before(self) -> Settled:
        return rollups.dispositions(self.look.over(self.before), self.sources_before)

    @cached_property
    def topics(self) -> list[Topic]:
        return rollups.topics(self.look, self.sources, self.before, self.sources_before)

    @property
    def today(self) -> date:
        return self.now.astimezone(self.look.city.zone).date()

    @property
    def within_s(self) -> int:
        return self.look.city.answer_within_seconds

    @property
    def short_s(self) -> int:
        return self.look.targets.short_abandon_s

    def formula(self, variant: Variant = Variant.WITHOUT_SHORT) -> str:
        return measures.formula(variant, within_s=self.within_s, short_s=self.short_s)

    def which_calls(self) -> str:
        """What every figure of the page counts, in words."""
        if self.look.service_only:
            return gettext("eingehende Anrufe in der Servicezeit")
        return gettext("alle eingehenden Anrufe, auch außerhalb der Servicezeit")


def step_label(step: Period) -> str:
    if len(step) == 1:
        return date_format(step.first, "D d.m.")
    return step.label
