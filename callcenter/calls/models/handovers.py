"""Call-backs that offices owe, with their log."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from callcenter.calls.models.contacts import Contact
from tenants.ids import new_id
from tenants.models import Office, StaffMember
from tenants.scope import ScopedManager, TenantOwned


class HandoverState(models.TextChoices):
    OPEN = "open", _("offen")
    ACCEPTED = "accepted", _("in Arbeit")
    TRIED = "tried", _("nicht erreicht")
    RETURNED = "returned", _("zurückgegeben")
    DONE = "done", _("erledigt")

    @classmethod
    def owed(cls) -> list[str]:
        """Every state in which the caller still waits for the call-back."""
        return [cls.OPEN, cls.ACCEPTED, cls.TRIED, cls.RETURNED]


class Handover(TenantOwned):
    """A call-back the office owes; due within 24 hours that count only Monday to Friday without holidays."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="handovers")
    office = models.ForeignKey(Office, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    person = models.ForeignKey(StaffMember, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    request = models.TextField("Anliegen")
    answers = models.BinaryField(default=b"", help_text="What the question set asked: JSON, encrypted.")
    callback_number = models.BinaryField(default=b"", help_text="Encrypted.")
    state = models.CharField(max_length=10, choices=HandoverState, default=HandoverState.OPEN)
    due_at = models.DateTimeField()
    remind_at = models.DateTimeField(null=True, blank=True, help_text="Empty: nobody is reminded (simulated).")
    reminded_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    answer = models.TextField("Antwort", blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["due_at"]
        verbose_name = "Rückruf"
        verbose_name_plural = "Rückrufe"
        indexes = [
            models.Index(fields=["due_at"], condition=~Q(state="done"), name="handover_owed"),
            models.Index(fields=["tenant", "created_at"], name="handover_by_city_and_time"),
        ]

    def __str__(self) -> str:
        return f"{self.office} bis {self.due_at:%d.%m. %H:%M}"

    @property
    def is_owed(self) -> bool:
        """The caller still waits."""
        return self.state != HandoverState.DONE

    @property
    def is_overdue(self) -> bool:
        """Still owed although its time has passed."""
        return self.is_owed and self.due_at < timezone.now()


class HandoverStep(models.TextChoices):
    """What happened to a call-back, as its log tells it."""

    CREATED = "created", _("Rückruf beauftragt")
    MAILED = "mailed", _("Amt benachrichtigt")
    ACCEPTED = "accepted", _("Amt kümmert sich")
    TRIED = "tried", _("nicht erreicht")
    RETURNED = "returned", _("an den Telefonservice zurückgegeben")
    FORWARDED = "forwarded", _("weitergegeben")
    REMINDED = "reminded", _("Amt erinnert")
    ESCALATED = "escalated", _("Leitung benachrichtigt")
    DONE = "done", _("erledigt")
    REOPENED = "reopened", _("wieder geöffnet")


class HandoverEntry(models.Model):
    """One step of a call-back; append-only. ``by`` is empty for the office's link and for jobs."""

    handover = models.ForeignKey(Handover, on_delete=models.CASCADE, related_name="log")
    step = models.CharField(max_length=10, choices=HandoverStep)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    note = models.TextField(blank=True)
    at = models.DateTimeField()

    objects = ScopedManager("handover__tenant_id")

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return self.get_step_display()
