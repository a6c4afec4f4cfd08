"""Nothing gets old unnoticed: editors are told of articles to look at again, and of texts that will expire."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from callcenter.accounts.models import Membership, Role, User
from callcenter.audit.services import record
from knowledge import services
from knowledge.letters import in_language_of, write_to
from knowledge.models import Article, EffectiveArticle, Revision, State
from tenants.models import Tenant
from tenants.scope import all_cities

AGAIN_AFTER = timedelta(days=7)  # a reminder that nobody followed comes back after a week
EXPIRES_WITHIN = timedelta(days=14)
NEXT_REVIEW = timedelta(days=365)
LISTED = 15  # titles in one mail


def due_in(city: Tenant, now_on: date | None = None) -> QuerySet[EffectiveArticle]:
    """What the city shows of articles whose review date is reached or whose text ends within two weeks.

    A text that ends while a newer one of its article waits to follow it is nobody's worry.
    """
    due = EffectiveArticle.objects.filter(tenant=city, pk__in=_due_ids(city, now_on))
    return due.select_related("article").order_by("sort_key")


def due_count(city: Tenant) -> int:
    return _due_ids(city).count()


def _due_ids(city: Tenant, now_on: date | None = None) -> QuerySet[EffectiveArticle, Any]:
    """Each question by its own index, not one with OR: PostgreSQL would read a hundred thousand texts for three."""
    today = now_on or timezone.localdate()
    now = timezone.now()
    ending = Revision.objects.filter(state=State.PUBLISHED, valid_until__lte=now + EXPIRES_WITHIN)
    follower = Revision.objects.filter(article=OuterRef("article"), state=State.PUBLISHED, valid_from__gt=now)
    ending = ending.filter(~Exists(follower))
    shown = EffectiveArticle.objects.filter(tenant=city).order_by()
    return (
        shown.filter(article__in=Article.objects.filter(review_on__lte=today))
        .values("pk")
        .union(
            shown.filter(shared_revision__in=ending).values("pk"), shown.filter(local_revision__in=ending).values("pk")
        )
    )


def remind(today: date | None = None) -> int:
    """Mail each editor one list of what is due in their cities; returns how many mails were written. Runs daily.

    An article is in the list again a week later, until somebody has looked at it.
    """
    today = today or timezone.localdate()
    fresh = Q(article__review_reminded_on__isnull=True) | Q(article__review_reminded_on__lte=today - AGAIN_AFTER)
    with all_cities("editors of every city are reminded"), transaction.atomic():
        by_city = {
            city: rows
            for city in Tenant.objects.filter(is_active=True)
            if (rows := list(due_in(city, today).filter(fresh)))
        }
        editors = _editors(by_city)
        for editor, cities in editors.items():
            _write(editor, {city: by_city[city] for city in cities})
        told = {row.article_id for cities in editors.values() for city in cities for row in by_city[city]}
        Article.objects.filter(pk__in=told).update(review_reminded_on=today)
    return len(editors)


@transaction.atomic
def confirm(*, article: Article, actor: User, today: date | None = None) -> date:
    """Somebody has looked: the text still holds. The next look is due in a year."""
    services.assert_may_write(article=article, tenant=article.owner)
    review_on = (today or timezone.localdate()) + NEXT_REVIEW
    Article.objects.filter(pk=article.pk).update(review_on=review_on, review_reminded_on=None)
    record(
        action="knowledge.review_confirmed",
        actor_id=actor.pk,
        tenant_id=article.owner_id,
        object_type="article",
        object_id=article.pk,
        data={"review_on": str(review_on)},
    )
    return review_on


def _editors(cities: dict[Tenant, list[EffectiveArticle]]) -> dict[User, list[Tenant]]:
    found: dict[User, list[Tenant]] = {}
    rows = Membership.objects.filter(role=Role.EDITOR, tenant__in=cities, user__is_active=True).exclude(user__email="")
    for membership in rows.select_related("user", "tenant").order_by("tenant__name"):
        found.setdefault(membership.user, []).append(membership.tenant)
    return found


def _write(editor: User, by_city: dict[Tenant, list[EffectiveArticle]]) -> None:
    with in_language_of(editor):
        lines = []
        for city, rows in by_city.items():
            lines.append(f"{city.name}:")
            lines += [f"- {row.title}" for row in rows[:LISTED]]
            if len(rows) > LISTED:
                more = len(rows) - LISTED
                lines.append(ngettext("- und %(n)d weiterer", "- und %(n)d weitere", more) % {"n": more})
        count = len({row.article_id for rows in by_city.values() for row in rows})
        subject = ngettext("%(n)d Artikel ist zu prüfen", "%(n)d Artikel sind zu prüfen", count) % {"n": count}
        write_to(
            [editor],
            subject=subject,
            body=_(
                "Guten Tag,\n\nbei diesen Artikeln ist das Prüfdatum erreicht oder die Gültigkeit endet bald:\n\n"
                "%(lines)s\n\nStimmt der Text noch, genügt dort ein Klick auf „Geprüft, stimmt noch“:\n%(url)s\n"
            ),
            values={"lines": "\n".join(lines)},
            path=reverse("knowledge:list", args=[next(iter(by_city)).slug]) + "?stand=review",
        )
