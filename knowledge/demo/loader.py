"""The demo's own articles: TOML files in ``articles/``, loaded as published revisions."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zlib import crc32

from django.db import transaction
from django.utils import timezone

from callcenter.accounts.models import User
from callcenter.audit.services import record
from knowledge.models import Article, Category, Revision, SearchTerm, State
from knowledge.refresh import refresh_many
from knowledge.sanitise import clean_sections, plain, sort_key
from knowledge.sections import Sections
from tenants.models import Tenant

FOLDER = Path(__file__).parent / "articles"
SOURCE = "demo"
PUBLISHED_BEFORE = (45, 400)  # days: texts of all ages, the same at each start
# So that the history has something to tell: these had no such section until yesterday.
ADDED_YESTERDAY = {
    "personalausweis-beantragen": "documents",
    "hundesteuer-anmelden": "procedure",
    "sperrmuell": "hints",
}


@dataclass(frozen=True)
class DemoArticle:
    """One article of a file: ``variants`` holds each city's own sections by slug."""

    id: str
    title: str
    theme: str
    cities: tuple[str, ...]
    terms: tuple[str, ...]
    shared: Sections
    variants: dict[str, Sections] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        body = [self.title, self.theme, self.cities, self.terms, self.shared, self.variants]
        return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def read(folder: Path = FOLDER) -> Iterator[DemoArticle]:
    """Every article of the folder's files, by file name. Raises on an unknown section."""
    for path in sorted(folder.glob("*.toml")):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        for entry in content["article"]:
            known = {"id", "title", "cities", "terms", "shared"}
            yield DemoArticle(
                id=entry["id"],
                title=plain(entry["title"]),
                theme=content["theme"],
                cities=tuple(entry.get("cities", ())),
                terms=tuple(plain(term) for term in entry.get("terms", ())),
                shared=clean_sections(entry.get("shared", {})),
                variants={slug: clean_sections(entry[slug], keep_empty=True) for slug in entry if slug not in known},
            )


@transaction.atomic
def load(author: User | None = None, folder: Path = FOLDER) -> dict[str, int]:
    """Publish the demo's articles for the cities that exist; again: only what changed in the files.

    Returns counts: ``articles``, ``created``, ``changed``, ``unchanged``, ``variants``. Written in bulk
    and without a second reviewer; the audit trail says so once.
    """
    cities = {city.slug: city for city in Tenant.objects.filter(is_active=True)}
    present = {article.source_id: article for article in Article.objects.filter(source=SOURCE)}
    wanted = [entry for entry in read(folder) if not entry.cities or cities.keys() & set(entry.cities)]
    counts = {"articles": len(wanted), "created": 0, "changed": 0, "unchanged": 0, "variants": 0}
    themes = _categories([entry.theme for entry in wanted])
    articles: list[tuple[Article, DemoArticle]] = []
    for entry in wanted:
        article = present.get(entry.id)
        if article is not None and article.source_hash == entry.digest:
            counts["unchanged"] += 1
            continue
        counts["changed" if article else "created"] += 1
        owner = cities[entry.cities[0]] if len(entry.cities) == 1 else None
        article = article or Article(source=SOURCE, source_id=entry.id, is_demo=True, owner=owner)
        article.source_hash = entry.digest
        article.title, article.sort_key = entry.title, sort_key(entry.title)
        articles.append((article, entry))
    created = [article for article, _ in articles if article._state.adding]
    Article.objects.bulk_create(created)
    Article.objects.bulk_update(
        [a for a, _ in articles if a not in created], ["source_hash", "title", "sort_key"], batch_size=200
    )
    through = Article.categories.through
    through.objects.filter(article__in=[article.pk for article, _ in articles]).delete()
    through.objects.bulk_create([through(article=article, category=themes[entry.theme]) for article, entry in articles])
    SearchTerm.objects.filter(article__in=[article.pk for article, _ in articles]).delete()
    SearchTerm.objects.bulk_create(
        [
            SearchTerm(article=article, tenant=article.owner, term=term[:120])
            for article, entry in articles
            for term in dict.fromkeys(entry.terms)
        ]
    )
    revisions = [revision for article, entry in articles for revision in _revisions(article, entry, cities, author)]
    Revision.objects.bulk_create(revisions, batch_size=200)
    counts["variants"] = sum(1 for entry in wanted if entry.variants)
    if articles:
        refresh_many([article.pk for article, _ in articles], announce=False)
        record(
            action="knowledge.demo_loaded",
            actor_id=author.pk if author else None,
            data={**counts, "without_review": "the demo's own content"},
        )
    return counts


def _categories(names: list[str]) -> dict[str, Category]:
    for name in dict.fromkeys(names):
        Category.objects.get_or_create(name=name)
    return {category.name: category for category in Category.objects.filter(name__in=names)}


def _age(text: str) -> timedelta:
    youngest, oldest = PUBLISHED_BEFORE
    return timedelta(days=youngest + crc32(text.encode()) % (oldest - youngest))


def _revisions(
    article: Article, entry: DemoArticle, cities: dict[str, Tenant], author: User | None
) -> Iterator[Revision]:
    """The next revision of every chain whose text the file gives; what is new was published a while ago."""
    now = timezone.now()
    texts: list[tuple[Tenant | None, str, Sections]] = [(article.owner, entry.title, entry.shared)]
    texts += [(cities[slug], "", sections) for slug, sections in entry.variants.items() if slug in cities]
    highest: dict[int | None, int] = {}
    for tenant_id, number in Revision.objects.filter(article=article).values_list("tenant_id", "number"):
        highest[tenant_id] = max(number, highest.get(tenant_id, 0))
    for tenant, title, sections in texts:
        number = highest.get(tenant.pk if tenant else None, 0)
        published_at = now if number else now - _age(f"{entry.id} {tenant.slug if tenant else ''}")
        common = {"article": article, "tenant": tenant, "title": title, "author": author, "lock_version": 1}
        added = ADDED_YESTERDAY.get(entry.id)
        if not number and added in sections and tenant == article.owner:
            older = {key: value for key, value in sections.items() if key != added}
            yesterday = now - timedelta(hours=20)
            number += 1
            yield Revision(
                **common,
                number=number,
                state=State.ARCHIVED,
                sections=older,
                published_at=published_at,
                archived_at=yesterday,
                note="Demo-Inhalt",
            )
            published_at = yesterday
        yield Revision(
            **common,
            number=number + 1,
            state=State.PUBLISHED,
            sections=sections,
            published_at=published_at,
            note="Demo-Inhalt",
        )
