"""What an agent missed: articles that changed since their last shift, the ones they use first, word by word.

No shift is recorded: one moment is kept per person, overwritten each time, until which they know everything.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from callcenter.accounts.models import User
from callcenter.calls.models import ContactArticle, Presence, PresenceState
from knowledge.diff import SectionDiff, diff_sections
from knowledge.effective import overlay, was_in_effect
from knowledge.models import Article, EffectiveArticle, Revision, State
from tenants.models import Tenant

NEW_SHIFT_AFTER = timedelta(hours=4)  # a shorter absence is a break
LOOK_BACK = timedelta(days=14)  # at most; and for whoever never came before
USED_WITHIN = timedelta(days=90)
PREFERENCE = "knows_until"


@dataclass
class Change:
    """An article that changed, with the cities whose answer it is. ``diffs`` are filled by ``changes``."""

    article_id: uuid.UUID
    title: str
    at: datetime
    cities: list[Tenant]
    is_used: bool = False
    is_new: bool = False
    summary: str = ""
    diffs: list[SectionDiff] = field(default_factory=list)


# --- since when -----------------------------------------------------------------------------------
def knows_until(user: User) -> datetime:
    """The moment until which this person knows what changed; never longer ago than LOOK_BACK."""
    oldest = timezone.now() - LOOK_BACK
    kept = parse_datetime(str((user.preferences or {}).get(PREFERENCE, "")))
    return max(kept, oldest) if kept else oldest


@transaction.atomic
def begin_shift(*, user: User) -> None:
    """Called before somebody signs on: after an absence of some hours the end of the last shift counts."""
    presence = Presence.objects.filter(user=user).first()
    if presence is None:
        return
    left = presence.since if presence.state == PresenceState.AWAY else presence.seen_at
    if timezone.now() - left >= NEW_SHIFT_AFTER:
        _keep(user, left)


@transaction.atomic
def mark_read(*, user: User) -> None:
    """The person has seen everything up to now."""
    _keep(user, timezone.now())


def _keep(user: User, moment: datetime) -> None:
    fresh = User.objects.select_for_update().get(pk=user.pk)
    fresh.preferences = {**fresh.preferences, PREFERENCE: moment.isoformat()}
    fresh.save(update_fields=["preferences"])
    user.preferences = fresh.preferences


# --- what changed ---------------------------------------------------------------------------------
def headlines(user: User, *, limit: int = 8) -> list[Change]:
    """Titles for the desk: what this agent opens in calls first, then the newest."""
    return _sorted(user, _by_article(_rows(knows_until(user))))[:limit]


def changes(user: User, *, limit: int = 60) -> list[Change]:
    """The same with what exactly changed; cities in which the same words changed stand together."""
    since = knows_until(user)
    rows = _rows(since)[: limit * 4]
    history: dict[tuple[uuid.UUID, int | None], list[Revision]] = defaultdict(list)
    told = Revision.objects.filter(
        article__in={row.article_id for row in rows}, state__in=[State.PUBLISHED, State.ARCHIVED]
    )
    for revision in told:
        history[revision.article_id, revision.tenant_id].append(revision)
    found: dict[object, Change] = {}
    for row in rows:
        change = _compared(row, history, since)
        if change is None:
            continue
        known = found.setdefault((row.article_id, repr(change.diffs)), change)
        if known is not change:
            known.cities += change.cities
    return _sorted(user, list(found.values()))[:limit]


def withdrawn(user: User, *, limit: int = 20) -> list[str]:
    """Titles of articles that no longer answer anything in the open scope since then."""
    gone = Revision.objects.filter(state=State.ARCHIVED, archived_at__gte=knows_until(user)).values("article")
    shown = EffectiveArticle.objects.values("article")
    cities = user.tenant_ids()
    articles = Article.objects.filter(pk__in=gone).exclude(pk__in=shown).order_by("sort_key")
    return [each.title for each in articles if each.owner_id is None or each.owner_id in cities][:limit]


def _rows(since: datetime) -> list[EffectiveArticle]:
    rows = EffectiveArticle.objects.select_related("tenant", "article").filter(published_at__gte=since)
    return list(rows.order_by("-published_at", "title")[:400])


def _compared(
    row: EffectiveArticle, history: dict[tuple[uuid.UUID, int | None], list[Revision]], since: datetime
) -> Change | None:
    """The row's change against the answer of that moment; None where the words are the same."""
    shared = was_in_effect(history[row.article_id, None], since)
    local = was_in_effect(history[row.article_id, row.tenant_id], since)
    before = overlay(shared, local, owned=row.article.owner_id is not None) if shared or local else None
    change = _plain(row)
    if before is None:
        change.is_new, change.summary = True, str(row.sections.get("summary", ""))
        return change
    change.diffs = diff_sections(before.sections, row.sections, old_title=before.title, new_title=row.title)
    return change if change.diffs else None


def _plain(row: EffectiveArticle) -> Change:
    return Change(row.article_id, row.title, row.published_at, [row.tenant])


def _by_article(rows: Iterable[EffectiveArticle]) -> list[Change]:
    found: dict[uuid.UUID, Change] = {}
    for row in rows:
        if row.article_id in found:
            found[row.article_id].cities.append(row.tenant)
        else:
            found[row.article_id] = _plain(row)
    return list(found.values())


def _sorted(user: User, found: list[Change]) -> list[Change]:
    """The agent's own articles first, then the newest."""
    used = _used(user, [change.article_id for change in found])
    for change in found:
        change.cities.sort(key=lambda city: city.name)
        change.is_used = change.article_id in used
    return sorted(found, key=lambda change: (not change.is_used, -change.at.timestamp(), change.title))


def _used(user: User, article_ids: list[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these the agent opened in their own calls of the last months."""
    own = ContactArticle.objects.filter(
        article__in=article_ids, contact__call__agent=user, opened_at__gte=timezone.now() - USED_WITHIN
    )
    return set(own.values_list("article_id", flat=True).distinct())
