"""``manage.py relay``: the process that sends what waits in the outbox, with no broker in between."""

from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections

from billing.tasks import relay_outbox

log = logging.getLogger(__name__)
LONGEST_PAUSE = 60.0  # seconds between two tries while the database is away


class Command(BaseCommand):
    help = "Send what waits in the outbox, again and again. Needs the database only, no Redis."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS", help="pause between two rounds")
        parser.add_argument("--once", action="store_true", help="one round; prints how many messages went out")

    def handle(self, *args: Any, every: float, once: bool, **options: Any) -> None:
        if once:
            self.stdout.write(f"{relay_outbox()} messages sent")
            return
        stopped = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stopped.set())
        self.stdout.write(f"Sending what waits in the outbox, every {every:g} s.")
        self.stdout.flush()
        pause = every
        while not stopped.wait(pause):
            close_old_connections()
            try:
                relay_outbox()
                pause = every
            except DatabaseError as error:
                pause = min(pause * 2, LONGEST_PAUSE)
                log.warning("the outbox waits %.0f s for the database: %s", pause, error)
