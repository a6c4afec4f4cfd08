"""The editors' figures, as a page and as a table to take away."""

from __future__ import annotations

import csv
from io import StringIO

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role
from knowledge import figures
from tenants.models import Tenant

READERS = (Role.EDITOR, Role.SUPERVISOR)
PER_PAGE = 50


@in_city(*READERS, wide=True)
@require_GET
def show(request: CityRequest) -> HttpResponse:
    """Use, age and coverage; the cities beside each other are those the user may read."""
    asked = request.GET.get("tage", "")
    days = int(asked) if asked.isdecimal() and int(asked) in figures.PERIODS else 90
    order = request.GET.get("nach", "")
    order = order if order in figures.ORDERS else "anrufe"
    found = figures.figures(city=request.city, days=days, order=order)
    if request.GET.get("format") == "csv":
        return _csv(found, request.city, days)
    cities = list(Tenant.objects.filter(pk__in=request.user.tenant_ids(*READERS), is_active=True))
    covered = figures.coverage(cities=cities, days=days)
    context = {
        "city": request.city,
        "cities": cities,
        "days": days,
        "days_text": str(days),
        "periods": figures.PERIODS,
        "order": order,
        "figures": found,
        "page": Paginator(found.rows, PER_PAGE).get_page(request.GET.get("seite")),
        "coverage": covered,
        "by_city": list(zip(cities, covered.covered, strict=True)),
        "is_editor": request.user.may(request.city, [Role.EDITOR]),
    }
    return render(request, "knowledge/figures_show.html", context)


def _csv(found: figures.Figures, city: Tenant, days: int) -> HttpResponse:
    buffer = StringIO()
    writer = csv.writer(buffer, delimiter=";", lineterminator="\r\n")
    writer.writerow(
        [_("Artikel"), _("Anrufe"), _("geöffnet"), _("genutzt"), _("Hinweise"), _("Alter in Tagen"), _("zu prüfen am")]
    )
    for row in found.rows:
        use = row.use
        values = [row.title, use.calls, use.opened, use.used, use.flags, row.age, row.review_on or ""]
        writer.writerow([_safe(value) for value in values])
    response = HttpResponse("\ufeff" + buffer.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="artikel-{city.slug}-{days}-tage.csv"'
    return response


def _safe(value: object) -> str:
    """A title that begins like a formula must not become one in a spreadsheet."""
    text = str(value)
    return "'" + text if text[:1] in "=+-@\t\r" and isinstance(value, str) else text
