"""Writes what a reader yields: drafts, or published at once; twice is once.

An article is found again by its source and the source's own id. A text that people here have
changed since is never overwritten: the entry is refused, and its reason says what to do.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from callcenter.accounts.models import User
from callcenter.audit.services import record
from knowledge import services
from knowledge.importing.own import bring_in
from knowledge.importing.records import Deleted, Entry, Incoming, Refused
from knowledge.models import (
    Article,
    ArticleKind,
    Category,
    ImportedRevision,
    ImportRun,
    ImportState,
    Revision,
    State,
)
from knowledge.refresh import refresh_many
from tenants.models import Tenant

BATCH = 100  # entries per transaction: on SQLite nobody else can write meanwhile
KEPT_REFUSALS = 1_000


@dataclass
class Result:
    """What came of a file. With ``dry_run`` what would come of it."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: list[Refused] = field(default_factory=list)
    titles: dict[str, list[str]] = field(default_factory=lambda: {"created": [], "changed": []})
    run: ImportRun | None = None

    @property
    def total(self) -> int:
        return self.created + self.changed + self.unchanged + len(self.refused)


def run_import(
    *,
    entries: Iterable[Entry],
    tenant: Tenant,
    format_name: str,
    file_name: str,
    actor: User | None = None,
    publish: bool = False,
    dry_run: bool = False,
    run: ImportRun | None = None,
    progress: Callable[[Result], None] = lambda result: None,
) -> Result:
    """Take every entry for one city. The caller has opened the scope and checked the actor's right.

    ``run`` is the row that a page has made already; without it, one is made here.
    """
    result = Result(run=run)
    if not dry_run and run is None:
        result.run = ImportRun.objects.create(
            tenant=tenant, file_name=file_name[:200], format=format_name, actor=actor, published=publish
        )
    job = _Job(tenant, f"{format_name}:{tenant.slug}", actor, publish, dry_run, result)
    stream = iter(entries)
    while batch := list(islice(stream, BATCH)):
        with transaction.atomic():
            job.take(batch)
        progress(result)
    if result.run is not None and not dry_run:
        _finish(result.run, result)
    return result


@dataclass
class _Job:
    tenant: Tenant
    source: str
    actor: User | None
    publish: bool
    dry_run: bool
    result: Result
    themes: dict[str, Category] = field(default_factory=dict)

    def take(self, batch: list[Entry]) -> None:
        """One transaction's worth of entries; what was published is shown and indexed together."""
        keys = [entry.key for entry in batch if not isinstance(entry, Refused)]
        known = {
            article.source_id: article
            for article in Article.objects.filter(source=self.source, source_id__in=keys).select_related("owner")
        }
        touched: set[uuid.UUID] = set()
        for entry in batch:
            if isinstance(entry, Refused):
                self.result.refused.append(entry)
                continue
            try:
                with transaction.atomic():
                    article = self._entry(entry, known)
            except _Refusal as refusal:
                self.result.refused.append(Refused(entry.line, entry.key, refusal.reason, refusal.detail))
                continue
            if article is not None:
                touched.add(article.pk)
        if self.publish and touched:
            refresh_many(sorted(touched), announce=False)

    def _entry(self, entry: Incoming | Deleted, known: dict[str, Article]) -> Article | None:
        """Returns the article when something was written."""
        article = known.get(entry.key)
        if isinstance(entry, Deleted):
            return self._deleted(article)
        if entry.owner is not None:
            outcome, written = bring_in(entry, job=self)
            self._count(outcome, entry.title)
            return written
        if article is None:
            self._count("created", entry.title)
            if self.dry_run:
                known[entry.key] = Article(source_hash=entry.digest, owner=self.tenant)
                return None
            known[entry.key] = self._create(entry)
            return known[entry.key]
        if article.source_hash == entry.digest:
            return self._unchanged(article, entry)
        return self._change(article, entry)

    def _create(self, entry: Incoming) -> Article:
        article = services.create_article(
            actor=self.actor,
            title=entry.title,
            owner=self.tenant,
            kind=entry.kind if entry.kind in ArticleKind.values else ArticleKind.SERVICE,
            categories=self.categories(entry.themes),
            sections=dict(entry.sections),
            terms=entry.terms,
            leika_key=entry.leika_key,
            source=self.source,
            source_id=entry.key,
            source_hash=entry.digest,
            note=_("eingelesen"),
        )
        self.note(article.revisions.get(), previous_hash="", is_new=True)
        return article

    def _change(self, article: Article, entry: Incoming) -> Article | None:
        head = services.head_of(article=article, tenant=article.owner)
        self.assert_untouched(head)
        self._count("changed", entry.title)
        if self.dry_run:
            article.source_hash = entry.digest
            return None
        draft = services.save_draft(
            article=article,
            tenant=article.owner,
            actor=self.actor,
            title=entry.title,
            sections=dict(entry.sections),
            token=services.chain_token(article=article, tenant=article.owner),
            note=_("eingelesen"),
        )
        self.note(draft, previous_hash=article.source_hash)
        services.set_search_terms(
            article=article, tenant=article.owner, terms=entry.terms, actor=self.actor, refresh=False
        )
        Article.objects.filter(pk=article.pk).update(source_hash=entry.digest, leika_key=entry.leika_key)
        article.source_hash = entry.digest
        if entry.themes:
            article.categories.set(self.categories(entry.themes))
        return article

    def _unchanged(self, article: Article, entry: Incoming) -> Article | None:
        """The same text again; with ``publish`` a draft that an earlier import left is published."""
        if self.publish and article.pk:
            waiting = article.revisions.filter(state__in=services.OPEN_STATES, imported__isnull=False).first()
            if waiting is not None:
                self._count("changed", entry.title)
                if not self.dry_run:
                    self.publish_now(waiting)
                return article
        self.result.unchanged += 1
        return None

    def _deleted(self, article: Article | None) -> Article | None:
        """Gone at the source. Published by an import: archived by one; else somebody should look today."""
        if article is None:
            return None
        shown = article.revisions.filter(state=State.PUBLISHED)
        today = timezone.localdate()
        if self.publish and shown.exists():
            self._count("changed", article.title)
            if not self.dry_run:
                services.archive_article(article=article, actor=self.actor)
        elif not self.publish and (article.review_on is None or article.review_on > today):
            self._count("changed", article.title)
            if not self.dry_run:
                Article.objects.filter(pk=article.pk).update(review_on=today)
        else:
            self.result.unchanged += 1
        return None

    # --- what own.py uses too
    def assert_untouched(self, head: Revision | None) -> None:
        """Refuse to write over what people here wrote."""
        if head is None or ImportedRevision.objects.filter(revision=head).exists():
            return
        raise _Refusal("open_draft" if head.state in services.OPEN_STATES else "edited_here")

    def note(self, revision: Revision, *, previous_hash: str, is_new: bool = False) -> None:
        """Remember what this run wrote, and publish it where asked."""
        if self.result.run is None:
            raise RuntimeError("A dry run writes nothing.")
        ImportedRevision.objects.get_or_create(
            revision=revision,
            defaults={
                "run": self.result.run,
                "article": revision.article,
                "previous_hash": previous_hash,
                "is_new_article": is_new,
            },
        )
        if self.publish:
            self.publish_now(revision)

    def publish_now(self, revision: Revision) -> None:
        services.publish(
            revision=revision, actor=self.actor, without_review=f"import {self.source}", announce=False, refresh=False
        )

    def categories(self, names: Iterable[str]) -> list[Category]:
        for name in names:
            if name not in self.themes:
                self.themes[name] = Category.objects.get_or_create(name=name[:80])[0]
        return [self.themes[name] for name in names]

    def refuse(self, reason: str, detail: str = "") -> None:
        raise _Refusal(reason, detail)

    def _count(self, outcome: str, title: str) -> None:
        setattr(self.result, outcome, getattr(self.result, outcome) + 1)
        if outcome in self.result.titles and len(self.result.titles[outcome]) < KEPT_REFUSALS:
            self.result.titles[outcome].append(title)


class _Refusal(Exception):
    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


def note_refusals(run: ImportRun, result: Result) -> None:
    """Keep what was refused with the run; saved by the caller."""
    run.refused_count = len(result.refused)
    run.refused = [
        {"line": each.line, "id": each.id, "reason": each.reason, "detail": each.detail}
        for each in result.refused[:KEPT_REFUSALS]
    ]


@transaction.atomic
def _finish(run: ImportRun, result: Result) -> None:
    run.created, run.changed, run.unchanged = result.created, result.changed, result.unchanged
    note_refusals(run, result)
    run.state = ImportState.DONE
    run.finished_at = timezone.now()
    run.save()
    record(
        action="knowledge.imported",
        actor_id=run.actor_id,
        tenant_id=run.tenant_id,
        object_type="import",
        object_id=run.pk,
        data={"created": run.created, "changed": run.changed, "refused": run.refused_count, "published": run.published},
    )


def undo(*, run: ImportRun, actor: User) -> int:
    """Take an import back as a whole; returns how many texts it touched. What people changed since stays."""
    with transaction.atomic():
        run = ImportRun.objects.select_for_update().get(pk=run.pk)
        if run.undone_at:
            raise services.KnowledgeRefusal(_("Dieses Einlesen ist schon zurückgenommen."))
        touched = sum(_undo_item(item, actor) for item in _items(run))
        run.undone_at = timezone.now()
        run.save(update_fields=["undone_at"])
        record(
            action="knowledge.import_undone",
            actor_id=actor.pk,
            tenant_id=run.tenant_id,
            object_type="import",
            object_id=run.pk,
            data={"texts": touched},
        )
    return touched


def _items(run: ImportRun) -> Iterator[ImportedRevision]:
    return run.items.select_related("revision", "article", "revision__tenant").order_by("-pk").iterator(500)


def _undo_item(item: ImportedRevision, actor: User) -> int:
    """One text: a draft goes, a published one gives way to what was there before."""
    revision, article = item.revision, item.article
    head = services.head_of(article=article, tenant=revision.tenant)
    if head is None or head.pk != revision.pk or revision.state == State.ARCHIVED:
        return 0
    if item.is_new_article:
        # What was published stays in the history, and a later import finds it again under its id.
        if revision.state == State.PUBLISHED:
            Article.objects.filter(pk=article.pk).update(source_hash="")
            services.archive(revision=revision, actor=actor)
        elif not article.revisions.exclude(pk=revision.pk).exists():
            revision.delete()
            article.delete()
        return 1
    before = article.revisions.filter(tenant=revision.tenant, number__lt=revision.number).order_by("-number").first()
    Article.objects.filter(pk=article.pk).update(source_hash=item.previous_hash)
    if revision.state in services.OPEN_STATES:
        services.discard_draft(revision=revision, actor=actor)
        return 1
    if before is None:
        services.archive(revision=revision, actor=actor)
        return 1
    token = services.chain_token(article=article, tenant=revision.tenant)
    draft = services.restore(revision=before, actor=actor, token=token)
    services.publish(revision=draft, actor=actor, without_review=f"undo of import {item.run_id}")
    if earlier := ImportedRevision.objects.filter(revision=before).first():
        # What stands there now is again what a source said, so that a later import may change it.
        ImportedRevision.objects.create(
            run=earlier.run, article=article, revision=draft, previous_hash=item.previous_hash
        )
    return 1
