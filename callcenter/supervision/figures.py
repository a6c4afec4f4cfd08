"""The figures of the dashboard: each answers one question, in a sentence, a picture and a table."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext, ngettext

from callcenter.calls.models import Disposition, Outcome
from callcenter.supervision import measures, selectors
from callcenter.supervision.display import Column, Value, calls_in_words, shown, weekday_names
from callcenter.supervision.measures import Variant, service_level
from callcenter.supervision.overview import Figure, Overview, calls_url, step_label
from callcenter.supervision.periods import steps_of
from callcenter.supervision.topic_figures import known_answers, moving_topics, topics, unanswered


def per_day(view: Overview) -> Figure:
    """Volumes by day, week or month, stacked by what became of the calls."""
    steps = steps_of(view.look.period)
    summed = [measures.total(view.days[day] for day in step if day in view.days) for step in steps]
    busiest = max(range(len(steps)), key=lambda n: summed[n].offered)
    active = view.active_days
    sentence = gettext("%(calls)s an %(days)s, im Mittel %(mean)s am Tag; am meisten: %(busiest)s mit %(most)s.") % {
        "calls": calls_in_words(view.counts.offered),
        "days": ngettext("%(number)s Tag", "%(number)s Tagen", active) % {"number": shown("count", active)},
        "mean": shown("count", round(view.counts.offered / active) if active else 0),
        "busiest": step_label(steps[busiest]),
        "most": shown("count", summed[busiest].offered),
    }
    other = [counts.offered - counts.answered - counts.abandoned for counts in summed]
    return Figure(
        key="tage",
        question=gettext("Wie viele rufen an?"),
        sentence=sentence,
        note=gettext("Gezählt: %(which)s. Sonstige: Anrufbeantworter, abgewiesen oder noch im Gespräch.")
        % {"which": view.which_calls()},
        columns=(
            Column(gettext("Zeitraum")),
            Column(gettext("Anrufe"), "count"),
            Column(gettext("angenommen"), "count"),
            Column(gettext("aufgelegt"), "count"),
            Column(gettext("Sonstige"), "count"),
        ),
        rows=[
            (step_label(step), counts.offered, counts.answered, counts.abandoned, rest)
            for step, counts, rest in zip(steps, summed, other, strict=True)
        ],
        links=[calls_url(view.look, step.first, step.last) for step in steps],
        chart={
            "kind": "bars",
            "stacked": True,
            "format": "count",
            "categories": [step_label(step) for step in steps],
            "links": [calls_url(view.look, step.first, step.last) for step in steps],
            "series": [
                {"name": gettext("angenommen"), "tone": "city", "values": [c.answered for c in summed]},
                {"name": gettext("aufgelegt"), "tone": "alert", "values": [c.abandoned for c in summed]},
                {"name": gettext("Sonstige"), "tone": "quiet", "values": other},
            ],
        },
    )


def by_weekday_and_hour(view: Overview) -> Figure:
    """Heat map: mean calls by weekday and local half-hour."""
    weekdays_in_period = [0] * 7
    for day in view.look.period:
        weekdays_in_period[day.weekday()] += 1
    sums = view.week
    names = weekday_names()
    # A working day without a call is a row of zeros, not a row that is missing.
    called = {place[0] for place in sums}
    working = {number for number in range(5) if called and weekdays_in_period[number]}
    weekdays = sorted(called | working)
    slots = [place[1] for place in sums]
    halves = list(range(min(slots), max(slots) + 1)) if slots else []
    mean = {place: count / weekdays_in_period[place[0]] for place, count in sums.items()}
    clock = [f"{half // 2}:{half % 2 * 30:02}" for half in halves]
    if mean:
        weekday, half = max(mean, key=lambda place: (mean[place], place))
        sentence = gettext(
            "Am meisten los ist am %(day)s ab %(time)s Uhr: im Mittel %(mean)s in der halben Stunde."
        ) % {
            "day": names[weekday],
            "time": f"{half // 2}:{half % 2 * 30:02}",
            "mean": calls_in_words(round(mean[weekday, half])),
        }
    else:
        sentence = gettext("In diesem Zeitraum hat niemand angerufen.")
    return Figure(
        key="uhrzeiten",
        question=gettext("Wann rufen sie an?"),
        sentence=sentence,
        note=gettext("Mittlere Zahl der Anrufe je Wochentag und halber Stunde, Ortszeit. Gezählt: %(which)s.")
        % {"which": view.which_calls()},
        columns=(Column(gettext("Beginn")), *(Column(names[day], "mean") for day in weekdays)),
        rows=[
            (label, *(mean.get((day, half), 0.0) for day in weekdays))
            for label, half in zip(clock, halves, strict=True)
        ],
        chart={
            "kind": "heat",
            "format": "mean",
            "x": clock,
            "y": [names[day] for day in weekdays],
            "cells": [
                [x, y, round(mean.get((day, half), 0.0), 1)]
                for y, day in enumerate(weekdays)
                for x, half in enumerate(halves)
            ],
            "unit": gettext("Anrufe"),
        },
    )


def promise_kept(view: Overview) -> Figure:
    """Service level by day, week or month, against what was promised."""
    steps = steps_of(view.look.period)
    rates = [service_level(measures.total(view.days[day] for day in step if day in view.days)) for step in steps]
    promised = float(view.look.targets.service_level)
    measured = [rate.value for rate in rates if rate.value is not None]
    missed = sum(value < promised for value in measured)
    whole = service_level(view.counts)
    kind = {
        "day": ngettext("an %(missed)s von %(all)s Tag", "an %(missed)s von %(all)s Tagen", len(measured)),
    }.get(steps[0].kind, gettext("in %(missed)s von %(all)s Abschnitten"))
    sentence = gettext(
        "%(share)s wurden in %(seconds)s Sekunden angenommen; verfehlt wurde die Zusage von %(promised)s %(missed)s."
    ) % {
        "share": shown("share", whole.value),
        "seconds": view.within_s,
        "promised": shown("share", promised),
        "missed": kind % {"missed": missed, "all": len(measured)},
    }
    return Figure(
        key="zusage",
        question=gettext("Wird die Zusage gehalten?"),
        sentence=sentence,
        note=f"{gettext('Formel')}: {view.formula()}. {gettext('Gezählt')}: {view.which_calls()}.",
        columns=(
            Column(gettext("Zeitraum")),
            Column(gettext("in der Frist"), "count"),
            Column(gettext("von"), "count"),
            Column(gettext("Anteil"), "share"),
        ),
        rows=[
            (step_label(step), rate.numerator, rate.denominator, rate.value)
            for step, rate in zip(steps, rates, strict=True)
        ],
        links=[calls_url(view.look, step.first, step.last) for step in steps],
        chart={
            "kind": "line",
            "format": "share",
            "most": 1,
            "categories": [step_label(step) for step in steps],
            "links": [calls_url(view.look, step.first, step.last) for step in steps],
            "series": [
                {"name": gettext("Angenommen in der Frist"), "tone": "city", "values": [rate.value for rate in rates]}
            ],
            "mark": {"label": gettext("Zusage"), "value": promised},
        },
    )


def waiting(view: Overview) -> Figure:
    """Waiting times as a distribution, answered and abandoned side by side."""
    answered, abandoned = view.waits[Outcome.ANSWERED], view.waits[Outcome.ABANDONED]
    half, nine = measures.percentile(answered, 0.5), measures.percentile(answered, 0.9)
    bounds = measures.WAIT_STEPS
    labels = [gettext("bis %(bound)s s") % {"bound": bound} for bound in bounds]
    labels.append(gettext("über %(bound)s s") % {"bound": bounds[-1]})
    columns = [measures.in_steps(answered), measures.in_steps(abandoned)]
    cases = sum(answered.values())
    reached, shares = 0, []
    for step in columns[0]:
        reached += step
        shares.append(reached / cases if cases else None)
    if cases:
        sentence = gettext(
            "Die Hälfte der Angenommenen wartete höchstens %(half)s, neun von zehn höchstens %(nine)s Minuten."
        ) % {"half": shown("seconds", half), "nine": shown("seconds", nine)}
    else:
        sentence = gettext("In diesem Zeitraum wurde kein Anruf angenommen.")
    return Figure(
        key="wartezeiten",
        question=gettext("Wie lange warten sie?"),
        sentence=sentence,
        note=gettext("Vom ersten Klingeln bis zum Annehmen oder Auflegen. Gezählt: %(which)s.")
        % {"which": view.which_calls()},
        columns=(
            Column(gettext("Wartezeit")),
            Column(gettext("angenommen"), "count"),
            Column(gettext("angenommen bis hierhin"), "share"),
            Column(gettext("aufgelegt"), "count"),
        ),
        rows=list(zip(labels, columns[0], shares, columns[1], strict=True)),
        chart={
            "kind": "bars",
            "format": "count",
            "categories": [*(f"≤ {bound} s" for bound in bounds), f"> {bounds[-1]} s"],
            "series": [
                {"name": gettext("angenommen"), "tone": "city", "values": columns[0]},
                {"name": gettext("aufgelegt"), "tone": "alert", "values": columns[1]},
            ],
        },
    )


def settled_how(view: Overview) -> Figure:
    """What became of the concerns; the first-contact rate is in its sentence."""
    rate = view.settled.first_contact
    listed = sorted(view.settled.by_disposition.items(), key=lambda row: -row[1])
    names = dict(Disposition.choices)
    sentence = (
        gettext("%(share)s sind im ersten Kontakt erledigt: %(settled)s von %(closed)s abgeschlossenen Anliegen.")
        % {
            "share": shown("share", rate.value),
            "settled": shown("count", rate.numerator),
            "closed": shown("count", rate.denominator),
        }
        if rate.denominator
        else gettext("In diesem Zeitraum wurde kein Anliegen abgeschlossen.")
    )
    return Figure(
        key="ergebnisse",
        question=gettext("Wird das Anliegen sofort erledigt?"),
        sentence=sentence,
        note=gettext(
            "Erstlösung = erledigte ÷ alle abgeschlossenen Anliegen, auch abgebrochene und weiterverbundene. "
            "Gezählt bei der Stadt, deren Auskunft gegeben wurde."
        ),
        columns=(
            Column(gettext("Ergebnis")),
            Column(gettext("Anliegen"), "count"),
            Column(gettext("Anteil"), "share"),
            Column(view.before.label, "count"),
        ),
        rows=[
            (str(names[key]), cases, cases / rate.denominator, view.settled_before.by_disposition.get(key, 0))
            for key, cases in listed
        ],
        chart={
            "kind": "rows",
            "few": True,
            "format": "count",
            "categories": [str(names[key]) for key, _ in listed],
            "series": [{"name": gettext("Anliegen"), "tone": "city", "values": [cases for _, cases in listed]}],
        },
    )


def kept_call_backs(view: Overview) -> Figure:
    """Call-backs that the offices owed, and how many callers had to ring again."""
    now, before = (selectors.handovers(look, view.now) for look in (view.look, view.look.over(view.before)))
    again = selectors.repeats(view.look)
    if now.in_time.denominator:
        sentence = gettext("%(share)s der Rückrufe kamen rechtzeitig: %(kept)s von %(all)s.") % {
            "share": shown("share", now.in_time.value),
            "kept": shown("count", now.in_time.numerator),
            "all": shown("count", now.in_time.denominator),
        }
    else:
        sentence = gettext("In diesem Zeitraum war kein Rückruf fällig.")
    if again.value is not None:
        sentence += " " + gettext("Noch einmal angerufen wurde bei %(share)s der Anrufe.") % {
            "share": shown("share", again.value)
        }
    rows: list[tuple[Value, ...]] = [
        (gettext("rechtzeitig erledigt"), now.kept, before.kept),
        (gettext("zu spät oder überfällig"), now.late, before.late),
        (gettext("noch nicht fällig"), now.waiting, before.waiting),
    ]
    if again.denominator:
        rows.append(
            (gettext("Anrufe von Nummern, die in den sieben Tagen davor schon anriefen"), again.numerator, None)
        )
        rows.append((gettext("Anrufe, deren Nummer noch bekannt ist"), again.denominator, None))
    return Figure(
        key="rueckrufe",
        question=gettext("Muss jemand noch einmal anrufen?"),
        sentence=sentence,
        note=gettext(
            "Rechtzeitig: innerhalb von 24 Stunden, gezählt montags bis freitags ohne Feiertage. "
            "Nummern sind nur bis zur Löschfrist bekannt, als Schlüssel ohne die Nummer selbst."
        ),
        columns=(Column(gettext("Rückrufe")), Column(gettext("Anzahl"), "count"), Column(view.before.label, "count")),
        rows=rows,
    )


def variants(view: Overview) -> Figure:
    """The service level in every variant that is in use, formula and denominator beside it."""
    rates = [(variant, service_level(view.counts, variant)) for variant in Variant]
    values = [rate.value for _, rate in rates if rate.value is not None]
    return Figure(
        key="formeln",
        question=gettext("Was macht die Formel aus?"),
        sentence=gettext("Dieselben Anrufe ergeben je nach Formel %(low)s bis %(high)s.")
        % {"low": shown("share", min(values, default=None)), "high": shown("share", max(values, default=None))},
        note=gettext("Auf dieser Seite gilt: %(formula)s. Anrufbeantworter und abgewiesene zählen in keiner Formel.")
        % {"formula": view.formula()},
        columns=(
            Column(gettext("Formel")),
            Column(gettext("in der Frist"), "count"),
            Column(gettext("von"), "count"),
            Column(gettext("Anteil"), "share"),
        ),
        rows=[(view.formula(variant), rate.numerator, rate.denominator, rate.value) for variant, rate in rates],
    )


FIGURES: dict[str, Callable[[Overview], Figure]] = {
    "tage": per_day,
    "uhrzeiten": by_weekday_and_hour,
    "zusage": promise_kept,
    "formeln": variants,
    "wartezeiten": waiting,
    "ergebnisse": settled_how,
    "rueckrufe": kept_call_backs,
    "anliegen": topics,
    "bewegung": moving_topics,
    "wissen": known_answers,
    "suchen": unanswered,
}
