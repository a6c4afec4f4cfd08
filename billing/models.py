"""Agreements between cities, the frozen usage of a month, invoices and their documents."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from billing import terms as price_terms
from billing.months import ContractYear, Month
from billing.parties_scope import PartiesManager
from callcenter.calls.models import Call, Outcome
from tenants.ids import new_id
from tenants.models import Tenant
from tenants.scope import ScopedManager


class Agreement(models.Model):
    """One city answers for another, for money. What it costs stands in its dated versions."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    operator = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", verbose_name="leistende Stadt")
    client = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", verbose_name="Partnerstadt")
    title = models.CharField("Bezeichnung", max_length=160)
    reference = models.CharField("Vertragszeichen", max_length=80, blank=True)
    starts_on = models.DateField("beginnt am")
    ends_on = models.DateField("endet am", null=True, blank=True)
    year_starts_in = models.PositiveSmallIntegerField("Vertragsjahr beginnt im Monat", default=1)
    opening_calls = models.PositiveIntegerField(
        "vorher gezählte Anrufe",
        default=0,
        help_text="Im ersten hier abgerechneten Vertragsjahr; zählt für die Jahresmenge.",
    )
    billed_from = models.DateField(
        "hier abgerechnet ab",
        null=True,
        blank=True,
        help_text="Erster Monat, den dieses Programm abrechnet; leer: seit Beginn der Vereinbarung.",
    )
    opening_net = models.DecimalField(
        "vorher abgerechneter Betrag (EUR)",
        max_digits=14,
        decimal_places=2,
        default=0,
        help_text="Netto, im ersten hier abgerechneten Vertragsjahr; zählt für einen jährlichen Mindestbetrag.",
    )
    series = models.CharField("Rechnungskreis", max_length=12)
    first_number = models.PositiveIntegerField("erste Nummer", default=1)

    parties = ""
    objects = PartiesManager()

    class Meta:
        ordering = ["client__name", "starts_on"]
        verbose_name = "Vereinbarung"
        verbose_name_plural = "Vereinbarungen"
        constraints = [
            models.CheckConstraint(condition=~Q(operator=F("client")), name="agreement_between_two_cities"),
            models.CheckConstraint(condition=Q(year_starts_in__range=(1, 12)), name="agreement_year_start"),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")), name="agreement_ends_after_start"
            ),
            models.CheckConstraint(condition=Q(opening_net__gte=0), name="agreement_opening_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.operator} → {self.client}"

    def year_of(self, month: Month) -> ContractYear:
        return ContractYear.containing(month, self.year_starts_in)

    @property
    def counted_from(self) -> date:
        """The first day whose calls this program bills."""
        return max(self.starts_on, self.billed_from) if self.billed_from else self.starts_on

    @property
    def first_year(self) -> ContractYear:
        """The contract year to which the opening balance belongs."""
        return self.year_of(Month.containing(self.counted_from))


class TaxCategory(models.TextChoices):
    OUTSIDE = "O", "nicht steuerbar"
    EXEMPT = "E", "steuerfrei"
    STANDARD = "S", "steuerpflichtig"


class Dispatch(models.TextChoices):
    MAIL = "mail", "per E-Mail"
    DOWNLOAD = "download", "zum Herunterladen"
    PEPPOL = "peppol", "über einen Peppol-Zugangspunkt"


class AgreementVersion(models.Model):
    """What an agreement says from a day on, until the next version. Never changed once used."""

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="versions")
    valid_from = models.DateField("gilt ab")
    terms = models.JSONField("Preise", help_text="Plain form of billing.terms.Terms.")
    tax_category = models.CharField("Umsatzsteuer", max_length=1, choices=TaxCategory, default=TaxCategory.OUTSIDE)
    tax_rate = models.DecimalField("Steuersatz (%)", max_digits=5, decimal_places=2, default=0)
    tax_reason = models.CharField("Begründung", max_length=250, blank=True)
    tax_reason_code = models.CharField("Code der Begründung", max_length=30, blank=True)
    payment_days = models.PositiveSmallIntegerField("Zahlungsziel (Tage)", default=30)
    grace_days = models.PositiveSmallIntegerField("Nachlauf bis zum Abschluss (Tage)", default=2)
    four_eyes = models.BooleanField("Vier-Augen-Prinzip", default=False)
    dispatch = models.CharField("Versand", max_length=10, choices=Dispatch, default=Dispatch.MAIL)
    order_reference = models.CharField("Bestellzeichen der Partnerstadt", max_length=80, blank=True)
    cost_centre = models.CharField("Kostenstelle", max_length=40, blank=True)
    debtor_number = models.CharField("Debitorennummer", max_length=40, blank=True)
    payment_reference = models.CharField(
        "Muster des Kassenzeichens",
        max_length=80,
        default="{number}",
        help_text="{number}, {year}, {sequence}, {debtor}",
    )

    parties = "agreement__"
    objects = PartiesManager()

    class Meta:
        ordering = ["agreement", "valid_from"]
        verbose_name = "Fassung"
        verbose_name_plural = "Fassungen"
        constraints = [
            models.UniqueConstraint(fields=["agreement", "valid_from"], name="version_once_a_day"),
            models.CheckConstraint(
                condition=Q(tax_category="S", tax_rate__gt=0) | (~Q(tax_category="S") & Q(tax_rate=0)),
                name="version_rate_fits_category",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agreement} ab {self.valid_from:%d.%m.%Y}"

    @property
    def prices(self) -> price_terms.Terms:
        return price_terms.from_json(self.terms)


class PeriodState(models.TextChoices):
    OPEN = "open", "offen"
    CLOSED = "closed", "abgeschlossen"


class Period(models.Model):
    """One month of an agreement. Closed once and for good: its list of calls is frozen, with its hash."""

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="periods")
    version = models.ForeignKey(AgreementVersion, on_delete=models.PROTECT, related_name="+")
    month = models.DateField("Monat", help_text="Its first day.")
    starts_at = models.DateTimeField(help_text="First instant of the month in the client's zone.")
    ends_at = models.DateTimeField(help_text="First instant of the next month.")
    state = models.CharField(max_length=8, choices=PeriodState, default=PeriodState.OPEN)
    closed_at = models.DateTimeField(null=True)
    closing = models.PositiveIntegerField(
        null=True, help_text="1 for the agreement's first closing, and so on: an order that no clock can upset."
    )
    calls = models.PositiveIntegerField(default=0, help_text="Length of the frozen list, late calls included.")
    list_hash = models.CharField(max_length=64, blank=True, help_text="SHA-256, see closing.list_hash.")

    parties = "agreement__"
    objects = PartiesManager()

    class Meta:
        ordering = ["-month"]
        verbose_name = "Abrechnungsmonat"
        verbose_name_plural = "Abrechnungsmonate"
        constraints = [
            models.UniqueConstraint(fields=["agreement", "month"], name="period_once"),
            models.UniqueConstraint(fields=["agreement", "closing"], name="period_closed_in_order"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="period_order"),
        ]

    def __str__(self) -> str:
        return f"{self.agreement} {self.month:%m/%Y}"

    @property
    def as_month(self) -> Month:
        return Month.containing(self.month)


class UsageRecord(models.Model):
    """One billable call, frozen. The call is the key: nothing can be billed twice.

    ``period`` is where it is billed, ``month`` where it belongs; they differ for a late call.
    Narrow on purpose: there is one row per call for ten years.
    """

    call = models.OneToOneField(Call, on_delete=models.PROTECT, primary_key=True, related_name="+")
    # No constraint in the database: checking it took a third of a close, and its triggers let no closed month go.
    period = models.ForeignKey(
        Period, on_delete=models.PROTECT, related_name="usage", db_index=False, db_constraint=False
    )
    month = models.DateField()
    offered_at = models.DateTimeField()
    waited_s = models.PositiveIntegerField()
    talked_s = models.PositiveIntegerField()
    outcome = models.CharField(max_length=10, choices=Outcome)
    group = models.CharField(max_length=60, blank=True, default="", db_default="")

    parties = "period__agreement__"
    objects = PartiesManager()

    class Meta:
        verbose_name = "abgerechneter Anruf"
        verbose_name_plural = "abgerechnete Anrufe"
        indexes = [models.Index(fields=["period", "month", "offered_at"], name="usage_in_order")]

    def __str__(self) -> str:
        return f"{self.call_id} in {self.period_id}"


class InvoiceKind(models.TextChoices):
    INVOICE = "invoice", "Rechnung"
    CANCELLATION = "cancellation", "Stornorechnung"
    CORRECTION = "correction", "Rechnungskorrektur"
    CREDIT = "credit", "Kaufmännische Gutschrift"


ADJUSTMENTS = (InvoiceKind.CORRECTION, InvoiceKind.CREDIT)


class InvoiceStatus(models.TextChoices):
    DRAFT = "draft", "Entwurf"
    REVIEWED = "reviewed", "geprüft"
    ISSUED = "issued", "ausgestellt"
    SENT = "sent", "versandt"
    PAID = "paid", "bezahlt"
    CANCELLED = "cancelled", "storniert"


class Invoice(models.Model):
    """A draft, and from its issue on a document that the database refuses to change (``triggers.py``).

    Only the marks of its later life may move: status, sent, paid, and who said so.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="invoices")
    version = models.ForeignKey(AgreementVersion, on_delete=models.PROTECT, related_name="+")
    period = models.ForeignKey(Period, on_delete=models.PROTECT, related_name="invoices")
    kind = models.CharField("Art", max_length=12, choices=InvoiceKind, default=InvoiceKind.INVOICE)
    status = models.CharField("Stand", max_length=10, choices=InvoiceStatus, default=InvoiceStatus.DRAFT)
    cancels = models.OneToOneField("self", on_delete=models.PROTECT, null=True, blank=True, related_name="cancelled_by")
    adjusts = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="adjustments",
        help_text="The invoice that a correction or credit belongs to.",
    )
    reason = models.CharField("Grund", max_length=250, blank=True)
    net = models.DecimalField("netto", max_digits=14, decimal_places=2)
    tax = models.DecimalField("Umsatzsteuer", max_digits=14, decimal_places=2)
    gross = models.DecimalField("brutto", max_digits=14, decimal_places=2)
    tax_category = models.CharField(max_length=1, choices=TaxCategory)
    tax_rate = models.DecimalField(max_digits=5, decimal_places=2)
    tax_reason = models.CharField(max_length=250, blank=True)
    tax_reason_code = models.CharField(max_length=30, blank=True)
    carried = models.JSONField(default=dict, help_text="What the rating took from elsewhere, see closing.gather.")
    drafted_at = models.DateTimeField()
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    # From here on: set when it is issued.
    number = models.CharField("Nummer", max_length=30, unique=True, null=True, blank=True)
    series = models.CharField(max_length=12, blank=True)
    year = models.PositiveSmallIntegerField(null=True)
    sequence = models.PositiveIntegerField(null=True)
    issued_at = models.DateTimeField(null=True, blank=True)
    issued_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    issued_on = models.DateField("Rechnungsdatum", null=True, blank=True)
    due_on = models.DateField("fällig am", null=True, blank=True)
    payment_reference = models.CharField("Kassenzeichen", max_length=80, blank=True)
    seller = models.JSONField(default=dict, help_text="Address, contact and bank as they were at the issue.")
    buyer = models.JSONField(default=dict)
    # The marks of its later life.
    sent_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    parties = "agreement__"
    objects = PartiesManager()

    class Meta:
        ordering = ["-period__month", "-drafted_at"]
        verbose_name = "Rechnung"
        verbose_name_plural = "Rechnungen"
        constraints = [
            # One living invoice per month; a cancelled one makes room for its correction.
            models.UniqueConstraint(
                fields=["agreement", "period", "kind"],
                condition=Q(kind="invoice") & ~Q(status="cancelled"),
                name="invoice_once_per_month",
            ),
            models.UniqueConstraint(fields=["series", "year", "sequence"], name="invoice_number_once"),
            models.CheckConstraint(
                condition=Q(number__isnull=True, status__in=["draft", "reviewed"])
                | Q(number__isnull=False, issued_on__isnull=False, sequence__isnull=False)
                & ~Q(status__in=["draft", "reviewed"]),
                name="invoice_number_when_issued",
            ),
            models.CheckConstraint(
                condition=Q(kind="cancellation", cancels__isnull=False, adjusts__isnull=True)
                | Q(kind="invoice", cancels__isnull=True, adjusts__isnull=True)
                | Q(kind__in=["correction", "credit"], cancels__isnull=True, adjusts__isnull=False),
                name="invoice_cancellation_names_original",
            ),
        ]

    def __str__(self) -> str:
        if self.number:
            return self.number
        what = "Entwurf" if self.kind == InvoiceKind.INVOICE else f"Entwurf einer {self.get_kind_display()}"
        return f"{what} {self.period.month:%m/%Y}"

    @property
    def is_issued(self) -> bool:
        return self.number is not None

    def is_overdue(self, today: date) -> bool:
        waiting = self.status in {InvoiceStatus.ISSUED, InvoiceStatus.SENT} and self.kind == InvoiceKind.INVOICE
        return waiting and self.gross > 0 and self.due_on is not None and self.due_on < today


class InvoiceLine(models.Model):
    """One line with its derivation, and the ``source`` from which its calls are listed."""

    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=12)
    text = models.CharField("Leistung", max_length=250)
    quantity = models.DecimalField("Menge", max_digits=16, decimal_places=4)
    unit = models.CharField("Einheit", max_length=3)
    price = models.DecimalField("Einzelpreis", max_digits=16, decimal_places=6)
    net = models.DecimalField("Betrag", max_digits=14, decimal_places=2)
    steps = models.JSONField(default=list)
    source = models.JSONField(default=dict)

    parties = "invoice__agreement__"
    objects = PartiesManager()

    class Meta:
        ordering = ["invoice", "position"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="line_position_once"),
            models.CheckConstraint(condition=Q(price__gte=0), name="line_price_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.text}"


class DocumentFormat(models.TextChoices):
    XML = "xml", "XRechnung (XML)"
    PDF = "pdf", "PDF"


class InvoiceDocument(models.Model):
    """What was issued, byte for byte. Written once, never changed, never deleted."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="documents")
    format = models.CharField(max_length=3, choices=DocumentFormat)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    parties = "invoice__agreement__"
    objects = PartiesManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["invoice", "format"], name="document_once")]

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.format}"


class NumberSeries(models.Model):
    """The counter of a series and year. Its row lock puts those who issue in line: no gap, no double."""

    operator = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    series = models.CharField(max_length=12)
    year = models.PositiveSmallIntegerField()
    first = models.PositiveIntegerField(default=1)
    last = models.PositiveIntegerField(help_text="The number given last; ``first`` minus one before any.")

    objects = ScopedManager("operator_id")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["series", "year"], name="series_once_a_year")]

    def __str__(self) -> str:
        return f"{self.series}-{self.year}: {self.last}"


class Outbox(models.Model):
    """What must leave the house, written with the deed itself; the relay sends it, at least once."""

    key = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=40)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    not_before = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=250, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["not_before"], condition=Q(sent_at__isnull=True), name="outbox_waiting")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


import billing.bookkeeping  # noqa: E402  # the app's further models; at the end, for they refer to these
import billing.partner_models  # noqa: E402, F401
