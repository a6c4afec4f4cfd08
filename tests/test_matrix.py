"""Role × address × method × own/foreign city, built from the resolver: no view can be left out.

One walk per role. The role that may comes in, the role that may not gets 403, a city that is not one's own is 404,
and an object of the other city is 404 even under one's own city's address: as a page and as an htmx fragment, exports,
PDFs and spreadsheets included. A canary stands in every text of each city's sample objects (tests/samples.py); the
other city's is looked for in all that is answered, whatever its status.

Each wall is tried alone. SQLite knows only the first one, the scoped ORM. On PostgreSQL that one is switched off
for the walk, and the requests run as the application's role: row-level security holds by itself.
"""

from __future__ import annotations

import asyncio
import io
import logging
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern
from pypdf import PdfReader

from callcenter.accounts.models import Role
from callcenter.desktop import bus, stream
from callcenter.desktop.live import publish
from callcenter.supervision.tokens import make_token
from knowledge.search import api as search_api
from knowledge.search import engine, stores
from tenants.models import Line, Tenant
from tenants.scope import all_cities, scoped
from tests.conftest import make_user
from tests.counts import count
from tests.samples import HOUSE_WIDE, SAMPLES, build_samples, canary
from tests.test_guards import our_patterns
from tests.walls import application_role, first_wall_down

Address = tuple[str, str, URLPattern]
World = dict[str, dict[str, Any]]

FRAGMENT = {"HX-Request": "true", "HX-Target": "main", "HX-Current-URL": "http://testserver/"}
WAYS: list[tuple[str, dict[str, str]]] = [("get", {}), ("post", {}), ("get", FRAGMENT)]
FOREIGN_WAYS = [*WAYS, ("post", FRAGMENT)]
# Methods that few views serve; who may most, and who must see least, try them as well.
RARE_WAYS: list[tuple[str, dict[str, str]]] = [("put", {}), ("delete", {}), ("head", {})]
RARE_ROLES = {Role.ADMINISTRATOR, Role.LIAISON}
WALL = "row-level security alone" if connection.vendor == "postgresql" else "scoped ORM alone"
# A city's own canary must be seen on so many pages of the role, or its absence elsewhere would prove nothing.
SEEN_AT_LEAST = {"agent": 8, "editor": 15, "supervisor": 8, "accountant": 1, "liaison": 6, "administrator": 30}
# What a query can ask for, tried with the other city's objects, and with a word that stands in both cities' texts.
WORD = canary(Tenant(slug="")).split("-")[0]
QUESTIONS = {
    "knowledge:list": "q={word}",
    "knowledge:directory": "q={word}",
    "knowledge:steering": "q={word}",
    "knowledge:worklist": "q={word}",
    "desktop:search": "q={word}&city={city}&ueberall=on",
    "calls:list": "leitung={line}&line={line}&q={word}",
    "calls:handovers": "ansicht=alle&amt={office}",
    "knowledge:special_days": "amt={office}",
    "supervision:overview": "line={line}&abschnitt=anliegen",
    "supervision:calls": "line={line}",
    "supervision:builder": "mass=anrufe&measures=anrufe&group=leitung&line={line}&report={report}",
    "supervision:report_csv": "line={line}",
    "knowledge:notices": "artikel={article}",
}


def addresses(*kinds: str) -> list[Address]:
    return [(name, route, entry) for route, name, entry in our_patterns() if entry.callback.access[0] in kinds]


WALLED, OPEN = addresses("in_city", "for_roles"), addresses("public", "signed_in")


def parameters(route: str) -> list[str]:
    return [part.split(">")[0].split(":")[-1] for part in route.split("<")[1:]]


def address(route: str, values: dict[str, object]) -> str:
    path = "/" + route
    for part in route.split("<")[1:]:
        spec = part.split(">")[0]
        path = path.replace(f"<{spec}>", str(values[spec.split(":")[-1]]))
    return path


def samples(name: str, route: str, objects: dict[str, Any]) -> dict[str, object]:
    """An object for each parameter of the address but the city."""
    return {each: SAMPLES[name, each](objects) for each in parameters(route) if each != "city"}


def text_of(response: HttpResponse) -> str:
    """Everything that was answered, headers too; what is packed is unpacked."""
    body: bytes = response.getvalue()  # also ends a file, which nobody else reads to its end
    said = "\n".join(f"{name}: {value}" for name, value in response.items())
    if body.startswith(b"%PDF"):
        return said + "".join(page.extract_text() for page in PdfReader(io.BytesIO(body)).pages).replace("\n", "")
    if body.startswith(b"PK\x03\x04"):
        packed = zipfile.ZipFile(io.BytesIO(body))
        return said + "".join(packed.read(name).decode(errors="replace") for name in packed.namelist())
    body_text = body.decode(errors="replace")
    return said + body_text + re.sub(r"<[^<>]+>", "", body_text)  # without tags: a hit's words are marked


class Walk:
    """One person's requests; what went wrong is gathered, so that one run tells all of it."""

    def __init__(self, client: Client, home: Tenant, other: Tenant) -> None:
        self.client, self.home, self.other = client, home, other
        self.wrong: list[str] = []
        self.requests = self.own_seen = 0

    def call(self, way: tuple[str, dict[str, str]], path: str) -> int:
        """The status of one request; its effects are taken back, so that the next one finds the same objects."""
        method, headers = way
        with transaction.atomic():
            response = getattr(self.client, method)(path, headers=headers)
            text = text_of(response)
            transaction.set_rollback(True)
        self.requests += 1
        if canary(self.other) in text:
            self.wrong.append(f"{method} {path} {headers and 'htmx'}: shows {canary(self.other)}")
        self.own_seen += canary(self.home) in text
        return response.status_code

    def expect(self, way: tuple[str, dict[str, str]], path: str, allowed: Callable[[int], bool]) -> None:
        status = self.call(way, path)
        if not allowed(status):
            self.wrong.append(f"{way[0]} {path} {way[1] and 'htmx'}: {status}")


@pytest.fixture
def world(duisburg: Tenant, dinslaken: Tenant, lines: dict[str, Line]) -> World:
    """Sample objects by city slug."""
    with all_cities("test data"):
        for slug, city in (("duisburg", duisburg), ("dinslaken", dinslaken)):
            Line.objects.filter(pk=lines[slug].pk).update(label=f"Zentrale {canary(city)}")
    found = {city.slug: build_samples(city) for city in (duisburg, dinslaken)}
    for objects in found.values():
        objects["issued"]
    return found


@pytest.fixture
def own_index(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both cities' articles in one index, as in life."""
    postgres = django_settings.DATABASES["default"]["ENGINE"].endswith("postgresql")
    own = stores.postgres_store() if postgres else stores.whoosh_store(tmp_path / "index")
    monkeypatch.setattr(engine, "current", lambda: own)
    search_api.rebuild()


@pytest.fixture
def one_wall(world: World, own_index: None) -> Iterator[None]:
    logging.disable(logging.WARNING)  # ten thousand refusals, each with its line
    try:
        with _one_wall():
            yield
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def _one_wall() -> Iterator[None]:
    if connection.vendor != "postgresql":
        yield
        return
    with application_role(), first_wall_down():
        yield


def sign_in(role: str, *cities: Tenant) -> Client:
    client = Client(raise_request_exception=True)
    user = make_user(f"{role}-{'-'.join(city.slug for city in cities)}", *((city, role) for city in cities))
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_every_parameter_has_a_sample() -> None:
    """An address without a sample object would never be tried with a foreign one."""
    for name, route, _ in WALLED:
        for parameter in parameters(route):
            assert parameter == "city" or (name, parameter) in SAMPLES, (
                f"tests/samples.py: add ({name!r}, {parameter!r})"
            )


def try_address(walk: Walk, role: str, one: Address, world: World) -> None:
    """One address as one role: own, the other city's, and the other city's object under one's own city."""
    name, route, pattern = one
    may = role in {*pattern.callback.access[1], Role.ADMINISTRATOR}
    home, other = {"city": walk.home.slug}, {"city": walk.other.slug}
    own = samples(name, route, world[walk.home.slug]) | home
    foreign = samples(name, route, world[walk.other.slug])
    for way in WAYS:
        gone = {401, 403, 404, 500} if "city" in parameters(route) else {401, 403, 500}
        allowed = (lambda status: status not in gone) if may else (lambda status: status == 403)  # noqa: B023
        walk.expect(way, address(route, own), allowed)
    for way in [*FOREIGN_WAYS, *(RARE_WAYS if role in RARE_ROLES else [])]:
        if "city" in parameters(route):
            walk.expect(way, address(route, {**foreign, **other}), lambda status: status == 404)
        if may and foreign and not foreign.keys() <= HOUSE_WIDE:
            walk.expect(way, address(route, {**foreign, **home}), lambda status: status in {404, 405})


def ask(walk: Walk, role: str, world: World) -> None:
    """Every question a page answers, asked for the other city's words and objects."""
    objects = world[walk.other.slug]
    values = {name: objects[name].pk for name in ("line", "office", "report", "article")}
    for name, query in QUESTIONS.items():
        ((_, route, pattern),) = [one for one in WALLED if one[0] == name]
        if role in {*pattern.callback.access[1], Role.ADMINISTRATOR}:
            for city in (walk.home, walk.other):
                asked = query.format(**values, word=WORD, city=city.slug)
                for way in (("get", {}), ("get", FRAGMENT)):
                    path = address(route, {"city": walk.home.slug}) + "?" + asked
                    walk.expect(way, path, lambda status: status in {200, 302, 404, 422})


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("slug", ["dinslaken", pytest.param("duisburg", marks=pytest.mark.mirrored)])
def test_role_sees_its_own_city_and_nothing_of_the_other(
    role: str, slug: str, world: World, one_wall: None, request: pytest.FixtureRequest
) -> None:
    """A city's callers, invoices or drafts would lie open to the neighbour."""
    cities = {key: Tenant.objects.get(slug=key) for key in world}
    home = cities.pop(slug)
    walk = Walk(sign_in(role, home), home, *cities.values())
    for one in WALLED:
        try_address(walk, role, one, world)
    ask(walk, role, world)
    assert "\n".join(walk.wrong) == ""
    assert walk.own_seen >= SEEN_AT_LEAST[role], f"the own canary was seen {walk.own_seen} times only"
    count(request, f"matrix, {WALL}: addresses × roles", len(WALLED))
    count(request, f"matrix, {WALL}: requests", walk.requests)
    count(request, f"matrix, {WALL}: answers with the own city's canary", walk.own_seen)


@pytest.mark.parametrize("holder", ["nobody", "stranger"])
def test_open_addresses_tell_nothing_of_any_city(
    holder: str, world: World, one_wall: None, request: pytest.FixtureRequest
) -> None:
    """Whoever has no session, or a session without any role, must come to the sign-in page and no further."""
    client = Client() if holder == "nobody" else sign_in("stranger")
    duisburg, dinslaken = (Tenant.objects.get(slug=slug) for slug in ("duisburg", "dinslaken"))
    walk = Walk(client, Tenant(slug="nirgends"), duisburg)
    refused = {302, 401, 204} if holder == "nobody" else {403, 404}
    for walk.other in (duisburg, dinslaken):
        objects = world[walk.other.slug]
        values: dict[str, object] = {"city": walk.other.slug}
        for name, route, _ in WALLED:
            for way in WAYS:
                path = address(route, values | samples(name, route, objects))
                walk.expect(way, path, lambda status: status in refused)
        known = {"pk": 1, "provider_id": "oidc", "role": "agent", "token": "x", "connector": "x", "section": "tage"}
        for _, route, _ in OPEN:
            path = "/anmelden/" if route.startswith("^") else address(route, known)
            if "strom" not in path and "abmelden" not in path:  # the stream has a test of its own
                walk.expect(("get", {}), path, lambda status: status < 500)
    assert "\n".join(walk.wrong) == ""
    count(request, f"matrix, {WALL}: requests", walk.requests)


def test_token_of_the_figures_reads_one_city(world: World, one_wall: None, request: pytest.FixtureRequest) -> None:
    """A partner's reporting tool would read the operator's lines and concerns."""
    with all_cities("test data"):
        people = {slug: objects["person"] for slug, objects in world.items()}
    asked = 0
    for slug, foreign in (("dinslaken", "duisburg"), ("duisburg", "dinslaken")):
        home, other = Tenant.objects.get(slug=slug), Tenant.objects.get(slug=foreign)
        with scoped([home]):
            _, token = make_token(city=home, user=people[slug], name="BI", valid_until=date(2099, 1, 1))
        walk = Walk(Client(headers={"authorization": f"Bearer {token}"}), home, other)
        line = f"line={world[foreign]['line'].pk}"
        sections = [f"dashboard/{key}" for key in ("tage", "anliegen", "wissen", "suchen", "rueckrufe")]
        for path in ("city", "measures", "openapi.json", *sections, "figures?measures=anrufe&group=leitung"):
            walk.expect(("get", {}), f"/api/figures/v1/{path}", lambda status: status == 200)
        walk.expect(("get", {}), f"/api/figures/v1/figures?measures=anrufe&{line}", lambda status: status == 404)
        assert "\n".join(walk.wrong) == ""
        assert walk.own_seen >= 1
        asked += walk.requests
    count(request, f"matrix, {WALL}: requests", asked)


@pytest.mark.django_db(transaction=True)
def test_stream_tells_a_desk_of_its_own_cities_only(
    duisburg: Tenant, dinslaken: Tenant, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A desk would hear of the neighbour's callers as they ring."""
    monkeypatch.setattr(stream, "BEAT_EVERY", 0.2)
    user = make_user("agent-dinslaken", (dinslaken, Role.AGENT))
    ticket = stream.read_ticket(stream.stream_ticket(user))
    assert ticket is not None
    for city in (duisburg, dinslaken):
        with all_cities("test"):
            publish(kind="changed", tenant_id=city.pk, payload={"kind": "changed", "call": canary(city)})

    async def told() -> bytes:
        said = b""
        messages = stream.messages(*ticket, after=0)
        async for data in messages:
            said += data
            if said.count(stream.BEAT) == 2:
                break
        await messages.aclose()  # type: ignore[attr-defined]
        bus.hub().stop()
        return said

    said = asyncio.run(told()).decode()
    assert canary(dinslaken) in said
    assert canary(duisburg) not in said
    count(request, "matrix: streams", 1)
