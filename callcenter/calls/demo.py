"""The demo's recent calls: enough to look at on the first day, and nothing in the future."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from callcenter.calls.models import Call, Prefill, Question, QuestionKind, QuestionSet, Source
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
    return made


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
