"""Making an agreement and its dated versions; what was used for an invoice is never changed."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from billing.freezing import lock_agreements
from billing.models import Agreement, AgreementVersion, NumberSeries, Period, PeriodState
from billing.refusals import AgreementInvalid, SeriesTaken
from billing.terms import Terms, to_json
from callcenter.accounts.models import User
from callcenter.audit.services import record
from tenants.models import Tenant
from tenants.scope import assert_in_scope


@transaction.atomic
def create_agreement(
    *, operator: Tenant, client: Tenant, fields: dict[str, Any], terms: Terms, settings: dict[str, Any], actor: User
) -> Agreement:
    """A new agreement with its first version, valid from its first day.

    ``fields`` are columns of Agreement, ``settings`` of AgreementVersion. Raises AgreementInvalid when the
    client has another agreement in that time (a call must never be charged by two), SeriesTaken when
    the series of numbers is another city's.
    """
    assert_in_scope(operator)
    _refuse_overlap(operator, client, fields["starts_on"], fields.get("ends_on"))
    _refuse_opening(fields)
    series = NumberSeries.objects.beyond_scope("a series is unique over all cities").filter(series=fields["series"])
    planned = Agreement.objects.beyond_scope("a series is unique over all cities").filter(series=fields["series"])
    if series.exclude(operator=operator).exists() or planned.exclude(operator=operator).exists():
        raise SeriesTaken(
            _("Der Rechnungskreis „%(series)s“ gehört einer anderen Stadt. Bitte wählen Sie einen eigenen.")
            % {"series": fields["series"]},
            english=f"Series {fields['series']} belongs to another city.",
        )
    agreement = Agreement.objects.create(operator=operator, client=client, **fields)
    AgreementVersion.objects.create(
        agreement=agreement, valid_from=agreement.starts_on, terms=to_json(terms), **settings
    )
    _note("billing.agreement_made", agreement, actor, {"from": str(agreement.starts_on), "terms": to_json(terms)})
    return agreement


def _refuse_opening(fields: dict[str, Any]) -> None:
    """What was counted before needs the month from which this program goes on."""
    first = fields.get("billed_from")
    if first and (first.day != 1 or first < fields["starts_on"]):
        raise AgreementInvalid(
            _("„Hier abgerechnet ab“ ist ein Monatserster, nicht vor dem Beginn der Vereinbarung."),
            english="billed_from must be the first of a month, not before the agreement begins.",
        )


def _refuse_overlap(
    operator: Tenant, client: Tenant, starts_on: date, ends_on: date | None, *, but: Agreement | None = None
) -> None:
    if operator == client:
        raise AgreementInvalid(
            _("Eine Stadt kann nicht mit sich selbst abrechnen. Bitte wählen Sie die Partnerstadt."),
            english="A city cannot bill itself.",
        )
    others = Agreement.objects.beyond_scope("whether the client's calls are charged already").filter(client=client)
    others = others.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=starts_on))
    if but:
        others = others.exclude(pk=but.pk)
    if ends_on:
        others = others.filter(starts_on__lte=ends_on)
    if others.exists():
        raise AgreementInvalid(
            _("Für %(city)s gilt in dieser Zeit schon eine Vereinbarung. Ein Anruf darf nur einmal abgerechnet werden.")
            % {"city": client.name},
            english=f"{client.name} has an agreement in that time already.",
        )


@transaction.atomic
def add_version(
    *, agreement: Agreement, valid_from: date, terms: Terms, settings: dict[str, Any], actor: User
) -> AgreementVersion:
    """A new version from the first of a month on; months that are closed keep theirs.

    It waits for whoever is closing a month just now.

    Raises AgreementInvalid when the day is no first of a month, lies in a closed month or outside the
    agreement, or has a version already.
    """
    assert_in_scope(agreement.operator_id)
    lock_agreements([agreement])
    if valid_from.day != 1:
        raise AgreementInvalid(
            _("Eine Fassung gilt immer ab einem Monatsersten."), english="A version starts on the first of a month."
        )
    if valid_from <= agreement.starts_on or (agreement.ends_on and valid_from > agreement.ends_on):
        raise AgreementInvalid(
            _("Der Tag liegt nicht innerhalb der Laufzeit der Vereinbarung."),
            english="The day is outside the agreement.",
        )
    closed = Period.objects.filter(agreement=agreement, state=PeriodState.CLOSED, month__gte=valid_from)
    last = closed.order_by("-month").first()
    if last:
        raise AgreementInvalid(
            _("Der %(month)s ist schon abgeschlossen. Die neue Fassung kann erst danach beginnen.")
            % {"month": last.as_month.label},
            english=f"{last.as_month} is closed; the version can start only after it.",
        )
    if agreement.versions.filter(valid_from=valid_from).exists():
        raise AgreementInvalid(
            _("Ab diesem Tag gibt es schon eine Fassung."), english="There is a version from that day already."
        )
    version = AgreementVersion.objects.create(
        agreement=agreement, valid_from=valid_from, terms=to_json(terms), **settings
    )
    _note("billing.version_added", agreement, actor, {"from": str(valid_from), "terms": to_json(terms)})
    return version


@transaction.atomic
def end_agreement(*, agreement: Agreement, ends_on: date, actor: User) -> Agreement:
    """Set the last day. Raises AgreementInvalid when a later month is closed, or the day lies before the beginning."""
    assert_in_scope(agreement.operator_id)
    lock_agreements([agreement])
    if ends_on < agreement.starts_on:
        raise AgreementInvalid(
            _("Der letzte Tag liegt vor dem Beginn der Vereinbarung."), english="The end is before the beginning."
        )
    closed = Period.objects.filter(agreement=agreement, state=PeriodState.CLOSED).order_by("-month").first()
    if closed and closed.as_month.last > ends_on:
        raise AgreementInvalid(
            _("Der %(month)s ist schon abgeschlossen. Die Vereinbarung kann frühestens mit ihm enden.")
            % {"month": closed.as_month.label},
            english=f"{closed.as_month} is closed; the agreement can end with it at the earliest.",
        )
    _refuse_overlap(agreement.operator, agreement.client, agreement.starts_on, ends_on, but=agreement)
    agreement.ends_on = ends_on
    agreement.save(update_fields=["ends_on"])
    _note("billing.agreement_ended", agreement, actor, {"on": str(ends_on)})
    return agreement


def _note(action: str, agreement: Agreement, actor: User, data: dict[str, Any]) -> None:
    record(
        action=action,
        actor_id=actor.pk,
        tenant_id=agreement.operator_id,
        object_type="billing.agreement",
        object_id=agreement.pk,
        data=data,
    )
