"""Calls, concerns and articles as rows, without the way they usually come about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from callcenter.calls.models import Call, CallState, Contact, Direction, Outcome
from knowledge.models import Article, EffectiveArticle
from tenants.models import Tenant
from tenants.scope import all_cities

_numbers = count(1)


def moment(text: str) -> datetime:
    """``2026-10-05 09:15`` as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_call(
    city: Tenant,
    at: datetime | str,
    outcome: str | None = Outcome.ANSWERED,
    waited: int = 10,
    talked: int = 120,
    **more,
):
    """An unsaved call that rang at ``at`` (UTC)."""
    at = moment(at) if isinstance(at, str) else at
    answered = at + timedelta(seconds=waited) if outcome == Outcome.ANSWERED else None
    ended = (answered or at) + timedelta(seconds=talked if answered else waited)
    fields = {
        "tenant": city,
        "direction": Direction.IN,
        "outcome": outcome,
        "state": CallState.ENDED if outcome else CallState.OFFERED,
        "offered_at": at,
        "answered_at": answered,
        "ended_at": ended if outcome else None,
        "waited_s": waited,
        "talked_s": talked if answered else 0,
    }
    return Call(**{**fields, **more})


def make_call(city: Tenant, at: datetime | str, *args, **more) -> Call:
    with all_cities("test data"):
        call = a_call(city, at, *args, **more)
        call.save()
    return call


def make_contact(call: Call, *, article: Article | None = None, disposition: str = "settled", **more) -> Contact:
    closed = call.offered_at + timedelta(minutes=3) if disposition else None
    fields = {
        "tenant": call.tenant,
        "opened_at": call.offered_at,
        "closed_at": closed,
        "position": next(_numbers) % 30_000,
    }
    with all_cities("test data"):
        return Contact.objects.create(call=call, article=article, disposition=disposition, **{**fields, **more})


@pytest.fixture
def make_article(db):
    def make(title: str, *cities: Tenant) -> Article:
        article = Article.objects.create()
        with all_cities("test data"):
            for city in cities:
                EffectiveArticle.objects.create(
                    article=article, tenant=city, title=title, published_at=moment("2026-01-01")
                )
        return article

    return make
