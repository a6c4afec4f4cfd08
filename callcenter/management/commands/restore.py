"""The way back from a backup."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from callcenter.backups import BackupError, as_plain, restore, verify
from callcenter.bootstrap import migrate_if_needed


class Command(BaseCommand):
    help = "Restore a backup into an empty installation. Stop the services first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--replace", action="store_true", help="give up what this installation holds")
        parser.add_argument("--verify", action="store_true", help="only read the file and compare its SHA-256 sums")
        parser.add_argument("--json", action="store_true", help="the manifest as JSON")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            manifest = verify(file) if options["verify"] else restore(file, replace=options["replace"])
        except BackupError as refusal:
            raise CommandError(str(refusal)) from refusal
        if not options["verify"]:
            migrate_if_needed()
        if options["json"]:
            self.stdout.write(json.dumps(as_plain(manifest)))
            return
        done = "is complete and undamaged" if options["verify"] else "is restored"
        self.stdout.write(f"The backup of {manifest.made_at} {done}: {len(manifest.members)} members.")
        if not options["verify"]:
            self.stdout.write("The search index rebuilds itself. Next: manage.py check_ledger")
            if connection.vendor == "postgresql":
                self.stdout.write("If the backup is older than this program: manage.py migrate")
