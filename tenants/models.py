"""Cities, the lines that ring for them, their offices and people."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.core.validators import RegexValidator
from django.db import models

from tenants.scope import TenantOwned

HEX_COLOUR = RegexValidator(r"^#[0-9a-fA-F]{6}$", "Bitte geben Sie die Farbe als #rrggbb an.")


class WrapUp(models.TextChoices):
    OPTIONAL = "optional", "freiwillig"
    TIMED = "timed", "mit Zeitgrenze"
    REQUIRED = "required", "verpflichtend"


class TimeoutCode(models.TextChoices):
    """What a concern becomes whose wrap-up ran out; the words of ``calls.Disposition``, which lies above."""

    UNSTATED = "unstated", "Ohne Angabe"
    SETTLED = "settled", "Erledigt"
    TRANSFERRED = "transferred", "Weiterverbunden"
    NOT_RESPONSIBLE = "not_responsible", "Nicht zuständig"
    DROPPED = "dropped", "Abgebrochen"


class Tenant(models.Model):
    """A city that is answered for. Its own model manager is unscoped: access checks the right."""

    slug = models.SlugField("Kurzname in Adressen", unique=True)
    name = models.CharField("Name der Stadt", max_length=80, help_text="Zum Beispiel: Dinslaken")
    official_name = models.CharField("amtlicher Name", max_length=120, help_text="Zum Beispiel: Stadt Dinslaken")
    ags = models.CharField("Amtlicher Gemeindeschlüssel", max_length=8, blank=True)
    ars = models.CharField("Regionalschlüssel", max_length=12, blank=True)
    greeting = models.CharField("Begrüßung", max_length=250)
    closing_sentence = models.CharField("Verabschiedung", max_length=250, blank=True)
    colour_light = models.CharField("Farbe (hell)", max_length=7, validators=[HEX_COLOUR], default="#1f5fa8")
    colour_dark = models.CharField("Farbe (dunkel)", max_length=7, validators=[HEX_COLOUR], default="#7fb2ff")
    time_zone = models.CharField("Zeitzone", max_length=40, default="Europe/Berlin")
    land = models.CharField("Land (für Feiertage)", max_length=2, default="NW")
    wrap_up = models.CharField("Nacharbeit", max_length=10, choices=WrapUp, default=WrapUp.TIMED)
    wrap_up_seconds = models.PositiveSmallIntegerField("Zeitgrenze der Nacharbeit (Sekunden)", default=60)
    wrap_up_code = models.CharField(
        "Ergebnis, wenn die Nacharbeit abläuft", max_length=16, choices=TimeoutCode, default=TimeoutCode.UNSTATED
    )
    edit_minutes = models.PositiveSmallIntegerField(
        "Berichtigen nach dem Abschluss (Minuten)",
        default=30,
        help_text="So lange lassen sich Ergebnis und Notiz eines abgeschlossenen Anrufs noch ändern. 0: gar nicht.",
    )
    answer_within_seconds = models.PositiveSmallIntegerField("Zusage: angenommen in (Sekunden)", default=30)
    retention_days = models.PositiveSmallIntegerField("Rufnummern und Notizen löschen nach (Tagen)", default=30)
    # Invoice party: copied onto each invoice when it is issued.
    street = models.CharField("Straße", max_length=120, blank=True)
    postcode = models.CharField("Postleitzahl", max_length=5, blank=True)
    town = models.CharField("Ort", max_length=80, blank=True)
    country = models.CharField("Land (ISO)", max_length=2, default="DE")
    contact_name = models.CharField("Ansprechstelle", max_length=120, blank=True)
    contact_phone = models.CharField("Telefon der Ansprechstelle", max_length=40, blank=True)
    contact_email = models.EmailField("E-Mail der Ansprechstelle", blank=True)
    electronic_address = models.CharField("Elektronische Adresse", max_length=120, blank=True)
    leitweg_id = models.CharField("Leitweg-ID", max_length=46, blank=True)
    vat_id = models.CharField("USt-IdNr.", max_length=20, blank=True)
    tax_number = models.CharField("Steuernummer", max_length=30, blank=True)
    iban = models.CharField("IBAN", max_length=34, blank=True)
    bic = models.CharField("BIC", max_length=11, blank=True)
    bank_name = models.CharField("Kreditinstitut", max_length=80, blank=True)
    is_active = models.BooleanField("aktiv", default=True)

    class Meta:
        ordering = ["name"]
        verbose_name = "Stadt"
        verbose_name_plural = "Städte"

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class ServiceHours(TenantOwned):
    """When a city's line is served; weekday 0 is Monday, times are local."""

    weekday = models.PositiveSmallIntegerField("Wochentag")
    opens = models.TimeField("von")
    closes = models.TimeField("bis")

    class Meta:
        ordering = ["weekday", "opens"]
        constraints = [
            models.CheckConstraint(condition=models.Q(weekday__lte=6), name="service_hours_weekday"),
            models.CheckConstraint(condition=models.Q(closes__gt=models.F("opens")), name="service_hours_order"),
        ]

    def __str__(self) -> str:
        return f"{self.weekday}: {self.opens:%H:%M}–{self.closes:%H:%M}"


class LineKind(models.TextChoices):
    CITY = "city", "Rufnummer der Stadt"
    D115 = "115", "Behördennummer 115"
    OFFICE = "office", "Rufnummer eines Amtes"


class Line(TenantOwned):
    """A dialled number or queue that decides the city; validity periods of one number never overlap."""

    number = models.CharField(
        "Rufnummer oder Warteschlange", max_length=80, help_text="E.164 (+492064660), Kurzwahl (115) oder Name"
    )
    label = models.CharField("Bezeichnung", max_length=80)
    kind = models.CharField("Art", max_length=10, choices=LineKind, default=LineKind.CITY)
    valid_from = models.DateField("gültig ab", default="2020-01-01")
    valid_until = models.DateField("gültig bis einschließlich", null=True, blank=True)

    class Meta:
        ordering = ["number", "valid_from"]
        indexes = [models.Index(fields=["number"], name="line_by_number")]
        verbose_name = "Leitung"
        verbose_name_plural = "Leitungen"

    def __str__(self) -> str:
        return f"{self.label} ({self.number})"


class Office(TenantOwned):
    """An office of a city, as the directory shows it."""

    name = models.CharField("Name", max_length=120)
    responsibility = models.TextField("zuständig für", blank=True)
    street = models.CharField("Straße", max_length=120, blank=True)
    postcode = models.CharField("Postleitzahl", max_length=5, blank=True)
    town = models.CharField("Ort", max_length=80, blank=True)
    phone = models.CharField("Telefon", max_length=40, blank=True)
    email = models.EmailField("E-Mail", blank=True)
    by_appointment = models.BooleanField("nur mit Termin", default=False)
    transfer_note = models.CharField(
        "Hinweis zum Weiterverbinden",
        max_length=200,
        blank=True,
        help_text="Zum Beispiel: Aktenzeichen bereithalten; dienstags nur die zweite Nummer.",
    )
    source = models.CharField(max_length=80, blank=True)
    source_id = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="office_name_per_city")]
        verbose_name = "Amt"
        verbose_name_plural = "Ämter"

    def __str__(self) -> str:
        return self.name


class OpeningHours(TenantOwned):
    """Opening hours of an office; weekday 0 is Monday, times are local."""

    office = models.ForeignKey(Office, on_delete=models.CASCADE, related_name="hours")
    weekday = models.PositiveSmallIntegerField("Wochentag")
    opens = models.TimeField("von")
    closes = models.TimeField("bis")

    class Meta:
        ordering = ["weekday", "opens"]
        constraints = [
            models.CheckConstraint(condition=models.Q(weekday__lte=6), name="opening_hours_weekday"),
            models.CheckConstraint(condition=models.Q(closes__gt=models.F("opens")), name="opening_hours_order"),
        ]

    def __str__(self) -> str:
        return f"{self.weekday}: {self.opens:%H:%M}–{self.closes:%H:%M}"


class SpecialDay(TenantOwned):
    """Days on which an office, or with no office the whole city, keeps other hours or none. Local dates."""

    office = models.ForeignKey(Office, on_delete=models.CASCADE, null=True, blank=True, related_name="special_days")
    begins = models.DateField("vom")
    ends = models.DateField("bis einschließlich")
    opens = models.TimeField("geöffnet von", null=True, blank=True)
    closes = models.TimeField("geöffnet bis", null=True, blank=True)
    reason = models.CharField("Grund", max_length=120, help_text="Zum Beispiel: Betriebsausflug")

    class Meta:
        ordering = ["begins", "pk"]
        constraints = [
            models.CheckConstraint(condition=models.Q(ends__gte=models.F("begins")), name="special_day_order"),
            models.CheckConstraint(
                condition=models.Q(opens__isnull=True, closes__isnull=True) | models.Q(closes__gt=models.F("opens")),
                name="special_day_hours",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ends"], name="special_day_by_end")]

    def __str__(self) -> str:
        return f"{self.begins:%d.%m.%Y}: {self.reason}"


class StaffMember(TenantOwned):
    """A person of the city's administration to whom a caller can be transferred."""

    office = models.ForeignKey(Office, on_delete=models.CASCADE, related_name="staff")
    name = models.CharField("Name", max_length=120)
    function = models.CharField("Aufgabe", max_length=160, blank=True)
    phone = models.CharField("Telefon", max_length=40, blank=True)
    room = models.CharField("Raum", max_length=40, blank=True)
    email = models.EmailField("E-Mail", blank=True)
    takes_transfers = models.BooleanField("nimmt weiterverbundene Anrufe an", default=True)
    position = models.PositiveSmallIntegerField(
        "Reihenfolge", default=1, help_text="Wer die kleinste Zahl hat, wird zuerst angerufen."
    )
    stand_in = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="Vertretung"
    )
    absent_from = models.DateField("abwesend vom", null=True, blank=True)
    absent_until = models.DateField("abwesend bis einschließlich", null=True, blank=True)

    class Meta:
        ordering = ["position", "name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(absent_from__isnull=True, absent_until__isnull=True)
                | models.Q(absent_until__gte=models.F("absent_from")),
                name="staff_absence_order",
            ),
        ]
        verbose_name = "Person"
        verbose_name_plural = "Personen"

    def __str__(self) -> str:
        return self.name
