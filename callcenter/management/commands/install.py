"""The other start: first administrator and first city, no demo content."""

from __future__ import annotations

import getpass
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils.text import slugify

from callcenter.accounts.models import Role, User
from callcenter.accounts.services import save_person
from tenants.models import Tenant
from tenants.services import save_city


class Command(BaseCommand):
    help = "Create the first administrator and the first city; refuses when there are accounts already."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--city", help="name of the first city, such as Duisburg")
        parser.add_argument("--username", help="sign-in name of the first administrator")
        parser.add_argument("--name", help="name of the first administrator")
        parser.add_argument("--email", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        if User.objects.exists() or Tenant.objects.exists():
            raise CommandError("This installation already has accounts or cities. Sign in and use Verwaltung.")
        city_name = options["city"] or self.ask("Name of the first city: ")
        username = options["username"] or self.ask("Sign-in name of the first administrator: ")
        name = options["name"] or self.ask("Their name: ")
        password = os.environ.get("CALLCENTER_INSTALL_PASSWORD") or getpass.getpass(
            "Password (12 characters or more): "
        )
        try:
            validate_password(password)
        except ValidationError as refusal:
            raise CommandError(" ".join(refusal.messages)) from refusal
        with transaction.atomic():
            city = save_city(
                city=Tenant(
                    slug=slugify(city_name),
                    name=city_name,
                    official_name=f"Stadt {city_name}",
                    greeting=f"Stadt {city_name}, guten Tag. Was kann ich für Sie tun?",
                ),
                actor_id=None,
            )
            save_person(
                user=User(username=username, name=name, email=options["email"]),
                city=city,
                roles=[Role.ADMINISTRATOR],
                password=password,
                actor_id=None,
            )
        self.stdout.write(
            f"{city.official_name} is set up. Sign in as {username} and add a line: Verwaltung, Leitungen."
        )

    def ask(self, question: str) -> str:
        if not sys.stdin.isatty():
            raise CommandError("Give --city, --username and --name, and the password in CALLCENTER_INSTALL_PASSWORD.")
        return input(question).strip()
