"""Mails about call-backs. They carry a signed link and no caller's number, no name and no concern."""

from __future__ import annotations

from typing import Any

from django.core.mail import EmailMessage
from django.utils import timezone

from callcenter.calls import links
from callcenter.calls.models import Handover, HandoverEntry, HandoverStep
from tenants.scope import all_cities

SUBJECTS = {
    HandoverStep.CREATED: "Bitte um Rückruf",
    HandoverStep.FORWARDED: "Bitte um Rückruf (weitergegeben)",
    HandoverStep.REOPENED: "Bitte um Rückruf (wieder geöffnet)",
    HandoverStep.REMINDED: "Erinnerung: Rückruf wird bald fällig",
    HandoverStep.ESCALATED: "Überfällig: Rückruf steht aus",
}
BODY = """Guten Tag,

{opening}

Thema: {topic}
Amt: {office}
Fällig: {due} Uhr

Anliegen, Rückrufnummer und Ihre Antwort finden Sie hier, ohne Anmeldung:
{link}

Die Adresse gilt zwei Wochen und nur für diesen Rückruf. Bitte geben Sie sie nur im Amt weiter.

Ihr Telefonservice für {city}
"""
OPENINGS = {
    HandoverStep.CREATED: "jemand hat beim Telefonservice angerufen und bittet Sie um Rückruf.",
    HandoverStep.FORWARDED: "der Telefonservice hat einen Rückruf an Sie weitergegeben.",
    HandoverStep.REOPENED: "ein Rückruf ist wieder offen.",
    HandoverStep.REMINDED: "ein Rückruf wird bald fällig. Bitte rufen Sie an, oder geben Sie ihn zurück, "
    "wenn Sie nicht zuständig sind.",
    HandoverStep.ESCALATED: "ein zugesagter Rückruf ist überfällig.",
}


def send_handover_mail(payload: dict[str, Any]) -> None:
    """Write to the office, or to a supervisor; what has been done meanwhile needs no reminder."""
    step = HandoverStep(payload["step"])
    with all_cities("the relay sends for every city"):
        found = Handover.objects.select_related("tenant", "office", "person", "contact__article").get(
            pk=payload["handover"]
        )
        if not found.is_owed:
            return
        effective = found.contact.article and found.contact.article.effective.filter(tenant_id=found.tenant_id).first()
        EmailMessage(
            subject=f"{SUBJECTS[step]} bis {_local(found):%d.%m.%Y %H:%M}",
            body=BODY.format(
                opening=OPENINGS[step],
                topic=effective.title if effective else "Allgemeines Anliegen",
                office=found.person or found.office or "noch offen",
                due=f"{_local(found):%d.%m.%Y %H:%M}",
                link=links.office_link(found),
                city=found.tenant.name,
            ),
            to=[payload["to"]],
        ).send()
        if step in {HandoverStep.CREATED, HandoverStep.FORWARDED, HandoverStep.REOPENED}:
            HandoverEntry.objects.create(
                handover=found, step=HandoverStep.MAILED, note=payload["to"], at=timezone.now()
            )


def _local(handover: Handover) -> Any:
    return timezone.localtime(handover.due_at, handover.tenant.zone)
