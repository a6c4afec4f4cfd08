"""The demo's agreement: Duisburg answers for Dinslaken. Invented; closes nothing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db import transaction

from billing.models import Agreement, AgreementVersion, Dispatch, TaxCategory
from billing.terms import BillableRule, FlatFee, Settlement, Terms, to_json
from tenants.models import Tenant
from tenants.scope import all_cities

TERMS = Terms(
    flat=FlatFee(yearly=Decimal("80000.00")),
    settlement=Settlement(included_calls=39_600, price=Decimal("2.02")),
    billable=BillableRule(answered=True),
)
# What applies is for the cities' tax advisers; until the end of 2026 a city that opted stays under the old law.
REASONS = {
    date(2024, 1, 1): "Nicht steuerbar nach § 2 Abs. 3 UStG a. F. in Verbindung mit § 27 Abs. 22 und 22a UStG",
    date(2027, 1, 1): "Nicht steuerbar nach § 2b Abs. 3 Nr. 2 UStG (öffentlich-rechtliche Zusammenarbeit)",
}


@transaction.atomic
def load(cities: dict[str, Tenant] | None = None) -> Agreement:
    """Create the agreement with its versions, or find it; returns it. Running it again changes nothing."""
    with all_cities("the demo's agreement joins both cities"):
        found = cities or {city.slug: city for city in Tenant.objects.filter(slug__in=["duisburg", "dinslaken"])}
        operator, client = found["duisburg"], found["dinslaken"]
        agreement, _made = Agreement.objects.get_or_create(
            operator=operator,
            client=client,
            defaults={
                "title": "Interkommunale Zusammenarbeit Telefonservice",
                "reference": "IKZ-TEL-2024",
                "starts_on": date(2024, 1, 1),
                "series": "IKZ",
            },
        )
        for day, reason in REASONS.items():
            AgreementVersion.objects.get_or_create(
                agreement=agreement,
                valid_from=day,
                defaults={
                    "terms": to_json(TERMS),
                    "tax_category": TaxCategory.OUTSIDE,
                    "tax_reason": reason,
                    "tax_reason_code": "VATEX-EU-O",
                    "grace_days": 2,
                    "payment_days": 30,
                    "dispatch": Dispatch.MAIL,
                    "cost_centre": "10.1200",
                    "debtor_number": "4711",
                },
            )
        return agreement
