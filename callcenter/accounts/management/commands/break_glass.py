"""``manage.py break_glass``: an administrator for the day nobody else can sign in."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from callcenter.accounts.services import open_emergency_account


class Command(BaseCommand):
    help = "Open an emergency administrator with a new password, printed once. Each sign-in sounds an alarm."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--username", default="notfall")
        parser.add_argument("--hours", type=int, default=8, help="void afterwards (1 to 72)")

    def handle(self, *args: Any, username: str, hours: int, **options: Any) -> None:
        if not 1 <= hours <= 72:
            raise CommandError("--hours is a number from 1 to 72.")
        try:
            user, password = open_emergency_account(username=username, until=timezone.now() + timedelta(hours=hours))
        except ValueError as refusal:
            raise CommandError(str(refusal)) from refusal
        until = timezone.localtime(user.emergency_until)
        self.stdout.write(f"Sign in as {user.username} with {password} until {until:%Y-%m-%d %H:%M}.")
        self.stdout.write("Every administrator with a mail address is told at each sign-in.")
