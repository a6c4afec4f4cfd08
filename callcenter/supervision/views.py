"""Pages of the supervision: the dashboard of a city, and cities side by side."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from callcenter.accounts.access import CityRequest, HouseRequest, for_roles, in_city
from callcenter.calls.models import Outcome
from callcenter.supervision import selectors
from callcenter.supervision.comparison import comparison
from callcenter.supervision.display import as_csv
from callcenter.supervision.figures import FIGURES
from callcenter.supervision.headline import headline
from callcenter.supervision.overview import Figure
from callcenter.supervision.pages import SEES_FIGURES, Asked, asked_for, cities_of, overview, tabs

PER_PAGE = 50


@for_roles(*SEES_FIGURES)
def home(request: HouseRequest) -> HttpResponse:
    return redirect("supervision:overview", city=cities_of(request)[0].slug)


@in_city(*SEES_FIGURES)
def city_overview(request: CityRequest) -> HttpResponse:
    """The dashboard; a period without calls says so instead of drawing empty pictures."""
    asked = asked_for(request, request.city)
    view, look = asked.view, asked.view.look
    has_calls = bool(view.counts.offered)
    figures = [build(view) for build in FIGURES.values()] if has_calls else []
    context = asked.context() | {
        "city": look.city,
        **tabs(request),
        "tiles": headline(view) if has_calls else [],
        "figures": [figure for figure in figures if figure.rows or not figure.optional],
        "topic": selectors.titles(look.city, [look.topic]).get(look.topic, "") if look.topic else "",
        "without_topic": asked.address(asked.period, with_topic=False),
        "is_subscribed": selectors.is_subscribed(look.city, request.user),
    }
    return render(request, "supervision/city_overview.html", context, status=asked.status)


@in_city(*SEES_FIGURES)
def city_calls(request: CityRequest) -> HttpResponse:
    """The calls behind a figure: as many rows as the figure says."""
    asked = asked_for(request, request.city)
    look, outcome = asked.view.look, asked.form.cleaned_data.get("ergebnis", "")
    context = asked.context() | {
        "city": look.city,
        "page": Paginator(selectors.calls_behind(look, outcome), PER_PAGE).get_page(request.GET.get("seite")),
        "outcome": Outcome(outcome).label if outcome else "",
        "topic": selectors.titles(look.city, [look.topic]).get(look.topic, "") if look.topic else "",
        "pages_query": f"{asked.address(asked.period)}&{'ergebnis=' + outcome + '&' if outcome else ''}",
        **tabs(request),
    }
    return render(request, "supervision/call_list.html", context, status=asked.status)


@in_city(*SEES_FIGURES)
def figure_csv(request: CityRequest, figure: str) -> HttpResponse:
    """One figure's table; ``figure`` is a key of FIGURES and comes from the route, never from outside."""
    asked = asked_for(request, request.city)
    if asked.form.errors:
        return HttpResponse("\n".join(asked.form.sentences()), status=422, content_type="text/plain; charset=utf-8")
    found = FIGURES[figure](asked.view)
    return csv_answer(found, f"{asked.view.look.city.slug}-{figure}-{asked.period.first}-{asked.period.last}")


def csv_answer(figure: Figure, name: str) -> HttpResponse:
    """A figure's table as a file."""
    response = HttpResponse(as_csv(figure.columns, figure.rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _compared(request: HouseRequest) -> tuple[Asked, list[Figure]]:
    cities = cities_of(request)
    asked = asked_for(request, cities[0])
    only = asked.view.look.service_only
    return asked, comparison([overview(city, asked.period, asked.view.now, service_only=only) for city in cities])


@for_roles(*SEES_FIGURES)
def compare(request: HouseRequest) -> HttpResponse:
    """Cities side by side over one period, for people who see several."""
    if len(cities_of(request)) < 2:
        return redirect("supervision:home")
    asked, figures = _compared(request)
    csv = reverse("supervision:compare_csv")
    pairs = [(figure, f"{csv}?{asked.address(asked.period)}&abschnitt={figure.key}") for figure in figures]
    context = asked.context() | tabs(request) | {"figures": pairs}
    return render(request, "supervision/city_comparison.html", context, status=asked.status)


@for_roles(*SEES_FIGURES)
def compare_csv(request: HouseRequest) -> HttpResponse:
    """One table of the comparison."""
    _asked, figures = _compared(request)
    found = next((figure for figure in figures if figure.key == request.GET.get("abschnitt")), figures[0])
    return csv_answer(found, f"vergleich-{found.key}")
