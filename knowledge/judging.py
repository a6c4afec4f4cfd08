"""A city's own judged queries: kept, measured, and measured again under another setting.

The figures are those of ``search/evaluation.py``; what is asked is the search that stands at the desks,
so a measurement tells what agents get now.
"""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from callcenter.accounts.models import User
from callcenter.audit.services import record
from knowledge.models import Article, EffectiveArticle, JudgedQuery, JudgedRun, SearchEvent, SynonymRule
from knowledge.search import api
from knowledge.search.evaluation import Judged, Outcome, ask_all, confused, score
from knowledge.search.steering import Steering
from tenants.models import Tenant
from tenants.scope import assert_in_scope

MOST_QUERIES = 1000  # of a city: a measurement takes a second or two and is waited for
MOST_FILE_BYTES = 1_000_000
MOST_REFUSALS = 20  # named one by one
RUNS_KEPT = 60
RUNS_OFFERED = 10  # earlier measurements to compare with
ASKED_WITHIN = timedelta(days=90)
NOW, SHIPPED = "now", "shipped"


class Refused(ValueError):
    """Cannot be kept; the message says what to do."""


@dataclass(frozen=True)
class Answer:
    """One judged query under one setting. ``rank`` is 0 when no right article is among the first ten."""

    judged: JudgedQuery
    rank: int
    first: tuple[str, ...]  # titles of the first three
    is_right_known: bool = True  # the city has at least one of the right articles


@dataclass(frozen=True)
class Measured:
    """A setting's figures, and what it answers to each query."""

    label: str
    figures: dict[str, float]
    answers: dict[int, Answer]
    is_stored: bool = False


@dataclass(frozen=True)
class Figure:
    """One figure as it is shown, and how far it is from the figure it is compared with."""

    name: str
    label: str
    value: str
    detail: str
    change: str = ""
    is_better: bool = False


@dataclass(frozen=True)
class Effect:
    """What a change would do to the judged queries: how many, and those whose right article moves."""

    queries: int
    better: int
    worse: int


@dataclass(frozen=True)
class Difference:
    """A query that two settings answer differently."""

    judged: JudgedQuery
    left: Answer | None
    right: Answer | None

    @property
    def gain(self) -> int:
        """1: the right article stands higher on the right side, -1: lower, 0: only others moved."""
        left, right = (_place(answer) for answer in (self.left, self.right))
        return (right < left) - (right > left)


@dataclass(frozen=True)
class Asked:
    """A query as it was really typed, and the article that was chosen most for it."""

    query: str
    times: int
    without_hit: int
    article_id: uuid.UUID | None
    title: str


# --- settings --------------------------------------------------------------------------------------


def settings_of(city: Tenant) -> list[tuple[str, str]]:
    """(key, label) of every setting that can be measured: now, without a kind of rule, without one rule, stored."""
    found = [
        (NOW, _("wie jetzt")),
        (SHIPPED, _("ohne eigene Regeln")),
        ("no-synonyms", _("ohne eigene Synonyme")),
        ("no-pins", _("ohne angeheftete Antworten")),
        ("no-words", _("ohne eigene Wortregeln")),
    ]
    for synonym in SynonymRule.objects.all():
        found.append((f"synonym-{synonym.pk}", _("ohne „%(rule)s“") % {"rule": synonym}))
    for run in JudgedRun.objects.filter(tenant=city)[:RUNS_OFFERED]:
        at = date_format(timezone.localtime(run.at), "j. F Y, H:i")
        found.append((f"run-{run.pk}", _("Messung vom %(at)s") % {"at": at}))
    return found


def _steering(key: str) -> Steering:
    """The rules in force with something left out."""
    steering = api.steering()
    if key == NOW:
        return steering
    stamp = f"{steering.stamp}:{key}"
    if key == SHIPPED:
        return Steering(stamp=stamp)
    if key == "no-synonyms":
        return replace(steering, stamp=stamp, pairs=())
    if key == "no-pins":
        return replace(steering, stamp=stamp, pins={})
    if key == "no-words":
        return replace(steering, stamp=stamp, stop_words=frozenset(), protected=frozenset())
    rule = SynonymRule.objects.filter(pk=int(key.removeprefix("synonym-"))).first()
    there = (rule.typed, rule.meant) if rule else ("", "")
    gone = {there, there[::-1]} if rule and rule.both_ways else {there}
    return replace(steering, stamp=stamp, pairs=tuple(pair for pair in steering.pairs if pair not in gone))


# --- measuring -------------------------------------------------------------------------------------


def _ask(city: Tenant, steering: Steering) -> tuple[list[JudgedQuery], list[Outcome]]:
    """Every judged query of the city asked once; ids are those of the articles."""
    rows = list(JudgedQuery.objects.filter(tenant=city).prefetch_related("articles"))
    articles = {key: str(article) for key, article in _effective(city).values_list("pk", "article_id")}
    queries = [Judged(row.query, frozenset(str(article.pk) for article in row.articles.all())) for row in rows]

    def ask(query: str) -> list[str]:
        keys = api.ranked(query, tenant=city, steering=steering, limit=10)
        return [articles[key] for key in keys if key in articles]

    return rows, ask_all(queries, ask)


def measure(*, city: Tenant, key: str = NOW) -> Measured:
    """Measure a setting now, or read a stored measurement. Raises Refused for an unknown key."""
    labels = dict(settings_of(city))
    if key not in labels:
        raise Refused(_("Diese Einstellung gibt es nicht mehr. Wählen Sie eine andere."))
    if key.startswith("run-"):
        run = JudgedRun.objects.get(tenant=city, pk=uuid.UUID(key.removeprefix("run-")))
        return stored(city=city, run=run, label=labels[key])
    rows, outcomes = _ask(city, _steering(key))
    titles = _titles(city)
    answers = {
        row.pk: _answer(row, outcome.rank, outcome.found, titles) for row, outcome in zip(rows, outcomes, strict=True)
    }
    return Measured(labels[key], figures(outcomes), answers)


def figures(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """As ``evaluate_search`` prints them."""
    return dict(score(outcomes).as_json())


def shown(figures: Mapping[str, float], before: Mapping[str, float] | None = None) -> list[Figure]:
    """hit@3, hit@1, MRR and queries without a hit, as editors read them."""
    n = int(figures["n"])
    found = []
    for name, label in (
        ("hit@3", _("unter den ersten drei")),
        ("hit@1", _("an erster Stelle")),
        ("mrr@10", _("mittlerer Kehrwert des Rangs (MRR)")),
        ("zero_hit_rate", _("ohne Treffer")),
    ):
        is_share = name != "mrr@10"
        value, digits = figures[name] * (100 if is_share else 1), 1 if is_share else 3
        text = number_format(round(value, digits), digits) + ("\u00a0%" if is_share else "")
        detail = (
            _("%(some)s von %(n)s") % {"some": round(figures[name] * n), "n": n} if is_share else _("1 wäre vollkommen")
        )
        change, is_better = "", False
        if before is not None:
            step = round(value - before[name] * (100 if is_share else 1), digits)
            if step:
                change = ("+" if step > 0 else "\u2212") + number_format(abs(step), digits)
                is_better = (step > 0) == (name != "zero_hit_rate")
        found.append(Figure(name, label, text, detail, change, is_better))
    return found


def stored(*, city: Tenant, run: JudgedRun, label: str = "") -> Measured:
    """A measurement as it was kept, for the queries that are still there."""
    titles = _titles(city)
    answers = {}
    for row in JudgedQuery.objects.filter(tenant=city).prefetch_related("articles"):
        kept = run.answers.get(str(row.pk))
        if kept is not None:
            answers[row.pk] = _answer(row, kept["rank"], kept["first"], titles)
    return Measured(label, run.figures, answers, is_stored=True)


def latest(city: Tenant, count: int = 2) -> list[JudgedRun]:
    """The newest measurements, the newest first."""
    return list(JudgedRun.objects.filter(tenant=city).select_related("actor")[:count])


@transaction.atomic
def keep_measurement(*, user: User, city: Tenant) -> JudgedRun:
    """Measure the search as it stands and keep the figures. Raises Refused when there is nothing to ask."""
    assert_in_scope(city)
    rows, outcomes = _ask(city, api.steering())
    if not rows:
        raise Refused(_("Es gibt noch keine Prüffragen. Tragen Sie die erste ein."))
    run = JudgedRun.objects.create(
        tenant=city,
        at=timezone.now(),
        actor=user,
        figures=figures(outcomes),
        answers={
            str(row.pk): {"rank": outcome.rank, "first": list(outcome.found[:3])}
            for row, outcome in zip(rows, outcomes, strict=True)
        },
    )
    old = JudgedRun.objects.filter(tenant=city).values_list("pk", flat=True)[RUNS_KEPT:]
    JudgedRun.objects.filter(tenant=city, pk__in=list(old)).delete()
    record(
        action="search.measured",
        actor_id=user.pk,
        tenant_id=city.pk,
        object_type="judgedrun",
        object_id=run.pk,
        data={"n": run.figures["n"], "hit@3": run.figures["hit@3"]},
    )
    return run


def compare(left: Measured, right: Measured) -> list[Difference]:
    """Queries that the two answer differently: what gets worse first, then what gets better, then the rest."""
    found = []
    for key in left.answers.keys() | right.answers.keys():
        one, other = left.answers.get(key), right.answers.get(key)
        known = one or other
        if known and (one is None or other is None or (one.rank, one.first) != (other.rank, other.first)):
            found.append(Difference(known.judged, one, other))
    order = {-1: 0, 1: 1, 0: 2}
    return sorted(found, key=lambda each: (order[each.gain], each.judged.query))


def effect(*, city: Tenant, after: Steering) -> Effect:
    """What another steering would do to the judged queries, beside the rules in force."""
    rows, before = _ask(city, api.steering())
    _rows, then = _ask(city, after)
    moves = [((old.rank or 11), (new.rank or 11)) for old, new in zip(before, then, strict=True)]
    return Effect(len(rows), sum(new < old for old, new in moves), sum(new > old for old, new in moves))


def confusions(answers: Iterable[Answer]) -> list[tuple[str, str, list[str]]]:
    """(title that is right, title that stood first, queries) where the right one is below the first three."""
    outcomes = [
        Outcome(
            Judged(answer.judged.query, frozenset(each.title for each in answer.judged.articles.all())), answer.first
        )
        for answer in answers
        if answer.rank not in (1, 2, 3)
    ]
    return confused(outcomes)


def _answer(row: JudgedQuery, rank: int, first: Sequence[str], titles: dict[str, str]) -> Answer:
    known = any(str(article.pk) in titles for article in row.articles.all())
    return Answer(row, rank, tuple(titles.get(key, "–") for key in first[:3]), known)


def _place(answer: Answer | None) -> int:
    return (answer.rank if answer else 0) or 11


def _effective(city: Tenant) -> Any:
    return EffectiveArticle.objects.filter(tenant=city)


def _titles(city: Tenant) -> dict[str, str]:
    return {str(article): title for article, title in _effective(city).values_list("article_id", "title")}


# --- keeping ---------------------------------------------------------------------------------------


@transaction.atomic
def add_query(*, user: User, city: Tenant, query: str, articles: Iterable[uuid.UUID]) -> JudgedQuery:
    """Keep a question with its right articles; a known one gets further right articles. Raises Refused."""
    row, _added = _add(city, query, articles)
    record(
        action="search.query_judged",
        actor_id=user.pk,
        tenant_id=city.pk,
        object_type="judgedquery",
        object_id=row.pk,
        data={"articles": [str(article.pk) for article in row.articles.all()]},
    )
    return row


def _add(city: Tenant, query: str, articles: Iterable[uuid.UUID]) -> tuple[JudgedQuery, bool]:
    """(the row, whether anything is new)"""
    assert_in_scope(city)
    text = " ".join(query.split())[:250]
    wanted = set(articles)
    if not text:
        raise Refused(_("Schreiben Sie die Frage, wie sie am Telefon gestellt wird."))
    own = set(_effective(city).filter(article__in=wanted).values_list("article_id", flat=True))
    if not wanted or own != wanted:
        raise Refused(_("Wählen Sie einen Artikel, der in dieser Stadt gilt."))
    row = JudgedQuery.objects.filter(tenant=city, query__iexact=text).first()
    if row is None:
        if JudgedQuery.objects.filter(tenant=city).count() >= MOST_QUERIES:
            raise Refused(
                _("Mehr als %(n)s Prüffragen werden nicht gemessen. Löschen Sie einige.") % {"n": MOST_QUERIES}
            )
        row = JudgedQuery.objects.create(tenant=city, query=text)
    before = set(row.articles.values_list("pk", flat=True))
    row.articles.add(*Article.objects.filter(pk__in=wanted))
    return row, not wanted <= before


@transaction.atomic
def remove_query(*, user: User, city: Tenant, row: JudgedQuery) -> None:
    """No longer asked; stored measurements keep their figures."""
    assert_in_scope(city)
    record(
        action="search.query_removed",
        actor_id=user.pk,
        tenant_id=city.pk,
        object_type="judgedquery",
        object_id=row.pk,
    )
    row.delete()


@transaction.atomic
def read_queries(*, user: User, city: Tenant, content: bytes) -> tuple[int, list[str]]:
    """Take a table in: columns ``query`` and ``relevant_ids``, tab or semicolon between them.

    An id is the article's own, its source's, or its title. Returns (new or extended, refusals with their
    line). Raises Refused when the file is no such table.
    """
    rows = _table(content)
    by_name: dict[str, uuid.UUID] = {}
    for article, title, source_id in _effective(city).values_list("article_id", "title", "article__source_id"):
        by_name |= {str(article): article, title.casefold(): article}
        if source_id:
            by_name[source_id] = article
    added, refused = 0, []
    for number, query, ids in rows:
        # A title may hold a comma itself.
        names = [ids] if ids.casefold() in by_name else [each.strip() for each in ids.split(",")]
        found = [by_name.get(name) or by_name.get(name.casefold()) for name in names]
        try:
            _row, is_new = _add(city, query, [each for each in found if each])
            added += is_new
        except Refused as refusal:
            refused.append(_("Zeile %(number)s: %(reason)s") % {"number": number, "reason": refusal})
    record(
        action="search.queries_read",
        actor_id=user.pk,
        tenant_id=city.pk,
        object_type="judgedquery",
        object_id="",
        data={"added": added, "refused": len(refused)},
    )
    return added, refused


def _table(content: bytes) -> list[tuple[int, str, str]]:
    """(line, query, ids) of a table."""
    if len(content) > MOST_FILE_BYTES:
        raise Refused(_("Die Datei ist größer als 1 MB. Teilen Sie sie auf."))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(_("Die Datei ist nicht in UTF-8 gespeichert. Speichern Sie sie als „CSV UTF-8“.")) from error
    head = text.split("\n", 1)[0]
    delimiter = "\t" if "\t" in head else ";"
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    if "query" not in header or "relevant_ids" not in header:
        raise Refused(_("Die erste Zeile muss die Spalten query und relevant_ids nennen."))
    query_at, ids_at = header.index("query"), header.index("relevant_ids")
    found = []
    for number, row in enumerate(rows[1:], 2):
        if any(cell.strip() for cell in row):
            cells = [*row, *[""] * (max(query_at, ids_at) + 1 - len(row))]
            found.append((number, cells[query_at], cells[ids_at].strip()))
    return found


def as_table(city: Tenant) -> str:
    """The city's judged queries as ``read_queries`` and ``evaluate_search`` take them."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    writer.writerow(["query", "relevant_ids", "titles"])
    for row in JudgedQuery.objects.filter(tenant=city).prefetch_related("articles"):
        articles = sorted(row.articles.all(), key=lambda article: article.title)
        writer.writerow([row.query, ",".join(str(a.pk) for a in articles), " | ".join(a.title for a in articles)])
    return out.getvalue()


# --- what citizens really asked ---------------------------------------------------------------------


def asked(city: Tenant, limit: int = 30) -> list[Asked]:
    """The most frequent recorded queries that are not judged yet, without agent and caller."""
    events = SearchEvent.objects.filter(tenant=city, at__gte=timezone.now() - ASKED_WITHIN)
    known = {query.casefold() for query in JudgedQuery.objects.filter(tenant=city).values_list("query", flat=True)}
    groups = events.values_list("query").annotate(n=Count("pk"), empty=Count("pk", filter=Q(hits=0)))
    most = [
        (query, times, empty)
        for query, times, empty in groups.order_by("-n", "query")[: limit + len(known)]
        if query.strip() and " ".join(query.split()).casefold() not in known
    ][:limit]
    chosen: dict[str, uuid.UUID] = {}
    picks = events.filter(query__in=[query for query, _n, _e in most], chosen__isnull=False)
    for query, article in (
        picks.values_list("query", "chosen")
        .annotate(n=Count("pk"))
        .order_by("-n", "chosen")
        .values_list("query", "chosen")
    ):
        chosen.setdefault(query, article)
    titles = dict(_effective(city).filter(article__in=chosen.values()).values_list("article_id", "title"))
    found = []
    for query, times, empty in most:
        pick = chosen.get(query)
        title = titles.get(pick, "") if pick else ""
        found.append(Asked(query, times, empty, pick if title else None, title))
    return found
