"""Figures by which editors decide what to write next."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from callcenter.calls.models import Call, Contact, ContactArticle, Feedback
from knowledge import figures
from knowledge.models import SearchEvent
from tenants.scope import all_cities, scoped

PAGE = "/wissen/dinslaken/zahlen/"


@pytest.fixture
def asked(dinslaken):
    """``asked(article, used=True, times=1, tenant=…)``: concerns of calls; without an article nothing was opened."""

    def make(article=None, *, used=True, times=1, tenant=None, disposition="settled", days_ago=1):
        at = timezone.now() - timedelta(days=days_ago)
        tenant = tenant or dinslaken
        with all_cities("test data"):
            for _ in range(times):
                call = Call.objects.create(tenant=tenant, state="ended", offered_at=at)
                contact = Contact.objects.create(tenant=tenant, call=call, opened_at=at, disposition=disposition)
                if article is not None:
                    ContactArticle.objects.create(
                        tenant=tenant, contact=contact, article=article, title="x", opened_at=at, used=used
                    )

    return make


@pytest.fixture
def searched(dinslaken):
    def make(query: str, tenant=None, *, chosen=None, times=1):
        with all_cities("test data"):
            for _ in range(times):
                SearchEvent.objects.create(
                    tenant=tenant or dinslaken,
                    query=query,
                    hits=3,
                    chosen=chosen,
                    milliseconds=1,
                    at=timezone.now() - timedelta(days=1),
                )

    return make


def read(city, **options):
    with scoped([city]):
        return figures.figures(city=city, days=90, **options)


def test_use_per_article_counts_one_city_and_one_period(article, asked, duisburg, dinslaken, people):
    asked(article, times=3)
    asked(article, used=False)
    asked(article, tenant=duisburg)
    asked(article, days_ago=91)
    with all_cities("test data"):
        Feedback.objects.create(tenant=dinslaken, kind="wrong", article=article, reporter=people["agent"])
    (row,) = read(dinslaken).rows
    assert row.use == figures.Use(calls=4, opened=4, used=3, flags=1)
    assert row.used_share == 0.75


def test_article_flagged_but_never_opened_is_shown(article, dinslaken, people):
    with all_cities("test data"):
        Feedback.objects.create(tenant=dinslaken, kind="wrong", article=article, reporter=people["agent"])
    found = read(dinslaken)
    assert (found.rows[0].use, found.never_opened) == (figures.Use(flags=1), 1)
    assert found.rows[0].used_share is None


def test_link_rate_leaves_out_dropped_concerns(article, asked, dinslaken):
    asked(article, times=3)
    asked()
    asked(disposition="dropped", times=5)
    found = read(dinslaken)
    assert (found.linked, found.concerns, found.link_rate) == (3, 4, 0.75)
    assert figures.Figures([], 0, 0).link_rate is None


def test_coverage_by_city(article, searched, duisburg, dinslaken):
    """An editor would write what is there already, and not what is missing."""
    searched("Hund anmelden", chosen=article, times=3)
    searched("hunde anmelden", duisburg, times=3)  # the same question, answered in one city only
    searched("Drohne fliegen", times=2)
    with scoped([duisburg, dinslaken]):
        found = figures.coverage(cities=[duisburg, dinslaken], days=90)
    assert [(topic.title, topic.total, cells) for topic, cells in found.topics] == [
        ("Hund anmelden", 6, [False, True]),
        ("Drohne fliegen", 2, [False, False]),
    ]
    assert found.covered == [0, 1]
    assert [topic.title for topic, _cells in found.gaps] == ["Hund anmelden", "Drohne fliegen"]


@pytest.mark.parametrize("times", [0, 2])
def test_topic_hardly_anybody_asked_here_counts_by_the_article(article, searched, duisburg, dinslaken, times):
    """One search that ended in the list of hits would send an editor to write what is there."""
    searched("Hund anmelden", chosen=article)
    searched("Hund anmelden", duisburg, times=times)
    with scoped([duisburg, dinslaken]):
        both = figures.coverage(cities=[duisburg, dinslaken], days=90)
        assert both.topics[0][1] == [True, True]  # the article is shared, so Duisburg answers it as well
        assert len(figures.coverage(cities=[duisburg, dinslaken], days=90, limit=0).topics) == 0


def test_page_and_table(client_for, article, asked, searched):
    asked(article, times=2)
    asked()
    searched("Drohne fliegen")
    html = client_for("editor").get(PAGE).content.decode()
    assert "2 von 3 Anliegen" in html
    assert "keine Antwort" in html
    for order in figures.ORDERS:
        assert client_for("supervisor").get(PAGE, {"nach": order, "tage": "30"}).status_code == 200
    table = client_for("editor").get(PAGE, {"format": "csv"}).content.decode("utf-8-sig").splitlines()
    assert table[1].startswith("Hund anmelden;2;2;2;0;")
    assert client_for("agent").get(PAGE).status_code == 403


def test_page_costs_the_same_for_one_and_three_articles(client_for, make_articles, django_assert_max_num_queries):
    client = client_for("editor")
    make_articles(1)
    client.get(PAGE)
    with django_assert_max_num_queries(20) as one:
        client.get(PAGE)
    make_articles(2)
    with django_assert_max_num_queries(20) as three:
        client.get(PAGE)
    assert len(one) == len(three)


@pytest.fixture
def make_articles(people):
    from knowledge import services

    def make(count: int):
        with all_cities("test data"):
            for number in range(count):
                made = services.create_article(actor=people["editor"], title=f"Artikel {number}", sections={"say": "x"})
                services.publish(revision=made.revisions.get(), actor=None, without_review="test", announce=False)

    return make
