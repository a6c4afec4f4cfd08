"""The outbox goes out without Redis, and the process outlives a database that is away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from billing import outbox
from billing.models import Outbox


def test_relay_once_says_how_many(db) -> None:
    out = StringIO()
    call_command("relay", "--once", stdout=out)
    assert out.getvalue() == "0 messages sent\n"


def test_relay_keeps_what_it_cannot_send(db) -> None:
    """A message nobody knows how to send stays, with its reason, and is tried again later."""
    outbox.put(key="test:1", kind="nobody-knows", payload={})
    call_command("relay", "--once", stdout=StringIO())
    kept = Outbox.objects.get(key="test:1")
    assert kept.sent_at is None
    assert kept.attempts == 1
    assert kept.not_before > timezone.now()


@pytest.mark.sqlite
def test_relay_ends_on_sigterm(tmp_path: Path) -> None:
    """An update stops the services; a relay that hangs would be killed in the middle of a mail."""
    environment = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "REDIS_URL"}}
    environment |= {"CALLCENTER_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "callcenter.settings"}
    command = [sys.executable, "manage.py", "relay", "--every", "0.2"]
    with subprocess.Popen(
        command, cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        assert any("outbox" in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
