"""For the treasury: the signed statement that an invoice is right, the payment order, the finance system's file.

Both cities sign for themselves: the operator orders the money to be taken in, the client orders it to be paid.
Whoever orders is another person than those who stated that the invoice is right (separation of duties).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import finance, ledger, pdf
from billing.bookkeeping import Certification, FinanceFormat, Step
from billing.models import Invoice, InvoiceKind, InvoiceStatus
from billing.money import euros
from billing.refusals import StatementRefused
from callcenter.accounts.models import User
from callcenter.audit.services import record
from tenants.models import Tenant
from tenants.scope import all_cities, assert_in_scope

STATEMENTS = {
    Step.FACTUAL: "Die Leistung wurde nach der Vereinbarung erbracht; die Rechnung ist sachlich richtig.",
    Step.ARITHMETICAL: "Menge, Preise und Summen sind nachgerechnet; die Rechnung ist rechnerisch richtig.",
    Step.ORDERED: "Der Betrag ist anzuordnen.",
}


def signed(invoice: Invoice, city: Tenant) -> dict[str, Certification]:
    """What was signed for this city, by step."""
    rows = Certification.objects.filter(invoice=invoice, city=city).select_related("signed_by")
    return {item.step: item for item in rows}


def why_not(invoice: Invoice, done: dict[str, Certification], step: Step, actor: User) -> str:
    """Why this person cannot sign this step now; empty when they can."""
    if not invoice.is_issued:
        return _("Unterschrieben wird erst, wenn die Rechnung ausgestellt ist.")
    if invoice.status == InvoiceStatus.CANCELLED:
        return _("Diese Rechnung ist storniert.")
    if step in done:
        return _("Das ist schon unterschrieben.")
    if step != Step.ORDERED:
        return ""
    if Step.FACTUAL not in done or Step.ARITHMETICAL not in done:
        return _("Zuerst müssen die sachliche und die rechnerische Richtigkeit festgestellt sein.")
    if actor.pk in {item.signed_by_id for item in done.values()}:
        return _("Anordnen muss eine andere Person als die, die die Richtigkeit festgestellt hat.")
    return ""


@transaction.atomic
def certify(*, invoice: Invoice, city: Tenant, step: Step, actor: User, now: datetime | None = None) -> Certification:
    """Sign one step for one of the invoice's two cities.

    Raises StatementRefused when the order of steps or the separation of duties is not kept, or when rating
    the frozen list again does not give the invoice ("rechnerisch richtig" is worked out, not only clicked).
    """
    assert_in_scope(city)
    if city.pk not in {invoice.agreement.operator_id, invoice.agreement.client_id}:
        raise StatementRefused(_("Diese Stadt ist nicht beteiligt."), english="The city is no party to this invoice.")
    with all_cities("the two cities' statements about one invoice"):
        invoice = (
            Invoice.objects.select_for_update(of=("self",))
            .select_related("agreement__operator", "agreement__client", "period__version", "period__agreement__client")
            .get(pk=invoice.pk)
        )
        done = signed(invoice, city)
        if reason := why_not(invoice, done, step, actor):
            raise StatementRefused(reason, english=f"{step.value}: refused; {reason}")
        if step == Step.ARITHMETICAL and invoice.kind == InvoiceKind.INVOICE:
            lines = list(invoice.lines.order_by("position"))
            if list(ledger.rerating_problems(invoice, lines)) or ledger.list_hash_differs(invoice.period):
                raise StatementRefused(
                    _("Die Nachrechnung weicht ab. Bitte wenden Sie sich an die Verwaltung des Programms."),
                    english="Rating the frozen list again does not give this invoice.",
                )
        moment = now or timezone.now()
        row = Certification.objects.create(
            invoice=invoice,
            city=city,
            step=step,
            signed_at=moment,
            signed_by=actor,
            name=actor.name,
            seal=ledger.seal_of(invoice, step, actor.pk, moment),
        )
        record(
            action=f"billing.signed_{step.value}",
            actor_id=actor.pk,
            tenant_id=city.pk,
            object_type="billing.invoice",
            object_id=invoice.pk,
            data={"number": invoice.number, "seal": row.seal},
        )
        return row


def order_letter(invoice: Invoice, city: Tenant, data: Any) -> bytes:
    """The city's payment order as PDF, with what was signed so far."""
    receives = city.pk == invoice.agreement.operator_id
    heading = ("Annahmeanordnung" if receives else "Auszahlungsanordnung") + f" zu {invoice.number}"
    done = signed(invoice, city)
    if invoice.issued_at is None:
        raise StatementRefused(_("Diese Rechnung ist noch nicht ausgestellt."), english="The invoice is not issued.")
    own, other = (invoice.seller, invoice.buyer) if receives else (invoice.buyer, invoice.seller)
    statements = []
    for step in Step:
        row, title = done.get(step), step.label[0].upper() + step.label[1:]
        if row:
            at = row.signed_at.astimezone(city.zone)
            who = f"{title}: {row.name}, {at:%d.%m.%Y, %H:%M} Uhr"
            statements.append((who, STATEMENTS[step], f"elektronisch gezeichnet, Siegel {row.seal}"))
        else:
            statements.append((title, "noch nicht unterschrieben", ""))
    last = max((row.signed_at for row in done.values()), default=invoice.issued_at)
    version = invoice.version
    table = (
        ("Von" if receives else "An", other["official_name"]),
        ("Grund", f"{invoice.get_kind_display()} {invoice.number} vom {invoice.issued_on:%d.%m.%Y}"),
        ("Leistung", f"{invoice.agreement.title}, {invoice.period.as_month.label}"),
        ("Betrag", euros(invoice.gross)),
        ("Fällig am", f"{invoice.due_on:%d.%m.%Y}"),
        ("Kassenzeichen", invoice.payment_reference),
        ("Debitorennummer", version.debtor_number if receives else ""),
        ("Kostenstelle", version.cost_centre),
        ("Bestellzeichen", version.order_reference),
        ("IBAN", pdf.grouped(invoice.seller["iban"])),
    )
    return pdf.render_letter(
        pdf.Letter(
            heading=heading,
            day=last.astimezone(city.zone).date(),
            seller=own,
            buyer={**own, "official_name": f"{own['official_name']}, Kasse"},
            facts=(("Rechnungsnummer", invoice.number or ""), ("Kassenzeichen", invoice.payment_reference)),
            opening=(
                "Bitte nehmen Sie den folgenden Betrag an."
                if receives
                else "Bitte zahlen Sie den folgenden Betrag aus.",
            ),
            table=tuple((label, value) for label, value in table if value),
            statements=tuple(statements),
            small=("Die Siegel binden jede Unterschrift an Nummer, Betrag und Datensatz der Rechnung.",),
            payable=None if receives else data,
        )
    )


def format_of(city: Tenant) -> FinanceFormat:
    """The city's format as stored, or the one to begin with."""
    found = FinanceFormat.objects.filter(tenant=city).first()
    return found or FinanceFormat(tenant=city, columns=finance.DEFAULT)


def plain_format(stored: FinanceFormat) -> finance.Format:
    return finance.Format(
        columns=finance.parse_columns(stored.columns),
        delimiter=stored.delimiter,
        encoding=stored.encoding,
        dates=stored.dates,
        decimal_mark=stored.decimal_mark,
        heading=stored.heading,
    )


def finance_rows(invoices: Iterable[Invoice], city: Tenant) -> Sequence[dict[str, object]]:
    """One row a document, as the fields of ``finance.FIELDS``."""
    rows: list[dict[str, object]] = []
    for invoice in invoices:
        receives = invoice.agreement.operator_id == city.pk
        other = invoice.buyer if receives else invoice.seller
        month = invoice.period.as_month
        rows.append(
            {
                "nummer": invoice.number,
                "art": invoice.get_kind_display(),
                "belegdatum": invoice.issued_on,
                "faellig": invoice.due_on,
                "monat": str(month),
                "stadt": other["official_name"],
                "debitor": invoice.version.debtor_number,
                "kostenstelle": invoice.version.cost_centre,
                "kassenzeichen": invoice.payment_reference,
                "bestellzeichen": invoice.version.order_reference,
                "vertrag": invoice.agreement.reference,
                "netto": invoice.net,
                "steuer": invoice.tax,
                "brutto": invoice.gross,
                "steuersatz": invoice.tax_rate,
                "text": f"{invoice.agreement.title} {month.label}",
                **finance.amounts(invoice.gross),
            }
        )
    return rows


@transaction.atomic
def save_format(*, stored: FinanceFormat, actor: User) -> FinanceFormat:
    """Write the city's file like this from now on."""
    assert_in_scope(stored.tenant_id)
    stored.save()
    record(
        action="billing.finance_format",
        actor_id=actor.pk,
        tenant_id=stored.tenant_id,
        object_type="billing.financeformat",
        object_id=stored.pk,
        data={"columns": stored.columns},
    )
    return stored


@transaction.atomic
def note_handover(*, city: Tenant, first: date, last: date, count: int, digest: str, actor: User) -> None:
    """Who took which file for the finance system, in the city's journal."""
    record(
        action="billing.finance_file",
        actor_id=actor.pk,
        tenant_id=city.pk,
        object_type="billing.financeformat",
        object_id=city.pk,
        data={"from": str(first), "to": str(last), "rows": count, "sha256": digest},
    )
