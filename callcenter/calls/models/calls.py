"""The ledger itself: raw telephony events and the calls they fold into."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from callcenter.calls.models.connectors import Connector
from tenants.ids import new_id
from tenants.models import Line, Tenant
from tenants.scope import ScopedManager


class Direction(models.TextChoices):
    IN = "in", _("eingehend")
    OUT = "out", _("ausgehend")


class CallState(models.TextChoices):
    OFFERED = "offered", _("klingelt")
    CONNECTED = "connected", _("im Gespräch")
    ENDED = "ended", _("beendet")


class Outcome(models.TextChoices):
    ANSWERED = "answered", _("angenommen")
    ABANDONED = "abandoned", _("aufgelegt")
    VOICEMAIL = "voicemail", _("Anrufbeantworter")
    REJECTED = "rejected", _("abgewiesen")


class Source(models.TextChoices):
    TELEPHONY = "telephony", _("Telefonanlage")
    MANUAL = "manual", _("von Hand")
    IMPORT = "import", _("Import")
    SIMULATOR = "simulator", _("Simulation")
    TRAINING = "training", _("Übung")  # shown on the desks, counted in no figure, never billed


# Calls without a telephone behind them: the desk itself answers and hangs up.
PLAYED = (Source.SIMULATOR, Source.TRAINING)


class Call(models.Model):
    """One conversation, however many legs it had; or one attempt at it.

    ``tenant`` is empty while the dialled number is unknown ("unassigned"): such a call is seen
    in its own list and never billed. Times are UTC; the month a call belongs to is that of
    ``offered_at`` in the client's zone. ``waited_s`` and ``talked_s`` are whole seconds, kept
    by the fold (``fold.py``) and by nothing else.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    line = models.ForeignKey(Line, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    dialled = models.CharField(max_length=80, blank=True, help_text="E.164, short code or queue name.")
    queue = models.CharField(max_length=80, blank=True)
    direction = models.CharField(max_length=3, choices=Direction, default=Direction.IN)
    state = models.CharField(max_length=10, choices=CallState, default=CallState.OFFERED)
    outcome = models.CharField(max_length=10, choices=Outcome, null=True, blank=True)
    offered_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    wrapped_up_at = models.DateTimeField(null=True, blank=True)
    waited_s = models.PositiveIntegerField(default=0)
    talked_s = models.PositiveIntegerField(default=0)
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    extension = models.CharField(max_length=40, blank=True)
    connector = models.ForeignKey(Connector, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    connector_call_id = models.CharField(max_length=250, blank=True)
    legs = models.PositiveSmallIntegerField(default=1)
    held_at = models.DateTimeField(null=True, blank=True, help_text="The caller waits while the agent asks elsewhere.")
    consulting = models.CharField(max_length=160, blank=True, help_text="Whom the agent asks meanwhile.")
    reaped = models.BooleanField(default=False, help_text="Its hangup never came; the reaper closed it.")
    line_by_hand = models.BooleanField(default=False, help_text="A person assigned the line; the fold leaves it.")
    rings = models.JSONField(default=list, blank=True, help_text="Extensions or names it rings at; empty: the queue.")
    source = models.CharField(max_length=10, choices=Source, default=Source.TELEPHONY)
    received_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | Q(answered_at__gte=F("offered_at")),
                name="call_answered_after_offered",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("offered_at")), name="call_ended_after_offered"
            ),
            models.CheckConstraint(
                condition=Q(line__isnull=True) | Q(tenant__isnull=False), name="call_with_line_has_tenant"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "offered_at"], name="call_by_city_and_time"),
            models.Index(fields=["offered_at"], name="call_by_time"),
            models.Index(fields=["state"], condition=~Q(state="ended"), name="call_open"),
            models.Index(fields=["id"], condition=Q(source="training"), name="call_practice"),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.state}"

    @property
    def is_held(self) -> bool:
        """The caller waits while the agent talks to somebody else."""
        return self.held_at is not None and self.state == CallState.CONNECTED


class CallLeg(models.Model):
    """One connector call id of a conversation: how later events find their call.

    ``opened_at`` tells apart two calls for which a connector used the same id.
    """

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="call_legs")
    connector = models.ForeignKey(Connector, on_delete=models.PROTECT, related_name="+")
    connector_call_id = models.CharField(max_length=250)
    opened_at = models.DateTimeField()

    objects = ScopedManager("call__tenant_id")

    class Meta:
        indexes = [models.Index(fields=["connector", "connector_call_id"], name="leg_by_connector_id")]

    def __str__(self) -> str:
        return self.connector_call_id


class TelephonyEvent(models.Model):
    """A raw event, append-only. ``body`` is encrypted: it may hold the caller's number."""

    connector = models.ForeignKey(Connector, on_delete=models.PROTECT, related_name="events")
    call = models.ForeignKey(Call, on_delete=models.SET_NULL, null=True, related_name="events")
    connector_call_id = models.CharField(max_length=250)
    event = models.CharField(max_length=20)
    body_hash = models.CharField(max_length=64)
    day = models.DateField(help_text="Of receipt, UTC: the same body on another day is another event.")
    received_at = models.DateTimeField()
    at = models.DateTimeField(null=True, help_text="The sender's own time, where it is signed.")
    fields = models.JSONField(default=dict, help_text="What the fold reads, without the caller's number.")
    body = models.BinaryField(default=b"")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connector", "connector_call_id", "event", "body_hash", "day"], name="telephony_event_once"
            ),
        ]
        indexes = [models.Index(fields=["call"], name="event_by_call")]

    def __str__(self) -> str:
        return f"{self.event} {self.connector_call_id}"


class CallerNumber(models.Model):
    """The caller's number, apart from the call: encrypted, with a keyed hash for repeat callers.

    Deleted after the city's number of days; the call itself stays.
    """

    call = models.OneToOneField(Call, on_delete=models.CASCADE, related_name="caller")
    number = models.BinaryField()
    keyed_hash = models.CharField(max_length=64)
    seen_at = models.DateTimeField()

    objects = ScopedManager("call__tenant_id")

    class Meta:
        indexes = [
            models.Index(fields=["keyed_hash", "seen_at"], name="caller_repeat"),
            models.Index(fields=["seen_at"], name="caller_by_time"),
        ]

    def __str__(self) -> str:
        return f"caller of {self.call_id}"
