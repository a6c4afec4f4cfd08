"""Two cities with complete addresses, the demo's agreement, and calls by the handful."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from billing.demo import TERMS
from billing.models import Agreement, AgreementVersion
from billing.months import Month
from billing.terms import Terms, to_json
from callcenter.calls.models import Call
from tenants.models import Tenant
from tenants.scope import all_cities

PARTY: dict[str, Any] = {
    "street": "Musterweg 1",
    "postcode": "47051",
    "town": "Musterstadt",
    "contact_name": "Rechnungsstelle",
    "contact_phone": "+49 203 5550100",
    "contact_email": "rechnung@stadt.example",
    "electronic_address": "rechnung@stadt.example",
    "leitweg_id": "05170008-DEMO1-35",
    "iban": "DE02100500000054540402",
    "bic": "BELADEBEXXX",
    "tax_number": "109/123/45678",
}
AFTER_GRACE = datetime(2026, 11, 5, 12, tzinfo=UTC)


def complete(*cities: Tenant) -> None:
    for city in cities:
        for name, value in PARTY.items():
            setattr(city, name, value)
        city.save()


def make_agreement(operator: Tenant, client: Tenant, terms: Terms = TERMS, **fields: Any) -> Agreement:
    """An agreement with one version; fields of the version are those that the agreement does not have."""
    own = {"title": "Telefonservice", "reference": "IKZ-1", "starts_on": date(2024, 1, 1), "series": "IKZ"}
    of_version = {name: fields.pop(name) for name in list(fields) if hasattr(AgreementVersion, name)}
    agreement = Agreement.objects.create(operator=operator, client=client, **{**own, **fields})
    AgreementVersion.objects.create(
        agreement=agreement,
        **{
            "valid_from": agreement.starts_on,
            "terms": to_json(terms),
            "tax_reason": "Nicht steuerbar nach § 2b UStG",
            "tax_reason_code": "VATEX-EU-O",
            **of_version,
        },
    )
    return agreement


def make_calls(city: Tenant | None, month: str, count: int = 1, **fields: Any) -> list[Call]:
    """Ended, answered calls spread over the local month; ``fields`` override."""
    zone = city.zone if city else Tenant(time_zone="Europe/Berlin").zone
    first, last = Month.parse(month).bounds(zone)
    dice = random.Random(count)
    calls = []
    for _ in range(count):
        at = fields.get("offered_at") or first + (last - first) * dice.random()
        waited, talked = fields.get("waited_s", 12), fields.get("talked_s", 100)
        values = {
            "tenant": city,
            "state": "ended",
            "outcome": "answered",
            "offered_at": at,
            "answered_at": at + timedelta(seconds=waited),
            "ended_at": at + timedelta(seconds=waited + talked),
            "waited_s": waited,
            "talked_s": talked,
            "source": "simulator",
        }
        calls.append(Call(**{**values, **fields}))
    with all_cities("test data"):
        return Call.objects.bulk_create(calls)


@pytest.fixture
def cities(duisburg: Tenant, dinslaken: Tenant) -> tuple[Tenant, Tenant]:
    complete(duisburg, dinslaken)
    return duisburg, dinslaken


@pytest.fixture
def agreement(cities: tuple[Tenant, Tenant]) -> Agreement:
    """The demo's: Duisburg answers for Dinslaken."""
    with all_cities("test data"):
        return make_agreement(*cities)


@pytest.fixture
def calls() -> Callable[..., list[Call]]:
    return make_calls
