"""The whole installation in one file."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from callcenter.backups import BackupError, as_plain, backup


class Command(BaseCommand):
    help = "Write database, keys, mail and documents to one file, while people go on working. It holds the keys."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="must not exist yet; .tar.gz")
        parser.add_argument("--json", action="store_true", help="the manifest as JSON")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            manifest = backup(file)
        except BackupError as refusal:
            raise CommandError(str(refusal)) from refusal
        if options["json"]:
            self.stdout.write(json.dumps(as_plain(manifest)))
            return
        size = file.stat().st_size / 1_000_000
        self.stdout.write(f"{file}: {size:.1f} MB, {manifest.engine}, {len(manifest.members)} members with SHA-256")
        if not manifest.keys_included:
            self.stdout.write(
                "The keys come from the environment and are not in the file: keep CALLCENTER_SECRET_KEY and "
                "CALLCENTER_NUMBER_KEY elsewhere."
            )
