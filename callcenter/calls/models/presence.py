"""Where agents sit and what they do now."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class PresenceState(models.TextChoices):
    AWAY = "away", _("abgemeldet")
    READY = "ready", _("bereit")
    CALL = "call", _("im Gespräch")
    WRAP_UP = "wrap_up", _("Nacharbeit")
    NOT_READY = "not_ready", _("nicht bereit")


class Presence(models.Model):
    """Where an agent sits today and what they do now; live only.

    ``today`` are the changes of ``day`` for the agent's own eyes ("Ihr Tag"), gone with the first change of another
    day and each night; no other history is kept.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="presence")
    state = models.CharField(max_length=10, choices=PresenceState, default=PresenceState.AWAY)
    reason = models.CharField(max_length=40, blank=True)
    extension = models.CharField("Platz", max_length=40, blank=True)
    since = models.DateTimeField()
    seen_at = models.DateTimeField()
    day = models.DateField(null=True, blank=True)
    today = models.JSONField(default=list, blank=True, help_text="[state, reason, ISO time], in order.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["extension"],
                condition=~Q(state="away") & ~Q(extension=""),
                name="presence_one_agent_per_extension",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.state}"
