"""Short mails to people of the house, in their language; written after the commit, sent by a job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.conf import settings
from django.db import transaction
from django.utils import translation

from callcenter.accounts.models import User


def write_to(people: Iterable[User], *, subject: str, body: str, values: Mapping[str, object], path: str) -> None:
    """Hand a mail for each person with an address to the mail queue.

    ``body`` has its values by name, ``%(url)s`` among them: the page of this house to look at.
    """
    text = body % {**values, "url": settings.BASE_URL + path}
    addresses = [person.email for person in people if person.email]

    def hand_over() -> None:
        from knowledge.tasks import send_letter  # the jobs stand above what they call

        for address in addresses:
            send_letter.delay(address, subject, text)

    transaction.on_commit(hand_over)


def in_language_of(user: User) -> translation.override:
    return translation.override(user.language)
