"""What billing's commands share: arguments, refusals as exit 1, JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.models import Invoice
from billing.months import Month
from billing.refusals import Refusal
from callcenter.accounts.models import User
from tenants.models import Tenant
from tenants.scope import all_cities


def month(text: str) -> Month:
    """argparse type: 2026-10."""
    try:
        return Month.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def city(slug: str) -> Tenant:
    try:
        return Tenant.objects.get(slug=slug)
    except Tenant.DoesNotExist:
        raise CommandError(f"No city {slug!r}.") from None


def person(username: str | None) -> User | None:
    if username is None:
        return None
    try:
        return User.objects.get(username=username, is_active=True)
    except User.DoesNotExist:
        raise CommandError(f"No active user {username!r}.") from None


def invoice_numbered(number: str) -> Invoice:
    found = Invoice.objects.filter(number=number).select_related("agreement__operator", "agreement__client").first()
    if found is None:
        raise CommandError(f"No issued invoice {number!r}; list_invoices shows them.")
    return found


def invoice_row(invoice: Invoice) -> dict[str, Any]:
    """One invoice as the commands show it; amounts as strings, to the cent."""
    return {
        "id": str(invoice.pk),
        "number": invoice.number,
        "status": invoice.status,
        "kind": invoice.kind,
        "client": invoice.agreement.client.slug,
        "period": str(invoice.period.as_month),
        "net": f"{invoice.net:.2f}",
        "gross": f"{invoice.gross:.2f}",
    }


class BillingCommand(BaseCommand):
    """Runs in an all-cities scope; a Refusal is exit 1 with its English reason."""

    reason = "the command line serves every city"
    run: Callable[..., None]

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with all_cities(self.reason):
                self.run(**options)
        except Refusal as refusal:
            raise CommandError(refusal.english) from refusal

    def print_json(self, value: object) -> None:
        self.stdout.write(json.dumps(value, ensure_ascii=False, indent=1))
