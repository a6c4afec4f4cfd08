"""What the demo's callers asked: the judged queries of both cities, a first measurement, and some weeks of searches."""

from __future__ import annotations

import random
import uuid
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from callcenter.accounts.models import User
from knowledge import judging
from knowledge.models import EffectiveArticle, JudgedQuery, SearchEvent
from knowledge.search.evaluation import Judged, read_queries
from tenants.models import Tenant

QUERIES = Path(__file__).with_name("queries.tsv")
SEARCHES = 400
DAYS = 21
OPENED = 0.86  # of the searches with a hit; the rest read the answer off the list or went on typing
# Asked in earnest, and nothing in the demo answers it.
NOT_FOUND = ("Lastenrad Förderung", "Drohne fliegen lassen", "Bienenvolk anmelden", "Foodtruck Stellplatz")


def load(user: User) -> int:
    """Judged queries, one measurement and recorded searches for each city that has none; returns the queries added."""
    added = 0
    queries = read_queries(QUERIES)
    for city in Tenant.objects.filter(is_active=True):
        articles = dict(
            EffectiveArticle.objects.filter(tenant=city, article__source="demo").values_list(
                "article__source_id", "article_id"
            )
        )
        if not JudgedQuery.objects.filter(tenant=city).exists():
            added += _judge(city, queries, articles)
            if added:
                judging.keep_measurement(user=user, city=city)
        if not SearchEvent.objects.filter(tenant=city).exists():
            _search(city, queries, articles)
    return added


def _judge(city: Tenant, queries: list[Judged], articles: dict[str, uuid.UUID]) -> int:
    rows = {judged.query: sorted(key for key in judged.relevant if key in articles) for judged in queries}
    made = JudgedQuery.objects.bulk_create(
        [JudgedQuery(tenant=city, query=query) for query, keys in rows.items() if keys]
    )
    through = JudgedQuery.articles.through
    through.objects.bulk_create(
        [through(judgedquery_id=row.pk, article_id=articles[key]) for row in made for key in rows[row.query]]
    )
    return len(made)


def _search(city: Tenant, queries: list[Judged], articles: dict[str, uuid.UUID]) -> None:
    """Few questions are asked often, most once or twice (the same ones at each start)."""
    rng = random.Random(city.slug)  # noqa: S311  (made up, no secret)
    known = [judged for judged in queries if any(key in articles for key in judged.relevant)]
    if not known:
        return
    rng.shuffle(known)
    weights = [1 / (place + 3) for place in range(len(known))]
    events = []
    for judged in rng.choices(known, weights, k=SEARCHES):
        right = next(articles[key] for key in sorted(judged.relevant) if key in articles)
        opened = rng.random() < OPENED
        events.append(
            SearchEvent(
                tenant=city,
                query=judged.query,
                hits=rng.randint(1, 40),
                chosen_id=right if opened else None,
                chosen_rank=rng.choices((1, 2, 3), (8, 2, 1))[0] if opened else None,
                milliseconds=round(rng.uniform(1, 6), 2),
                at=timezone.now() - timedelta(days=rng.randrange(DAYS), minutes=rng.randrange(480)),
            )
        )
    for number, query in enumerate(NOT_FOUND):
        for _time in range(len(NOT_FOUND) - number):
            at = timezone.now() - timedelta(days=rng.randrange(DAYS), minutes=rng.randrange(480))
            events.append(SearchEvent(tenant=city, query=query, hits=0, milliseconds=1.0, at=at))
    SearchEvent.objects.bulk_create(events)
