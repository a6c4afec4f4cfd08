"""The editor's form against the database: what it is filled with, and how it is saved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from callcenter.accounts.models import User
from knowledge import services
from knowledge.approvals import cities_with_liaison, of_revisions
from knowledge.columns import Column, from_revision, parse_local
from knowledge.diff import SectionDiff, as_text, diff_sections
from knowledge.effective import in_effect, overlay
from knowledge.models import Article, EffectiveArticle, Revision, SearchTerm, State
from knowledge.models_authoring import Approval
from knowledge.sections import Section, Sections
from knowledge.services import KnowledgeRefusal
from tenants.models import Tenant
from tenants.scope import current_scope


@dataclass(frozen=True)
class Disagreement:
    """A section that a city says in its own words while the shared text changes: does it still hold?"""

    city: Tenant
    section: Section
    own_text: str  # empty: the city leaves the section out

    @property
    def key(self) -> str:
        return f"{self.city.slug}.{self.section.key}"


@dataclass(frozen=True)
class Review:
    """An open revision, and what publishing it would change."""

    revision: Revision
    changes: list[SectionDiff]
    reaches: list[Tenant]  # the cities whose callers will be told
    disagrees: list[Disagreement]
    is_own: bool  # written by the person who looks
    approvals: list[Approval]
    with_liaison: set[int]  # ids of the cities that somebody speaks for

    @property
    def may_ask(self) -> list[Tenant]:
        """Cities that could be asked to approve this text and have not been, or were for an older one."""
        if self.revision.state != State.IN_REVIEW:
            return []
        asked = {each.tenant_id for each in self.approvals if each.version == self.revision.lock_version}
        return [city for city in self.reaches if city.pk in self.with_liaison - asked]


def columns_of(article: Article, cities: Iterable[Tenant]) -> list[Column]:
    """The form's columns: shared text and the given cities, or the one city that owns the article."""
    terms: dict[int | None, list[str]] = {}
    for tenant_id, term in SearchTerm.objects.filter(article=article).values_list("tenant_id", "term"):
        terms.setdefault(tenant_id, []).append(term)
    if article.owner is not None:
        return [_column(article, article.owner, terms.get(article.owner_id, []))]
    head = services.head_of(article=article, tenant=None)
    shown = in_effect(article.revisions.filter(tenant=None, state=State.PUBLISHED), timezone.now())
    changed = frozenset(
        key
        for key in {*(head.sections if head else {}), *(shown.sections if shown else {})}
        if shown and head and head.pk != shown.pk and head.sections.get(key) != shown.sections.get(key)
    )
    shared = head.sections if head else {}
    columns = [
        _column(article, None, terms.get(None, [])),
        *(_column(article, city, terms.get(city.pk, []), shared=shared, changed=changed) for city in cities),
    ]
    for key, cell in columns[0].cells.items():
        cell.overridden_in = [
            column.tenant.name for column in columns[1:] if column.tenant and column.cells[key].stored is not None
        ]
    return columns


@transaction.atomic
def save(*, article: Article, actor: User, columns: Iterable[Column]) -> list[Revision]:
    """Save every column its author touched, all or none. Raises EditConflict or KnowledgeRefusal."""
    saved = []
    for column in columns:
        if not column.may_write:
            continue
        zone = zone_of(column.tenant)
        if column.touched:
            saved.append(
                services.save_draft(
                    article=article,
                    tenant=column.tenant,
                    actor=actor,
                    title=column.title,
                    sections=dict(column.sections),
                    token=column.token,
                    note=column.note,
                    valid_from=_moment(column.valid_from, zone),
                    valid_until=_moment(column.valid_until, zone),
                )
            )
        if column.terms != column.seen_terms:
            chain = SearchTerm.objects.filter(article=article, tenant=column.tenant)
            present = list(chain.values_list("term", flat=True))
            services.set_search_terms(
                article=article, tenant=column.tenant, terms=column.terms_after(present), actor=actor
            )
    return saved


@transaction.atomic
def submit_all(*, article: Article, actor: User) -> int:
    """Hand every draft of the article that the actor may write to review; returns how many."""
    drafts = [draft for draft in _open_revisions(article) if draft.state == State.DRAFT]
    for draft in drafts:
        services.submit_for_review(revision=draft, actor=actor)
    return len(drafts)


@transaction.atomic
def publish_all(*, article: Article, actor: User, confirmed: Iterable[str] = ()) -> list[Revision]:
    """Publish everything of the article that is in review; the shared text first.

    ``confirmed`` are the keys of the disagreements of which the reviewer says that the city's own text still holds;
    a city's own text that is published along with it answers for itself.
    """
    waiting = [revision for revision in _open_revisions(article) if revision.state == State.IN_REVIEW]
    if not waiting:
        raise KnowledgeRefusal(_("Hier liegt nichts zur Prüfung vor."))
    waiting.sort(key=lambda revision: revision.tenant_id is not None)
    given = set(confirmed)
    answered: dict[object, list[str]] = {}
    for revision in waiting:
        _reaches, disagrees = _reach(article, revision, _changes(article, revision))
        open_ones = [each for each in disagrees if each.key not in given]
        if open_ones:
            named = ", ".join(f"{each.city.name}: {each.section.label}" for each in open_ones)
            raise KnowledgeRefusal(
                _("Sehen Sie zuerst nach, ob der eigene Text der Stadt noch stimmt, und bestätigen Sie es: %(named)s.")
                % {"named": named}
            )
        answered[revision.pk] = [each.key for each in disagrees]
    return [services.publish(revision=each, actor=actor, confirmed=answered[each.pk]) for each in waiting]


def reviews_of(article: Article, *, viewer: User) -> list[Review]:
    """Every open revision the viewer may see, with what it changes and whom it reaches."""
    revisions = _open_revisions(article)
    approvals, with_liaison = of_revisions(revisions), cities_with_liaison()
    found = []
    for revision in revisions:
        changes = _changes(article, revision)
        reaches, disagrees = _reach(article, revision, changes)
        own = revision.author_id == viewer.pk
        found.append(Review(revision, changes, reaches, disagrees, own, approvals.get(revision.pk, []), with_liaison))
    return found


def preview(*, article: Article, city: Tenant, columns: list[Column]) -> EffectiveArticle | None:
    """The article as agents of the city would see it if the form were published; never saved."""
    by_tenant = {column.tenant.pk if column.tenant else None: column for column in columns}
    shared, local = by_tenant.get(None), by_tenant.get(city.pk)
    laid = overlay(
        _as_version(shared) if shared else None,
        _as_version(local) if local else None,
        owned=article.owner_id is not None,
    )
    if laid is None:
        return None
    now = timezone.now()
    answer = EffectiveArticle(
        article=article,
        tenant=city,
        title=laid.title,
        sections=laid.sections,
        local_keys=laid.local_keys,
        terms=[term for column in (shared, local) if column for term in column.typed_terms()],
        published_at=now,
        changed_at=now,
    )
    in_force = EffectiveArticle.objects.filter(article=article, tenant=city).values_list("pk", flat=True).first()
    if in_force:
        answer.pk = in_force
    return answer


@dataclass(frozen=True)
class Asked:
    """What a city's liaison is asked to approve: the article as it would be said there, and what that changes."""

    approval: Approval
    preview: EffectiveArticle
    changes: list[SectionDiff]


def asked_of(approvals: Iterable[Approval]) -> list[Asked]:
    """Every question with the city's answer as it would read. Texts in review beside it are not part of it."""
    found = []
    now = timezone.now()
    for approval in approvals:
        revision, city = approval.revision, approval.tenant
        article = revision.article
        shown: dict[int | None, Revision | None] = {
            tenant.pk if tenant else None: in_effect(
                article.revisions.filter(tenant=tenant, state=State.PUBLISHED), now
            )
            for tenant in (None, city)
        }
        owned = article.owner_id is not None
        before = overlay(shown[None], shown[city.pk], owned=owned)
        shown[revision.tenant_id] = revision
        after = overlay(shown[None], shown[city.pk], owned=owned)
        if after is None:
            continue
        preview = EffectiveArticle(
            article=article,
            tenant=city,
            title=after.title,
            sections=after.sections,
            local_keys=after.local_keys,
            published_at=revision.changed_at,
        )
        changes = diff_sections(
            before.sections if before else {},
            after.sections,
            old_title=before.title if before else "",
            new_title=after.title,
        )
        found.append(Asked(approval, preview, changes))
    return found


def proposal_column(effective: EffectiveArticle) -> Column:
    """A city's answer as a form in which its liaison corrects it: everything is theirs to say, nothing is inherited."""
    shown = Revision(number=0, title=effective.title, sections=effective.sections, tenant=effective.tenant)
    return from_revision(
        key=effective.tenant.slug,
        tenant=effective.tenant,
        head=shown,
        token="",
        may_write=True,
        has_title=True,
        zone=zone_of(effective.tenant),
        terms=[],
    )


def zone_of(tenant: Tenant | None) -> tzinfo:
    """Times of the shared text are those of the house."""
    return tenant.zone if tenant else timezone.get_default_timezone()


# --- helpers ------------------------------------------------------------------------------------
def _column(
    article: Article,
    tenant: Tenant | None,
    terms: list[str],
    shared: Sections | None = None,
    changed: frozenset[str] = frozenset(),
) -> Column:
    try:
        services.assert_may_write(article=article, tenant=tenant)
        may_write = True
    except KnowledgeRefusal:
        may_write = False
    return from_revision(
        key=tenant.slug if tenant else "shared",
        tenant=tenant,
        head=services.head_of(article=article, tenant=tenant),
        token=services.chain_token(article=article, tenant=tenant),
        may_write=may_write,
        has_title=tenant is None or article.owner_id is not None,
        zone=zone_of(tenant),
        terms=terms,
        shared=shared,
        shared_changes=changed,
    )


def _open_revisions(article: Article) -> list[Revision]:
    scope = current_scope()
    revisions = article.revisions.filter(state__in=services.OPEN_STATES).select_related("tenant", "author", "article")
    return [revision for revision in revisions if revision.tenant_id is None or scope.holds(revision.tenant_id)]


def _changes(article: Article, revision: Revision) -> list[SectionDiff]:
    """What the revision changes in what its chain says today."""
    chain = list(article.revisions.filter(tenant=revision.tenant, state=State.PUBLISHED))
    before = in_effect(chain, timezone.now())
    return diff_sections(
        before.sections if before else {},
        revision.sections,
        old_title=before.title if before else "",
        new_title=revision.title,
    )


def _reach(article: Article, revision: Revision, changes: list[SectionDiff]) -> tuple[list[Tenant], list[Disagreement]]:
    """The cities whose callers hear the change, and the sections in which a city keeps its own words."""
    if revision.tenant is not None:
        return [revision.tenant], []
    reaches, disagrees = [], []
    now = timezone.now()
    local: dict[int | None, list[Revision]] = {}
    published = article.revisions.filter(tenant__isnull=False, state=State.PUBLISHED)
    for each in published:
        local.setdefault(each.tenant_id, []).append(each)
    rewritten = set(
        article.revisions.filter(tenant__isnull=False, state=State.IN_REVIEW).values_list("tenant_id", flat=True)
    )
    for city in Tenant.objects.filter(is_active=True).order_by("name"):
        shown = in_effect(local.get(city.pk, []), now)
        own = shown.sections if shown else {}
        changed = [change.section for change in changes]
        if any(section.key not in own for section in changed):
            reaches.append(city)
        if city.pk not in rewritten:
            disagrees += [
                Disagreement(city, section, as_text(section, own[section.key]))
                for section in changed
                if section.key in own
            ]
    return reaches, disagrees


def _moment(text: str, zone: tzinfo) -> datetime | None:
    try:
        return parse_local(text, zone)
    except ValueError:
        raise KnowledgeRefusal(_("Bitte geben Sie Tag und Uhrzeit an, zum Beispiel 01.12.2026, 08:00.")) from None


def _as_version(column: Column) -> Revision:
    return Revision(number=1, title=column.title, sections=column.sections, state=State.PUBLISHED)
