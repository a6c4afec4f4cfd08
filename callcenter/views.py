"""The front door and the health checks."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template import loader

from callcenter.accounts.access import public, signed_in
from callcenter.navigation import shell
from tenants.selectors import colour_rules


@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """Lead everyone to the first page their roles open."""
    entries = shell(request)["navigation"]
    if not entries:
        return render(request, "accounts/no_role.html", status=403)
    return redirect(entries[0]["url"])  # type: ignore[index]


@public("says only that the process answers")
@transaction.non_atomic_requests  # a database that is away must not make the process look dead
def live(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@public("says only whether the database answers")
@transaction.non_atomic_requests
def ready(request: HttpRequest) -> JsonResponse:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except OperationalError:
        return JsonResponse({"status": "database unavailable"}, status=503)
    return JsonResponse({"status": "ok"})


@public("colours only; a stylesheet keeps them out of inline styles, which the CSP refuses")
def city_colours(request: HttpRequest) -> HttpResponse:
    """The cities' colours as custom properties under ``[data-city=slug]``."""
    response = HttpResponse(colour_rules(), content_type="text/css; charset=utf-8")
    response["Cache-Control"] = "public, max-age=300"
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """The last resort. A database that is away or full is 503, so that callers (and PBX bridges) try again.

    The pages are static: the error may lie in anything a template would need.
    """
    unavailable = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    status = 503 if unavailable else 500
    if request.path.startswith("/api/"):
        sentence = "the database is unavailable, try again" if unavailable else "internal error"
        response: HttpResponse = JsonResponse({"error": sentence}, status=status)
    else:
        response = HttpResponse(loader.get_template(f"{status}.html").template.source, status=status)  # type: ignore[attr-defined]
    if unavailable:
        response["Retry-After"] = "5"
    return response
