"""Migrations must not stop the version that still runs."""

from __future__ import annotations

import subprocess
import sys

from django.conf import settings


def lint(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.lint_migrations", *arguments],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )


def test_linter_sees_what_would_stop_a_running_house() -> None:
    """The one early migration that dropped a column must be found, or the linter sees nothing at all."""
    done = lint("--all")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "0003_refused_requests" in done.stdout
    assert "DROPPING columns" in done.stdout


def test_migrations_since_the_release_pass() -> None:
    done = lint()
    assert done.returncode == 0, done.stdout + done.stderr
