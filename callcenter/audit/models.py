"""The append-only trail. Ground floor: ids and plain values, no personal data, no foreign keys."""

from __future__ import annotations

from django.db import models


class AuditEntry(models.Model):
    """Who saw or did what, when, for which city; each entry carries the hash of the one before.

    One chain per city (and one for what belongs to no city, ``tenant_id`` 0). The database
    refuses UPDATE and DELETE (migration 0002).
    """

    at = models.DateTimeField()
    chain = models.BigIntegerField(help_text="The city's id, or 0 for the whole house.")
    position = models.BigIntegerField()
    actor_id = models.BigIntegerField(null=True)
    action = models.CharField(max_length=80)
    object_type = models.CharField(max_length=80, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["chain", "position"], name="audit_one_entry_per_position"),
        ]
        indexes = [models.Index(fields=["object_type", "object_id"], name="audit_by_object")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action} {self.object_type} {self.object_id}".strip()


class ChainHead(models.Model):
    """The last link of a chain; its row lock puts writers in line."""

    chain = models.BigIntegerField(primary_key=True)
    position = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)

    def __str__(self) -> str:
        return f"chain {self.chain} at {self.position}"
