"""Corrections and credits: documents of their own that change what an issued invoice comes to.

A correction (type 384) may raise or lower it; a commercial credit (type 381) lowers it. Both are drafted by
hand with their reason, go through review where four eyes are set, and get a number like every document.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.models import ADJUSTMENTS, Invoice, InvoiceKind, InvoiceLine, InvoiceStatus, TaxCategory
from billing.money import ZERO, cents
from billing.rating import PIECE
from billing.refusals import InvoiceState
from callcenter.accounts.models import User
from callcenter.audit.services import record
from tenants.scope import assert_in_scope


@dataclass(frozen=True)
class EnteredLine:
    """One line as a person enters it; in a credit quantities are positive."""

    text: str
    quantity: Decimal
    price: Decimal


@transaction.atomic
def draft_adjustment(
    *,
    invoice: Invoice,
    kind: InvoiceKind,
    reason: str,
    lines: Sequence[EnteredLine],
    actor: User | None = None,
    now: datetime | None = None,
) -> Invoice:
    """Draft a correction or credit for an issued invoice; returns the draft.

    Raises InvoiceState when the invoice is not issued or was cancelled, when nothing would change, or when
    more would be credited than the invoice comes to.
    """
    assert_in_scope(invoice.agreement.operator_id)
    original = Invoice.objects.select_for_update(of=("self",)).select_related("agreement", "version").get(pk=invoice.pk)
    if original.kind != InvoiceKind.INVOICE or not original.is_issued or original.status == InvoiceStatus.CANCELLED:
        raise InvoiceState(
            _("Nur eine ausgestellte Rechnung, die noch gilt, kann berichtigt werden."),
            english="Only an issued invoice that still counts can be corrected or credited.",
        )
    # What is owed less is written with a negative quantity; the XML of a credit turns it round.
    sign = -1 if kind == InvoiceKind.CREDIT else 1
    rows = [
        InvoiceLine(
            position=position,
            kind="manual",
            text=line.text,
            quantity=sign * line.quantity,
            unit=PIECE,
            price=line.price,
            net=cents(sign * line.quantity * line.price),
            steps=[],
            source={"adjustment": str(original.pk)},
        )
        for position, line in enumerate(lines, 1)
    ]
    net = sum((row.net for row in rows), ZERO)
    if not net:
        raise InvoiceState(_("So ändert sich nichts: Die Beträge ergeben null."), english="The amounts come to zero.")
    others = original.adjustments.exclude(status=InvoiceStatus.CANCELLED).values_list("net", flat=True)
    if original.net + sum(others, ZERO) + net < 0:
        raise InvoiceState(
            _("So würde mehr gutgeschrieben, als die Rechnung beträgt. Bitte stornieren Sie sie stattdessen."),
            english="More would be credited than the invoice comes to; cancel it instead.",
        )
    tax = cents(net * original.tax_rate / 100) if original.tax_category == TaxCategory.STANDARD else ZERO
    draft = Invoice.objects.create(
        agreement=original.agreement,
        version=original.version,
        period=original.period,
        kind=kind,
        adjusts=original,
        reason=reason,
        net=net,
        tax=tax,
        gross=net + tax,
        tax_category=original.tax_category,
        tax_rate=original.tax_rate,
        tax_reason=original.tax_reason,
        tax_reason_code=original.tax_reason_code,
        drafted_at=now or timezone.now(),
    )
    for row in rows:
        row.invoice = draft
    InvoiceLine.objects.bulk_create(rows)
    _note("billing.adjustment_drafted", draft, actor, {"for": original.number, "kind": kind.value, "net": str(net)})
    return draft


@transaction.atomic
def discard_adjustment(*, invoice: Invoice, actor: User | None = None) -> Invoice:
    """Throw a correction or credit away that was not issued; returns the invoice it was for."""
    assert_in_scope(invoice.agreement.operator_id)
    draft = Invoice.objects.select_for_update(of=("self",)).select_related("agreement", "adjusts").get(pk=invoice.pk)
    if draft.kind not in ADJUSTMENTS or draft.is_issued or draft.adjusts is None:
        raise InvoiceState(
            _("Nur der Entwurf einer Korrektur oder Gutschrift kann verworfen werden."),
            english="Only the draft of a correction or credit can be discarded.",
        )
    original = draft.adjusts
    _note("billing.adjustment_discarded", draft, actor, {"for": original.number})
    draft.delete()
    return original


def _note(action: str, invoice: Invoice, actor: User | None, data: dict[str, object]) -> None:
    record(
        action=action,
        actor_id=actor.pk if actor else None,
        tenant_id=invoice.agreement.operator_id,
        object_type="billing.invoice",
        object_id=invoice.pk,
        data=data,
    )
