"""Articles from a file: drafts, or published at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from callcenter.accounts.models import Role, User
from knowledge.importing.apply import Result, run_import
from knowledge.importing.formats import FORMATS, READERS, detect
from knowledge.importing.records import UnreadableFile
from tenants.models import Tenant
from tenants.scope import all_cities


class Command(BaseCommand):
    help = "Import articles (XZuFi 2.1 to 2.3, CSV, JSON or JSON Lines) for one city. Again: changes nothing."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--tenant", required=True, help="short name of the city, as in its addresses")
        parser.add_argument("--format", choices=FORMATS, default="auto")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, write nothing")
        parser.add_argument("--publish", action="store_true", help="publish at once; needs --as")
        parser.add_argument("--as", dest="user", metavar="USER", help="the editor who answers for it")
        parser.add_argument("--json", action="store_true", help="pure JSON on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["publish"] and not options["user"]:
            raise CommandError("--publish needs --as USER, who answers for what callers are told", returncode=2)
        city = Tenant.objects.filter(slug=options["tenant"]).first()
        if city is None:
            known = ", ".join(Tenant.objects.values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no city {options['tenant']!r}; known: {known}")
        actor = self._actor(options["user"], city)
        try:
            with options["file"].open("rb") as file, all_cities("an import may hold texts for every city"):
                name = detect(file) if options["format"] == "auto" else options["format"]
                result = run_import(
                    entries=READERS[name](file),
                    tenant=city,
                    format_name=name,
                    file_name=options["file"].name,
                    actor=actor,
                    publish=options["publish"],
                    dry_run=options["dry_run"],
                )
        except OSError as problem:
            raise CommandError(f"{options['file']} cannot be read: {problem.strerror}") from None
        except UnreadableFile as problem:
            raise CommandError(f"{options['file'].name}: {problem}") from None
        self.stdout.write(_as_json(result) if options["json"] else _as_text(result, dry_run=options["dry_run"]))

    def _actor(self, username: str | None, city: Tenant) -> User | None:
        if not username:
            return None
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no user {username!r}")
        if not user.may(city, [Role.EDITOR]):
            raise CommandError(f"{username} is no editor of {city.name}")
        return user


def _as_json(result: Result) -> str:
    return json.dumps(
        {
            "created": result.created,
            "changed": result.changed,
            "unchanged": result.unchanged,
            "refused": [{"line": each.line, "id": each.id, "reason": each.english} for each in result.refused],
        },
        ensure_ascii=False,
    )


def _as_text(result: Result, *, dry_run: bool) -> str:
    lines = [f"line {each.line}: {each.id or '(no id)'} refused: {each.english}" for each in result.refused]
    lines.append(
        f"{'Would be: ' if dry_run else ''}{result.created} created, {result.changed} changed, "
        f"{result.unchanged} unchanged, {len(result.refused)} refused"
    )
    return "\n".join(lines)
