"""The product's settings with an impatient clock: what is nightly comes every second, and a lost task soon."""

from __future__ import annotations

import os
from datetime import timedelta

from callcenter.settings import *  # noqa: F403

CELERY_BEAT_SCHEDULE = {
    "close": {"task": "billing.tasks.close_due_months", "schedule": timedelta(seconds=1)},
    "outbox": {"task": "billing.tasks.relay_outbox", "schedule": timedelta(seconds=1)},
    "reap": {"task": "callcenter.calls.tasks.reap_stale_calls", "schedule": timedelta(seconds=1)},
}
# Seconds after which Redis hands a task out again that nobody acknowledged.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": int(os.environ.get("FAULT_VISIBILITY", "3600"))}
