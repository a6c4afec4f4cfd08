"""Adds synthetic articles to both cities of a demo installation and indexes them; for ``search_browser``."""

from __future__ import annotations

import os
import sys

import django


def main(size: int) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callcenter.settings")
    django.setup()
    from django.utils import timezone

    from benchmarks.search_corpus import TENANTS, documents
    from knowledge.models import Article, EffectiveArticle
    from knowledge.search import api
    from tenants.models import Tenant
    from tenants.scope import all_cities

    cities = dict(zip(TENANTS, Tenant.objects.order_by("slug"), strict=False))
    now = timezone.now()
    with all_cities("a benchmark's own installation"):
        articles, answers = [], []
        for document, _service in documents(size):
            city = cities[document.tenant]
            article = Article(owner=city, title=document.title)
            articles.append(article)
            sections = {
                "say": document.body[0],
                "summary": document.body[0][:120],
                "description": " ".join(document.body),
            }
            answers.append(
                EffectiveArticle(
                    article=article,
                    tenant=city,
                    title=document.title,
                    terms=list(document.terms),
                    sections=sections,
                    published_at=now,
                )
            )
        Article.objects.bulk_create(articles, batch_size=500)
        EffectiveArticle.objects.bulk_create(answers, batch_size=500)
        print(f"{api.rebuild()} articles indexed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
