"""What happens to an invoice after its issue: payments, reminders, signed statements, the finance system's file.

Models of the app ``billing``, in a file of their own because ``models.py`` is long; it imports this one.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from billing.parties_scope import PartiesManager
from tenants.ids import new_id
from tenants.models import Tenant
from tenants.scope import TenantOwned


class BankStatement(TenantOwned):
    """A bank statement (camt.053) that was read in, once. Only bookings that may concern an invoice are kept."""

    file_name = models.CharField("Datei", max_length=160)
    sha256 = models.CharField(max_length=64)
    identifier = models.CharField("Auszug", max_length=80)
    iban = models.CharField("Konto", max_length=34)
    bookings = models.PositiveIntegerField("Buchungen")
    kept = models.PositiveIntegerField("zu prüfen")
    known = models.PositiveIntegerField("schon bekannt")
    imported_at = models.DateTimeField(auto_now_add=True)
    imported_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-imported_at"]
        constraints = [models.UniqueConstraint(fields=["tenant", "sha256"], name="statement_once")]
        verbose_name = "Kontoauszug"
        verbose_name_plural = "Kontoauszüge"

    def __str__(self) -> str:
        return f"{self.identifier} ({self.file_name})"


class EntryState(models.TextChoices):
    OPEN = "open", "zu prüfen"
    BOOKED = "booked", "gebucht"
    SET_ASIDE = "aside", "betrifft keine Rechnung"


class BankEntry(TenantOwned):
    """Money received that names an open invoice, or has its amount. Words of the payer go when it is set aside."""

    statement = models.ForeignKey(BankStatement, on_delete=models.PROTECT, related_name="entries")
    key = models.CharField(max_length=64, help_text="SHA-256 of what makes the booking this one, see camt.Booking.")
    booked_on = models.DateField("Buchungstag")
    amount = models.DecimalField("Betrag", max_digits=14, decimal_places=2)
    payer = models.CharField("Von", max_length=140, blank=True)
    text = models.CharField("Verwendungszweck", max_length=500, blank=True)
    state = models.CharField(max_length=6, choices=EntryState, default=EntryState.OPEN)

    class Meta:
        ordering = ["booked_on", "pk"]
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="bank_entry_once")]
        verbose_name = "Buchung"
        verbose_name_plural = "Buchungen"

    def __str__(self) -> str:
        return f"{self.booked_on:%d.%m.%Y} {self.amount}"


class Payment(models.Model):
    """Money for an invoice; written once. A mistake is taken back by a second row with the opposite amount."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    invoice = models.ForeignKey("billing.Invoice", on_delete=models.PROTECT, related_name="payments")
    amount = models.DecimalField("Betrag", max_digits=14, decimal_places=2)
    paid_on = models.DateField("Eingang am")
    entry = models.ForeignKey(BankEntry, on_delete=models.PROTECT, null=True, blank=True, related_name="payments")
    takes_back = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="taken_back_by"
    )
    note = models.CharField("Vermerk", max_length=140, blank=True)
    recorded_at = models.DateTimeField(auto_now_add=True)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    parties = "invoice__agreement__"
    objects = PartiesManager()

    class Meta:
        ordering = ["paid_on", "recorded_at"]
        constraints = [models.CheckConstraint(condition=~Q(amount=0), name="payment_not_zero")]
        verbose_name = "Zahlung"
        verbose_name_plural = "Zahlungen"

    def __str__(self) -> str:
        return f"{self.paid_on:%d.%m.%Y} {self.amount}"


class Reminder(models.Model):
    """A reminder of an overdue invoice, as it was sent."""

    invoice = models.ForeignKey("billing.Invoice", on_delete=models.PROTECT, related_name="reminders")
    level = models.PositiveSmallIntegerField()
    sent_on = models.DateField()
    due_on = models.DateField("neue Frist")
    amount = models.DecimalField("offen", max_digits=14, decimal_places=2)
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    parties = "invoice__agreement__"
    objects = PartiesManager()

    class Meta:
        ordering = ["level"]
        constraints = [models.UniqueConstraint(fields=["invoice", "level"], name="reminder_once_a_level")]
        verbose_name = "Zahlungserinnerung"
        verbose_name_plural = "Zahlungserinnerungen"

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.level}"


class Step(models.TextChoices):
    FACTUAL = "factual", "sachlich richtig"
    ARITHMETICAL = "arithmetical", "rechnerisch richtig"
    ORDERED = "ordered", "angeordnet"


class Certification(models.Model):
    """A person's signed statement about an issued invoice, for one of the two cities' treasuries. Written once.

    ``seal`` binds it to what was seen: SHA-256 over number, amount, digest of the stored XML, step, person, time.
    """

    invoice = models.ForeignKey("billing.Invoice", on_delete=models.PROTECT, related_name="certifications")
    city = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    step = models.CharField(max_length=12, choices=Step)
    signed_at = models.DateTimeField()
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=150, help_text="As the person was called then.")
    seal = models.CharField(max_length=64)

    parties = "invoice__agreement__"
    objects = PartiesManager()

    class Meta:
        ordering = ["signed_at"]
        constraints = [models.UniqueConstraint(fields=["invoice", "city", "step"], name="certified_once")]
        verbose_name = "Feststellung"
        verbose_name_plural = "Feststellungen"

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.step}"


class FinanceFormat(TenantOwned):
    """How the file for a city's finance system is written: columns, separators, dates."""

    class Delimiter(models.TextChoices):
        SEMICOLON = ";", "Semikolon"
        COMMA = ",", "Komma"
        TAB = "\t", "Tabulator"
        PIPE = "|", "senkrechter Strich"

    class Encoding(models.TextChoices):
        UTF8 = "utf-8", "UTF-8"
        UTF8_BOM = "utf-8-sig", "UTF-8 mit Kennung (Excel)"
        ANSI = "cp1252", "Windows-1252 (ANSI)"

    class DateStyle(models.TextChoices):
        GERMAN = "%d.%m.%Y", "31.12.2026"
        ISO = "%Y-%m-%d", "2026-12-31"
        SHORT = "%Y%m%d", "20261231"
        DAY_FIRST = "%d%m%y", "311226"

    class Mark(models.TextChoices):
        COMMA = ",", "Komma (1234,50)"
        POINT = ".", "Punkt (1234.50)"
        CENTS = "", "ohne, in Cent (123450)"

    delimiter = models.CharField("Trennzeichen", max_length=1, choices=Delimiter, default=Delimiter.SEMICOLON)
    encoding = models.CharField("Zeichensatz", max_length=10, choices=Encoding, default=Encoding.UTF8)
    dates = models.CharField("Datum", max_length=10, choices=DateStyle, default=DateStyle.GERMAN)
    decimal_mark = models.CharField("Dezimalzeichen", max_length=1, choices=Mark, default=Mark.COMMA, blank=True)
    heading = models.BooleanField("Erste Zeile nennt die Spalten", default=True)
    columns = models.TextField("Spalten", help_text="Eine je Zeile: Überschrift = Feld.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant"], name="finance_format_per_city")]
        verbose_name = "Kassenübergabe"
        verbose_name_plural = "Kassenübergaben"

    def __str__(self) -> str:
        return f"{self.tenant}"
