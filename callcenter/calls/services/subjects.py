"""What a caller may ask for: what is kept about their number (Art. 15 GDPR), and its deletion (Art. 17).

Both look at one city's data: each city is the controller of its own calls.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from callcenter.accounts.models import User
from callcenter.audit.services import record
from callcenter.calls.models import Call, CallerNumber, Contact, Handover, HandoverEntry, TelephonyEvent
from callcenter.calls.sealing import keyed_hashes, unseal
from callcenter.calls.services.handovers import answers_of
from callcenter.calls.services.refusals import Refused
from tenants.models import Tenant
from tenants.numbers import to_e164
from tenants.scope import scoped


@dataclass(frozen=True)
class Kept:
    """All that one city keeps about one number, newest call first."""

    number: str
    calls: list[Call] = field(default_factory=list)
    handovers: list[Handover] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values for the person who asked; agents and other callers do not appear."""
        return {
            "number": self.number,
            "calls": [
                {
                    "id": str(call.pk),
                    "offered_at": call.offered_at.isoformat(),
                    "answered_at": call.answered_at.isoformat() if call.answered_at else None,
                    "ended_at": call.ended_at.isoformat() if call.ended_at else None,
                    "dialled": call.dialled,
                    "outcome": call.outcome,
                    "concerns": [
                        {
                            "result": contact.disposition,
                            "note": contact.note,
                            "articles": [one.title for one in contact.opened.all()],
                        }
                        for contact in call.contacts.all()
                    ],
                }
                for call in self.calls
            ],
            "callbacks": [
                {
                    "id": str(handover.pk),
                    "created_at": handover.created_at.isoformat(),
                    "request": handover.request,
                    "number": unseal(handover.callback_number),
                    "asked": [answer.as_dict() for answer in answers_of(handover)],
                    "answer": handover.answer,
                    "state": handover.state,
                }
                for handover in self.handovers
            ],
        }


def _normalised(number: str) -> str:
    plain = to_e164(number)
    if not plain:
        raise Refused(_("Das ist keine Telefonnummer. Schreiben Sie sie mit Vorwahl, zum Beispiel 0203 12345."))
    return plain


def find(*, city: Tenant, number: str) -> Kept:
    """What the city keeps about the number. Raises Refused when it is no telephone number."""
    plain = _normalised(number)
    with scoped([city]):
        theirs = CallerNumber.objects.filter(keyed_hash__in=keyed_hashes(plain), call__tenant=city)
        calls = Call.objects.filter(tenant=city, pk__in=theirs.values("call"))
        # Numbers to call back are sealed without a hash; those still open to be read are few (the city's days).
        numbered = Handover.objects.filter(tenant=city).exclude(callback_number=b"").only("pk", "callback_number")
        named = [one.pk for one in numbered.iterator() if to_e164(unseal(one.callback_number)) == plain]
        handovers = Handover.objects.filter(tenant=city, contact__call__in=calls) | Handover.objects.filter(
            tenant=city, pk__in=named
        )
        return Kept(
            number=plain,
            calls=list(calls.prefetch_related("contacts__opened").order_by("-offered_at")),
            handovers=list(handovers.order_by("-created_at")),
        )


@transaction.atomic
def export(*, user: User, city: Tenant, number: str, reference: str) -> Kept:
    """What is kept, for the person who asked; the look is recorded with the reference, never with the number."""
    kept = find(city=city, number=number)
    _record("subject.exported", user, city, reference, kept)
    return kept


@transaction.atomic
def erase(*, user: User, city: Tenant, number: str, reference: str) -> Kept:
    """Delete the number, notes and call-back texts now; ids, times and seconds stay for figures and invoices.

    Returns what was found before. Raises Refused when it is no telephone number, or while one of the calls goes on.
    """
    kept = find(city=city, number=number)
    if any(call.ended_at is None for call in kept.calls):
        raise Refused(_("Von dieser Nummer läuft gerade ein Gespräch. Löschen Sie, wenn es beendet ist."))
    with scoped([city]):
        ids = [call.pk for call in kept.calls]
        CallerNumber.objects.filter(call__in=ids).delete()
        TelephonyEvent.objects.filter(call__in=ids).exclude(body=b"").update(body=b"")
        Contact.objects.filter(tenant=city, call__in=ids).exclude(note="").update(note="")
        handed = [one.pk for one in kept.handovers]
        HandoverEntry.objects.filter(handover__in=handed).update(note="")
        Handover.objects.filter(tenant=city, pk__in=handed).update(
            request="", callback_number=b"", answer="", answers=b""
        )
    _record("subject.erased", user, city, reference, kept)
    return kept


def _record(action: str, user: User, city: Tenant, reference: str, kept: Kept) -> None:
    record(
        action=action,
        actor_id=user.pk,
        tenant_id=city.pk,
        data={"reference": reference[:80], "calls": len(kept.calls), "handovers": len(kept.handovers)},
    )
