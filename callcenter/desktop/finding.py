"""What the desk's search box shows: articles, offices, people and notices; before the first letter, what is at hand."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import Count, Max
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from callcenter.calls.models import ContactArticle, counted
from knowledge.models import EffectiveArticle
from knowledge.search import api, directory
from knowledge.search.highlight import Segment
from knowledge.search.steering import Steering
from tenants.directory import states
from tenants.models import Office, StaffMember, Tenant
from tenants.numbers import readable
from tenants.opening import Openness

ARTICLES, OFFICES, PEOPLE, NOTICES = "artikel", "aemter", "personen", "lage"
KINDS = (ARTICLES, OFFICES, PEOPLE, NOTICES)
SHOWN = {ARTICLES: 8, OFFICES: 3, PEOPLE: 3, NOTICES: 2}  # beside each other; alone, a group shows MOST
MOST = 20
SUMMARY = 110  # characters
FREQUENT = 6  # articles offered before the first letter
FREQUENT_WITHIN = timedelta(days=14)
RECENT = 4  # the agent's own, opened last
RECENT_WITHIN = timedelta(hours=12)


@dataclass(frozen=True)
class ArticleHit:
    """An article with what is marked in it; ``elsewhere`` names a city other than the one that is answered for."""

    found: api.Hit
    summary: Sequence[Segment]
    elsewhere: str = ""


@dataclass(frozen=True)
class OfficeHit:
    """An office, or a person of one, that fits the query."""

    office_id: int
    name: str
    detail: str


@dataclass(frozen=True)
class SearchScreen:
    """``counts`` holds what was found by kind, before ``kind`` narrowed it; ``total`` counts articles."""

    hits: Sequence[ArticleHit] = ()
    offices: Sequence[OfficeHit] = ()
    people: Sequence[OfficeHit] = ()
    notices: Sequence[directory.Notice] = ()
    total: int = 0
    did_you_mean: str = ""
    milliseconds: float = 0
    kind: str = ""
    is_everywhere: bool = False
    has_other_cities: bool = False
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def options(self) -> bool:
        return bool(self.hits or self.offices or self.people or self.notices)

    @property
    def filters(self) -> list[tuple[str, str, int]]:
        """(kind, label, how many) of what can be narrowed to; nothing when there is one kind only."""
        labels = {ARTICLES: _("Artikel"), OFFICES: _("Ämter"), PEOPLE: _("Personen"), NOTICES: _("Lage")}
        some = [(kind, labels[kind], self.counts[kind]) for kind in KINDS if self.counts.get(kind)]
        if self.kind:
            return [("", _("Alles"), sum(self.counts.values())), *some]
        return some if len(some) > 1 else []


def search_screen(
    query: str, *, city: Tenant, kind: str = "", others: Sequence[Tenant] = (), everywhere: bool = False
) -> SearchScreen | None:
    """Hits for what was typed; None below two letters. ``others``: further cities the agent answers for."""
    if len(query) < 2:
        return None
    rules = api.steering()
    answer = api.find(query, tenant=city, rules=rules, limit=MOST if kind == ARTICLES else SHOWN[ARTICLES])
    hits = [ArticleHit(hit, api.marked(_short(hit.summary), answer)) for hit in answer.hits]
    if everywhere:
        hits += _elsewhere(query, others, rules, {hit.article_id for hit in answer.hits})
    offices, people = _directory(query, city, rules)
    notices = directory.find_notices(query, tenant=city, rules=rules)
    total = answer.total + sum(1 for hit in hits if hit.elsewhere)
    counts = {ARTICLES: total, OFFICES: len(offices), PEOPLE: len(people), NOTICES: len(notices)}

    def shown(each: str, found: Sequence[object]) -> int:
        return 0 if kind not in ("", each) else len(found) if kind else SHOWN[each]

    wanted = offices[: shown(OFFICES, offices)]
    return SearchScreen(
        hits=hits if kind in ("", ARTICLES) else [],
        offices=_office_hits(wanted, city),
        people=_people_hits(people[: shown(PEOPLE, people)]),
        notices=notices[: shown(NOTICES, notices)],
        total=total,
        did_you_mean=answer.did_you_mean or "",
        milliseconds=round(answer.milliseconds, 2),
        kind=kind,
        is_everywhere=everywhere,
        has_other_cities=bool(others),
        counts=counts,
    )


def _short(summary: str) -> str:
    return summary if len(summary) <= SUMMARY else summary[: SUMMARY - 1].rstrip() + "…"


def _elsewhere(query: str, cities: Sequence[Tenant], rules: Steering, known: set[uuid.UUID]) -> list[ArticleHit]:
    """What only other cities of the agent answer, each article once."""
    found = []
    for other in cities:
        answer = api.find(query, tenant=other, rules=rules, limit=SHOWN[ARTICLES])
        for hit in answer.hits:
            if hit.article_id not in known:
                known.add(hit.article_id)
                found.append(ArticleHit(hit, api.marked(_short(hit.summary), answer), other.name))
    return found


# --- offices, people, notices -------------------------------------------------------------------------
def _directory(query: str, city: Tenant, rules: Steering) -> tuple[list[int], list[int]]:
    """(offices, people) by primary key, the best first."""
    found = directory.find(query, tenant=city, rules=rules, limit=MOST)
    offices = [key for kind, key in found if kind == directory.OFFICE]
    return offices, [key for kind, key in found if kind == directory.PERSON]


def _office_hits(keys: Sequence[int], city: Tenant) -> list[OfficeHit]:
    if not keys:
        return []
    rows = {
        row[0]: row
        for row in Office.objects.filter(tenant=city, pk__in=keys).values_list("pk", "name", "phone", "responsibility")
    }
    open_lines = {key: _open_line(state) for key, state in states(city=city, office_ids=list(rows)).items()}
    return [
        OfficeHit(key, name, " · ".join(filter(None, [open_lines.get(key, ""), readable(phone)])) or task[:80])
        for key, name, phone, task in (rows[key] for key in keys if key in rows)
    ]


def _people_hits(keys: Sequence[int]) -> list[OfficeHit]:
    if not keys:
        return []
    people = StaffMember.objects.filter(pk__in=keys)
    rows = {
        pk: OfficeHit(office, name, " · ".join(filter(None, [function, office_name, readable(phone)])))
        for pk, office, name, function, office_name, phone in people.values_list(
            "pk", "office_id", "name", "function", "office__name", "phone"
        )
    }
    return [rows[key] for key in keys if key in rows]


def _open_line(state: Openness) -> str:
    """``geöffnet bis 12:30``, or when it opens next; holidays and special days count."""
    if state.is_open and state.until:
        return _("geöffnet bis %(time)s") % {"time": f"{state.until:%H:%M}"}
    if state.opens_next is None:
        return _("geschlossen")
    return _("geschlossen, wieder ab %(moment)s") % {"moment": date_format(state.opens_next, "D, d.m. H:i")}


# --- before the first letter --------------------------------------------------------------------------
@dataclass(frozen=True)
class AtHand:
    """Articles as the city answers them now; none stands in both."""

    recent: Sequence[EffectiveArticle]
    frequent: Sequence[EffectiveArticle]


def at_hand(city: Tenant, agent_id: int | None) -> AtHand:
    """What this agent opened last today (callers come with the same news), and what the city's callers ask most."""
    now = timezone.now()
    opened = ContactArticle.objects.order_by()
    own = opened.filter(contact__call__agent=agent_id, opened_at__gte=now - RECENT_WITHIN)
    last = own.values_list("article").annotate(at=Max("opened_at")).order_by("-at", "article")
    recent = [article for article, _at in last[: RECENT * 2]] if agent_id else []
    here = opened.filter(counted("contact__call"), tenant=city, opened_at__gte=now - FREQUENT_WITHIN)
    most = here.values_list("article").annotate(n=Count("pk")).order_by("-n", "article")
    frequent = [article for article, _times in most[: FREQUENT + RECENT * 2]]
    answers = EffectiveArticle.objects.filter(tenant=city, article__in={*recent, *frequent})
    rows = {row.article_id: row for row in answers}
    first = [rows[key] for key in recent if key in rows][:RECENT]
    shown = {row.article_id for row in first}
    return AtHand(first, [rows[key] for key in frequent if key in rows and key not in shown][:FREQUENT])
