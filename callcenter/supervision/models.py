"""What the supervision keeps of its own: promises and alarms, who gets reports, and sums of the ledger."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from tenants.models import Line, Tenant
from tenants.scope import TenantOwned

SHARE = [MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal("0.99"))]


class Targets(TenantOwned):
    """Promises and alarm thresholds of one city; a city without a row has these defaults.

    75 % in 30 seconds and 65 % in the first contact is the public promise of the 115 number; the
    seconds are the city's own (``Tenant.answer_within_seconds``).
    """

    service_level = models.DecimalField(
        "Zusage: Anteil rechtzeitig angenommen",
        max_digits=3,
        decimal_places=2,
        default=Decimal("0.75"),
        validators=SHARE,
    )
    first_contact = models.DecimalField(
        "Zusage: Anteil im ersten Kontakt erledigt",
        max_digits=3,
        decimal_places=2,
        default=Decimal("0.65"),
        validators=SHARE,
    )
    short_abandon_s = models.PositiveSmallIntegerField(
        "Kurz aufgelegt: unter (Sekunden)",
        default=5,
        help_text="Wer so früh auflegt, hat sich meist verwählt und zählt in der Zusage nicht mit.",
    )
    alarm_waiting = models.PositiveSmallIntegerField("Alarm der Wandtafel: Wartende ab", default=5)
    alarm_wait_s = models.PositiveSmallIntegerField("Alarm der Wandtafel: längste Wartezeit ab (Sekunden)", default=60)
    service_hours_only = models.BooleanField(
        "Auswertung nur mit Anrufen in der Servicezeit",
        default=False,
        help_text="Jede Zahl nennt, welche Anrufe sie zählt; in der Auswertung lässt es sich umstellen.",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant"], name="targets_once_per_city")]
        verbose_name = "Zusagen"
        verbose_name_plural = "Zusagen"

    def __str__(self) -> str:
        return f"Zusagen {self.tenant}"

    @classmethod
    def of(cls, city: Tenant) -> Targets:
        """The city's row, or an unsaved one with the defaults."""
        return cls.objects.filter(tenant=city).first() or cls(tenant=city)


class ReportSubscription(TenantOwned):
    """Somebody who gets a city's monthly report by mail; ``sent_until`` is the last month that went out."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    sent_until = models.DateField(help_text="First day of the newest month sent; the next ones are due.")

    class Meta:
        ordering = ["tenant", "user"]
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="report_subscription_once")]
        verbose_name = "Monatsbericht"
        verbose_name_plural = "Monatsberichte"

    def __str__(self) -> str:
        return f"{self.tenant} an {self.user}"


class StaleDay(models.Model):
    """A UTC day of a city whose calls, concerns or searches changed since they were last added up.

    Written by triggers (``marks.py``) in the transaction of the change, so that no path into the
    ledger can forget it; deleted by the job that adds the day up again. Ids and days, nothing else.
    """

    city = models.BigIntegerField()
    day = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["city", "day"], name="stale_day")]

    def __str__(self) -> str:
        return f"{self.city} {self.day}"


class RollupState(TenantOwned):
    """By which rules (zone, Land, service hours) a city's sums were made; sums of other rules are not read."""

    rules = models.CharField(max_length=64, blank=True)
    refreshed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant"], name="rollup_state_once")]

    def __str__(self) -> str:
        return f"Summen {self.tenant_id}"


class Grain(models.TextChoices):
    """A day's sum, or a whole month's."""

    DAY = "d", "Tag"
    MONTH = "m", "Monat"


class HalfHourCalls(TenantOwned):
    """Incoming calls by local day and half-hour (0 to 47)."""

    line = models.ForeignKey(Line, on_delete=models.CASCADE, null=True, db_index=False, related_name="+")
    day = models.DateField()
    half = models.PositiveSmallIntegerField()
    in_service = models.BooleanField()
    calls = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["tenant", "day"], name="half_hour_calls_by_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.half}: {self.calls}"


class WaitedCalls(TenantOwned):
    """Incoming calls by outcome and whole seconds waited, so that every promise can be computed from it.

    ``first`` is the local day, or the first of the month; ``outcome`` is empty while a call goes on.
    """

    line = models.ForeignKey(Line, on_delete=models.CASCADE, null=True, db_index=False, related_name="+")
    grain = models.CharField(max_length=1, choices=Grain)
    first = models.DateField()
    in_service = models.BooleanField()
    outcome = models.CharField(max_length=10, blank=True)
    waited_s = models.PositiveIntegerField()
    calls = models.PositiveIntegerField()
    talked_s = models.BigIntegerField(help_text="Of answered calls.")

    class Meta:
        indexes = [models.Index(fields=["tenant", "grain", "first"], name="waited_calls_by_day")]

    def __str__(self) -> str:
        return f"{self.first} {self.outcome} {self.waited_s} s: {self.calls}"


class SettledConcerns(TenantOwned):
    """Concerns by article and what became of them; ``disposition`` is empty while one is open."""

    line = models.ForeignKey(Line, on_delete=models.CASCADE, null=True, db_index=False, related_name="+")
    grain = models.CharField(max_length=1, choices=Grain)
    first = models.DateField()
    in_service = models.BooleanField()
    article_key = models.UUIDField(null=True)
    disposition = models.CharField(max_length=16, blank=True)
    found = models.BooleanField(null=True)
    concerns = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["tenant", "grain", "first"], name="settled_concerns_by_day")]

    def __str__(self) -> str:
        return f"{self.first} {self.disposition}: {self.concerns}"


class SearchedWords(TenantOwned):
    """Searches; those without a hit by their words (lower case), the others together."""

    grain = models.CharField(max_length=1, choices=Grain)
    first = models.DateField()
    words = models.CharField(max_length=250, blank=True)
    without_hit = models.BooleanField()
    searches = models.PositiveIntegerField()
    last_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["tenant", "grain", "first"], name="searched_words_by_day")]

    def __str__(self) -> str:
        return f"{self.first} {self.words}: {self.searches}"


class Schedule(models.TextChoices):
    """When a saved report is sent by itself; the period that has just ended."""

    NEVER = "", "nicht"
    DAILY = "day", "jeden Morgen, für den Vortag"
    WEEKLY = "week", "montags, für die Woche davor"
    MONTHLY = "month", "am Monatsersten, für den Monat davor"


class SavedReport(TenantOwned):
    """A report somebody built: measures, grouping, period and filter, as they stand in its address."""

    name = models.CharField("Name", max_length=80)
    query = models.CharField(max_length=1_000, help_text="The builder's own query string.")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    schedule = models.CharField("Per E-Mail", max_length=5, choices=Schedule, blank=True, default=Schedule.NEVER)
    sent_until = models.DateField(null=True, help_text="Last day of the newest period that went out.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="saved_report_name_once")]
        verbose_name = "Bericht"
        verbose_name_plural = "Berichte"

    def __str__(self) -> str:
        return self.name


class ApiToken(TenantOwned):
    """The right of another program to read one city's figures; kept as its SHA-256 only."""

    name = models.CharField("Wofür", max_length=80)
    token_hash = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    valid_until = models.DateField("gültig bis")
    used_on = models.DateField(null=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "Zugang"
        verbose_name_plural = "Zugänge"

    def __str__(self) -> str:
        return self.name


class StaffMonth(models.Model):
    """Handling time of a month as it may be shown, decided once for everybody and never anew.

    Whoever could look twice, or look as two people, could subtract: so the same groups are shown to
    all who may see them, for ever, and what is not shown is not kept. ``shown`` maps a city's id to its
    figures, ``whole`` holds those of all cities together; ``k`` is the smallest group that was allowed.
    """

    month = models.DateField(unique=True)
    k = models.PositiveSmallIntegerField()
    shown = models.JSONField(default=dict)
    whole = models.JSONField(null=True)
    cities = models.JSONField(default=list, help_text="Ids of the cities that had calls.")
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["-month"]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class RetentionProof(TenantOwned):
    """What of a city was still there one night after the deletion had run; all zero when it keeps its promise."""

    day = models.DateField()
    checked_at = models.DateTimeField()
    retention_days = models.PositiveSmallIntegerField()
    agents = models.PositiveIntegerField()
    numbers = models.PositiveIntegerField()
    notes = models.PositiveIntegerField()
    bodies = models.PositiveIntegerField(help_text="Raw events that still hold what the telephone system sent.")

    class Meta:
        ordering = ["-day"]
        constraints = [models.UniqueConstraint(fields=["tenant", "day"], name="retention_proof_once_a_night")]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.day}"

    @property
    def left(self) -> int:
        return self.agents + self.numbers + self.notes + self.bodies

    @property
    def is_kept(self) -> bool:
        return not self.left


class EventKind(models.TextChoices):
    """What makes people call, or not, on days that the calendar does not know."""

    SCHOOL = "school", "Schulferien"
    TAX = "tax", "Steuer- und Abgabenbescheide"
    ELECTION = "election", "Wahl"
    OTHER = "other", "Sonstiges"


class KnownEvent(TenantOwned):
    """Days that the forecast knows of; what such days did to the calls it learns from earlier ones of the kind."""

    kind = models.CharField("Art", max_length=10, choices=EventKind)
    name = models.CharField("Bezeichnung", max_length=80)
    first = models.DateField("erster Tag")
    last = models.DateField("letzter Tag")

    class Meta:
        ordering = ["-first"]
        constraints = [
            models.CheckConstraint(condition=models.Q(last__gte=models.F("first")), name="known_event_order")
        ]
        verbose_name = "bekanntes Ereignis"
        verbose_name_plural = "bekannte Ereignisse"

    def __str__(self) -> str:
        return self.name
