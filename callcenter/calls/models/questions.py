"""What editors have asked before a call-back."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from knowledge.models import Article
from tenants.models import Office
from tenants.scope import ScopedManager, TenantOwned


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
    TEXT = "text", _("Text")
    CHOICE = "choice", _("Auswahl")
    DATE = "date", _("Datum")
    CHECK = "check", _("Ja oder nein")


class Prefill(models.TextChoices):
    NONE = "", _("leer")
    TITLE = "title", _("Titel des Artikels")
    FEES = "fees", _("Gebühr laut Artikel")
    DEADLINES = "deadlines", _("Frist laut Artikel")
    DOCUMENTS = "documents", _("Unterlagen laut Artikel")


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
