"""The staffing page: what is coming, how many desks it needs, and what if."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from callcenter.accounts.access import HouseRequest, for_roles
from callcenter.accounts.models import Role
from callcenter.supervision.display import Column, as_csv, shown
from callcenter.supervision.models import Targets
from callcenter.supervision.overview import Figure
from callcenter.supervision.pages import tabs
from callcenter.supervision.staff import note_look
from callcenter.supervision.staffing import (
    ASSUMED_HANDLING_S,
    DayPlan,
    Outlook,
    Plan,
    outlook,
    people,
    plan_days,
    posts,
    rounded_up,
)
from tenants.models import Tenant


class PlanForm(forms.Form):
    """What is assumed; every field has a value before anybody touches it."""

    tag = forms.IntegerField(required=False, min_value=0, max_value=6, widget=forms.HiddenInput)
    dauer = forms.IntegerField(label=_("Gespräch und Nacharbeit (Sekunden)"), min_value=30, max_value=3_600)
    frist = forms.IntegerField(label=_("Angenommen in (Sekunden)"), min_value=1, max_value=600)
    zusage = forms.IntegerField(label=_("Zusage (Prozent)"), min_value=1, max_value=99)
    schwund = forms.IntegerField(label=_("Urlaub, Krankheit, Fortbildung (Prozent)"), min_value=0, max_value=80)
    mehr = forms.IntegerField(label=_("mehr Anrufe im Monat"), min_value=-1_000_000, max_value=1_000_000)
    weniger = forms.IntegerField(label=_("Plätze weniger als nötig"), min_value=-200, max_value=200)

    def plan(self) -> Plan:
        data = self.cleaned_data
        return Plan(
            handling_s=data["dauer"],
            within_s=data["frist"],
            service_level=data["zusage"] / 100,
            shrinkage=data["schwund"] / 100,
            more_calls=data["mehr"],
            fewer=data["weniger"],
        )


def _defaults(found: Outlook | None, cities: list[Tenant]) -> dict[str, int]:
    measured = found.handling_s if found and found.handling_s else ASSUMED_HANDLING_S
    return {
        "tag": 0,
        "dauer": min(3_600, max(30, rounded_up(measured))),
        "frist": min(city.answer_within_seconds for city in cities),
        "zusage": round(max(float(Targets.of(city).service_level) for city in cities) * 100),
        "schwund": 30,
        "mehr": 0,
        "weniger": 0,
    }


@for_roles(Role.SUPERVISOR)
def staffing_page(request: HouseRequest) -> HttpResponse:
    """Seven days from today; the address holds the whole what-if, so that it can be sent."""
    context = _context(request)
    return render(request, "supervision/staffing.html", context, status=422 if context["form"].errors else 200)


@for_roles(Role.SUPERVISOR)
def staffing_csv(request: HouseRequest) -> HttpResponse:
    """One table of the page, as it was asked for."""
    figures = [figure for figure, _ in _context(request).get("figures", [])]
    found = next((one for one in figures if one.key == request.GET.get("abschnitt")), figures[0] if figures else None)
    if found is None:
        answer = gettext("Für eine Prognose braucht es vier Wochen mit Anrufen.")
        return HttpResponse(answer, status=404, content_type="text/plain; charset=utf-8")
    response = HttpResponse(as_csv(found.columns, found.rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="besetzung-{found.key}.csv"'
    return response


def _context(request: HouseRequest) -> dict[str, Any]:
    cities = list(Tenant.objects.filter(pk__in=request.user.tenant_ids(Role.SUPERVISOR)))
    found = outlook(cities, timezone.localdate())
    standard = {name: str(value) for name, value in _defaults(found, cities).items()}
    form = PlanForm(standard | {name: request.GET[name] for name in standard if request.GET.get(name)})
    usable = form if form.is_valid() else PlanForm(standard)
    usable.full_clean()
    plan = usable.plan()
    context: dict[str, Any] = tabs(request) | {"form": form, "plan": plan, "found": found}
    if found:
        if found.handling_s:
            note_look(user=request.user, cities=cities, measure="staffing")
        days = plan_days(found.together, plan)
        chosen = days[min(usable.cleaned_data.get("tag") or 0, len(days) - 1)]
        query = request.GET.copy()
        figures = []
        for figure in (expected(chosen, found, cities), desks(chosen, plan)):
            query["abschnitt"] = figure.key
            figures.append((figure, f"{reverse('supervision:staffing_csv')}?{query.urlencode()}"))
        context |= {"figures": figures, "day": chosen}
        context |= {"days": _links(days, chosen, request), "week": _week(days, plan), "changed": _is_changed(plan)}
    return context


def _is_changed(plan: Plan) -> bool:
    return bool(plan.more_calls or plan.fewer)


def _links(days: list[DayPlan], chosen: DayPlan, request: HouseRequest) -> list[dict[str, object]]:
    query = request.GET.copy()
    links = []
    for n, one in enumerate(days):
        query["tag"] = str(n)
        links.append(
            {
                "label": date_format(one.day, "D j.n."),
                "calls": shown("count", round(one.calls)),
                "query": query.urlencode(),
                "current": one is chosen,
            }
        )
    return links


def _week(days: list[DayPlan], plan: Plan) -> dict[str, object]:
    """The week in posts, as planned and as in the what-if."""
    now = posts(sum(one.desk_hours for one in days), plan.shrinkage)
    then = posts(sum(one.changed_desk_hours for one in days), plan.shrinkage)
    return {
        "posts": shown("mean", now),
        "changed_posts": shown("mean", then),
        "difference": shown("mean", abs(then - now)),
        "is_more": then > now,
    }


def expected(day: DayPlan, found: Outlook, cities: list[Tenant]) -> Figure:
    """Calls of one day by half-hour and city, with the interval of their sum."""
    name = date_format(day.day, "l, j. F")
    peak = max(day.half_hours, key=lambda half: half.calls, default=None)
    number = found.together.days.index(day.day)
    slots = [_slot(half.start) for half in day.half_hours]
    interval = found.together.low is not None
    sentence = (
        gettext("Am %(day)s werden %(calls)s Anrufe erwartet, die meisten ab %(time)s Uhr: %(most)s.")
        % {
            "day": name,
            "calls": shown("count", round(day.calls)),
            "time": peak.start,
            "most": shown("count", round(peak.calls)),
        }
        if peak
        else gettext("Am %(day)s werden keine Anrufe erwartet.") % {"day": name}
    )
    wape, yardstick = found.together.wape, found.together.yardstick_wape
    note = (
        gettext(
            "In den letzten zwölf Wochen lag die Prognose im Mittel %(wape)s daneben, "
            "das Mittel der vier gleichen Wochentage %(yardstick)s."
        )
        % {"wape": shown("share", wape), "yardstick": shown("share", yardstick)}
        if wape is not None
        else gettext("Wie weit die Prognose danebenliegt, zeigt sich nach acht Wochen.")
    )
    columns = [Column(gettext("Beginn")), Column(gettext("erwartet"), "mean")]
    if interval:
        columns += [Column(gettext("mindestens (80 %)"), "mean"), Column(gettext("höchstens (80 %)"), "mean")]
    series: list[dict[str, object]] = [
        {
            "name": city.name,
            "city": city.slug,
            "tone": "city",
            "values": [round(float(found.by_city[city.pk][number, slot]), 1) for slot in slots],
        }
        for city in cities
    ]
    chart: dict[str, object] = {
        "kind": "bars",
        "stacked": True,
        "format": "mean",
        "categories": [half.start for half in day.half_hours],
        "series": series,
    }
    if interval:
        chart["range"] = {
            "name": gettext("80 % der Fälle"),
            "low": [round(half.low or 0, 1) for half in day.half_hours],
            "high": [round(half.high or 0, 1) for half in day.half_hours],
        }
    return Figure(
        key="prognose",
        question=gettext("Wie viele rufen an?"),
        sentence=sentence,
        note=note,
        columns=tuple(columns),
        rows=[
            (half.start, half.calls, half.low, half.high) if interval else (half.start, half.calls)
            for half in day.half_hours
        ],
        chart=chart if day.half_hours else None,
    )


def _slot(start: str) -> int:
    hours, minutes = start.split(":")
    return int(hours) * 2 + int(minutes) // 30


def desks(day: DayPlan, plan: Plan) -> Figure:
    """Desks needed by half-hour, beside those of the what-if."""
    busiest, changed = day.busiest, _is_changed(plan)
    sentence = gettext("An diesem Tag ist nichts zu besetzen.")
    if busiest:
        sentence = gettext("Am meisten ab %(time)s Uhr: %(desks)s Plätze, dafür %(people)s Menschen im Dienstplan.") % {
            "time": busiest.start,
            "desks": busiest.desks,
            "people": people(busiest.desks, plan.shrinkage),
        }
        if changed:
            sentence += " " + gettext("Im Fall darunter werden %(share)s in der Frist angenommen.") % {
                "share": shown("share", day.changed_level)
            }
    columns = [Column(gettext("Beginn")), Column(gettext("Plätze"), "count"), Column(gettext("Auslastung"), "share")]
    series = [{"name": gettext("nötig"), "tone": "action", "values": [half.desks for half in day.half_hours]}]
    if changed:
        columns += [
            Column(gettext("Plätze im Fall"), "count"),
            Column(gettext("dann in der Frist"), "share"),
        ]
        series.append(
            {
                "name": gettext("im Fall darunter"),
                "tone": "quiet",
                "values": [half.changed_desks for half in day.half_hours],
            }
        )
    return Figure(
        key="plaetze",
        question=gettext("Wie viele Plätze braucht das?"),
        sentence=sentence,
        note=gettext(
            "Erlang C: niemand legt auf, alle warten. Das rechnet eher zu viele als zu wenige. "
            "Zusage: %(share)s in %(seconds)s s bei %(handling)s s je Anruf."
        )
        % {"share": shown("share", plan.service_level), "seconds": plan.within_s, "handling": round(plan.handling_s)},
        columns=tuple(columns),
        rows=[
            (half.start, half.desks, half.occupancy, half.changed_desks, half.changed_level)
            if changed
            else (half.start, half.desks, half.occupancy)
            for half in day.half_hours
        ],
        chart={
            "kind": "bars",
            "format": "count",
            "categories": [half.start for half in day.half_hours],
            "series": series,
        }
        if day.half_hours
        else None,
    )
