"""A city approves what is said in its name: editors ask, the city's liaison answers, publishing waits."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from callcenter.accounts.models import Membership, Role, User
from callcenter.audit.services import record
from knowledge.letters import write_to
from knowledge.models import Revision, State
from knowledge.models_authoring import Approval, Decision
from knowledge.sanitise import plain
from knowledge.services import KnowledgeRefusal
from tenants.models import Tenant
from tenants.scope import assert_in_scope


def liaisons_of(city: Tenant) -> list[User]:
    """Who speaks for the city."""
    people = Membership.objects.filter(tenant=city, role=Role.LIAISON, user__is_active=True)
    return [membership.user for membership in people.select_related("user").order_by("user__name")]


def cities_with_liaison() -> set[int]:
    """Ids of the cities that somebody speaks for."""
    people = Membership.objects.filter(role=Role.LIAISON, user__is_active=True)
    return set(people.values_list("tenant_id", flat=True))


@transaction.atomic
def ask(*, revision: Revision, city: Tenant, actor: User) -> Approval:
    """Ask a city's liaison to approve a text in review. Until they answer, it is not published."""
    assert_in_scope(city)
    rows = Revision.objects.select_for_update(of=("self",)).select_related("article", "tenant")
    revision = rows.get(pk=revision.pk)  # as it stands now: that is what is asked for
    if revision.state != State.IN_REVIEW:
        raise KnowledgeRefusal(_("Um Freigabe bitten können Sie, sobald der Text zur Prüfung gegeben ist."))
    if revision.tenant_id not in (None, city.pk) or revision.article.owner_id not in (None, city.pk):
        raise KnowledgeRefusal(_("Dieser Text erreicht diese Stadt nicht."))
    liaisons = liaisons_of(city)
    if not liaisons:
        raise KnowledgeRefusal(
            _("In %(city)s ist niemand als Partnerstadt eingetragen. Die Verwaltung kann eine Person eintragen.")
            % {"city": city.name}
        )
    approval, _created = Approval.objects.update_or_create(
        revision=revision,
        tenant=city,
        defaults={
            "version": revision.lock_version,
            "decision": Decision.OPEN,
            "comment": "",
            "asked_by": actor,
            "asked_at": timezone.now(),
            "decided_by": None,
            "decided_at": None,
        },
    )
    _audit("knowledge.approval_asked", approval, actor)
    write_to(
        liaisons,
        subject=_("Bitte um Freigabe: %(title)s") % {"title": revision.article.title},
        body=_(
            "Guten Tag,\n\ndie Redaktion bittet um Ihre Freigabe für den Artikel „%(title)s“, "
            "so wie er in %(city)s gesagt werden soll:\n%(url)s\n"
        ),
        values={"title": revision.article.title, "city": city.name},
        path=reverse("knowledge:approvals", args=[city.slug]),
    )
    return approval


@transaction.atomic
def withdraw(*, approval: Approval, actor: User) -> None:
    """Take the question back, answered or not; publishing no longer waits for this city."""
    assert_in_scope(approval.tenant)
    if approval.revision.state not in (State.DRAFT, State.IN_REVIEW):
        raise KnowledgeRefusal(_("Dieser Text ist schon veröffentlicht."))
    _audit("knowledge.approval_withdrawn", approval, actor)
    approval.delete()


@transaction.atomic
def decide(*, approval: Approval, actor: User, granted: bool, comment: str = "") -> Approval:
    """The liaison's answer; a refusal says why."""
    assert_in_scope(approval.tenant)
    found = (
        Approval.objects.select_for_update(of=("self",))
        .select_related("revision__article", "tenant", "asked_by")
        .get(pk=approval.pk)
    )
    if found.decision != Decision.OPEN or is_void(found):
        raise KnowledgeRefusal(_("Diese Bitte ist nicht mehr offen: Der Text hat sich geändert oder ist entschieden."))
    comment = plain(comment)[:500]
    if not granted and not comment:
        raise KnowledgeRefusal(_("Bitte schreiben Sie in einem Satz, was nicht stimmt."))
    found.decision = Decision.GRANTED if granted else Decision.REFUSED
    found.comment, found.decided_by, found.decided_at = comment, actor, timezone.now()
    found.save(update_fields=["decision", "comment", "decided_by", "decided_at"])
    _audit("knowledge.approval_granted" if granted else "knowledge.approval_refused", found, actor)
    if found.asked_by:
        article = found.revision.article
        write_to(
            [found.asked_by],
            subject=_("Antwort auf Ihre Bitte um Freigabe: %(title)s") % {"title": article.title},
            body=_("Guten Tag,\n\n%(city)s zu „%(title)s“: %(decision)s.\n%(comment)s\n\n%(url)s\n"),
            values={
                "city": found.tenant.name,
                "title": article.title,
                "decision": found.get_decision_display(),
                "comment": comment or "–",
            },
            path=reverse("knowledge:review", args=[found.tenant.slug, article.pk]),
        )
    return found


def is_void(approval: Approval) -> bool:
    """The text is another one than was asked for, or no longer waits."""
    revision = approval.revision
    return revision.lock_version != approval.version or revision.state != State.IN_REVIEW


def open_for(city: Tenant) -> list[Approval]:
    """What waits for the city's answer, oldest first."""
    waiting = Approval.objects.filter(
        tenant=city, decision=Decision.OPEN, revision__state=State.IN_REVIEW, revision__lock_version=F("version")
    )
    related = waiting.select_related("tenant", "asked_by", "revision__article__owner", "revision__tenant")
    return list(related.order_by("asked_at"))


def of_revisions(revisions: Iterable[Revision]) -> dict[object, list[Approval]]:
    """The approvals asked for each revision, by its id."""
    found: dict[object, list[Approval]] = {}
    asked = Approval.objects.filter(revision__in=[revision.pk for revision in revisions])
    for approval in asked.select_related("tenant", "decided_by", "revision").order_by("tenant__name"):
        found.setdefault(approval.revision_id, []).append(approval)
    return found


def _audit(action: str, approval: Approval, actor: User) -> None:
    record(
        action=action,
        actor_id=actor.pk,
        tenant_id=approval.tenant_id,
        object_type="article",
        object_id=approval.revision.article_id,
        data={"revision": str(approval.revision_id), "version": approval.version},
    )
