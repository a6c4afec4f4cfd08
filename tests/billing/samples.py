"""One invoice and agreement of each role a city can have in one; for the matrix of roles and addresses."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from billing import partners, payments, services
from billing.models import Invoice
from billing.months import Month
from tenants.models import Tenant
from tests.billing.conftest import complete, make_agreement, make_calls
from tests.conftest import make_user

NOW = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)


def billing_samples(city: Tenant) -> dict[str, object]:
    """``issued``: an invoice the city received; ``own``: a draft of its own to a third city; ``own_issued``: another
    of its own that waits for money, with a part paid (``payment``)."""
    partner, _ = Tenant.objects.get_or_create(
        slug=f"partner-{city.slug}",
        defaults={"name": "Nachbar", "official_name": "Stadt Nachbar", "greeting": "Guten Tag", "ags": "05170999"},
    )
    complete(city, partner)
    received = make_agreement(partner, city, series=f"R{city.pk}", starts_on=date(2026, 8, 1))
    (call,) = make_calls(city, "2026-09", 1)
    invoice = services.close_period(agreement=received, month=Month.parse("2026-09"), now=NOW).invoice
    sent = make_agreement(city, partner, series=f"S{city.pk}", starts_on=date(2026, 8, 1))
    draft = services.close_period(agreement=sent, month=Month.parse("2026-09"), now=NOW).invoice
    issued: Invoice = services.issue_invoice(invoice=invoice, now=NOW)
    waiting = services.close_period(agreement=sent, month=Month.parse("2026-08"), now=NOW).invoice
    waiting = services.issue_invoice(invoice=waiting, now=NOW)
    payment = payments.record_payment(invoice=waiting, amount=Decimal("1.00"), paid_on=date(2026, 11, 10))
    asking = make_user(f"fragt-{city.slug}", (partner, "liaison"))
    question = partners.ask_question(line=waiting.lines.get(position=1), text="Warum?", actor=asking)
    return {
        "question": question,
        "agreement": received,
        "issued": issued,
        "own": draft,
        "own_issued": waiting,
        "payment": payment,
        "usage_call": call,
    }
