"""Cities side by side: the same measures with the same formulas, each with its own promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.utils.translation import gettext

from callcenter.calls.models import Outcome
from callcenter.supervision import measures
from callcenter.supervision.display import Column, shown
from callcenter.supervision.measures import service_level
from callcenter.supervision.overview import Figure, Overview, step_label
from callcenter.supervision.periods import steps_of


def comparison(views: Sequence[Overview]) -> list[Figure]:
    return [_measures(views), _per_day(views)]


def _measures(views: Sequence[Overview]) -> Figure:
    def share(rate: measures.Rate) -> str:
        whole = gettext("%(share)s (%(part)s von %(whole)s)")
        parts = {"part": shown("count", rate.numerator), "whole": shown("count", rate.denominator)}
        return whole % {"share": shown("share", rate.value), **parts}

    def wait(view: Overview, of_all: float) -> str:
        return shown("seconds", measures.percentile(view.waits[Outcome.ANSWERED], of_all))

    asked: list[tuple[str, Callable[[Overview], str]]] = [
        (gettext("Anrufe"), lambda view: shown("count", view.counts.offered)),
        (
            gettext("Veränderung zum Zeitraum davor"),
            lambda view: shown("change", measures.change(view.counts.offered, view.counts_before.offered)),
        ),
        (gettext("Angenommen in der Frist"), lambda view: share(service_level(view.counts))),
        (
            gettext("Zusage"),
            lambda view: (
                gettext("%(share)s in %(seconds)s s")
                % {"share": shown("share", float(view.look.targets.service_level)), "seconds": view.within_s}
            ),
        ),
        (gettext("Erstlösung"), lambda view: share(view.settled.first_contact)),
        (gettext("Aufgelegt"), lambda view: share(view.counts.abandon_rate)),
        (gettext("Wartezeit der Hälfte höchstens"), lambda view: wait(view, 0.5)),
        (gettext("Wartezeit von neun von zehn höchstens"), lambda view: wait(view, 0.9)),
    ]
    levels = {view.look.city.name: service_level(view.counts).value for view in views}
    known = {name: level for name, level in levels.items() if level is not None}
    best = max(known, key=lambda name: known[name]) if known else ""
    sentence = (
        gettext("Am häufigsten in der Frist angenommen wurde für %(city)s: %(share)s.")
        % {"city": best, "share": shown("share", known[best])}
        if known
        else gettext("In diesem Zeitraum hat niemand angerufen.")
    )
    return Figure(
        key="staedte",
        question=gettext("Wie stehen die Städte da?"),
        sentence=sentence,
        note=f"{gettext('Formel')}: {views[0].formula()}. {gettext('Gezählt')}: {views[0].which_calls()}.",
        columns=(Column(gettext("Maß")), *(Column(view.look.city.name, "given") for view in views)),
        rows=[(label, *(read(view) for view in views)) for label, read in asked],
    )


def _per_day(views: Sequence[Overview]) -> Figure:
    steps = steps_of(views[0].look.period)
    counted = [
        [measures.total(view.days[day] for day in step if day in view.days).offered for step in steps] for view in views
    ]
    labels = [step_label(step) for step in steps]
    whole = sum(sum(values) for values in counted)
    parts = [
        gettext("%(city)s %(share)s") % {"city": view.look.city.name, "share": shown("share", sum(values) / whole)}
        for view, values in zip(views, counted, strict=True)
        if whole
    ]
    return Figure(
        key="tage",
        question=gettext("Wie verteilen sich die Anrufe?"),
        sentence=gettext("Anteil an allen Anrufen: %(parts)s.") % {"parts": ", ".join(parts)}
        if parts
        else gettext("In diesem Zeitraum hat niemand angerufen."),
        note=gettext("Gezählt: %(which)s.") % {"which": views[0].which_calls()},
        columns=(Column(gettext("Zeitraum")), *(Column(view.look.city.name, "count") for view in views)),
        rows=[(label, *(values[n] for values in counted)) for n, label in enumerate(labels)],
        chart={
            "kind": "bars",
            "stacked": True,
            "format": "count",
            "categories": labels,
            "series": [
                {"name": view.look.city.name, "city": view.look.city.slug, "tone": "city", "values": values}
                for view, values in zip(views, counted, strict=True)
            ],
        },
    )
