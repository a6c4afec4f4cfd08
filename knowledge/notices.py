"""Situations: a sentence on every desk of the chosen cities, with a counter, until it ends by itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, F, Prefetch, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from callcenter.accounts.models import User
from callcenter.audit.services import record
from knowledge.models import Article, Notice, NoticeCity, NoticeReceipt, Severity
from knowledge.sanitise import plain
from knowledge.services import KnowledgeRefusal
from knowledge.signals import notice_changed
from tenants.models import Tenant
from tenants.scope import all_cities, assert_in_scope, current_scope

LONGEST = timedelta(days=31)  # a longer one is no situation: it belongs into an article


@transaction.atomic
def publish_notice(
    *,
    actor: User,
    text: str,
    cities: Iterable[Tenant],
    valid_until: datetime,
    valid_from: datetime | None = None,
    severity: str = Severity.WARNING,
    article: Article | None = None,
) -> Notice:
    """Put a sentence on every desk of the cities, now or from ``valid_from`` on."""
    now = timezone.now()
    begins = max(valid_from or now, now)
    chosen = list(cities)
    for city in chosen:
        assert_in_scope(city)
    if not plain(text):
        raise KnowledgeRefusal(_("Eine Lage braucht einen Satz, den man sagen kann."))
    if not chosen:
        raise KnowledgeRefusal(_("Wählen Sie mindestens eine Stadt."))
    if not begins < valid_until <= begins + LONGEST:
        raise KnowledgeRefusal(_("Das Ende muss nach dem Beginn liegen, höchstens 31 Tage später."))
    notice = Notice.objects.create(
        text=plain(text)[:250],
        severity=severity,
        article=article,
        valid_from=begins,
        valid_until=valid_until,
        author=actor,
        begun_at=now if begins <= now else None,
    )
    NoticeCity.objects.bulk_create([NoticeCity(notice=notice, tenant=city) for city in chosen])
    for city in chosen:
        record(
            action="knowledge.notice_published",
            actor_id=actor.pk,
            tenant_id=city.pk,
            object_type="notice",
            object_id=notice.pk,
        )
    if notice.begun_at:
        _tell(notice, "begun")
    return notice


@transaction.atomic
def end_notice(*, notice: Notice, actor: User) -> None:
    """Take it off the desks now; ended already is done already."""
    with_rows = Notice.objects.select_for_update().get(pk=notice.pk)
    if not _all_in_scope(with_rows):
        raise KnowledgeRefusal(_("Diese Lage gilt auch für eine Stadt, für die Sie nicht schreiben."))
    if with_rows.ended_at is None:
        with_rows.ended_at = timezone.now()
        with_rows.save(update_fields=["ended_at"])
        record(action="knowledge.notice_ended", actor_id=actor.pk, object_type="notice", object_id=with_rows.pk)
        _tell(with_rows, "ended")


@transaction.atomic
def count_enquiry(*, notice_id: uuid.UUID, city: Tenant) -> int:
    """One more caller of the city asked about it; returns how many have. No caller, no agent is kept."""
    assert_in_scope(city)
    row = NoticeCity.objects.filter(notice=notice_id, tenant=city, notice__ended_at__isnull=True).first()
    if row is None:
        raise KnowledgeRefusal(_("Diese Lage ist beendet."))
    NoticeCity.objects.filter(pk=row.pk).update(asked=F("asked") + 1)
    notice_changed.send(sender=Notice, tenant_id=city.pk, notice_id=notice_id, kind="counted")
    row.refresh_from_db()
    return row.asked


def mark_read(*, notice_id: uuid.UUID, user: User) -> None:
    """The person has read it; twice is once."""
    if NoticeCity.objects.filter(notice=notice_id).exists():  # only what concerns a city in scope
        NoticeReceipt.objects.get_or_create(notice_id=notice_id, user=user)


def turn_over() -> int:
    """Begin what is due and end what has expired; returns how many changed. Runs each minute."""
    now = timezone.now()
    turned = 0
    with all_cities("time passes in every city"), transaction.atomic():
        running = Notice.objects.filter(ended_at__isnull=True)
        for notice in running.filter(valid_until__lte=now):
            Notice.objects.filter(pk=notice.pk).update(ended_at=now)
            _tell(notice, "ended")
            turned += 1
        for notice in running.filter(begun_at__isnull=True, valid_from__lte=now, valid_until__gt=now):
            Notice.objects.filter(pk=notice.pk).update(begun_at=now)
            _tell(notice, "begun")
            turned += 1
    return turned


# --- reading ------------------------------------------------------------------------------------
def current(*, user: User | None = None) -> list[Notice]:
    """What stands on the desks of the cities in scope now, the gravest first; each with ``here`` (its rows
    of these cities) and ``is_read`` for the user.
    """
    now = timezone.now()
    rank = {Severity.DANGER: 0, Severity.WARNING: 1, Severity.INFORMATION: 2}
    notices = list(
        _visible().filter(ended_at__isnull=True, valid_from__lte=now, valid_until__gt=now).select_related("article")
    )
    read = set(NoticeReceipt.objects.filter(user=user, notice__in=notices).values_list("notice_id", flat=True))
    for notice in notices:
        notice.is_read = notice.pk in read  # type: ignore[attr-defined]
    return sorted(notices, key=lambda notice: (rank[Severity(notice.severity)], -notice.valid_from.timestamp()))


def recent() -> list[Notice]:
    """The last fifty of the cities in scope, with how many people have read each."""
    return list(_visible().annotate(readers=Count("receipts", distinct=True)).select_related("author")[:50])


def _visible() -> QuerySet[Notice]:
    here = NoticeCity.objects.select_related("tenant")
    ids = NoticeCity.objects.values("notice")
    return Notice.objects.filter(pk__in=ids).prefetch_related(Prefetch("cities", queryset=here, to_attr="here"))


def _all_in_scope(notice: Notice) -> bool:
    rows = NoticeCity.objects.beyond_scope("ending it ends it for every city it stands in").filter(notice=notice)
    return all(current_scope().holds(row.tenant_id) for row in rows)


def _tell(notice: Notice, kind: str) -> None:
    rows = NoticeCity.objects.beyond_scope("every city it stands in is told").filter(notice=notice)
    for row in rows:
        notice_changed.send(sender=Notice, tenant_id=row.tenant_id, notice_id=notice.pk, kind=kind)
