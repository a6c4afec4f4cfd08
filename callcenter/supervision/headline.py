"""The figures that everybody asks for first, in large type."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext

from callcenter.calls.models import Outcome
from callcenter.supervision import measures
from callcenter.supervision.display import shown
from callcenter.supervision.measures import Rate, service_level
from callcenter.supervision.overview import Overview, calls_url


@dataclass(frozen=True)
class Tile:
    """A headline figure: what it is, of how many, how it was before, and whether a promise was kept."""

    label: str
    value: str
    detail: str
    versus: str
    kept: bool | None = None
    promise: str = ""
    url: str = ""


def _points(now: Rate, before: Rate) -> str:
    if now.value is None or before.value is None:
        return ""
    return shown("points", now.value - before.value)


def headline(view: Overview) -> list[Tile]:
    """The five figures that everybody asks for first."""
    counts, before, look = view.counts, view.counts_before, view.look
    level, level_before = service_level(counts), service_level(before)
    first, first_before = view.settled.first_contact, view.settled_before.first_contact
    first_day, last_day = look.period.first, look.period.last
    out_of = gettext("%(part)s von %(whole)s")

    def share(rate: Rate) -> str:
        return out_of % {"part": shown("count", rate.numerator), "whole": shown("count", rate.denominator)}

    def promise(promised: object) -> str:
        return gettext("Zusage %(promised)s") % {"promised": f"{float(str(promised)) * 100:.0f} %"}

    change = measures.change(counts.offered, before.offered)
    half = measures.percentile(view.waits[Outcome.ANSWERED], 0.5)
    nine = measures.percentile(view.waits[Outcome.ANSWERED], 0.9)
    return [
        Tile(
            gettext("Anrufe"),
            shown("count", counts.offered),
            gettext("%(answered)s angenommen") % {"answered": shown("count", counts.answered)},
            shown("change", change) if change is not None else "",
            url=calls_url(look, first_day, last_day),
        ),
        Tile(
            gettext("Angenommen in %(seconds)s s") % {"seconds": view.within_s},
            shown("share", level.value),
            share(level),
            _points(level, level_before),
            None if level.value is None else level.value >= float(look.targets.service_level),
            promise(look.targets.service_level),
        ),
        Tile(
            gettext("Erstlösung"),
            shown("share", first.value),
            share(first),
            _points(first, first_before),
            None if first.value is None else first.value >= float(look.targets.first_contact),
            promise(look.targets.first_contact),
        ),
        Tile(
            gettext("Aufgelegt"),
            shown("share", counts.abandon_rate.value),
            gettext("%(share)s; unter %(seconds)s s zählt nicht")
            % {"share": share(counts.abandon_rate), "seconds": view.short_s},
            _points(counts.abandon_rate, before.abandon_rate),
            url=calls_url(look, first_day, last_day, ergebnis=Outcome.ABANDONED),
        ),
        Tile(
            gettext("Wartezeit"),
            shown("seconds", half),
            gettext("wartete die Hälfte höchstens, neun von zehn höchstens %(nine)s")
            % {"nine": shown("seconds", nine)},
            "",
        ),
    ]
