"""The ledger of calls: raw telephony events, the calls they fold into, and what was done in them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from knowledge.models import Article, Revision
from tenants.ids import new_id
from tenants.models import Line, Office, StaffMember, Tenant
from tenants.scope import ScopedManager, TenantOwned


class Dialect(models.TextChoices):
    GENERIC = "generic", "Generic CTI"
    SIPGATE = "sipgate", "sipgate"
    PLACETEL = "placetel", "Placetel"
    NATIVE = "native", "Eigenes Format, signiert"
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


class Direction(models.TextChoices):
    IN = "in", "eingehend"
    OUT = "out", "ausgehend"


class CallState(models.TextChoices):
    OFFERED = "offered", "klingelt"
    CONNECTED = "connected", "im Gespräch"
    ENDED = "ended", "beendet"


class Outcome(models.TextChoices):
    ANSWERED = "answered", "angenommen"
    ABANDONED = "abandoned", "aufgelegt"
    VOICEMAIL = "voicemail", "Anrufbeantworter"
    REJECTED = "rejected", "abgewiesen"


class Source(models.TextChoices):
    TELEPHONY = "telephony", "Telefonanlage"
    MANUAL = "manual", "von Hand"
    IMPORT = "import", "Import"
    SIMULATOR = "simulator", "Simulation"
    TRAINING = "training", "Übung"  # shown on the desks, counted in no figure, never billed


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
        indexes = [models.Index(fields=["keyed_hash", "seen_at"], name="caller_repeat")]

    def __str__(self) -> str:
        return f"caller of {self.call_id}"


class Disposition(models.TextChoices):
    SETTLED = "settled", "Erledigt"
    TRANSFERRED = "transferred", "Weiterverbunden"
    HANDED_OVER = "handed_over", "Rückruf durch das Amt"
    NOT_RESPONSIBLE = "not_responsible", "Nicht zuständig"
    DROPPED = "dropped", "Abgebrochen"
    UNSTATED = "unstated", "Ohne Angabe"  # set by the clock alone: the wrap-up ran out, the city has no other code


CHOSEN_BY_PEOPLE = [choice for choice in Disposition if choice != Disposition.UNSTATED]


class Contact(TenantOwned):
    """One concern within a call. ``tenant`` is the city whose answers were given.

    That is the line's city unless the caller dialled the wrong one; billing always follows the line.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="contacts")
    position = models.PositiveSmallIntegerField(default=1)
    article = models.ForeignKey(Article, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    shared_revision = models.ForeignKey(Revision, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    local_revision = models.ForeignKey(Revision, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    disposition = models.CharField(max_length=16, choices=Disposition, blank=True)
    found = models.BooleanField("Antwort stand im Wissen", null=True, blank=True)
    note = models.TextField("Notiz", blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["call", "position"]
        constraints = [models.UniqueConstraint(fields=["call", "position"], name="contact_position_once")]
        indexes = [
            models.Index(fields=["tenant", "opened_at"], name="contact_by_city_and_time"),
            models.Index(fields=["article", "tenant", "opened_at"], name="contact_by_article_and_time"),
        ]

    def __str__(self) -> str:
        return f"{self.call_id} · {self.position}"


class ContactArticle(TenantOwned):
    """An article opened during a concern, and whether it carried the answer."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="opened")
    article = models.ForeignKey(Article, on_delete=models.PROTECT, related_name="+")
    shared_revision = models.ForeignKey(Revision, on_delete=models.PROTECT, null=True, related_name="+")
    local_revision = models.ForeignKey(Revision, on_delete=models.PROTECT, null=True, related_name="+")
    title = models.CharField(max_length=250)
    opened_at = models.DateTimeField()
    used = models.BooleanField(default=False)

    class Meta:
        ordering = ["opened_at"]
        constraints = [models.UniqueConstraint(fields=["contact", "article"], name="contact_article_once")]

    def __str__(self) -> str:
        return self.title


class HandoverState(models.TextChoices):
    OPEN = "open", "offen"
    ACCEPTED = "accepted", "in Arbeit"
    TRIED = "tried", "nicht erreicht"
    RETURNED = "returned", "zurückgegeben"
    DONE = "done", "erledigt"

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

    CREATED = "created", "Rückruf beauftragt"
    MAILED = "mailed", "Amt benachrichtigt"
    ACCEPTED = "accepted", "Amt kümmert sich"
    TRIED = "tried", "nicht erreicht"
    RETURNED = "returned", "an den Telefonservice zurückgegeben"
    FORWARDED = "forwarded", "weitergegeben"
    REMINDED = "reminded", "Amt erinnert"
    ESCALATED = "escalated", "Leitung benachrichtigt"
    DONE = "done", "erledigt"
    REOPENED = "reopened", "wieder geöffnet"


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


class QuestionSet(TenantOwned):
    """What an office wants to know before it calls back: asked for one article, one office, or always."""

    name = models.CharField("Name", max_length=80)
    article = models.ForeignKey(Article, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    office = models.ForeignKey(Office, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    is_active = models.BooleanField("wird gefragt", default=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="question_set_name_once")]

    def __str__(self) -> str:
        return self.name


class QuestionKind(models.TextChoices):
    TEXT = "text", "Text"
    CHOICE = "choice", "Auswahl"
    DATE = "date", "Datum"
    CHECK = "check", "Ja oder nein"


class Prefill(models.TextChoices):
    NONE = "", "leer"
    TITLE = "title", "Titel des Artikels"
    FEES = "fees", "Gebühr laut Artikel"
    DEADLINES = "deadlines", "Frist laut Artikel"
    DOCUMENTS = "documents", "Unterlagen laut Artikel"


class Question(models.Model):
    """One question of a set. ``choices`` are the answers offered, for the kind "choice" alone."""

    question_set = models.ForeignKey(QuestionSet, on_delete=models.CASCADE, related_name="questions")
    position = models.PositiveSmallIntegerField()
    label = models.CharField("Frage", max_length=120)
    kind = models.CharField("Art", max_length=10, choices=QuestionKind, default=QuestionKind.TEXT)
    choices = models.JSONField("Antworten", default=list, blank=True)
    prefill = models.CharField("Vorbelegung", max_length=10, choices=Prefill, default=Prefill.NONE, blank=True)
    required = models.BooleanField("muss beantwortet werden", default=False)

    objects = ScopedManager("question_set__tenant_id")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["question_set", "position"], name="question_position_once")]

    def __str__(self) -> str:
        return self.label


class FeedbackKind(models.TextChoices):
    WRONG = "wrong", "Antwort ist falsch"
    MISSING = "missing", "Antwort fehlt"
    UNCLEAR = "unclear", "Antwort ist unklar"


class Feedback(TenantOwned):
    """What an agent reports during a call about an answer, or about its absence."""

    kind = models.CharField(max_length=10, choices=FeedbackKind)
    query = models.CharField(max_length=250, blank=True)
    article = models.ForeignKey(Article, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    shared_revision = models.ForeignKey(Revision, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    local_revision = models.ForeignKey(Revision, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    call = models.ForeignKey(Call, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    reporter = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    text = models.CharField("Hinweis", max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField("Was daraus wurde", max_length=250, blank=True)
    told_at = models.DateTimeField(null=True, blank=True, help_text="When the reporter had read what became of it.")

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.query}"


class PresenceState(models.TextChoices):
    AWAY = "away", "abgemeldet"
    READY = "ready", "bereit"
    CALL = "call", "im Gespräch"
    WRAP_UP = "wrap_up", "Nacharbeit"
    NOT_READY = "not_ready", "nicht bereit"


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
