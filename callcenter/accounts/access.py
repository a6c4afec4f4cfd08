"""Every view says who may come in; a guard test refuses views that do not.

    @public("the sign-in page")            no sign-in needed, with its reason
    @signed_in                             anyone who is signed in; the scope is empty
    @for_roles(Role.AGENT)                 the role in at least one city; the scope is those cities
    @in_city(Role.EDITOR)                  URL with <slug:city>; request.city; the scope is that city
    @in_city(Role.EDITOR, wide=True)       the same, the scope is every city in which the role is held

A city that is not the user's, or a city that does not exist, is 404. The right city with the
wrong role is 403.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404

from callcenter.accounts.models import User
from tenants.models import Tenant
from tenants.scope import set_scope

View = Callable[..., Any]  # also async ones, whose result is awaited elsewhere


class HouseRequest(HttpRequest):
    """A request behind ``signed_in`` or ``for_roles``: somebody is signed in."""

    user: User


class CityRequest(HouseRequest):
    """A request behind ``in_city``: its URL names this city."""

    city: Tenant


def public(reason: str) -> Callable[[View], View]:
    """Mark a view that needs no sign-in; ``reason`` says what protects it instead."""
    if not reason:
        raise ValueError("A public view needs its reason.")

    def mark(view: View) -> View:
        view = login_not_required(view)
        view.access = ("public", reason)  # type: ignore[attr-defined]
        return view

    return mark


def signed_in(view: View) -> View:
    """Anyone who is signed in; tenant-owned rows stay out of reach."""
    view.access = ("signed_in", "")  # type: ignore[attr-defined]
    return view


def for_roles(*roles: str) -> Callable[[View], View]:
    """Anyone who holds one of the roles somewhere; the scope is exactly those cities."""

    def wrap(view: View) -> View:
        if iscoroutinefunction(view):
            raise TypeError("Async views check access by a signed ticket, not by a role.")

        @functools.wraps(view)
        def inner(request: HouseRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            ids = request.user.tenant_ids(*roles)
            if not ids:
                raise PermissionDenied
            set_scope(ids)
            return view(request, *args, **kwargs)

        inner.access = ("for_roles", roles)  # type: ignore[attr-defined]
        return inner

    return wrap


def in_city(*roles: str, wide: bool = False) -> Callable[[View], View]:
    """The role in the city that the URL names."""

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def inner(request: CityRequest, city: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
            user = request.user
            tenant = get_object_or_404(Tenant, slug=city, is_active=True)
            if tenant.pk not in user.tenant_ids():
                raise Http404
            ids = user.tenant_ids(*roles)
            if tenant.pk not in ids:
                raise PermissionDenied
            request.city = tenant
            set_scope(ids if wide else [tenant])
            return view(request, *args, **kwargs)

        inner.access = ("in_city", roles)  # type: ignore[attr-defined]
        return inner

    return wrap
