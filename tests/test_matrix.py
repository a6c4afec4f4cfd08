"""Role × URL × own/foreign city, built from the resolver: no view can be left out.

For every address and every role: the role that may comes in, the role that may not gets 403, a
city that is not one's own is 404, and an object of the other city is 404 even under one's own
city's address. ``SAMPLES`` (tests/samples.py) names an object for each parameter of an address.
"""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern

from callcenter.accounts.models import Role
from tenants.models import Tenant
from tests.conftest import make_user
from tests.samples import HOUSE_WIDE, SAMPLES, build_samples
from tests.test_guards import our_patterns

Address = tuple[str, str, URLPattern]


def addresses(kind: str) -> list[Address]:
    return [(name, route, entry) for route, name, entry in our_patterns() if entry.callback.access[0] == kind]


CITY_ADDRESSES, ROLE_ADDRESSES = addresses("in_city"), addresses("for_roles")
METHODS = ("get", "post")


def label(value: object) -> str:
    return value if isinstance(value, str) else ""


def parameters(route: str) -> list[str]:
    return [part.split(":")[-1].rstrip(">") for part in route.split("<")[1:] for part in [part.split(">")[0]]]


def address(route: str, values: dict[str, object]) -> str:
    path = "/" + route
    for part in route.split("<")[1:]:
        spec = part.split(">")[0]
        path = path.replace(f"<{spec}>", str(values[spec.split(":")[-1]]))
    return path


def samples(name: str, route: str, objects: dict[str, object]) -> dict[str, object]:
    """An object for each parameter of the address but the city."""
    return {each: SAMPLES[name, each](objects) for each in parameters(route) if each != "city"}


def call(client: Client, method: str, path: str) -> HttpResponse:
    """One request whose effects are taken back, so that every role finds the same objects."""
    with transaction.atomic():
        response = getattr(client, method)(path)
        if response.streaming:
            response.getvalue()  # a file that nobody reads to its end stays open
        transaction.set_rollback(True)
    return response


@pytest.fixture
def world(duisburg: Tenant, dinslaken: Tenant, lines) -> dict[str, dict[str, object]]:
    """Sample objects by city slug."""
    return {city.slug: build_samples(city) for city in (duisburg, dinslaken)}


def test_every_parameter_has_a_sample() -> None:
    """An address without a sample object would never be tried with a foreign one."""
    for name, route, _ in CITY_ADDRESSES + ROLE_ADDRESSES:
        for parameter in parameters(route):
            assert parameter == "city" or (name, parameter) in SAMPLES, (
                f"tests/samples.py: add ({name!r}, {parameter!r})"
            )


@pytest.mark.parametrize(("name", "route", "pattern"), CITY_ADDRESSES, ids=label)
def test_city_address(name: str, route: str, pattern: URLPattern, world, duisburg, dinslaken) -> None:
    """A liaison of Dinslaken sees Dinslaken's and nothing of Duisburg's; so does everyone else."""
    allowed = {*pattern.callback.access[1], Role.ADMINISTRATOR}
    values = {
        parameter: SAMPLES[name, parameter](world["dinslaken"])
        for parameter in parameters(route)
        if parameter != "city"
    }
    foreign = {
        parameter: SAMPLES[name, parameter](world["duisburg"]) for parameter in parameters(route) if parameter != "city"
    }
    seen: Counter[str] = Counter()
    for role in Role.values:
        client = Client()
        user = make_user(f"{role}-dinslaken", (dinslaken, role))
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        for method in METHODS:
            own = call(client, method, address(route, {**values, "city": "dinslaken"}))
            other = call(client, method, address(route, {**values, "city": "duisburg"}))
            assert other.status_code == 404, (role, method, other.status_code)
            if role in allowed:
                assert own.status_code not in {401, 403, 404, 500}, (role, method, own.status_code)
                if foreign:
                    stolen = call(client, method, address(route, {**foreign, "city": "dinslaken"}))
                    assert stolen.status_code in {404, 405}, (role, method, stolen.status_code)
            else:
                assert own.status_code == 403, (role, method, own.status_code)
            seen[str(own.status_code)] += 1
    assert sum(seen.values()) == len(Role.values) * len(METHODS)


@pytest.mark.parametrize(("name", "route", "pattern"), ROLE_ADDRESSES, ids=label)
def test_role_address(name: str, route: str, pattern: URLPattern, world, duisburg, dinslaken) -> None:
    """Addresses without a city in them: the object decides, and a foreign one is 404."""
    allowed = {*pattern.callback.access[1], Role.ADMINISTRATOR}
    foreign = samples(name, route, world["duisburg"])
    values = samples(name, route, world["dinslaken"])
    for role in Role.values:
        client = Client()
        user = make_user(f"{role}-dinslaken", (dinslaken, role))
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        for method in METHODS:
            own = call(client, method, address(route, values))
            if role not in allowed:
                assert own.status_code == 403, (role, method, own.status_code)
                continue
            assert own.status_code not in {401, 403, 500}, (role, method, own.status_code)
            if foreign and not foreign.keys() <= HOUSE_WIDE:
                stolen = call(client, method, address(route, foreign))
                assert stolen.status_code in {404, 405}, (role, method, stolen.status_code)
