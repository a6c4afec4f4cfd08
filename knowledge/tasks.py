"""Jobs of the knowledge base."""

from __future__ import annotations

import uuid

from celery import shared_task
from django.conf import settings
from django.core.mail import send_mail

from knowledge import links, notices, pack, refresh, reminders, working_copies
from knowledge.importing import upload
from tenants.models import Tenant
from tenants.scope import scoped


@shared_task(queue="default")
def refresh_validity() -> int:
    """Bring in texts and notices whose time has come and take out expired ones; returns how many were touched."""
    return refresh.refresh_due() + notices.turn_over()


@shared_task(queue="default")
def reconcile_index(suspected: bool = False) -> int:
    """Make the search index agree with the database; returns how many articles were put right."""
    from knowledge.search import api

    return api.reconcile(suspected=suspected)


@shared_task(queue="default")
def rebuild_index() -> int:
    """Build the search index anew, after a rule changed what is indexed; returns the number of articles."""
    from knowledge.search import api

    return api.rebuild()


@shared_task(queue="default")
def print_pack(tenant_ids: list[int]) -> None:
    """Make the paper edition of these cities anew."""
    cities = list(Tenant.objects.filter(pk__in=tenant_ids, is_active=True))
    with scoped(cities):
        pack.keep(cities=cities)


@shared_task(queue="default")
def print_packs() -> int:
    """Each night: one paper edition for each city, and one for all together; returns how many."""
    cities = list(Tenant.objects.filter(is_active=True))
    sets = [[city] for city in cities] + ([cities] if len(cities) > 1 else [])
    for some in sets:
        with scoped(some):
            pack.keep(cities=some)
    return len(sets)


@shared_task(queue="default")
def look_through(run_id: str) -> None:
    """Look through a large uploaded file."""
    upload.look_through(uuid.UUID(run_id))


@shared_task(queue="default")
def read_in(run_id: str) -> None:
    """Read an uploaded file in."""
    upload.read_in(uuid.UUID(run_id))


@shared_task(queue="default")
def check_links(everything: bool = False) -> int:
    """Ask the addresses in published texts whether they are still there; returns how many were asked."""
    return links.check_due(everything=everything) if settings.LINK_CHECK or everything else 0


@shared_task(queue="default")
def remind_editors() -> int:
    """Mail editors what is to be looked at again; returns how many mails were written."""
    return reminders.remind()


@shared_task(queue="default")
def prune_working_copies() -> int:
    """Delete unsaved work nobody came back for; returns how many."""
    return working_copies.prune()


@shared_task(queue="mail", autoretry_for=(OSError,), retry_backoff=60, max_retries=5)
def send_letter(address: str, subject: str, body: str) -> None:
    """Send one mail of knowledge.letters."""
    send_mail(subject, body, None, [address])
