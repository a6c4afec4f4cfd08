"""Call-backs that an office owes a caller: handing over, each step with its log, reminders, escalation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from callcenter.accounts.models import Role, User
from callcenter.audit.services import record
from callcenter.calls.models import (
    Contact,
    Disposition,
    Handover,
    HandoverEntry,
    HandoverState,
    HandoverStep,
    Source,
    counted,
)
from callcenter.calls.questions import Answered
from callcenter.calls.sealing import seal, unseal
from callcenter.calls.servicehours import HANDOVER_HOURS, due_after
from callcenter.calls.services.contacts import set_disposition
from callcenter.calls.services.refusals import Refused
from callcenter.calls.signals import mail_wanted
from tenants.models import Office, StaffMember
from tenants.numbers import to_e164
from tenants.scope import all_cities, assert_in_scope

REMIND_BEFORE = timedelta(hours=4)  # of the 24 hours that count


@transaction.atomic
def create_handover(
    *,
    user: User,
    contact: Contact,
    office: Office | None,
    request: str,
    callback_number: str = "",
    person: StaffMember | None = None,
    answers: Sequence[Answered] = (),
) -> Handover:
    """Hand a concern to an office, or a person of it; due in 24 hours that count. Raises Refused."""
    tenant = contact.tenant
    assert_in_scope(tenant)
    office = _office_of(office, person)
    if office is not None and office.tenant_id != tenant.pk:
        raise Refused(_("Dieses Amt gehört zu einer anderen Stadt."))
    if not request.strip():
        raise Refused(_("Bitte schreiben Sie, worum es geht."))
    number = to_e164(callback_number) if callback_number.strip() else ""
    if callback_number.strip() and not number:
        raise Refused(_("Diese Rückrufnummer ist nicht vollständig. Fragen Sie nach der Vorwahl."))
    set_disposition(user=user, contact=contact, disposition=Disposition.HANDED_OVER)
    now = timezone.now()
    handover = Handover.objects.create(
        tenant=tenant,
        contact=contact,
        office=office,
        person=person,
        request=request.strip(),
        answers=seal(json.dumps([answer.as_dict() for answer in answers])) if answers else b"",
        callback_number=seal(number),
        due_at=due_after(now, zone=tenant.zone, land=tenant.land),
        remind_at=due_after(now, zone=tenant.zone, land=tenant.land, hours=HANDOVER_HOURS - REMIND_BEFORE),
        created_by=user,
    )
    _log(handover, HandoverStep.CREATED, by=user.pk, at=now)
    _mail_office(handover, HandoverStep.CREATED)
    record(
        action="handover.created",
        actor_id=user.pk,
        tenant_id=tenant.pk,
        object_type="handover",
        object_id=handover.pk,
        data={"office": office.pk if office else None, "person": person.pk if person else None},
    )
    return handover


def _office_of(office: Office | None, person: StaffMember | None) -> Office | None:
    """A person brings their office along. Raises Refused when they belong to another one."""
    if person is None:
        return office
    if office is not None and person.office_id != office.pk:
        raise Refused(_("Diese Person gehört zu einem anderen Amt."))
    return person.office


def answers_of(handover: Handover) -> list[Answered]:
    """What the question set asked and what the caller said; empty once it has been deleted."""
    text = unseal(handover.answers)
    return [Answered(**answer) for answer in json.loads(text)] if text else []


# --- steps ------------------------------------------------------------------------------------------
_STEP_STATES = {
    HandoverStep.ACCEPTED: HandoverState.ACCEPTED,
    HandoverStep.TRIED: HandoverState.TRIED,
    HandoverStep.RETURNED: HandoverState.RETURNED,
    HandoverStep.DONE: HandoverState.DONE,
}
NEEDS_NOTE = {
    HandoverStep.DONE: gettext_lazy("Bitte schreiben Sie, was daraus geworden ist."),
    HandoverStep.RETURNED: gettext_lazy("Bitte schreiben Sie, wer stattdessen zuständig ist."),
}


@transaction.atomic
def take_step(*, handover: Handover, step: str, note: str = "", actor_id: int | None) -> Handover:
    """The office accepts, did not reach the caller, gives the call-back back, or has made it. Raises Refused.

    ``actor_id`` is None when the office answered through its link.
    """
    step, note = HandoverStep(step), note.strip()[:4000]
    if step not in _STEP_STATES:
        raise Refused(_("Diesen Schritt gibt es nicht."))
    if step in NEEDS_NOTE and not note:
        raise Refused(str(NEEDS_NOTE[step]))
    stored = _locked(handover)
    if not stored.is_owed:
        raise Refused(_("Dieser Rückruf ist schon erledigt."))
    now = timezone.now()
    stored.state = _STEP_STATES[step]
    if step == HandoverStep.DONE:
        stored.done_at, stored.answer = now, note
    stored.save(update_fields=["state", "done_at", "answer"])
    _log(stored, step, by=actor_id, note=note, at=now)
    action = "answered" if step == HandoverStep.DONE else step.value
    _audit(stored, action, actor_id)
    return stored


@transaction.atomic
def forward_handover(
    *, user: User, handover: Handover, office: Office, person: StaffMember | None = None, note: str = ""
) -> Handover:
    """Another office, or a person, owes the call-back now; its due time stays. Raises Refused."""
    stored = _locked(handover)
    if not stored.is_owed:
        raise Refused(_("Dieser Rückruf ist schon erledigt."))
    if office.tenant_id != stored.tenant_id:
        raise Refused(_("Dieses Amt gehört zu einer anderen Stadt."))
    if (office.pk, person and person.pk) == (stored.office_id, stored.person_id):
        raise Refused(_("Dort liegt der Rückruf schon. Bitte wählen Sie ein anderes Amt oder eine andere Person."))
    stored.office = _office_of(office, person)
    stored.person, stored.state = person, HandoverState.OPEN
    stored.save(update_fields=["office", "person", "state"])
    entry = _log(stored, HandoverStep.FORWARDED, by=user.pk, note=f"{person or office}. {note.strip()}".strip())
    _mail_office(stored, HandoverStep.FORWARDED, entry.pk)
    _audit(stored, "forwarded", user.pk, {"office": office.pk})
    return stored


@transaction.atomic
def reopen_handover(*, user: User, handover: Handover) -> Handover:
    """The call-back is open after all; its due time stays. Raises Refused."""
    stored = _locked(handover)
    if stored.is_owed:
        raise Refused(_("Dieser Rückruf ist noch offen."))
    stored.state, stored.done_at = HandoverState.OPEN, None
    stored.save(update_fields=["state", "done_at"])
    entry = _log(stored, HandoverStep.REOPENED, by=user.pk)
    _mail_office(stored, HandoverStep.REOPENED, entry.pk)
    _audit(stored, "reopened", user.pk)
    return stored


# --- reminders --------------------------------------------------------------------------------------
def remind(*, now: datetime | None = None) -> dict[str, int]:
    """Remind offices four counted hours before the time is up, and tell supervisors when it is.

    Each happens once, however often the job runs. Returns ``{"reminded": n, "escalated": n}``.
    """
    now = now or timezone.now()
    with all_cities("reminds the offices of every city"):
        owed = Handover.objects.filter(counted("contact__call"), state__in=HandoverState.owed(), remind_at__lte=now)
        late = list(owed.filter(due_at__lte=now, escalated_at__isnull=True).values_list("pk", flat=True))
        soon = list(owed.filter(due_at__gt=now, reminded_at__isnull=True).values_list("pk", flat=True))
        return {"reminded": sum(_remind(pk, now) for pk in soon), "escalated": sum(_escalate(pk, now) for pk in late)}


@transaction.atomic
def _remind(pk: Any, now: datetime) -> int:
    stored = Handover.objects.select_for_update(of=("self",)).get(pk=pk)
    if not stored.is_owed or stored.reminded_at:
        return 0
    stored.reminded_at = now
    stored.save(update_fields=["reminded_at"])
    _log(stored, HandoverStep.REMINDED, at=now)
    _mail_office(stored, HandoverStep.REMINDED)
    _audit(stored, "reminded", None)
    return 1


@transaction.atomic
def _escalate(pk: Any, now: datetime) -> int:
    stored = Handover.objects.select_for_update(of=("self",)).get(pk=pk)
    if not stored.is_owed or stored.escalated_at:
        return 0
    stored.escalated_at = now
    stored.save(update_fields=["escalated_at"])
    _log(stored, HandoverStep.ESCALATED, at=now)
    supervisors = User.objects.filter(
        memberships__tenant_id=stored.tenant_id, memberships__role=Role.SUPERVISOR, is_active=True
    )
    for address in sorted({user.email for user in supervisors if user.email}):
        _mail(stored, HandoverStep.ESCALATED, to=address, key=address)
    _mail_office(stored, HandoverStep.ESCALATED)
    _audit(stored, "escalated", None)
    return 1


# --- shared -----------------------------------------------------------------------------------------
def _locked(handover: Handover) -> Handover:
    stored = Handover.objects.select_for_update(of=("self",)).get(pk=handover.pk)
    assert_in_scope(stored.tenant_id)
    return stored


def _log(
    handover: Handover, step: HandoverStep, *, by: int | None = None, note: str = "", at: datetime | None = None
) -> HandoverEntry:
    return HandoverEntry.objects.create(handover=handover, step=step, by_id=by, note=note, at=at or timezone.now())


def mail_address(handover: Handover) -> str:
    """Where the office reads: the person's own address, else the office's; empty when the directory has none."""
    if handover.person and handover.person.email:
        return handover.person.email
    return handover.office.email if handover.office else ""


def _mail_office(handover: Handover, step: HandoverStep, key: object = "") -> None:
    address = mail_address(handover)
    if address and handover.contact.call.source != Source.TRAINING:  # no office calls back who only practised
        _mail(handover, step, to=address, key=key)


def _mail(handover: Handover, step: HandoverStep, *, to: str, key: object) -> None:
    mail_wanted.send(
        sender=Handover,
        key=f"handover:{handover.pk}:{step.value}:{key}",
        kind="handover_mail",
        payload={"handover": str(handover.pk), "step": step.value, "to": to},
    )


def _audit(handover: Handover, verb: str, actor_id: int | None, data: dict[str, Any] | None = None) -> None:
    record(
        action=f"handover.{verb}",
        actor_id=actor_id,
        tenant_id=handover.tenant_id,
        object_type="handover",
        object_id=handover.pk,
        data=data or {},
    )
