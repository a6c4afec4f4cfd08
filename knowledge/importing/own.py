"""This project's own export, read in again: shared text, local sections, owners."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _

from knowledge import services
from knowledge.effective import in_effect
from knowledge.importing.records import Incoming
from knowledge.models import Article, ArticleKind, Revision, SearchTerm, State
from tenants.models import Tenant

if TYPE_CHECKING:
    from knowledge.importing.apply import _Job

SOURCE = "export"
Chain = tuple[Tenant | None, str, dict[str, object], list[str]]  # city, title, sections, search terms


def bring_in(entry: Incoming, *, job: _Job) -> tuple[str, Article | None]:
    """Take one exported article; returns the outcome and the article when something was written."""
    cities = {city.slug: city for city in Tenant.objects.filter(is_active=True)}
    unknown = ({entry.owner} if entry.owner else set()) | set(entry.local)
    if missing := sorted(unknown - cities.keys()):
        job.refuse("unknown_city", ", ".join(missing))
    owner = cities[entry.owner] if entry.owner else None
    chains: list[Chain] = [(owner, entry.title, dict(entry.sections), list(entry.terms))]
    chains += [(cities[slug], "", own.get("sections", {}), own.get("terms", [])) for slug, own in entry.local.items()]  # type: ignore[misc]
    article = _find(entry.key)
    try:
        if article is None:
            if job.dry_run:
                return "created", None
            article = _create(entry, owner, job)
            outcome, rest = "created", chains[1:]
        else:
            outcome, rest = "unchanged", chains
        for chain in rest:
            if _bring_chain(article, chain, job) and outcome == "unchanged":
                outcome = "changed"
    except services.KnowledgeRefusal as refusal:
        job.refuse("other_city", str(refusal))
    return outcome, article if outcome != "unchanged" and not job.dry_run else None


def _find(key: str) -> Article | None:
    """By its id where it was written, by its export's id elsewhere."""
    try:
        found = Article.objects.filter(pk=uuid.UUID(key)).first()
    except ValueError:
        found = None
    return found or Article.objects.filter(source=SOURCE, source_id=key).first()


def _create(entry: Incoming, owner: Tenant | None, job: _Job) -> Article:
    article = services.create_article(
        actor=job.actor,
        title=entry.title,
        owner=owner,
        kind=entry.kind if entry.kind in ArticleKind.values else ArticleKind.SERVICE,
        categories=job.categories(entry.themes),
        sections=dict(entry.sections),
        terms=entry.terms,
        leika_key=entry.leika_key,
        source=SOURCE,
        source_id=entry.key,
        source_hash=entry.digest,
        note=_("eingelesen"),
    )
    job.note(article.revisions.get(), previous_hash="", is_new=True)
    return article


def _bring_chain(article: Article, chain: Chain, job: _Job) -> bool:
    """Bring one chain up to the exported text; True when something changed."""
    tenant, title, sections, terms = chain
    present = set(SearchTerm.objects.filter(article=article, tenant=tenant).values_list("term", flat=True))
    new_terms = present != set(terms)
    if new_terms and not job.dry_run:
        services.set_search_terms(article=article, tenant=tenant, terms=terms, actor=job.actor)
    head = services.head_of(article=article, tenant=tenant)
    shown = in_effect(Revision.objects.filter(article=article, tenant=tenant, state=State.PUBLISHED), timezone.now())
    same = [each for each in (head, shown) if each is not None and (each.title, each.sections) == (title, sections)]
    if same or (head is None and not sections):
        waiting = job.publish and head in same and head.state in services.OPEN_STATES
        if waiting and not job.dry_run:
            job.publish_now(head)  # type: ignore[arg-type]
        return bool(new_terms or waiting)
    if head is not None and head.state in services.OPEN_STATES:
        job.assert_untouched(head)
    if not job.dry_run:
        draft = services.save_draft(
            article=article,
            tenant=tenant,
            actor=job.actor,
            title=title,
            sections=sections,
            token=services.chain_token(article=article, tenant=tenant),
            note=_("eingelesen"),
        )
        job.note(draft, previous_hash=article.source_hash)
    return True
