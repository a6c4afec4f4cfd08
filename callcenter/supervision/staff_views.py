"""What touches people: handling time on fixed groupings, one's own figures, and what is measured at all."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext

from callcenter.accounts.access import HouseRequest, for_roles
from callcenter.accounts.models import Role
from callcenter.supervision import staff
from callcenter.supervision.display import Column, as_csv, shown
from callcenter.supervision.overview import Figure
from callcenter.supervision.pages import tabs
from callcenter.supervision.periods import Period, containing
from callcenter.supervision.retention import left_over, proofs
from callcenter.supervision.staff_months import Shown, decide, of_cities
from tenants.models import Tenant

EMPLOYED = (Role.AGENT, Role.EDITOR, Role.SUPERVISOR, Role.ACCOUNTANT)


def _cities(request: HouseRequest, *roles: str) -> list[Tenant]:
    return list(Tenant.objects.filter(pk__in=request.user.tenant_ids(*roles)))


@for_roles(Role.SUPERVISOR)
def handling(request: HouseRequest) -> HttpResponse:
    """Handling time by city and whole month, from k people on. The look is written down."""
    cities, rows = _handling(request)
    staff.note_look(user=request.user, cities=cities, measure="handling")
    context = tabs(request) | {
        "columns": cities,
        "rows": rows,
        "k": staff.least_agents(),
        "figures": [figure for figure in [distribution(cities, rows)] if figure],
    }
    return render(request, "supervision/staff_handling.html", context)


@for_roles(Role.SUPERVISOR)
def handling_csv(request: HouseRequest) -> HttpResponse:
    """The distribution as a file: the same groups as on the page, and a look like any other."""
    cities, rows = _handling(request)
    staff.note_look(user=request.user, cities=cities, measure="handling")
    figure = distribution(cities, rows)
    if figure is None:
        return HttpResponse(gettext("Es gibt nichts zu zeigen."), status=404, content_type="text/plain; charset=utf-8")
    response = HttpResponse(as_csv(figure.columns, figure.rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="bearbeitungszeit.csv"'
    return response


Row = tuple[Period, list[Shown | None], Shown | None]


def _handling(request: HouseRequest) -> tuple[list[Tenant], list[Row]]:
    cities, rows = _cities(request, Role.SUPERVISOR), []
    for month in staff.months_shown(containing("day", timezone.localdate())):
        shown, whole = of_cities(decide(month=month, now=timezone.now()), cities)
        rows.append((month, [shown.get(city.pk) for city in cities], whole))
    return cities, rows


def distribution(cities: list[Tenant], rows: list[Row]) -> Figure | None:
    """Calls by handling time in the newest month that shows anything; None when none does."""
    found = next((row for row in rows if row[2] or any(row[1])), None)
    if found is None:
        return None
    month, groups, whole = found
    columns = [(city.name, city.slug, group) for city, group in zip(cities, groups, strict=True) if group]
    if not columns and whole:
        columns = [(gettext("alle Städte"), "", whole)]
    bounds = staff.HANDLING_STEPS
    labels = [gettext("bis %(bound)s min") % {"bound": shown("seconds", bound)} for bound in bounds]
    labels.append(gettext("über %(bound)s min") % {"bound": shown("seconds", bounds[-1])})
    shares = [[calls / group.calls for calls in group.steps] for _, _, group in columns]
    most = max(range(len(labels)), key=lambda n: shares[0][n])
    return Figure(
        key="verteilung",
        question=gettext("Wie verteilt sich die Bearbeitungszeit?"),
        sentence=gettext("%(month)s, %(city)s: am häufigsten %(step)s, bei %(share)s der Anrufe.")
        % {
            "month": month.label,
            "city": columns[0][0],
            "step": labels[most],
            "share": shown("share", shares[0][most]),
        },
        note=gettext("Gespräch und Nacharbeit angenommener Anrufe, Anteil je Stadt. Dieselben Gruppen wie oben."),
        columns=(Column(gettext("Bearbeitungszeit")), *(Column(name, "share") for name, _, _ in columns)),
        rows=[(label, *(values[n] for values in shares)) for n, label in enumerate(labels)],
        chart={
            "kind": "bars",
            "format": "share",
            "categories": labels,
            "series": [
                {"name": name, "city": slug, "tone": "city" if slug else "action", "values": values}
                for (name, slug, _), values in zip(columns, shares, strict=True)
            ],
        },
    )


@for_roles(Role.AGENT)
def own(request: HouseRequest) -> HttpResponse:
    """One's own figures; there is no address under which anybody else could see them."""
    context = {"months": staff.own_months(request.user, timezone.localtime())}
    return render(request, "supervision/staff_own.html", context)


@for_roles(*EMPLOYED)
def retention_csv(request: HouseRequest) -> HttpResponse:
    """Every night's proof, for the data protection officer's file."""
    columns = [
        Column(gettext("Nacht")),
        Column(gettext("Stadt")),
        Column(gettext("Löschfrist (Tage)"), "count"),
        Column(gettext("Anrufe mit Namen danach"), "count"),
        Column(gettext("Rufnummern danach"), "count"),
        Column(gettext("Notizen danach"), "count"),
        Column(gettext("Rohdaten danach"), "count"),
    ]
    rows = [
        (f"{one.day:%d.%m.%Y}", one.tenant.name, one.retention_days, one.agents, one.numbers, one.notes, one.bodies)
        for one in proofs(_cities(request, *EMPLOYED), most=400)
    ]
    response = HttpResponse(as_csv(columns, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="loeschnachweis.csv"'
    return response


@for_roles(*EMPLOYED)
def measured(request: HouseRequest) -> HttpResponse:
    """What is measured, for how long, and who looked: written to be annexed to a Dienstvereinbarung."""
    cities = _cities(request, *EMPLOYED)
    context = {
        "cities_kept": [left_over(city, timezone.now()) for city in cities],
        "proofs": proofs(cities, most=14),
        "looks": staff.looks(cities),
        "k": staff.least_agents(),
        "today": timezone.localdate(),
        "is_agent": bool(request.user.tenant_ids(Role.AGENT)),
    }
    return render(request, "supervision/staff_measured.html", context)
