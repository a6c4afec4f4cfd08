"""Reports of one's own: measures × grouping × period × filter → a table. No measure of people is among them.

The HTTP interface for other programs speaks the same words.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from callcenter.calls.models import Outcome
from callcenter.supervision import measures, rollups, selectors
from callcenter.supervision.display import Column, Kind, Value, weekday_names
from callcenter.supervision.measures import Counts, Rate, Variant, service_level
from callcenter.supervision.overview import Overview
from callcenter.supervision.periods import Period, containing
from callcenter.supervision.selectors import Settled

LONGEST_BY_DAY = 800
LONGEST_BY_HALF_HOUR = 92


class ReportRefused(ValueError):
    """These measures cannot be grouped so; the message says what can."""


@dataclass
class Cell:
    """What one row of the table knows."""

    counts: Counts = field(default_factory=Counts)
    waits: Counter[int] = field(default_factory=Counter)  # of answered calls
    settled: Settled = field(default_factory=lambda: Settled({}, Rate(0, 0)))


@dataclass(frozen=True)
class Measure:
    """One column. ``needs``: counts, waits or concerns."""

    key: str
    label: object
    kind: Kind
    needs: str
    read: Callable[[Cell], Value]
    formula: object = ""


def _rate(read: Callable[[Counts], Rate]) -> Callable[[Cell], Value]:
    return lambda cell: read(cell.counts).value


def _level(variant: Variant) -> Measure:
    return Measure(
        f"frist_{variant.value}" if variant != Variant.WITHOUT_SHORT else "frist",
        _("Angenommen in der Frist")
        if variant == Variant.WITHOUT_SHORT
        else format_lazy(_("Angenommen in der Frist, {variant}"), variant=variant.label),
        "share",
        "counts",
        _rate(lambda counts: service_level(counts, variant)),
        variant,
    )


MEASURES: dict[str, Measure] = {
    one.key: one
    for one in (
        Measure("anrufe", _("Anrufe"), "count", "counts", lambda cell: cell.counts.offered),
        Measure("angenommen", _("angenommen"), "count", "counts", lambda cell: cell.counts.answered),
        Measure("aufgelegt", _("aufgelegt"), "count", "counts", lambda cell: cell.counts.abandoned),
        Measure("mailbox", _("Anrufbeantworter"), "count", "counts", lambda cell: cell.counts.voicemail),
        _level(Variant.WITHOUT_SHORT),
        *(_level(variant) for variant in Variant if variant != Variant.WITHOUT_SHORT),
        Measure("auflegequote", _("Aufgelegt, Anteil"), "share", "counts", _rate(lambda counts: counts.abandon_rate)),
        Measure("wartezeit", _("Ø Wartezeit"), "seconds", "counts", lambda cell: cell.counts.mean_wait_s),
        Measure(
            "wartezeit_50",
            _("Wartezeit der Hälfte höchstens"),
            "seconds",
            "waits",
            lambda cell: measures.percentile(cell.waits, 0.5),
        ),
        Measure(
            "wartezeit_90",
            _("Wartezeit von neun von zehn höchstens"),
            "seconds",
            "waits",
            lambda cell: measures.percentile(cell.waits, 0.9),
        ),
        Measure("anliegen", _("abgeschlossene Anliegen"), "count", "concerns", lambda cell: cell.settled.closed),
        Measure(
            "erstloesung", _("Erstlösung"), "share", "concerns", lambda cell: cell.settled.first_contact.value
        ),
        Measure(
            "im_wissen", _("Antwort stand im Wissen"), "share", "concerns", lambda cell: cell.settled.knowledge.value
        ),
    )
}  # fmt: skip

GROUPS: dict[str, object] = {
    "gesamt": _("alles zusammen"),
    "tag": _("Tag"),
    "woche": _("Woche"),
    "monat": _("Monat"),
    "wochentag": _("Wochentag"),
    "uhrzeit": _("halbe Stunde"),
    "leitung": _("Leitung"),
    "thema": _("Anliegen (Artikel)"),
}


def formula_of(measure: Measure, view: Overview) -> str:
    """The formula in words, with the city's own seconds."""
    if isinstance(measure.formula, Variant):
        return view.formula(measure.formula)
    texts = {
        "auflegequote": gettext("aufgelegt ab %(seconds)s s ÷ (angenommen + aufgelegt ab %(seconds)s s)")
        % {"seconds": view.short_s},
        "wartezeit": gettext("Sekunden bis zum Annehmen ÷ angenommene"),
        "wartezeit_50": gettext("höchste Wartezeit der schnelleren Hälfte der angenommenen"),
        "wartezeit_90": gettext("höchste Wartezeit der schnelleren neun Zehntel der angenommenen"),
        "erstloesung": gettext("erledigte ÷ alle abgeschlossenen Anliegen"),
        "im_wissen": gettext("Antwort stand im Wissen ÷ abgeschlossene Anliegen mit dieser Angabe"),
    }
    return texts.get(measure.key, gettext("Anzahl"))


@dataclass(frozen=True)
class Table:
    columns: list[Column]
    rows: list[tuple[Value, ...]]
    keys: list[str]  # machine names of the columns


def table(view: Overview, keys: Sequence[str], group: str) -> Table:
    """The report over what the view looks at. Raises ReportRefused."""
    wanted = [MEASURES[key] for key in keys]
    needs = {one.needs for one in wanted}
    cells = _cells(view, group, needs)
    columns = [Column(str(GROUPS[group])), *(Column(str(one.label), one.kind) for one in wanted)]
    rows: list[tuple[Value, ...]] = [(label, *(one.read(cell) for one in wanted)) for label, cell in cells]
    return Table(columns, rows, [group, *keys])


def _cells(view: Overview, group: str, needs: set[str]) -> list[tuple[str, Cell]]:
    match group:
        case "gesamt":
            return [(view.look.period.label, _whole(view, needs))]
        case "leitung":
            return [(str(line), _whole(view.of_line(line), needs)) for line in selectors.lines(view.look.city)]
        case "thema":
            return _by_topic(view, needs)
        case "uhrzeit":
            return _by_half_hour(view, needs)
    return _by_day(view, group, needs)


def _whole(view: Overview, needs: set[str]) -> Cell:
    cell = Cell(counts=view.counts)
    if "waits" in needs:
        cell.waits = Counter(view.waits[Outcome.ANSWERED])
    if "concerns" in needs:
        cell.settled = view.settled
    return cell


def _by_topic(view: Overview, needs: set[str]) -> list[tuple[str, Cell]]:
    if needs != {"concerns"}:
        raise ReportRefused(
            gettext("Nach Anliegen gruppiert gibt es nur Anliegen, Erstlösung und „Antwort stand im Wissen“.")
        )
    found = rollups.settled_by_article(view.look, view.sources)
    names = selectors.titles(view.look.city, [article for article in found if article])
    rows = [
        ((names.get(key, "") if key else "") or gettext("ohne Artikel"), Cell(settled=settled))
        for key, settled in found.items()
        if settled.closed
    ]
    return sorted(rows, key=lambda row: (-row[1].settled.closed, row[0]))


def _by_half_hour(view: Overview, needs: set[str]) -> list[tuple[str, Cell]]:
    if needs != {"counts"}:
        raise ReportRefused(gettext("Nach halben Stunden gruppiert gibt es nur Anrufe, Anteile und die Ø Wartezeit."))
    if len(view.look.period) > LONGEST_BY_HALF_HOUR:
        raise ReportRefused(
            gettext("Nach halben Stunden gruppiert reicht ein Bericht höchstens über %(days)s Tage.")
            % {"days": LONGEST_BY_HALF_HOUR}
        )
    sums: dict[str, Cell] = defaultdict(Cell)
    for slot, counts in sorted(selectors.by_half_hour(view.look).items(), key=lambda item: item[0].time()):
        sums[f"{slot:%H:%M}"].counts += counts
    return list(sums.items())


def _by_day(view: Overview, group: str, needs: set[str]) -> list[tuple[str, Cell]]:
    period = view.look.period
    if len(period) > LONGEST_BY_DAY and group != "monat":
        raise ReportRefused(
            gettext("So gruppiert reicht ein Bericht höchstens über %(days)s Tage. Nach Monaten gibt es keine Grenze.")
            % {"days": LONGEST_BY_DAY}
        )
    label = _labels(group, period)
    order = list(dict.fromkeys(label(day) for day in period)) if group != "wochentag" else weekday_names()
    sums = {name: Cell() for name in order}
    # By the day, but for long periods by month, where whole months are read as one.
    found = view.sources if group == "monat" else rollups.sources_by_day(view.look, summed=view.has_sums)
    for day, counts in rollups.by_day(view.look, found).items():
        sums[label(day)].counts += counts
    if "waits" in needs:
        for day, histogram in rollups.waits_by_day(view.look, found).items():
            sums[label(day)].waits.update(histogram)
    if "concerns" in needs:
        for day, settled in rollups.settled_by_day(view.look, found).items():
            sums[label(day)].settled += settled
    return list(sums.items())


def _labels(group: str, period: Period) -> Callable[[date], str]:
    if group == "tag":
        return lambda day: f"{day:%d.%m.%Y}"
    if group == "wochentag":
        names = weekday_names()
        return lambda day: names[day.weekday()]
    kind = {"woche": "week", "monat": "month"}[group]

    def label(day: date) -> str:
        whole = containing(kind, day)
        return Period(max(whole.first, period.first), min(whole.last, period.last)).label

    return label


RELATIVE: dict[str, object] = {
    "gestern": _("gestern"),
    "letzte_woche": _("die letzte ganze Woche"),
    "letzter_monat": _("der letzte ganze Monat"),
    "dieser_monat": _("dieser Monat bis gestern"),
    "letztes_quartal": _("das letzte ganze Quartal"),
    "letztes_jahr": _("das letzte ganze Jahr"),
}


def relative(name: str, today: date) -> Period:
    """The days that a relative period means today."""
    yesterday = today - timedelta(days=1)
    match name:
        case "gestern":
            return Period(yesterday, yesterday)
        case "letzte_woche":
            return containing("week", today).shifted(-1)
        case "dieser_monat":
            return Period(min(today.replace(day=1), yesterday), yesterday)
        case "letztes_quartal":
            return containing("quarter", today).shifted(-1)
        case "letztes_jahr":
            return containing("year", today).shifted(-1)
    return containing("month", today).shifted(-1)
