"""Editors steer the search: rules kept in the database, tried out before they count."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from callcenter.accounts.models import User
from callcenter.audit.services import record
from knowledge.models import EffectiveArticle, PinnedAnswer, SearchEvent, SearchSettings, SynonymRule, WordRule
from knowledge.search import api
from knowledge.search.steering import Steering
from tenants.models import Tenant
from tenants.scope import assert_in_scope

RECORDED_DAYS = 90
RECORDED_AT_MOST = 300  # queries that a preview tries, the most frequent first
Rule = SynonymRule | WordRule | PinnedAnswer


class Refused(ValueError):
    """The rule cannot be kept; the message says what to do."""


@dataclass(frozen=True)
class Changed:
    """A recorded query whose first three would change; titles in order."""

    query: str
    times: int
    before: list[str]
    after: list[str]


# --- trying out -----------------------------------------------------------------------------------


def recorded_queries(city: Tenant) -> list[tuple[str, int]]:
    """What was really asked in the city, the most frequent first: (query, times)."""
    since = timezone.now() - timedelta(days=RECORDED_DAYS)
    found = SearchEvent.objects.filter(tenant=city, at__gte=since).values_list("query").annotate(n=Count("pk"))
    return list(found.order_by("-n", "query")[:RECORDED_AT_MOST])


def preview(*, city: Tenant, rule: Rule) -> tuple[int, list[Changed]]:
    """(queries tried, those whose first three would change) if the rule were in force; nothing is saved.

    Protected words change what is indexed as well; that part shows only after the index was built anew.
    """
    queries = recorded_queries(city)
    return len(queries), compare(
        city=city, queries=queries, before=api.steering(), after=with_rule(api.steering(), rule)
    )


def preview_answer(answer: EffectiveArticle) -> tuple[int, list[Changed]]:
    """The same for an article with its search terms as an editor has typed them; the answer need not be stored."""
    queries = recorded_queries(answer.tenant)
    found = api.first_three_with([query for query, _times in queries], answer=answer)
    differing = [(*asked, *both) for asked, both in zip(queries, found, strict=False) if both[0] != both[1]]
    return len(found), _with_titles(differing, {answer.pk: answer.title})


def compare(*, city: Tenant, queries: Iterable[tuple[str, int]], before: Steering, after: Steering) -> list[Changed]:
    """Queries whose first three differ between two settings."""
    differing: list[tuple[str, int, list[uuid.UUID], list[uuid.UUID]]] = []
    for query, times in queries:
        old, new = (api.first_three(query, tenant=city, steering=one) for one in (before, after))
        if old != new:
            differing.append((query, times, old, new))
    return _with_titles(differing, {})


def _with_titles(
    differing: Sequence[tuple[str, int, list[uuid.UUID], list[uuid.UUID]]], unsaved: dict[uuid.UUID, str]
) -> list[Changed]:
    keys = {key for _query, _times, old, new in differing for key in (*old, *new)}
    titles = unsaved | dict(EffectiveArticle.objects.filter(pk__in=keys).values_list("pk", "title"))
    return [
        Changed(
            query, times, [titles[key] for key in old if key in titles], [titles[key] for key in new if key in titles]
        )
        for query, times, old, new in differing
    ]


def with_rule(steering: Steering, rule: Rule) -> Steering:
    """The steering with one more rule, under a stamp of its own."""
    stamp = uuid.uuid4().hex
    if isinstance(rule, SynonymRule):
        return replace(steering, stamp=stamp, pairs=(*steering.pairs, *_pairs(rule)))
    if isinstance(rule, WordRule):
        name = "stop_words" if rule.kind == WordRule.Kind.STOP else "protected"
        return replace(steering, stamp=stamp, **{name: getattr(steering, name) | {rule.word}})
    pins = dict(steering.pins)
    if _is_valid(rule, timezone.localdate()):
        pins[rule.tenant_id] = ((rule.query, rule.article_id), *pins.get(rule.tenant_id, ()))
    return replace(steering, stamp=stamp, pins=pins)


def _pairs(rule: SynonymRule) -> tuple[tuple[str, str], ...]:
    there = (rule.typed, rule.meant)
    return (there, there[::-1]) if rule.both_ways else (there,)


def _is_valid(pin: PinnedAnswer, today: date) -> bool:
    return pin.valid_from <= today and (pin.valid_until is None or pin.valid_until >= today)


# --- keeping --------------------------------------------------------------------------------------


@transaction.atomic
def save_rule(*, user: User, city: Tenant, rule: Rule) -> None:
    """Put a rule in force in every process. Raises Refused when it exists or points into another city."""
    if isinstance(rule, PinnedAnswer):
        assert_in_scope(rule.tenant_id)
        if not EffectiveArticle.objects.filter(tenant=rule.tenant_id, article=rule.article_id).exists():
            raise Refused(_("Dieser Artikel gilt in dieser Stadt nicht. Wählen Sie einen anderen."))
    if isinstance(rule, SynonymRule) and rule.typed.casefold() == rule.meant.casefold():
        raise Refused(_("Beide Seiten sind gleich. Schreiben Sie rechts, was gemeint ist."))
    if _same(rule).exists():
        raise Refused(_("Das ist schon eingetragen."))
    rule.save()
    _changed("search.rule_added", user, city, rule)


@transaction.atomic
def delete_rule(*, user: User, city: Tenant, rule: Rule) -> None:
    """The rule no longer counts, in any process."""
    _changed("search.rule_removed", user, city, rule)
    rule.delete()


def _changed(action: str, user: User, city: Tenant, rule: Rule) -> None:
    """A new version for every process, and the entry in the trail; words stand in the index, so it is built anew."""
    SearchSettings.objects.update_or_create(id=1, defaults={"stamp": uuid.uuid4().hex})
    if isinstance(rule, WordRule):
        transaction.on_commit(_rebuild_soon)
    record(
        action=action,
        actor_id=user.pk,
        tenant_id=city.pk,
        object_type=type(rule).__name__.lower(),
        object_id=rule.pk,
        data={"rule": str(rule)},
    )


def _same(rule: Rule) -> models.QuerySet[Any]:
    if isinstance(rule, SynonymRule):
        here = Q(typed__iexact=rule.typed, meant__iexact=rule.meant)
        return SynonymRule.objects.filter(here | Q(typed__iexact=rule.meant, meant__iexact=rule.typed, both_ways=True))
    if isinstance(rule, WordRule):
        return WordRule.objects.filter(word__iexact=rule.word)
    return PinnedAnswer.objects.filter(tenant=rule.tenant_id, query__iexact=rule.query, article=rule.article_id)


def _rebuild_soon() -> None:
    from knowledge.tasks import rebuild_index

    rebuild_index.delay()


def articles_of(city: Tenant) -> Sequence[tuple[uuid.UUID, str]]:
    """(article id, title) of the city's articles, for choosing one."""
    return list(EffectiveArticle.objects.filter(tenant=city).order_by("title").values_list("article_id", "title"))


def pins_of(city: Tenant) -> list[tuple[PinnedAnswer, str]]:
    """The city's pins with the title of their article; empty where it does not stand in the city any more."""
    titles = dict(articles_of(city))
    return [(pin, titles.get(pin.article_id, "")) for pin in PinnedAnswer.objects.filter(tenant=city)]
