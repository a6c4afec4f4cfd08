"""What the desk itself writes, and the steps of one keypress that belong together in one transaction.

Everything about calls is written by ``callcenter.calls.services``; its refusals pass through.
"""

from __future__ import annotations

import uuid

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from callcenter.accounts.models import User
from callcenter.calls import services as ledger
from callcenter.calls.models import Call, Contact, ContactArticle
from knowledge.models import EffectiveArticle, SearchEvent
from tenants.models import Tenant, WrapUp
from tenants.scope import assert_in_scope

CLOCKS_APART = 5  # seconds that a browser's clock may be ahead


@transaction.atomic
def record_search(
    *,
    tenant: Tenant,
    query: str,
    hits: int,
    milliseconds: float,
    article_id: uuid.UUID | None = None,
    rank: int | None = None,
) -> SearchEvent:
    """Count one search as it stood when it ended: neither agent nor caller is stored, and nothing to audit."""
    assert_in_scope(tenant)
    return SearchEvent.objects.create(
        tenant=tenant,
        query=query[:250],
        hits=hits,
        chosen_id=article_id,
        chosen_rank=rank,
        milliseconds=milliseconds,
        at=timezone.now(),
    )


@transaction.atomic
def open_answer(*, user: User, contact: Contact, effective: EffectiveArticle) -> ContactArticle:
    """Put an opened answer onto the concern; the first one is ticked, further ones the agent ticks."""
    first = not ContactArticle.objects.filter(contact=contact).exists()
    opened = ledger.open_article(user=user, contact=contact, effective=effective)
    if first:
        ledger.mark_used(user=user, contact=contact, opened_ids=[opened.pk])
    return opened


@transaction.atomic
def switch_answers(*, user: User, contact: Contact, city: Tenant) -> EffectiveArticle | None:
    """Give another city's answers; the article that was open last is opened as that city answers it."""
    last = ContactArticle.objects.filter(contact=contact).order_by("opened_at", "pk").last()
    switched = ledger.switch_city(user=user, contact=contact, tenant=city)
    effective = EffectiveArticle.objects.filter(tenant=city, article_id=last.article_id).first() if last else None
    if effective:
        ledger.open_article(user=user, contact=switched, effective=effective)
    return effective


@transaction.atomic
def answer_elsewhere(*, user: User, contact: Contact, effective: EffectiveArticle) -> ContactArticle:
    """Give another city's answers from here on, beginning with this article."""
    switched = ledger.switch_city(user=user, contact=contact, tenant=effective.tenant)
    return open_answer(user=user, contact=switched, effective=effective)


@transaction.atomic
def close_call(*, user: User, call: Call, timed_out: bool = False) -> Call:
    """Close the call and be ready. Raises Refused where the city requires a result that is not there yet.

    ``timed_out`` is what the browser's clock says; it counts where the city has such a clock and it has run out.
    """
    timed_out = timed_out and _time_is_over(call)
    if call.tenant and call.tenant.wrap_up == WrapUp.REQUIRED:
        missing = Contact.objects.filter(call=call, disposition="").order_by("position").first()
        if missing:
            raise ledger.Refused(
                _("Bitte wählen Sie das Ergebnis von Anliegen %(n)s. Diese Stadt verlangt es.")
                % {"n": missing.position}
            )
    return ledger.wrap_up(user=user, call=call, timed_out=timed_out)


def _time_is_over(call: Call) -> bool:
    if call.tenant is None or call.tenant.wrap_up != WrapUp.TIMED or call.ended_at is None:
        return False
    passed = (timezone.now() - call.ended_at).total_seconds()
    return passed >= call.tenant.wrap_up_seconds - CLOCKS_APART
