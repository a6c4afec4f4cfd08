"""The demo's recent calls: enough to look at on the first day, and nothing in the future."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from callcenter.accounts.models import Role, User
from callcenter.calls.models import (
    Call,
    Feedback,
    FeedbackKind,
    Outcome,
    Prefill,
    Question,
    QuestionKind,
    QuestionSet,
    Source,
)
from callcenter.calls.simulation.month import simulate_days
from knowledge.models import EffectiveArticle
from tenants.models import Office, Tenant
from tenants.scope import all_cities

PER_DAY = {"duisburg": 420, "dinslaken": 110}
DAYS = 7
SEED = 115
REACHED = {
    "label": "Wann ist die Person erreichbar?",
    "kind": QuestionKind.CHOICE,
    "choices": ["jederzeit", "vormittags", "nachmittags"],
    "required": True,
}
# reporter, kind, article, what was typed, what was written, what became of it
REPORTS: dict[str, list[tuple[str, FeedbackKind, str, str, str, str]]] = {
    "duisburg": [
        ("agent2", FeedbackKind.UNCLEAR, "reisepass-express", "express pass kind",
         "Kommt der Aufschlag auch bei Kindern dazu?", ""),
        ("agent2", FeedbackKind.MISSING, "", "Lastenrad Förderung", "Wird zurzeit täglich gefragt.", ""),
        ("agent", FeedbackKind.MISSING, "personalausweis-beantragen", "Perso was mitbringen",
         "Die Unterlagen fehlen.", "Ergänzt: Die Unterlagen stehen jetzt im Artikel."),
    ],
    "dinslaken": [
        ("agent2", FeedbackKind.WRONG, "sozialticket", "Sozialticket",
         "Laut Fachdienst jetzt doch mit Termin.", ""),
    ],
}  # fmt: skip
ALWAYS: list[dict[str, Any]] = [REACHED]
LETTER: list[dict[str, Any]] = [
    {"label": "Kassenzeichen auf dem Bescheid"},
    {"label": "Datum des Bescheids", "kind": QuestionKind.DATE},
    {"label": "Ist eine Mahnung gekommen?", "kind": QuestionKind.CHECK},
    REACHED,
]
BULKY: list[dict[str, Any]] = [
    {"label": "Worum geht es?", "prefill": Prefill.TITLE},
    {"label": "Straße und Hausnummer", "required": True},
    {"label": "Stehen Möbel schon an der Straße?", "kind": QuestionKind.CHECK},
    {"label": "Wunschtermin", "kind": QuestionKind.DATE},
]


def load() -> int:
    """Calls of the last days for each demo city that has none yet; returns how many were made."""
    made = 0
    with all_cities("the demo's recent calls"):
        for city in Tenant.objects.filter(slug__in=PER_DAY):
            if Call.objects.filter(tenant=city, source=Source.SIMULATOR).exists():
                continue
            today = timezone.localdate(timezone=city.zone)
            days = [today - timedelta(days=back) for back in range(DAYS)]
            made += simulate_days(tenant=city, days=days, per_day=PER_DAY[city.slug], seed=SEED)
            _question_sets(city)
            _reports(city)
    return made


def _reports(city: Tenant) -> None:
    """What agents of the demo reported: two are open, and one is answered and not read yet."""
    calls = Call.objects.filter(tenant=city, outcome=Outcome.ANSWERED).order_by("-offered_at")
    agents = {user.username: user for user in User.objects.filter(is_demo=True, memberships__role=Role.AGENT)}
    for (reporter, kind, key, query, text, answer), call in zip(REPORTS[city.slug], calls, strict=False):
        shown = EffectiveArticle.objects.filter(tenant=city, article__source="demo", article__source_id=key).first()
        feedback = Feedback.objects.create(
            tenant=city,
            kind=kind,
            query=query,
            article=shown.article if shown else None,
            shared_revision=shown.shared_revision if shown else None,
            local_revision=shown.local_revision if shown else None,
            call=call,
            reporter=agents.get(reporter),
            text=text,
            answer=answer,
            closed_at=timezone.now() - timedelta(hours=19) if answer else None,
        )
        Feedback.objects.filter(pk=feedback.pk).update(created_at=call.offered_at)


def _question_sets(city: Tenant) -> None:
    """Question sets to look at: one that is always asked, one for tax letters, one for bulky waste."""
    bulky = EffectiveArticle.objects.filter(tenant=city, title__icontains="sperrmüll").order_by("sort_key").first()
    tax = Office.objects.filter(tenant=city, name__icontains="steuer").first()
    _question_set(ALWAYS, tenant=city, name="Erreichbarkeit")
    if tax:
        _question_set(LETTER, tenant=city, name="Steuerbescheid", office=tax)
    if bulky:
        _question_set(BULKY, tenant=city, name="Sperrmüll", article=bulky.article)


def _question_set(questions: list[dict[str, Any]], **where: Any) -> None:
    made = QuestionSet.objects.create(**where)
    Question.objects.bulk_create(
        Question(question_set=made, position=position, **question) for position, question in enumerate(questions, 1)
    )
