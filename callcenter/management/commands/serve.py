"""The embedded way to run everything: web, jobs and (in the demo) calls that ring by themselves."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from callcenter.accounts.models import Role, User
from callcenter.checks import unsafe_settings

PR_SET_PDEATHSIG = 1
JOBS = [
    # A newcomer's machine may well run as root; production does not (docs/admin/install.md).
    *("-W", "ignore:You're running the worker with superuser privileges"),
    *("-m", "celery", "--quiet", "--app", "callcenter", "worker", "--beat", "--pool", "solo", "--loglevel", "ERROR"),
    *("--queues", ",".join(settings.JOB_QUEUES)),
]


def die_with_parent() -> None:
    """Linux: a child is told to stop when the parent is gone, even after kill -9."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Command(BaseCommand):
    help = "Serve the whole program from one place: web, jobs, and demo calls with --demo."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--demo", action="store_true", help="load the demo on first start and let calls ring")

    def handle(self, *args: Any, port: int, host: str, demo: bool, **options: Any) -> None:
        if problems := unsafe_settings():
            raise CommandError("\n".join(f"{problem.msg} {problem.hint}" for problem in problems))
        if demo and not User.objects.exists():
            self.stdout.write("First start: loading the demo …")
            call_command("demo", stdout=self.stdout)
        # A telephone system is told where to post: at this port, not at the usual one.
        (settings.VAR / "served-at").write_text(f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}")  # noqa: S104
        children: dict[str, subprocess.Popen[bytes]] = {}

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        signal.signal(signal.SIGTERM, stop)
        try:
            children["web"] = self.start(
                [
                    "-m", "uvicorn", "callcenter.asgi:application", "--host", host, "--port", str(port),
                    "--log-level", "warning", "--timeout-graceful-shutdown", "3", "--no-server-header",
                ]
            )  # fmt: skip
            self.wait_until_ready(children["web"], host, port)
            self.greet(host, port, demo)
            helpers = {"jobs": JOBS}
            if demo:
                helpers["calls"] = ["manage.py", "simulate_calls", "--live"]
            self.watch(children, helpers)
        except KeyboardInterrupt:
            pass
        finally:
            for child in children.values():
                child.terminate()
            for child in children.values():
                try:
                    child.wait(5)
                except subprocess.TimeoutExpired:
                    child.kill()

    def start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=settings.BASE_DIR,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "callcenter.settings"},
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )

    def wait_until_ready(self, web: subprocess.Popen[bytes], host: str, port: int) -> None:
        for _ in range(300):
            if web.poll() is not None:
                raise CommandError(
                    f"The web process ended at once. Is port {port} taken? Try: make run PORT={port + 1}"
                )
            try:
                with urllib.request.urlopen(f"http://{host}:{port}/health/ready", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise CommandError("The web process does not answer within 30 seconds.")

    def watch(self, children: dict[str, subprocess.Popen[bytes]], helpers: dict[str, list[str]]) -> None:
        """Start the helpers and restart what ends; without the web process, stop."""
        while children["web"].poll() is None:
            for name, arguments in helpers.items():
                if name not in children or children[name].poll() is not None:
                    children[name] = self.start(arguments)
            time.sleep(2)
        raise CommandError("The web process ended.")

    def greet(self, host: str, port: int, demo: bool) -> None:
        self.stdout.write(f"\nCall centre desktop: http://{host}:{port}/")
        if demo:
            self.stdout.write("Sign in with one click, as: " + ", ".join(str(role) for role in Role.values))
            self.stdout.write("The agent's telephone rings by itself once a place (extension) is entered.")
        self.stdout.write("Stop with Ctrl+C.\n")
        self.stdout.flush()
