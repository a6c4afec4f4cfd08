"""What stands around a text before it is published: unsaved work, a city's approval, proposals, checked links."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from tenants.ids import new_id
from tenants.scope import TenantOwned


class WorkingCopy(models.Model):
    """One person's form of one article as it was last typed, saved or not: it outlives a lost session.

    It also tells other editors that somebody is writing there. Gone with the next save, or after 30 days.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    article = models.ForeignKey("knowledge.Article", on_delete=models.CASCADE, related_name="working_copies")
    fields = models.JSONField(default=list, help_text="Pairs of name and value, as the form would be sent.")
    typed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "article"], name="working_copy_once")]

    def __str__(self) -> str:
        return f"{self.article_id} by {self.user_id}"


class Decision(models.TextChoices):
    OPEN = "open", "erbeten"
    GRANTED = "granted", "freigegeben"
    REFUSED = "refused", "nicht freigegeben"


class Approval(TenantOwned):
    """A city's liaison is asked to approve what a text in review says in the city's name.

    It counts for the text as it was asked for (``version``, the revision's ``lock_version``): who changes the text
    afterwards has to ask again.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    revision = models.ForeignKey("knowledge.Revision", on_delete=models.CASCADE, related_name="approvals")
    version = models.PositiveIntegerField()
    decision = models.CharField("Freigabe", max_length=10, choices=Decision, default=Decision.OPEN)
    comment = models.CharField("Begründung", max_length=500, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-asked_at"]
        constraints = [models.UniqueConstraint(fields=["revision", "tenant"], name="approval_once_per_city")]

    def __str__(self) -> str:
        return f"{self.tenant}: {self.revision_id} {self.decision}"


class ProposalState(models.TextChoices):
    OPEN = "open", "offen"
    ACCEPTED = "accepted", "übernommen"
    DECLINED = "declined", "abgelehnt"


class Proposal(TenantOwned):
    """A correction that a city's liaison proposes for what is said in the city's name."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    article = models.ForeignKey("knowledge.Article", on_delete=models.CASCADE, related_name="proposals")
    sections = models.JSONField(default=dict, help_text="The sections as they should read; the others stay.")
    before = models.JSONField(default=dict, help_text="The same sections as the city showed them then.")
    reason = models.CharField("Begründung", max_length=500, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    state = models.CharField("Stand", max_length=10, choices=ProposalState, default=ProposalState.OPEN)
    answer = models.CharField("Antwort", max_length=500, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["tenant", "state"], name="proposal_by_state")]

    def __str__(self) -> str:
        return f"{self.tenant}: {self.article_id} {self.state}"


class Link(models.Model):
    """An address that stands in a published text, and what answered when it was last asked."""

    url = models.CharField(max_length=1000, unique=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="HTTP status; none: no answer.")
    problem = models.CharField(max_length=200, blank=True, help_text="Empty while the address answers.")
    broken_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["url"]

    def __str__(self) -> str:
        return self.url


class LinkUse(TenantOwned):
    """Where an address stands: in which article of which city, as of the last check."""

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="uses")
    article = models.ForeignKey("knowledge.Article", on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["link", "tenant", "article"], name="link_use_once")]

    def __str__(self) -> str:
        return f"{self.link_id} in {self.article_id}"
