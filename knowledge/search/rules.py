"""The editors' rules from the database, read once per version and kept in the process."""

from __future__ import annotations

import threading
from datetime import date
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from knowledge.models import PinnedAnswer, SearchSettings, SynonymRule, WordRule
from knowledge.search.steering import Steering
from tenants.scope import all_cities

_lock = threading.Lock()
_kept: tuple[date, Steering] | None = None


def current() -> Steering:
    """What is in force now: one small query; everything else only when the version or the day has changed."""
    global _kept
    stamp = SearchSettings.objects.filter(id=1).values_list("stamp", flat=True).first()
    if stamp is None:
        return Steering()
    today = timezone.localdate()
    kept = _kept
    if kept is not None and kept[0] == today and kept[1].stamp == f"{stamp}:{today}":
        return kept[1]
    with _lock:
        steering = _read(f"{stamp}:{today}", today)
        _kept = (today, steering)
    return steering


def _read(stamp: str, today: date) -> Steering:
    pairs: list[tuple[str, str]] = []
    for typed, meant, both in SynonymRule.objects.values_list("typed", "meant", "both_ways"):
        pairs.append((typed, meant))
        if both:
            pairs.append((meant, typed))
    words = list(WordRule.objects.values_list("word", "kind"))
    pins: dict[int, list[tuple[str, UUID]]] = {}
    with all_cities("the pins of every city, kept by city"):
        valid = PinnedAnswer.objects.filter(
            Q(valid_until__isnull=True) | Q(valid_until__gte=today), valid_from__lte=today
        )
        for tenant, query, article in valid.order_by("pk").values_list("tenant_id", "query", "article_id"):
            pins.setdefault(tenant, []).append((query, article))
    return Steering(
        stamp=stamp,
        pairs=tuple(pairs),
        stop_words=frozenset(word for word, kind in words if kind == WordRule.Kind.STOP),
        protected=frozenset(word for word, kind in words if kind == WordRule.Kind.PROTECTED),
        pins={tenant: tuple(own) for tenant, own in pins.items()},
    )
