"""The Celery application; tasks live in each app's ``tasks.py`` and delegate at once."""

import os
from typing import Any

from celery import Celery
from celery.signals import task_prerun

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callcenter.settings")

app = Celery("callcenter")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@task_prerun.connect
def _name_the_lines(task_id: str, **kwargs: Any) -> None:
    """Log lines of a job carry its id."""
    from callcenter.logs import request_id

    request_id.set(f"job-{task_id}")
