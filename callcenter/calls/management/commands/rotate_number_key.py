"""``manage.py rotate_number_key``: replace the key that seals caller numbers, step by step."""

from __future__ import annotations

import os
import secrets
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from callcenter.calls.services import keys


class Command(BaseCommand):
    help = (
        "Seal caller numbers with a new key. With keys kept in files: --new, restart the services, run without an"
        " option, then --finish. With keys from the environment set CALLCENTER_NUMBER_KEY_PREVIOUS to the old key"
        " and CALLCENTER_NUMBER_KEY to the new one instead of --new."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        steps = parser.add_mutually_exclusive_group()
        steps.add_argument("--new", action="store_true", help="make a new key; the old one is still read")
        steps.add_argument("--finish", action="store_true", help="forget the old key; refused while anything needs it")

    def handle(self, *args: Any, new: bool, finish: bool, **options: Any) -> None:
        if new:
            self.make_key()
        elif finish:
            self.forget_key()
        else:
            self.reseal()

    def make_key(self) -> None:
        if "CALLCENTER_NUMBER_KEY" in os.environ:
            raise CommandError("The key comes from the environment: set CALLCENTER_NUMBER_KEY and _PREVIOUS there.")
        folder = settings.VAR / "keys"
        if (folder / "number_key_previous").exists():
            raise CommandError("A key is being replaced already. Run rotate_number_key, then --finish.")
        made = folder / "number_key.new"
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        os.link(folder / "number_key", folder / "number_key_previous")  # both names, then the swap: never without a key
        made.replace(folder / "number_key")
        self.stdout.write("A new key is made. Restart the services, then run: manage.py rotate_number_key")

    def reseal(self) -> None:
        if not settings.NUMBER_KEY_PREVIOUS:
            raise CommandError("No key is being replaced. Begin with: manage.py rotate_number_key --new")
        for name, count in keys.reseal().items():
            self.stdout.write(f"{name}: {count} sealed anew")
        if blocked := keys.blocked_by_hash():
            self.stdout.write(f"{blocked} blocked numbers are kept as a hash only: enter them anew before --finish.")

    def forget_key(self) -> None:
        if not settings.NUMBER_KEY_PREVIOUS:
            self.stdout.write("No key is being replaced.")
            return
        if left := keys.stale():
            found = ", ".join(f"{name}: {count}" for name, count in left.items())
            raise CommandError(f"The old key is still needed ({found}). Run: manage.py rotate_number_key")
        (settings.VAR / "keys" / "number_key_previous").unlink(missing_ok=True)
        self.stdout.write("The old key is forgotten. Restart the services; delete it from old backups as they expire.")
