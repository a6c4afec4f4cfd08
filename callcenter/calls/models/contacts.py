"""What was asked and answered in a call, and what agents report about answers."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from callcenter.calls.models.calls import Call
from knowledge.models import Article, Revision
from tenants.ids import new_id
from tenants.scope import TenantOwned


class Disposition(models.TextChoices):
    SETTLED = "settled", _("Erledigt")
    TRANSFERRED = "transferred", _("Weiterverbunden")
    HANDED_OVER = "handed_over", _("Rückruf durch das Amt")
    NOT_RESPONSIBLE = "not_responsible", _("Nicht zuständig")
    DROPPED = "dropped", _("Abgebrochen")
    UNSTATED = "unstated", _("Ohne Angabe")  # set by the clock alone: the wrap-up ran out, the city has no other code


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


class FeedbackKind(models.TextChoices):
    WRONG = "wrong", _("Antwort ist falsch")
    MISSING = "missing", _("Antwort fehlt")
    UNCLEAR = "unclear", _("Antwort ist unklar")


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
