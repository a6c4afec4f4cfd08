"""What the desks are told, in order: the table is the truth, the bus only wakes listeners."""

from __future__ import annotations

from django.db import models


class LiveEvent(models.Model):
    """One message to the desks of its ``audience`` (user ids), or with none to every desk of the city.

    ``payload`` holds ids and words for the screen, never a caller's number. Kept for a day.
    """

    at = models.DateTimeField(auto_now_add=True)
    audience = models.JSONField(default=list)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, null=True, related_name="+")
    kind = models.CharField(max_length=40)
    payload = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["at"], name="live_event_by_time")]

    def __str__(self) -> str:
        return f"{self.id} {self.kind}"
