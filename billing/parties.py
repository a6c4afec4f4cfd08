"""Who bills whom, as copied onto an invoice: later changes of an address must not reach it."""

from __future__ import annotations

from typing import Any

from tenants.models import Tenant

FIELDS = (
    "official_name",
    "street",
    "postcode",
    "town",
    "country",
    "contact_name",
    "contact_phone",
    "contact_email",
    "electronic_address",
    "leitweg_id",
    "ags",
    "vat_id",
    "tax_number",
    "iban",
    "bic",
    "bank_name",
)


def copied(tenant: Tenant) -> dict[str, Any]:
    """The invoice party of a city as plain values."""
    return {name: getattr(tenant, name) for name in FIELDS}
