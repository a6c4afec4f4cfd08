"""Unsaved work of editors: kept while they type, offered again after a lost session, told to those who write too."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import transaction
from django.http import QueryDict
from django.utils import timezone

from callcenter.accounts.models import User
from knowledge.models import Article
from knowledge.models_authoring import WorkingCopy

KEPT_DAYS = 30
WRITES_NOW = timedelta(minutes=5)  # the editor's page keeps its text at least once a minute while somebody types
NOT_KEPT = ("csrfmiddlewaretoken", "action")


@transaction.atomic
def keep(*, user: User, article: Article, data: QueryDict) -> WorkingCopy:
    """Keep the form as it stands. No audit entry: nothing is written that anybody else reads."""
    fields = [[name, value] for name, values in data.lists() if name not in NOT_KEPT for value in values]
    copy, _created = WorkingCopy.objects.update_or_create(
        user=user, article=article, defaults={"fields": fields, "typed_at": timezone.now()}
    )
    return copy


def copy_of(*, user: User, article: Article) -> WorkingCopy | None:
    return WorkingCopy.objects.filter(user=user, article=article).first()


def as_form(copy: WorkingCopy) -> QueryDict:
    """The kept form as if it had been sent."""
    data = QueryDict(mutable=True)
    for name, value in copy.fields:
        data.appendlist(str(name), str(value))
    return data


@transaction.atomic
def drop(*, user: User, article: Article | uuid.UUID) -> None:
    WorkingCopy.objects.filter(user=user, article=article).delete()


def writing_now(*, article: Article, user: User) -> list[WorkingCopy]:
    """Who else has typed in this article within the last minutes."""
    since = timezone.now() - WRITES_NOW
    others = WorkingCopy.objects.filter(article=article, typed_at__gte=since).exclude(user=user)
    return list(others.select_related("user").order_by("user__name"))


def prune() -> int:
    """Delete what nobody came back for; returns how many."""
    deleted, _rows = WorkingCopy.objects.filter(typed_at__lt=timezone.now() - timedelta(days=KEPT_DAYS)).delete()
    return deleted
