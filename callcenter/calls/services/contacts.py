"""What was asked and answered in a call: concerns, the articles opened, how each ended.

A call has one contact per concern. The desk starts the first when the call is taken and calls
``open_article`` whenever the agent opens an answer, so that the contact fills itself.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from callcenter.accounts.models import Role, User
from callcenter.audit.services import record
from callcenter.calls.models import Call, Contact, ContactArticle, Disposition, Feedback, FeedbackKind
from callcenter.calls.services.refusals import Refused
from knowledge.models import EffectiveArticle
from tenants.models import Tenant
from tenants.scope import assert_in_scope

EDIT_MINUTES = 30  # after wrap-up, where no city says how long notes and outcome may still be put right


def contacts_of(*, user: User, call: Call) -> list[Contact]:
    """The call's concerns in order, the first one made when there is none yet.

    Its city is the line's; while the line is unknown, the first city that the agent answers for, which
    ``switch_city`` changes. Raises Refused when the agent answers for no city.
    """
    found = _contacts(call)
    if found:
        return found
    city = call.tenant or Tenant.objects.filter(pk__in=user.tenant_ids(Role.AGENT), is_active=True).first()
    if city is None:
        raise Refused(_("Für diese Stadt nehmen Sie keine Anrufe an."))
    start_contact(user=user, call=call, tenant=city)
    return _contacts(call)


def _contacts(call: Call) -> list[Contact]:
    return list(Contact.objects.filter(call=call).select_related("tenant", "call").order_by("position"))


@transaction.atomic
def start_contact(*, user: User, call: Call, tenant: Tenant) -> Contact:
    """The concern that is open in this call; made for the city when there is none. Raises Refused."""
    assert_in_scope(tenant)
    _lock(user, call)
    contact = Contact.objects.filter(call=call, closed_at__isnull=True).order_by("position").last()
    return contact or _new(call, tenant)


@transaction.atomic
def add_concern(*, user: User, call: Call, tenant: Tenant) -> Contact:
    """A further concern of the same caller; the ones before stay as they are."""
    assert_in_scope(tenant)
    return _new(_lock(user, call), tenant)


def editable_until(call: Call) -> datetime | None:
    """When a closed call's notes and outcome become final, by its city's rule; None while it is open."""
    if call.wrapped_up_at is None:
        return None
    return call.wrapped_up_at + timedelta(minutes=call.tenant.edit_minutes if call.tenant else EDIT_MINUTES)


def _lock(user: User, call: Call) -> Call:
    locked = Call.objects.beyond_scope("the contact's own call").select_for_update(of=("self",)).get(pk=call.pk)
    if locked.agent_id != user.pk:
        raise Refused(_("Dieser Anruf liegt nicht bei Ihnen."))
    if locked.tenant_id is not None:
        assert_in_scope(locked.tenant_id)
    until = editable_until(locked)
    if until and timezone.now() > until:
        raise Refused(_("Dieser Anruf ist abgeschlossen und kann nicht mehr geändert werden."))
    return locked


def _new(call: Call, tenant: Tenant) -> Contact:
    last = Contact.objects.filter(call=call).order_by("position").last()
    return Contact.objects.create(
        call=call, tenant=tenant, position=last.position + 1 if last else 1, opened_at=timezone.now()
    )


def _open(user: User, contact: Contact) -> Contact:
    """The contact as stored, locked; refused once the time for corrections is over."""
    _lock(user, contact.call)
    stored = Contact.objects.select_for_update(of=("self",)).filter(pk=contact.pk).first()
    if stored is None:
        raise Refused(_("Dieses Anliegen gibt es nicht."))
    return stored


@transaction.atomic
def open_article(*, user: User, contact: Contact, effective: EffectiveArticle) -> ContactArticle:
    """Record that the agent opened this answer, in the very revisions shown. The newest becomes the topic."""
    assert_in_scope(effective.tenant_id)
    stored = _open(user, contact)
    opened, _made = ContactArticle.objects.update_or_create(
        contact=stored,
        article_id=effective.article_id,
        defaults={
            "tenant_id": effective.tenant_id,
            "shared_revision_id": effective.shared_revision_id,
            "local_revision_id": effective.local_revision_id,
            "title": effective.title,
            "opened_at": timezone.now(),
        },
    )
    if not stored.opened.filter(used=True).exists():
        _set_topic(stored, opened)
    return opened


@transaction.atomic
def mark_used(*, user: User, contact: Contact, opened_ids: Collection[int]) -> None:
    """Say which of the opened articles (ids of ContactArticle) carried the answer; the last is the topic."""
    stored = _open(user, contact)
    stored.opened.filter(pk__in=opened_ids, used=False).update(used=True)
    stored.opened.filter(used=True).exclude(pk__in=opened_ids).update(used=False)
    topic = stored.opened.filter(used=True).last() or stored.opened.last()
    if topic:
        _set_topic(stored, topic)


@transaction.atomic
def save_concern(
    *,
    user: User,
    contact: Contact,
    disposition: str,
    found: bool | None,
    note: str,
    used: Collection[int],
) -> Contact:
    """Keep the whole concern as it stands on the desk: ticks, outcome (may be empty yet), found or not, note."""
    mark_used(user=user, contact=contact, opened_ids=used)
    save_note(user=user, contact=contact, note=note)
    if disposition:
        return set_disposition(user=user, contact=contact, disposition=disposition, found=found)
    stored = _open(user, contact)
    stored.disposition, stored.found = "", found
    stored.save(update_fields=["disposition", "found"])
    return stored


def _set_topic(contact: Contact, opened: ContactArticle) -> None:
    contact.article_id = opened.article_id
    contact.shared_revision_id, contact.local_revision_id = opened.shared_revision_id, opened.local_revision_id
    contact.save(update_fields=["article", "shared_revision", "local_revision"])


@transaction.atomic
def set_disposition(*, user: User, contact: Contact, disposition: str, found: bool | None = None) -> Contact:
    """How the concern ended, and whether the answer was in the knowledge base.

    ``found`` None leaves it, or takes it from whether an article was opened when it was never said.
    """
    if disposition not in Disposition.values:
        raise Refused(_("Bitte wählen Sie, wie das Anliegen ausging."))
    stored = _open(user, contact)
    stored.disposition = disposition
    if found is not None:
        stored.found = found
    elif stored.found is None:
        stored.found = stored.opened.exists() or None
    stored.save(update_fields=["disposition", "found"])
    return stored


@transaction.atomic
def save_note(*, user: User, contact: Contact, note: str) -> Contact:
    """Keep the note (at most 4,000 characters); the desk saves it while it is typed."""
    if len(note) > 4000:
        raise Refused(_("Die Notiz hat höchstens 4.000 Zeichen."))
    stored = _open(user, contact)
    stored.note = note
    stored.save(update_fields=["note"])
    return stored


@transaction.atomic
def switch_city(*, user: User, contact: Contact, tenant: Tenant) -> Contact:
    """Give another city's answers: the caller dialled the wrong one. Billing stays with the line."""
    assert_in_scope(tenant)
    stored = _open(user, contact)
    stored.tenant = tenant
    stored.save(update_fields=["tenant"])
    return stored


@transaction.atomic
def report_feedback(
    *,
    user: User,
    tenant: Tenant,
    kind: str,
    query: str = "",
    effective: EffectiveArticle | None = None,
    call: Call | None = None,
    text: str = "",
) -> Feedback:
    """Send a question or a wrong answer to the editors' worklist, with query, article and call."""
    assert_in_scope(tenant)
    if kind not in FeedbackKind.values:
        raise Refused(_("Bitte wählen Sie, was nicht stimmt."))
    if effective is None and not query.strip() and not text.strip():
        raise Refused(_("Bitte schreiben Sie, wonach gefragt wurde."))
    feedback = Feedback.objects.create(
        tenant=tenant,
        kind=kind,
        query=query.strip()[:250],
        article_id=effective.article_id if effective else None,
        shared_revision_id=effective.shared_revision_id if effective else None,
        local_revision_id=effective.local_revision_id if effective else None,
        call=call,
        reporter=user,
        text=text.strip()[:500],
    )
    record(
        action="feedback.reported", actor_id=user.pk, tenant_id=tenant.pk, object_type="feedback", object_id=feedback.pk
    )
    return feedback


@transaction.atomic
def mark_report_read(*, user: User, feedback: Feedback) -> None:
    """The reporter has read what became of it; twice is once. Raises Refused for somebody else's."""
    if feedback.reporter_id != user.pk:
        raise Refused(_("Das ist nicht Ihre Meldung."))
    Feedback.objects.filter(pk=feedback.pk, closed_at__isnull=False, told_at__isnull=True).update(
        told_at=timezone.now()
    )
