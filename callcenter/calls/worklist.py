"""Agents' reports for the editors' worklist, one floor below (knowledge/worklist.py)."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import timezone

from callcenter.calls.models import Feedback
from callcenter.calls.signals import reports_answered
from knowledge.worklist import Report
from tenants.models import Tenant


class FeedbackReports:
    """The open feedback of a city, with how long its calls took."""

    def open_reports(self, tenant: Tenant) -> list[Report]:
        feedback = Feedback.objects.filter(tenant=tenant, closed_at__isnull=True).select_related("call")
        return [
            Report(
                id=each.pk,
                kind=each.kind,
                kind_label=each.get_kind_display(),
                query=each.query,
                text=each.text,
                article_id=each.article_id,
                at=each.created_at,
                talked_s=each.call.talked_s if each.call else None,
            )
            for each in feedback
        ]

    def close_reports(self, tenant: Tenant, ids: Iterable[int], answer: str) -> None:
        """Whoever reported it hears what became of it: on their desk, at once."""
        rows = Feedback.objects.filter(tenant=tenant, pk__in=list(ids), closed_at__isnull=True)
        reporters = frozenset(rows.filter(reporter__isnull=False).values_list("reporter_id", flat=True))
        rows.update(closed_at=timezone.now(), answer=answer[:250])
        if reporters:
            reports_answered.send(sender=Feedback, user_ids=reporters)
