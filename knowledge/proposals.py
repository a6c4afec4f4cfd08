"""Corrections that a city's liaison proposes; editors take them over as a draft, or answer why not."""

from __future__ import annotations

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from callcenter.accounts.models import User
from callcenter.audit.services import record
from knowledge import services
from knowledge.diff import SectionDiff, diff_sections
from knowledge.letters import write_to
from knowledge.models import EffectiveArticle, Revision
from knowledge.models_authoring import Proposal, ProposalState
from knowledge.sanitise import clean_sections, plain
from knowledge.sections import SECTIONS
from knowledge.services import KnowledgeRefusal
from tenants.models import Tenant
from tenants.scope import assert_in_scope


@transaction.atomic
def propose(*, effective: EffectiveArticle, actor: User, sections: dict[str, object], reason: str) -> Proposal:
    """Propose other words for what a city shows. ``sections`` read as they should; what is equal is left out."""
    assert_in_scope(effective.tenant)
    wanted = clean_sections(sections, keep_empty=True)
    changed = {
        section.key: wanted[section.key]
        for section in SECTIONS
        if section.key in wanted and (wanted[section.key] or None) != (effective.sections.get(section.key) or None)
    }
    if not changed:
        raise KnowledgeRefusal(_("Sie haben noch nichts geändert."))
    proposal = Proposal.objects.create(
        tenant=effective.tenant,
        article_id=effective.article_id,
        sections=changed,
        before={key: effective.sections[key] for key in changed if key in effective.sections},
        reason=plain(reason)[:500],
        author=actor,
    )
    _audit("knowledge.proposed", proposal, actor)
    return proposal


@transaction.atomic
def accept(*, proposal: Proposal, actor: User) -> Revision:
    """Take a proposal over as the city's draft. Its author stays the author, so that the editor may review it.

    Where a draft is open already, both texts are the editor's, and somebody else reviews.
    """
    found = _locked(proposal)
    article, city = found.article, found.tenant
    head = services.head_of(article=article, tenant=city)
    is_open = head is not None and head.state in services.OPEN_STATES
    present = dict(head.sections) if head and head.state != "archived" else {}
    owned = article.owner_id is not None
    revision = services.save_draft(
        article=article,
        tenant=city,
        actor=actor,
        author=actor if is_open else found.author,
        title=head.title if head else (article.title if owned else ""),
        sections={**present, **found.sections},
        token=services.chain_token(article=article, tenant=city),
        note=_("Vorschlag aus %(city)s: %(reason)s") % {"city": city.name, "reason": found.reason or "–"},
        valid_from=head.valid_from if is_open and head else None,
        valid_until=head.valid_until if is_open and head else None,
    )
    _decide(found, actor, ProposalState.ACCEPTED, _("In den Entwurf übernommen."))
    return revision


@transaction.atomic
def decline(*, proposal: Proposal, actor: User, answer: str) -> Proposal:
    """Say why a proposal is not taken over."""
    found = _locked(proposal)
    answer = plain(answer)[:500]
    if not answer:
        raise KnowledgeRefusal(_("Bitte schreiben Sie der Partnerstadt in einem Satz, warum nicht."))
    _decide(found, actor, ProposalState.DECLINED, answer)
    return found


def open_of(city: Tenant) -> list[Proposal]:
    """What the city proposes and nobody has answered yet, oldest first."""
    found = Proposal.objects.filter(tenant=city, state=ProposalState.OPEN)
    return list(found.select_related("article__owner", "tenant", "author").order_by("created_at"))


def recent_of(city: Tenant, limit: int = 20) -> list[Proposal]:
    """The newest answered proposals of a city."""
    found = Proposal.objects.filter(tenant=city).exclude(state=ProposalState.OPEN)
    return list(found.select_related("article", "tenant", "author", "decided_by").order_by("-decided_at")[:limit])


def changes_of(proposal: Proposal) -> list[SectionDiff]:
    """What the proposal changes, word by word."""
    return diff_sections(proposal.before, proposal.sections)


def _locked(proposal: Proposal) -> Proposal:
    assert_in_scope(proposal.tenant)
    rows = Proposal.objects.select_for_update(of=("self",)).select_related("article__owner", "tenant", "author")
    found = rows.get(pk=proposal.pk)
    if found.state != ProposalState.OPEN:
        raise KnowledgeRefusal(_("Dieser Vorschlag ist schon beantwortet."))
    return found


def _decide(proposal: Proposal, actor: User, state: ProposalState, answer: str) -> None:
    proposal.state, proposal.answer = state, answer
    proposal.decided_by, proposal.decided_at = actor, timezone.now()
    proposal.save(update_fields=["state", "answer", "decided_by", "decided_at"])
    _audit(f"knowledge.proposal_{state.value}", proposal, actor)
    if proposal.author:
        write_to(
            [proposal.author],
            subject=_("Antwort auf Ihren Vorschlag: %(title)s") % {"title": proposal.article.title},
            body=_("Guten Tag,\n\nIhr Vorschlag zu „%(title)s“ ist beantwortet:\n%(answer)s\n\n%(url)s\n"),
            values={"title": proposal.article.title, "answer": answer},
            path=reverse("knowledge:approvals", args=[proposal.tenant.slug]),
        )


def _audit(action: str, proposal: Proposal, actor: User) -> None:
    record(
        action=action,
        actor_id=actor.pk,
        tenant_id=proposal.tenant_id,
        object_type="article",
        object_id=proposal.article_id,
        data={"proposal": str(proposal.pk), "sections": sorted(proposal.sections)},
    )
