"""The product as its next version might be: one more app, whose migrations change the busiest table."""

from __future__ import annotations

from callcenter.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.next_app"]  # noqa: F405
