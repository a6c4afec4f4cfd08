"""The journal of billing: every deed of a city's books in order, each entry with the hash of the one before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.models import Agreement, Invoice
from billing.money import euros, plain
from callcenter.accounts.models import User
from callcenter.audit.models import AuditEntry
from callcenter.audit.services import broken_links
from tenants.models import Tenant

WORDS: dict[str, str | Promise] = {
    "billing.agreement_made": _("Vereinbarung angelegt"),
    "billing.version_added": _("Fassung angelegt"),
    "billing.agreement_ended": _("Vereinbarung beendet"),
    "billing.month_closed": _("Monat abgeschlossen"),
    "billing.invoice_redrafted": _("Entwurf neu angelegt"),
    "billing.invoice_reviewed": _("Entwurf geprüft"),
    "billing.invoice_issued": _("Beleg ausgestellt"),
    "billing.invoice_sent": _("Beleg versandt"),
    "billing.invoice_paid": _("Rechnung ausgeglichen"),
    "billing.invoice_open_again": _("Rechnung wieder offen"),
    "billing.invoice_cancelled": _("Rechnung storniert"),
    "billing.adjustment_drafted": _("Korrektur oder Gutschrift entworfen"),
    "billing.adjustment_discarded": _("Entwurf verworfen"),
    "billing.payment_recorded": _("Zahlung vermerkt"),
    "billing.payment_taken_back": _("Zahlung zurückgenommen"),
    "billing.statement_imported": _("Kontoauszug eingelesen"),
    "billing.booking_set_aside": _("Buchung zur Seite gelegt"),
    "billing.reminder_sent": _("Zahlungserinnerung versandt"),
    "billing.signed_factual": _("sachlich richtig gezeichnet"),
    "billing.signed_arithmetical": _("rechnerisch richtig gezeichnet"),
    "billing.signed_ordered": _("angeordnet"),
    "billing.question_asked": _("Rückfrage gestellt"),
    "billing.question_answered": _("Rückfrage beantwortet"),
    "billing.budget_saved": _("Haushaltsansatz gespeichert"),
    "billing.costs_saved": _("Kosten des Callcenters gespeichert"),
    "billing.finance_file": _("Datei für die Kasse abgeholt"),
    "billing.finance_format": _("Form der Datei für die Kasse geändert"),
    "billing.audit_export": _("Prüfdaten abgeholt"),
}


@dataclass(frozen=True)
class Row:
    """One entry as the page shows it."""

    entry: AuditEntry
    what: str | Promise
    about: str
    invoice: Invoice | None
    who: str
    details: str


def entries(city: Tenant) -> QuerySet[AuditEntry]:
    """The city's entries about its books, newest first."""
    return AuditEntry.objects.filter(chain=city.pk, action__startswith="billing.").order_by("-position")


def rows(page: list[AuditEntry]) -> list[Row]:
    """With names and numbers, in three queries however long the page is."""
    people = dict(User.objects.filter(pk__in={e.actor_id for e in page if e.actor_id}).values_list("pk", "name"))
    ids = {e.object_id for e in page if e.object_type == "billing.invoice"}
    invoices = {str(found.pk): found for found in Invoice.objects.filter(pk__in=ids).select_related("period")}
    agreed = {e.object_id for e in page if e.object_type == "billing.agreement"}
    titles = {str(found.pk): found.title for found in Agreement.objects.filter(pk__in=agreed)}
    shown = []
    for entry in page:
        invoice = invoices.get(entry.object_id)
        about = str(invoice) if invoice else titles.get(entry.object_id, "")
        who = people.get(entry.actor_id, "") if entry.actor_id else ""
        shown.append(Row(entry, WORDS.get(entry.action, entry.action), about, invoice, who, details(entry)))
    return shown


def details(entry: AuditEntry) -> str:
    """What the entry says beyond its deed, in short; hashes and ids stay out of the line."""
    return " · ".join(f"{LABELS[key]} {_said(key, entry.data[key])}" for key in LABELS if key in entry.data)


def _said(key: str, value: object) -> str:
    """Amounts, days and counts as German text."""
    if key in AMOUNTS:
        return euros(Decimal(str(value)))
    if key in DAYS:
        return f"{date.fromisoformat(str(value)):%d.%m.%Y}"
    return plain(value) if isinstance(value, int) and key != "year" else str(value)


AMOUNTS, DAYS = {"net", "gross", "amount", "open"}, {"on", "from", "to"}
LABELS: dict[str, str | Promise] = {
    "month": _("Monat"),
    "calls": _("Anrufe"),
    "net": _("netto"),
    "gross": _("Betrag"),
    "amount": _("Betrag"),
    "on": _("am"),
    "open": _("offen"),
    "by": _("durch"),
    "for": _("zu"),
    "after": _("nach"),
    "level": _("Stufe"),
    "from": _("ab"),
    "to": _("bis"),
    "rows": _("Zeilen"),
    "bookings": _("Buchungen"),
    "kept": _("zu prüfen"),
    "year": _("Jahr"),
}


def problems(city: Tenant) -> Iterator[str]:
    """Links of the city's chain that do not hold; the chain holds other deeds of the city too."""
    return broken_links(chain=city.pk)
