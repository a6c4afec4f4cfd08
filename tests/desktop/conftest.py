"""An agent at a desk, calls that ring there, and two cities that answer one question differently."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from callcenter.accounts.models import User
from callcenter.calls import services
from callcenter.calls.events import ANSWERED, ENDED, OFFERED, ParsedEvent
from callcenter.calls.models import Call, Connector, Contact
from knowledge import services as knowledge
from knowledge.models import Article, EffectiveArticle
from tenants.models import Line, Tenant
from tenants.scope import all_cities


class Telephone:
    """A telephone system: ``ring("dinslaken")``, ``answer(call)`` by the handset, ``hang_up(call)`` by the caller."""

    def __init__(self) -> None:
        self.connector = Connector.objects.create(name="Testanlage", token_hash="x" * 64)
        self.numbers = itertools.count(1)

    def _send(self, kind: str, call_id: str, **fields: object) -> Call:
        event = ParsedEvent(kind=kind, call_id=call_id, direction="in", **fields)
        with all_cities("test telephone"):
            return services.ingest(
                connector=self.connector,
                event=event,
                raw=f"{kind} {call_id} {next(self.numbers)}".encode(),
                received_at=timezone.now(),
                source="simulator",
            ).call

    def ring(self, city: str = "dinslaken", *, users: tuple[str, ...] = (), caller: str = "+4920644711") -> Call:
        dialled = {"duisburg": "+492032830", "dinslaken": "+492064660", "nowhere": "+49301234"}[city]
        return self._send(OFFERED, f"call-{next(self.numbers)}", dialled=dialled, caller=caller, users=users)

    def answer(self, call: Call, user: User) -> Call:
        return self._send(ANSWERED, call.connector_call_id, answered_by=user.username)

    def hang_up(self, call: Call) -> Call:
        return self._send(ENDED, call.connector_call_id)


@pytest.fixture
def telephone(lines: dict[str, Line]) -> Telephone:
    return Telephone()


@pytest.fixture
def agent(people: dict[str, User]) -> User:
    """The agent, ready at extension 214."""
    services.sign_on(user=people["agent"], extension="214")
    return people["agent"]


@pytest.fixture
def desk(agent: User, client_for: Callable[[str | User], Client]) -> Client:
    """The agent's browser without a script."""
    return client_for(agent)


@pytest.fixture
def make_article(people: dict[str, User]) -> Callable[..., Article]:
    """``make_article("Titel", local={tenant: {"office": …}}, **sections)``, published."""

    def make(title: str, *, local: dict[Tenant, dict[str, object]] | None = None, **sections: object) -> Article:
        with all_cities("test data"):
            article = knowledge.create_article(actor=people["editor"], title=title, sections=sections)
            knowledge.publish(revision=article.revisions.get(), actor=None, without_review="test data", announce=False)
            for tenant, own in (local or {}).items():
                draft = knowledge.save_draft(
                    article=article,
                    tenant=tenant,
                    actor=people["editor"],
                    title="",
                    sections=own,
                    token=knowledge.chain_token(article=article, tenant=tenant),
                )
                knowledge.publish(revision=draft, actor=None, without_review="test data", announce=False)
        return article

    return make


@pytest.fixture
def passport(make_article: Callable[..., Article], dinslaken: Tenant) -> Article:
    """Shared text; Dinslaken says another office."""
    return make_article(
        "Reisepass beantragen",
        say="Den Pass beantragen Sie persönlich.",
        summary="Pass für alle.",
        fees=[{"value": "70,00 €", "label": "ab 24 Jahren"}],
        office=[{"value": "Bürgerservice", "label": "mit Termin"}],
        local={dinslaken: {"office": [{"value": "Bürgerbüro Dinslaken", "label": "im Rathaus"}]}},
    )


@pytest.fixture
def answer_of() -> Callable[[Article, Tenant], EffectiveArticle]:
    def find(article: Article, city: Tenant) -> EffectiveArticle:
        with all_cities("test"):
            return EffectiveArticle.objects.get(article=article, tenant=city)

    return find


@pytest.fixture
def taken(telephone: Telephone, desk: Client) -> Call:
    """A Dinslaken call that the agent has taken and looked at."""
    call = telephone.ring("dinslaken")
    desk.post(f"/arbeitsplatz/annehmen/{call.pk}/")
    desk.get(f"/arbeitsplatz/anruf/{call.pk}/")
    return call


@pytest.fixture
def reads() -> Callable[[], AbstractContextManager[CaptureQueriesContext]]:
    """``with reads() as queries``: what a page asks; ``count(queries)`` leaves out the request's own transaction."""
    return lambda: CaptureQueriesContext(connection)


def count(queries: CaptureQueriesContext) -> int:
    """Queries without savepoints: on PostgreSQL each request is a transaction, on SQLite it is not."""
    return sum("SAVEPOINT" not in query["sql"] for query in queries.captured_queries)


@pytest.fixture
def concern(taken: Call) -> Contact:
    with all_cities("test"):
        return Contact.objects.select_related("tenant").get(call=taken)
