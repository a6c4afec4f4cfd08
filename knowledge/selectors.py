"""Reading the knowledge base: lists, one article, its history."""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from knowledge.approvals import open_for
from knowledge.effective import was_in_effect
from knowledge.links import broken_count
from knowledge.models import Article, Category, EffectiveArticle, Revision, State
from knowledge.models_authoring import Proposal, ProposalState
from knowledge.reminders import due_count, due_in
from knowledge.sanitise import sort_key
from tenants.models import Tenant
from tenants.scope import current_scope

PAGE = 50
OPEN_STATES = (State.DRAFT, State.IN_REVIEW)
# What editors can narrow the list to, with the words of the page.
FILTERS = {
    "": "alle",
    "draft": "mit Entwurf",
    "in_review": "in Prüfung",
    "planned": "gilt ab später",
    "local": "mit örtlichen Abschnitten",
    "missing": "hier nicht veröffentlicht",
    "review": "zu prüfen",
}


@dataclass
class Row:
    """One line of the list of articles; ``effective`` is None while the city shows nothing of it."""

    article: Article
    effective: EffectiveArticle | None
    open_revisions: list[Revision] = field(default_factory=list)
    planned: datetime | None = None  # when a published text of it takes effect

    @property
    def title(self) -> str:
        return self.effective.title if self.effective else self.article.title

    @property
    def summary(self) -> str:
        return str(self.effective.sections.get("summary", "")) if self.effective else ""

    @property
    def has_draft(self) -> bool:
        return any(revision.state == State.DRAFT for revision in self.open_revisions)

    @property
    def in_review(self) -> bool:
        return any(revision.state == State.IN_REVIEW for revision in self.open_revisions)

    @property
    def review_due(self) -> bool:
        return self.article.review_on is not None and self.article.review_on <= timezone.localdate()


def visible_articles() -> QuerySet[Article]:
    """Shared articles and those of the cities in scope."""
    scope = current_scope()
    if scope.tenant_ids is None:
        return Article.objects.all()
    return Article.objects.filter(Q(owner__isnull=True) | Q(owner__in=scope.tenant_ids))


def visible_revisions(article: Article, *, with_drafts: bool) -> QuerySet[Revision]:
    """The shared chain and those of the cities in scope; drafts only for those who write."""
    scope = current_scope()
    revisions = article.revisions.select_related("tenant", "author", "reviewer")
    if scope.tenant_ids is not None:
        revisions = revisions.filter(Q(tenant__isnull=True) | Q(tenant__in=scope.tenant_ids))
    return revisions if with_drafts else revisions.exclude(state__in=OPEN_STATES)


def effective_article(*, city: Tenant, article_id: uuid.UUID) -> EffectiveArticle | None:
    """What the city shows of an article."""
    rows = EffectiveArticle.objects.select_related("article", "tenant", "shared_revision", "local_revision")
    return rows.filter(tenant=city, article=article_id).first()


def article_page(
    *, city: Tenant, query: str = "", category: str = "", state: str = "", page: str = "1", as_editor: bool = False
) -> Page[Row]:
    """A page of the city's articles by title, or by relevance where a query is given.

    Editors also see what is not published yet; everyone else exactly what the desk can show.
    """
    articles = visible_articles()
    shown = EffectiveArticle.objects.filter(tenant=city, article=OuterRef("pk"))
    if not as_editor:
        articles = articles.filter(Exists(shown))
    elif state in OPEN_STATES:
        in_chains = Q(tenant__isnull=True) | Q(tenant=city)
        articles = articles.filter(pk__in=Revision.objects.filter(in_chains, state=state).values("article"))
    elif state == "planned":
        articles = articles.filter(pk__in=_planned(city).values("article"))
    elif state == "local":
        articles = articles.filter(Exists(shown.filter(local_revision__isnull=False).exclude(local_keys=[])))
    elif state == "missing":
        articles = articles.filter(Q(owner__isnull=True) | Q(owner=city)).filter(~Exists(shown))
    elif state == "review":
        articles = articles.filter(pk__in=due_in(city).values("article"))
    if category:
        articles = articles.filter(categories=int(category)) if category.isdigit() else articles.none()
    if query.strip():
        window = _page_of(_ranked(query, city, articles, by_title=as_editor), page)
        found = window.object_list
    else:
        # The page is found in the index alone; only its fifty articles are read.
        window = _page_of(articles.order_by("sort_key", "pk").values("pk"), page)
        found = Article.objects.filter(pk__in=window.object_list).order_by("sort_key", "pk")
    window.object_list = _rows(list(found), city, with_drafts=as_editor)
    return window


@dataclass(frozen=True)
class ToDo:
    """What waits for the editors of a city."""

    in_review: int
    review: int
    proposals: int
    links: int


def to_do(city: Tenant) -> ToDo:
    chains = Q(tenant__isnull=True) | Q(tenant=city)
    waiting = Revision.objects.filter(chains, state=State.IN_REVIEW)  # a shared chain is of a shared article
    return ToDo(
        in_review=waiting.values("article").distinct().count(),
        review=due_count(city),
        proposals=Proposal.objects.filter(tenant=city, state=ProposalState.OPEN).count(),
        links=broken_count(city),
    )


def to_answer(city: Tenant) -> int:
    """How many texts wait for the city's approval."""
    return len(open_for(city))


def categories() -> QuerySet[Category]:
    return Category.objects.all()


def history(article: Article, *, with_drafts: bool) -> list[Revision]:
    """Every version, newest first, across shared text and local sections."""
    return list(visible_revisions(article, with_drafts=with_drafts).order_by("-created_at", "-number"))


def versions_at(article: Article, city: Tenant, at: datetime) -> list[Revision]:
    """What agents of the city read out at a past moment: the shared text, then the city's own sections."""
    published = visible_revisions(article, with_drafts=False)
    chains = ([each for each in published if each.tenant_id == tenant_id] for tenant_id in (None, city.pk))
    return [found for chain in chains if (found := was_in_effect(chain, at))]


def version_before(revision: Revision) -> Revision | None:
    """The version of the same chain that came before this one."""
    chain = Revision.objects.filter(article=revision.article_id, tenant=revision.tenant_id, number__lt=revision.number)
    return chain.order_by("-number").first()


def _page_of(found: Any, number: str) -> Page[Any]:
    return Paginator(found, PAGE).get_page(number)


def _ranked(query: str, city: Tenant, articles: QuerySet[Article], *, by_title: bool) -> list[Article]:
    """What the search finds, best first; for editors also titles of articles that no desk shows yet."""
    from knowledge.search import api

    ids = [hit.article_id for hit in api.find(query, tenant=city, limit=100).hits]
    found = articles.in_bulk(ids)
    ranked = [found[article_id] for article_id in ids if article_id in found]
    if by_title:
        also = articles.filter(sort_key__contains=sort_key(query)).exclude(pk__in=ids).order_by("sort_key")
        ranked += list(also[:PAGE])
    return ranked


def _rows(articles: list[Article], city: Tenant, *, with_drafts: bool) -> list[Row]:
    ids = [article.pk for article in articles]
    effective = {row.article_id: row for row in EffectiveArticle.objects.filter(tenant=city, article__in=ids)}
    drafts: dict[uuid.UUID, list[Revision]] = defaultdict(list)
    planned: dict[uuid.UUID, datetime | None] = {}
    if with_drafts:
        chains = Q(tenant__isnull=True) | Q(tenant=city)
        waiting = Q(state__in=OPEN_STATES) | _is_planned()
        revisions = Revision.objects.filter(chains, waiting, article__in=ids)
        for revision in revisions.only("article", "state", "valid_from"):
            if revision.state == State.PUBLISHED:
                planned[revision.article_id] = revision.valid_from
            else:
                drafts[revision.article_id].append(revision)
    return [
        Row(article, effective.get(article.pk), drafts[article.pk], planned.get(article.pk)) for article in articles
    ]


def _planned(city: Tenant) -> QuerySet[Revision]:
    """Published texts that take effect later, in the shared chain and the city's."""
    return Revision.objects.filter(Q(tenant__isnull=True) | Q(tenant=city), _is_planned())


def _is_planned() -> Q:
    return Q(state=State.PUBLISHED, valid_from__gt=timezone.now())
