"""The read-only HTTP interface to a city's figures (OpenAPI at ``openapi.json``), for its own reporting tools.

A token reads exactly one city. The words are those of the report builder; measures of people are not among them.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone, translation
from ninja import NinjaAPI, Query, Schema
from ninja.errors import HttpError, ValidationError
from ninja.security import HttpBearer
from pydantic import Field

from callcenter.supervision import builder, selectors, tokens
from callcenter.supervision.builder import GROUPS, MEASURES, ReportRefused
from callcenter.supervision.figures import FIGURES
from callcenter.supervision.overview import Overview
from callcenter.supervision.pages import overview
from callcenter.supervision.periods import LONGEST_DAYS, Period
from tenants.models import Tenant
from tenants.scope import set_scope

Value = str | int | float | None
MOST_DAYS = LONGEST_DAYS
WHY_PUBLIC = "programs authenticate by a bearer token, which names the one city that it reads"


class CityToken(HttpBearer):
    """``Authorization: Bearer ccf_…``"""

    def authenticate(self, request: HttpRequest, token: str) -> Tenant | None:
        city = tokens.city_for(token)
        if city is not None:
            set_scope([city])
            translation.activate(_language(request))
        return city


def _language(request: HttpRequest) -> str:
    return "en" if request.headers.get("Accept-Language", "de").lower().startswith("en") else "de"


api = NinjaAPI(
    title="Call-centre figures",
    version="1",
    description=(
        "Read-only. A token is made by a city's administrators and reads that city alone. Days are the city's own; "
        "shares lie between 0 and 1; seconds are whole unless they are means. Figures of people are not offered."
    ),
    docs_url=None,  # its page would load scripts from elsewhere; administrators have one of ours
    urls_namespace="figures_api",
    auth=CityToken(),
)


class LineOut(Schema):
    id: int
    label: str


class CityOut(Schema):
    """The city that the token reads."""

    slug: str
    name: str
    time_zone: str
    answer_within_seconds: int
    promised_service_level: float
    promised_first_contact: float
    short_abandon_seconds: int
    service_hours_only: bool = Field(description="Whether calls outside service hours are left out by default.")
    lines: list[LineOut]


class MeasureOut(Schema):
    key: str
    label: str
    kind: str
    formula: str


class VocabularyOut(Schema):
    """The words that ``/figures`` understands."""

    measures: list[MeasureOut]
    groups: dict[str, str]


class ColumnOut(Schema):
    key: str
    label: str
    kind: str


class FiguresOut(Schema):
    """One table. ``counted`` says in words which calls count."""

    city: str
    first: date
    last: date
    counted: str
    formulas: dict[str, str]
    columns: list[ColumnOut]
    rows: list[list[Value]]


class SectionOut(Schema):
    """A section of the dashboard with its formula."""

    key: str
    question: str
    sentence: str
    note: str
    first: date
    last: date
    columns: list[ColumnOut]
    rows: list[list[Value]]


class ErrorOut(Schema):
    detail: str


class Asked(Schema):
    """Which calls. Without days: the last whole month."""

    first: Annotated[date | None, Field(description="First local day.")] = None
    last: Annotated[date | None, Field(description="Last local day, included.")] = None
    line: Annotated[int | None, Field(description="Id of a line, from /city.")] = None
    service_hours_only: Annotated[bool | None, Field(description="Default: as the city is set.")] = None


def _view(request: HttpRequest, asked: Asked) -> Overview:
    city: Tenant = request.auth  # type: ignore[attr-defined]
    now: datetime = timezone.now()
    if (asked.first is None) != (asked.last is None):
        raise HttpError(422, "Name both days, first and last, or neither.")
    if asked.first and asked.last:
        if asked.last < asked.first or (asked.last - asked.first).days > MOST_DAYS:
            raise HttpError(422, "last must not lie before first, nor more than ten years after it.")
        period = Period(asked.first, asked.last)
    else:
        period = builder.relative("letzter_monat", now.astimezone(city.zone).date())
    line = next((one for one in selectors.lines(city) if one.pk == asked.line), None)
    if asked.line is not None and line is None:
        raise HttpError(404, "The city has no such line.")
    return overview(city, period, now, line=line, service_only=asked.service_hours_only)


@api.get("/city", response={200: CityOut, 401: ErrorOut}, url_name="city", summary="The city of the token")
def city(request: HttpRequest) -> dict[str, Any]:
    view = _view(request, Asked())
    one, targets = view.look.city, view.look.targets
    return {
        "slug": one.slug,
        "name": one.name,
        "time_zone": one.time_zone,
        "answer_within_seconds": one.answer_within_seconds,
        "promised_service_level": float(targets.service_level),
        "promised_first_contact": float(targets.first_contact),
        "short_abandon_seconds": targets.short_abandon_s,
        "service_hours_only": targets.service_hours_only,
        "lines": [{"id": line.pk, "label": str(line)} for line in selectors.lines(one)],
    }


@api.get("/measures", response={200: VocabularyOut, 401: ErrorOut}, url_name="measures", summary="What can be asked")
def vocabulary(request: HttpRequest) -> dict[str, Any]:
    view = _view(request, Asked())
    return {
        "measures": [
            {"key": one.key, "label": str(one.label), "kind": one.kind, "formula": builder.formula_of(one, view)}
            for one in MEASURES.values()
        ],
        "groups": {key: str(label) for key, label in GROUPS.items()},
    }


@api.get(
    "/figures",
    response={200: FiguresOut, 401: ErrorOut, 404: ErrorOut, 422: ErrorOut},
    url_name="figures",
    summary="Measures by a grouping",
)
def figures(
    request: HttpRequest,
    asked: Query[Asked],
    measures: list[str] = Query(..., description="Keys from /measures."),  # noqa: B008
    group: str = Query("tag", description="A key of groups from /measures."),
) -> dict[str, Any]:
    unknown = [key for key in measures if key not in MEASURES]
    if unknown or group not in GROUPS:
        raise HttpError(422, f"Unknown: {', '.join(unknown or [group])}. See /measures.")
    view = _view(request, asked)
    try:
        table = builder.table(view, measures, group)
    except ReportRefused as refusal:
        raise HttpError(422, str(refusal)) from refusal
    return {
        "city": view.look.city.slug,
        "first": view.look.period.first,
        "last": view.look.period.last,
        "counted": view.which_calls(),
        "formulas": {key: builder.formula_of(MEASURES[key], view) for key in measures},
        "columns": [
            {"key": key, "label": column.label, "kind": column.kind}
            for key, column in zip(table.keys, table.columns, strict=True)
        ],
        "rows": [list(row) for row in table.rows],
    }


@api.get(
    "/dashboard/{section}",
    response={200: SectionOut, 401: ErrorOut, 404: ErrorOut, 422: ErrorOut},
    url_name="dashboard",
    summary="A section of the dashboard",
)
def dashboard(request: HttpRequest, section: str, asked: Query[Asked]) -> dict[str, Any]:
    if section not in FIGURES:
        raise HttpError(404, f"Sections: {', '.join(FIGURES)}.")
    view = _view(request, asked)
    figure = FIGURES[section](view)
    return {
        "key": figure.key,
        "question": figure.question,
        "sentence": figure.sentence,
        "note": figure.note,
        "first": view.look.period.first,
        "last": view.look.period.last,
        "columns": [
            {"key": str(place), "label": column.label, "kind": column.kind}
            for place, column in enumerate(figure.columns)
        ],
        "rows": [list(row) for row in figure.rows],
    }


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> Any:
    said = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors)
    return api.create_response(request, {"detail": said}, status=422)


def public_urls() -> tuple[Any, str, str]:
    """The addresses, marked as what they are: without a session, each with its own check."""
    patterns, app_name, namespace = api.urls
    for pattern in patterns:
        view: Any = pattern.callback
        view.access = ("public", WHY_PUBLIC)
        view.login_required = False
    return patterns, app_name, namespace
