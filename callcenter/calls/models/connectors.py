"""Telephone systems, what they may send, and what was refused of it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Dialect(models.TextChoices):
    GENERIC = "generic", "Generic CTI"
    SIPGATE = "sipgate", "sipgate"
    PLACETEL = "placetel", "Placetel"
    NATIVE = "native", _("Eigenes Format, signiert")
    AMI = "ami", "Asterisk (AMI)"


class Connector(models.Model):
    """A telephone system that may send events. The token is kept as its SHA-256 only."""

    name = models.CharField("Name", max_length=80, unique=True)
    dialect = models.CharField("Sprache", max_length=10, choices=Dialect, default=Dialect.GENERIC)
    token_hash = models.CharField(max_length=64, unique=True)
    secret = models.BinaryField(default=b"", help_text="Encrypted signing secret, where the dialect signs.")
    # After a rotation the old secret counts on until the telephone system has the new one.
    previous_token_hash = models.CharField(max_length=64, blank=True)
    previous_secret = models.BinaryField(default=b"")
    previous_until = models.DateTimeField(null=True, blank=True)
    public_key = models.TextField(
        "öffentlicher Schlüssel", blank=True, help_text="PEM; sipgate signs with its own key. Empty: not checked."
    )
    networks = models.JSONField("erlaubte Netze", default=list, blank=True, help_text="Empty: from anywhere.")
    ami = models.JSONField("Asterisk", default=dict, blank=True, help_text="host, port, user, contexts, lines.")
    ami_secret = models.BinaryField(default=b"", help_text="Encrypted; ours at the PBX, not the PBX's here.")
    is_active = models.BooleanField("aktiv", default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name = "Anbindung"
        verbose_name_plural = "Anbindungen"

    def __str__(self) -> str:
        return self.name


class CallerIdRule(models.Model):
    """Which number an outbound call shows, by the beginning of the number dialled; the longest wins."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="caller_id_rules")
    prefix = models.CharField("gewählte Nummer beginnt mit", max_length=20, blank=True)
    caller_id = models.CharField("angezeigte Nummer", max_length=20)

    class Meta:
        ordering = ["prefix"]
        constraints = [models.UniqueConstraint(fields=["connector", "prefix"], name="caller_id_rule_once")]

    def __str__(self) -> str:
        return f"{self.prefix} → {self.caller_id}"


class BlockedCaller(models.Model):
    """A number whose calls are answered with "busy"; kept as its keyed hash, shown by its last digits."""

    keyed_hash = models.CharField(max_length=64, unique=True)
    last_digits = models.CharField(max_length=4)
    reason = models.CharField("Grund", max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"… {self.last_digits}"


class RequestLog(models.Model):
    """A request that was refused although its sender was known, for a week; the body is encrypted.

    What was accepted is a TelephonyEvent.
    """

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="requests")
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField()
    path = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    remote = models.CharField(max_length=45, blank=True)
    content_type = models.CharField(max_length=120, blank=True)
    body = models.BinaryField(default=b"")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["connector", "-id"], name="request_log_newest")]

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.status}"
