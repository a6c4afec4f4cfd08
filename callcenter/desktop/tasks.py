"""Jobs of the desk."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from callcenter.desktop.models import LiveEvent

KEPT = timedelta(days=1)


@shared_task(queue="default")
def prune_live_events() -> int:
    """Forget messages older than a day; returns how many."""
    removed, _ = LiveEvent.objects.filter(at__lt=timezone.now() - KEPT).delete()
    return removed
