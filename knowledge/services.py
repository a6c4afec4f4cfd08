"""Writing articles: draft, review, publication, archive.

A *chain* is the line of revisions of one article for one city, or of its shared text (no city).
It holds at most one open revision (draft or in review); published ones never change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.db import transaction
from django.db.models import Max
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from callcenter.accounts.models import User
from callcenter.audit.services import record
from knowledge.effective import begins_at
from knowledge.letters import write_to
from knowledge.models import Article, ArticleKind, Category, Revision, SearchTerm, State
from knowledge.models_authoring import Approval, Decision
from knowledge.refresh import archive_rows, refresh_effective
from knowledge.sanitise import clean_sections, plain, sort_key
from tenants.models import Tenant
from tenants.scope import current_scope

OPEN_STATES = (State.DRAFT, State.IN_REVIEW)


class KnowledgeRefusal(Exception):
    """A step that the rules of the house refuse; the message is German and says what to do."""


class EditConflict(KnowledgeRefusal):
    """Somebody else saved in between. ``theirs`` is what stands there now; nothing was written."""

    def __init__(self, theirs: Revision | None) -> None:
        super().__init__(
            _(
                "Diesen Text hat inzwischen jemand anders gespeichert. Ihre Fassung ist nicht verloren: "
                "Vergleichen Sie beide und speichern Sie dann erneut."
            )
        )
        self.theirs = theirs


def assert_may_write(*, article: Article, tenant: Tenant | None) -> None:
    """Refuse a text that reaches a city outside the open scope.

    The shared text reaches every active city, so whoever writes it must answer for all of them.
    """
    scope = current_scope()
    if tenant is None:
        beyond = [city.name for city in Tenant.objects.filter(is_active=True) if not scope.holds(city.pk)]
        if beyond:
            raise KnowledgeRefusal(
                _("Der gemeinsame Text gilt auch für %(cities)s. Schreiben Sie stattdessen einen örtlichen Abschnitt.")
                % {"cities": ", ".join(beyond)}
            )
        return
    if not scope.holds(tenant.pk) or article.owner_id not in (None, tenant.pk):
        raise KnowledgeRefusal(_("Für diese Stadt dürfen Sie nicht schreiben."))


# --- drafts -----------------------------------------------------------------------------------
@transaction.atomic
def create_article(
    *,
    actor: User | None,
    title: str,
    owner: Tenant | None = None,
    kind: str = ArticleKind.SERVICE,
    categories: Iterable[Category] = (),
    sections: dict[str, object] | None = None,
    terms: Iterable[str] = (),
    leika_key: str = "",
    source: str = "",
    source_id: str = "",
    source_hash: str = "",
    note: str = "",
) -> Article:
    """A new article with its first draft: shared, or ``owner``'s alone."""
    title = plain(title)
    if not title:
        raise KnowledgeRefusal(_("Ein Artikel braucht einen Titel."))
    article = Article(
        title=title[:250],
        sort_key=sort_key(title),
        kind=kind,
        owner=owner,
        leika_key=leika_key,
        source=source,
        source_id=source_id,
        source_hash=source_hash,
    )
    assert_may_write(article=article, tenant=owner)
    article.save(force_insert=True)
    article.categories.set(categories)
    Revision.objects.create(
        article=article,
        tenant=owner,
        number=1,
        title=title[:250],
        sections=clean_sections(sections or {}),
        author=actor,
        note=note[:250],
        lock_version=1,
    )
    set_search_terms(article=article, tenant=owner, terms=terms, actor=actor, refresh=False)
    _audit("knowledge.article_created", article, owner, actor, {"source": source})
    return article


def head_of(*, article: Article, tenant: Tenant | None) -> Revision | None:
    """The newest revision of a chain that is not archived, else the newest of all."""
    chain = Revision.objects.filter(article=article, tenant=tenant).order_by("-number")
    return chain.exclude(state=State.ARCHIVED).first() or chain.first()


def chain_token(*, article: Article, tenant: Tenant | None) -> str:
    """What a form remembers of a chain, so that a later save finds out whether somebody was faster."""
    return _token(head_of(article=article, tenant=tenant))


@transaction.atomic
def save_draft(
    *,
    article: Article,
    tenant: Tenant | None,
    actor: User | None,
    title: str,
    sections: dict[str, object],
    token: str,
    note: str = "",
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    author: User | None = None,
) -> Revision:
    """Save the open draft of a chain, or begin one. ``token`` is ``chain_token`` as the form saw it.

    A text in review becomes a draft again: what is reviewed must be what is published.
    ``author`` is whose words they are, where that is not ``actor`` (a proposal taken over).
    Raises EditConflict when somebody else saved, published or archived in between.
    """
    assert_may_write(article=article, tenant=tenant)
    Article.objects.select_for_update().get(pk=article.pk)  # one writer at a time, also for the first draft
    head = head_of(article=article, tenant=tenant)
    if _token(head) != token:
        raise EditConflict(head)
    title = plain(title)[:250]
    if not title and (tenant is None or article.owner_id):
        raise KnowledgeRefusal(_("Ein Artikel braucht einen Titel."))
    if valid_from and valid_until and valid_until <= valid_from:
        raise KnowledgeRefusal(_("„Gültig bis“ muss nach „gültig ab“ liegen."))
    cleaned = clean_sections(sections, keep_empty=tenant is not None and article.owner_id is None)
    if head is not None and head.state in OPEN_STATES:
        draft = head
    else:
        draft = Revision(article=article, tenant=tenant, number=_next_number(article, tenant), based_on=head)
    draft.state = State.DRAFT
    draft.title, draft.sections, draft.note = title, cleaned, note[:250]
    draft.valid_from, draft.valid_until = valid_from, valid_until
    draft.author, draft.reviewer = author or actor, None
    draft.lock_version += 1
    draft.save()
    if tenant is None or article.owner_id:
        Article.objects.filter(pk=article.pk).update(title=title, sort_key=sort_key(title))
    _audit("knowledge.draft_saved", article, tenant, actor, {"revision": str(draft.pk), "version": draft.lock_version})
    return draft


@transaction.atomic
def discard_draft(*, revision: Revision, actor: User) -> None:
    """Delete an open draft; what is published stays as it is."""
    revision = _locked(revision)
    assert_may_write(article=revision.article, tenant=revision.tenant)
    if revision.state not in OPEN_STATES:
        raise KnowledgeRefusal(_("Nur Entwürfe können verworfen werden."))
    if revision.number == 1 and revision.article.revisions.count() == 1:
        raise KnowledgeRefusal(_("Das ist die einzige Fassung dieses Artikels. Archivieren Sie den Artikel."))
    _audit("knowledge.draft_discarded", revision.article, revision.tenant, actor, {"revision": str(revision.pk)})
    revision.delete()


@transaction.atomic
def submit_for_review(*, revision: Revision, actor: User) -> Revision:
    """Hand a draft to somebody else's eyes."""
    revision = _locked(revision)
    assert_may_write(article=revision.article, tenant=revision.tenant)
    if revision.state == State.IN_REVIEW:
        return revision
    if revision.state != State.DRAFT:
        raise KnowledgeRefusal(_("Nur Entwürfe können zur Prüfung gegeben werden."))
    revision.state = State.IN_REVIEW
    revision.save(update_fields=["state", "changed_at"])
    _audit("knowledge.review_asked", revision.article, revision.tenant, actor, {"revision": str(revision.pk)})
    return revision


@transaction.atomic
def send_back(*, revision: Revision, actor: User, note: str) -> Revision:
    """The reviewer wants something changed: back to draft, with a sentence why."""
    revision = _locked(revision)
    assert_may_write(article=revision.article, tenant=revision.tenant)
    if revision.state != State.IN_REVIEW:
        raise KnowledgeRefusal(_("Dieser Text liegt nicht zur Prüfung vor."))
    revision.state = State.DRAFT
    if note.strip():
        revision.note = plain(note)[:250]
    revision.save(update_fields=["state", "note", "changed_at"])
    _audit("knowledge.sent_back", revision.article, revision.tenant, actor, {"revision": str(revision.pk)})
    author = revision.author
    if author is not None and author.pk != actor.pk:
        city = revision.tenant or revision.article.owner or Tenant.objects.filter(is_active=True).first()
        write_to(
            [author],
            subject=_("Zurückgegeben: %(title)s") % {"title": revision.article.title},
            body=_(
                "Guten Tag,\n\nIhr Text zu „%(title)s“ ist wieder ein Entwurf. Die Prüfung sagt:\n%(note)s\n\n%(url)s\n"
            ),
            values={"title": revision.article.title, "note": plain(note) or "–"},
            path=reverse("knowledge:edit", args=[city.slug, revision.article_id]) if city else "/",
        )
    return revision


# --- publication ------------------------------------------------------------------------------
@transaction.atomic
def publish(
    *,
    revision: Revision,
    actor: User | None,
    without_review: str = "",
    confirmed: Sequence[str] = (),
    announce: bool = True,
    refresh: bool = True,
) -> Revision:
    """Publish a text in review. The reviewer is never its author.

    ``refresh=False`` is for mass imports, which refresh all their articles at once at the end.

    ``without_review`` names why no second person looked (an import with ``--publish --as``, the
    demo's content); it stands in the audit trail, and so does ``confirmed``: the cities' own sections of
    which the reviewer says that they still hold beside the new shared text.
    """
    revision = _locked(revision)
    assert_may_write(article=revision.article, tenant=revision.tenant)
    if not without_review:
        if revision.state != State.IN_REVIEW:
            raise KnowledgeRefusal(_("Geben Sie den Text zuerst zur Prüfung."))
        if actor is None or actor.pk == revision.author_id:
            raise KnowledgeRefusal(_("Veröffentlichen kann nur eine andere Person als die, die zuletzt geändert hat."))
        _assert_approved(revision)
    elif revision.state not in OPEN_STATES:
        raise KnowledgeRefusal(_("Dieser Text ist schon veröffentlicht."))
    now = timezone.now()
    if revision.valid_until is not None and revision.valid_until <= now:
        raise KnowledgeRefusal(_("„Gültig bis“ liegt in der Vergangenheit."))
    revision.state, revision.reviewer, revision.published_at = State.PUBLISHED, actor, now
    revision.save(update_fields=["state", "reviewer", "published_at", "changed_at"])
    data: dict[str, object] = {"revision": str(revision.pk), "author": revision.author_id}
    if without_review:
        data["without_review"] = without_review
    if confirmed:
        data["confirmed"] = sorted(confirmed)
    _audit("knowledge.published", revision.article, revision.tenant, actor, data)
    if refresh:
        refresh_effective(revision.article_id, announce=announce)
    return revision


@transaction.atomic
def archive(*, revision: Revision, actor: User | None) -> Revision:
    """Take a published text off the desks. It stays in the history."""
    revision = _locked(revision)
    assert_may_write(article=revision.article, tenant=revision.tenant)
    if revision.state != State.PUBLISHED:
        raise KnowledgeRefusal(_("Nur veröffentlichte Texte können archiviert werden."))
    archive_rows(Revision.objects.filter(pk=revision.pk))
    revision.refresh_from_db()
    _audit("knowledge.archived", revision.article, revision.tenant, actor, {"revision": str(revision.pk)})
    refresh_effective(revision.article_id)
    return revision


@transaction.atomic
def withdraw_planned(*, revision: Revision, actor: User) -> Revision:
    """Take a publication back before it takes effect; what is shown today stays."""
    revision = _locked(revision)
    begins = begins_at(revision)
    if revision.state != State.PUBLISHED or begins is None or begins <= timezone.now():
        raise KnowledgeRefusal(_("Dieser Text gilt schon oder ist nicht veröffentlicht; hier ist nichts geplant."))
    return archive(revision=revision, actor=actor)


@transaction.atomic
def archive_article(*, article: Article, actor: User | None) -> None:
    """Take an article off every desk it reaches: shared text and all local sections."""
    published = list(article.revisions.filter(state=State.PUBLISHED).select_related("tenant"))
    if not published:
        raise KnowledgeRefusal(_("Dieser Artikel ist nicht veröffentlicht."))
    for revision in published:
        assert_may_write(article=article, tenant=revision.tenant)
    archive_rows(Revision.objects.filter(pk__in=[revision.pk for revision in published]))
    _audit("knowledge.article_archived", article, article.owner, actor, {"revisions": len(published)})
    refresh_effective(article.pk)


@transaction.atomic
def restore(*, revision: Revision, actor: User, token: str) -> Revision:
    """Begin a new draft with the text of an older revision; history keeps both."""
    old = Revision.objects.select_related("article", "tenant").get(pk=revision.pk)
    return save_draft(
        article=old.article,
        tenant=old.tenant,
        actor=actor,
        title=old.title,
        sections=old.sections,
        token=token,
        note=_("Wiederhergestellt aus Fassung %(number)s") % {"number": old.number},
    )


@transaction.atomic
def set_search_terms(
    *, article: Article, tenant: Tenant | None, terms: Iterable[str], actor: User | None, refresh: bool = True
) -> bool:
    """Replace the citizens' words of an article for one city, or for all; True when something changed."""
    assert_may_write(article=article, tenant=tenant)
    wanted = {term[:120] for term in map(plain, terms) if term}
    present = set(SearchTerm.objects.filter(article=article, tenant=tenant).values_list("term", flat=True))
    if wanted == present:
        return False
    SearchTerm.objects.filter(article=article, tenant=tenant, term__in=present - wanted).delete()
    SearchTerm.objects.bulk_create(
        [SearchTerm(article=article, tenant=tenant, term=term) for term in sorted(wanted - present)]
    )
    _audit("knowledge.terms_set", article, tenant, actor, {"count": len(wanted)})
    if refresh:
        refresh_effective(article.pk)
    return True


@transaction.atomic
def set_properties(
    *, article: Article, actor: User | None, kind: str, categories: Iterable[Category], review_on: date | None
) -> None:
    """Themes, kind, and the day on which somebody should look again; not part of what is reviewed."""
    assert_may_write(article=article, tenant=article.owner)
    Article.objects.filter(pk=article.pk).update(kind=kind, review_on=review_on)
    article.categories.set(categories)
    _audit("knowledge.properties_set", article, article.owner, actor, {"review_on": str(review_on or "")})


# --- helpers ------------------------------------------------------------------------------------
def _assert_approved(revision: Revision) -> None:
    """Whoever was asked for approval has given it, and to exactly this text."""
    asked = Approval.objects.filter(revision=revision).select_related("tenant")
    missing = [
        approval.tenant.name
        for approval in asked
        if approval.decision != Decision.GRANTED or approval.version != revision.lock_version
    ]
    if missing:
        raise KnowledgeRefusal(
            _("Die Freigabe fehlt noch: %(cities)s. Warten Sie darauf, oder nehmen Sie die Bitte zurück.")
            % {"cities": ", ".join(sorted(missing))}
        )


def _token(head: Revision | None) -> str:
    return f"{head.pk}:{head.lock_version}:{head.state}" if head else ""


def _next_number(article: Article, tenant: Tenant | None) -> int:
    highest = Revision.objects.filter(article=article, tenant=tenant).aggregate(top=Max("number"))["top"]
    return (highest or 0) + 1


def _locked(revision: Revision) -> Revision:
    """The revision as it stands now, locked until the end of the transaction."""
    return Revision.objects.select_for_update(of=("self",)).select_related("article", "tenant").get(pk=revision.pk)


def _audit(action: str, article: Article, tenant: Tenant | None, actor: User | None, data: dict[str, object]) -> None:
    record(
        action=action,
        actor_id=actor.pk if actor else None,
        tenant_id=tenant.pk if tenant else None,
        object_type="article",
        object_id=article.pk,
        data=data,
    )
