"""A city's report over a period: the figures of the dashboard on paper, and as one long table."""

from __future__ import annotations

import json
from pathlib import Path

import typst
from django.utils.translation import get_language, gettext

from billing import fonts
from callcenter.supervision.display import Column, as_csv
from callcenter.supervision.figures import FIGURES
from callcenter.supervision.headline import headline
from callcenter.supervision.overview import Figure, Overview
from callcenter.supervision.xlsx import Sheet, workbook

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LAYOUT = Path(__file__).parent / "layout" / "report.typ"
DRAWN = {"tage", "wartezeiten"}


def figures_of(view: Overview) -> list[Figure]:
    return [figure for build in FIGURES.values() if (figure := build(view)).rows or not figure.optional]


def as_pdf(view: Overview, title: str) -> bytes:
    """Tagged PDF (PDF/UA-1): headings, header rows, and each picture's sentence as its description."""
    values = {
        "title": title,
        "author": view.look.city.official_name,
        "language": get_language() or "de",
        "colour": view.look.city.colour_light,
        "compared": gettext("Verglichen mit %(before)s.") % {"before": view.before.label},
        "counted": gettext("Gezählt: %(which)s.") % {"which": view.which_calls()},
        "tiles_head": [gettext("Maß"), gettext("Wert"), gettext("Nenner"), gettext("Veränderung")],
        "tiles": [
            {
                "label": tile.label,
                "value": tile.value,
                "detail": ", ".join(filter(None, [tile.detail, _promise(tile.promise, tile.kept)])),
                "versus": tile.versus,
            }
            for tile in headline(view)
        ],
        "figures": [_printed(figure) for figure in figures_of(view)],
    }
    pdf = typst.compile(
        LAYOUT.read_bytes(),
        format="pdf",
        pdf_standards=["ua-1"],
        sys_inputs={"data": json.dumps(values)},
        font_paths=fonts.collection(),
    )
    return bytes(pdf)


def _promise(promise: str, kept: bool | None) -> str:
    if kept is None:
        return ""
    return f"{promise} {gettext('gehalten') if kept else gettext('verfehlt')}"


def _printed(figure: Figure) -> dict[str, object]:
    bars: list[float] = []
    if figure.key in DRAWN:
        values = [float(row[1] or 0) for row in figure.rows]
        most = max(values, default=0) or 1
        bars = [round(value / most, 4) for value in values]
    return {
        "question": figure.question,
        "sentence": figure.sentence,
        "note": figure.note,
        "bars": bars,
        "head": [column.label for column in figure.columns],
        "rows": [[str(cell["text"]) for cell in row] for row in figure.table],
    }


def as_long_csv(view: Overview) -> str:
    """Every value of every figure as a row of its own: figure, row, measure, value."""
    rows = [
        (figure.key, str(row[0]), column.label, value)
        for figure in figures_of(view)
        for row in figure.rows
        for column, value in list(zip(figure.columns, row, strict=True))[1:]
    ]
    head = (gettext("Abschnitt"), gettext("Zeile"), gettext("Maß"), gettext("Wert"))
    return as_csv([Column(name) for name in head], rows)


def as_xlsx(view: Overview) -> bytes:
    """A workbook: the headline figures, then a sheet for each figure of the page, formula above the table."""
    title = title_of(view)
    counted = gettext("Gezählt: %(which)s.") % {"which": view.which_calls()}
    head = tuple(Column(name) for name in (gettext("Maß"), gettext("Wert"), gettext("Nenner"), gettext("Veränderung")))
    tiles = [
        (tile.label, tile.value, ", ".join(filter(None, [tile.detail, _promise(tile.promise, tile.kept)])), tile.versus)
        for tile in headline(view)
    ]
    sheets = [Sheet(gettext("Überblick"), [title, counted], head, tiles)]
    sheets += [
        Sheet(figure.question, [figure.question, figure.sentence, figure.note], figure.columns, figure.rows)
        for figure in figures_of(view)
    ]
    return workbook(sheets, title=title, author=view.look.city.official_name)


def title_of(view: Overview) -> str:
    return gettext("Bericht %(period)s, %(city)s") % {
        "period": view.look.period.label,
        "city": view.look.city.official_name,
    }
