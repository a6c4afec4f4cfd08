"""Figures about what people ask: topics, which rise and fall, and what the knowledge base could not answer."""

from __future__ import annotations

from django.utils.translation import gettext

from callcenter.supervision import measures, rollups, selectors
from callcenter.supervision.display import Column, shown
from callcenter.supervision.overview import Figure, Overview, calls_url

SHOWN_TOPICS = 15


def topics(view: Overview) -> Figure:
    """Most frequent articles, with what they were in the period before."""
    listed = view.topics
    without = next((topic for topic in listed if topic.article is None), None)
    named = [topic for topic in listed if topic.article is not None]
    top = [topic for topic in named if topic.cases][:SHOWN_TOPICS]
    rising = max(named, key=lambda topic: topic.cases - topic.before, default=None)
    cases = sum(topic.cases for topic in listed)
    if top:
        sentence = gettext("Am häufigsten: %(title)s mit %(cases)s von %(all)s Anliegen.") % {
            "title": top[0].title,
            "cases": shown("count", top[0].cases),
            "all": shown("count", cases),
        }
        if rising and rising.before and rising.cases > rising.before:
            sentence += " " + gettext("Am stärksten gestiegen: %(title)s (%(change)s).") % {
                "title": rising.title,
                "change": shown("change", measures.change(rising.cases, rising.before)),
            }
    else:
        sentence = gettext("In diesem Zeitraum ist kein Anliegen einem Artikel zugeordnet.")
    columns = (
        Column(gettext("Anliegen (Artikel)")),
        Column(gettext("Anzahl"), "count"),
        Column(view.before.label, "count"),
        Column(gettext("Veränderung"), "change"),
        Column(gettext("erledigt"), "share"),
    )
    rows = [*top, *([without] if without and without.cases else [])]
    return Figure(
        key="anliegen",
        question=gettext("Worum geht es?"),
        sentence=sentence,
        note=gettext("Ein Anruf kann mehrere Anliegen haben. Der Artikel ist der, der die Antwort gegeben hat."),
        columns=columns,
        rows=[
            (
                topic.title or gettext("ohne Artikel"),
                topic.cases,
                topic.before,
                measures.change(topic.cases, topic.before),
                topic.settled.value,
            )
            for topic in rows
        ],
        links=[
            calls_url(view.look, view.look.period.first, view.look.period.last, thema=str(topic.article))
            if topic.article
            else ""
            for topic in rows
        ],
        chart={
            "kind": "rows",
            "format": "count",
            "categories": [topic.title for topic in top],
            "series": [
                {"name": view.look.period.label, "tone": "city", "values": [topic.cases for topic in top]},
                {"name": view.before.label, "tone": "quiet", "values": [topic.before for topic in top]},
            ],
        }
        if top
        else None,
    )


SHOWN_MOVES = 8


def moving_topics(view: Overview) -> Figure:
    """Topics that rise and fall most against the period before, per day, so that unequal months compare."""
    now, before = len(view.look.period), len(view.before)
    moved = [
        (topic, topic.cases / now - topic.before / before)
        for topic in view.topics
        if topic.article is not None and topic.cases + topic.before
    ]
    rising = sorted((row for row in moved if row[1] > 0), key=lambda row: -row[1])[:SHOWN_MOVES]
    falling = sorted((row for row in moved if row[1] < 0), key=lambda row: row[1])[:SHOWN_MOVES]
    listed = [*rising, *reversed(falling)]
    sentence = gettext("Gegenüber dem Zeitraum davor hat sich nichts verschoben.")
    if rising and falling:
        sentence = gettext("Am stärksten gestiegen: %(up)s; am stärksten gefallen: %(down)s.") % {
            "up": rising[0][0].title,
            "down": falling[0][0].title,
        }
    elif listed:
        up = gettext("Am stärksten gestiegen: %(up)s; gefallen ist nichts.")
        down = gettext("Am stärksten gefallen: %(down)s; gestiegen ist nichts.")
        sentence = up % {"up": rising[0][0].title} if rising else down % {"down": falling[0][0].title}
    return Figure(
        key="bewegung",
        question=gettext("Was nimmt zu, was nimmt ab?"),
        sentence=sentence,
        note=gettext("Anliegen je Tag, verglichen mit %(before)s; unterschiedlich lange Monate zählen so gleich.")
        % {"before": view.before.label},
        columns=(
            Column(gettext("Anliegen (Artikel)")),
            Column(gettext("mehr oder weniger am Tag"), "mean"),
            Column(gettext("Anzahl"), "count"),
            Column(view.before.label, "count"),
        ),
        rows=[(topic.title, round(change, 2), topic.cases, topic.before) for topic, change in listed],
        links=[
            calls_url(view.look, view.look.period.first, view.look.period.last, thema=str(topic.article))
            for topic, _ in listed
        ],
        chart={
            "kind": "rows",
            "format": "mean",
            "stacked": True,
            "categories": [topic.title for topic, _ in listed],
            "series": [
                {"name": gettext("mehr am Tag"), "tone": "city", "values": [max(0.0, round(c, 2)) for _, c in listed]},
                {
                    "name": gettext("weniger am Tag"),
                    "tone": "alert",
                    "values": [min(0.0, round(c, 2)) for _, c in listed],
                },
            ],
        }
        if listed
        else None,
        optional=True,
    )


def known_answers(view: Overview) -> Figure:
    """How often the answer stood in the knowledge base, and which topics it stood in least."""
    rate, before = view.settled.knowledge, view.settled_before.knowledge
    by_article = rollups.settled_by_article(view.look, view.sources)
    names = selectors.titles(view.look.city, [key for key in by_article if key])
    rows = sorted(
        (
            ((names.get(key, "") if key else "") or gettext("ohne Artikel"), found.knowledge)
            for key, found in by_article.items()
            if found.knowledge.denominator > found.knowledge.numerator
        ),
        key=lambda row: (row[1].numerator - row[1].denominator, row[0]),
    )[:SHOWN_TOPICS]
    sentence = gettext("Zu keinem Anliegen wurde vermerkt, ob die Antwort im Wissen stand.")
    if rate.denominator:
        sentence = gettext("Bei %(share)s stand die Antwort im Wissen: %(known)s von %(asked)s Anliegen.") % {
            "share": shown("share", rate.value),
            "known": shown("count", rate.numerator),
            "asked": shown("count", rate.denominator),
        }
        if before.value is not None:
            sentence += " " + gettext("%(before)s: %(share)s.") % {
                "before": view.before.label,
                "share": shown("share", before.value),
            }
    return Figure(
        key="wissen",
        question=gettext("Steht die Antwort im Wissen?"),
        sentence=sentence,
        note=gettext(
            "Antwort stand im Wissen ÷ abgeschlossene Anliegen mit dieser Angabe. "
            "Die Tabelle nennt, wo sie am häufigsten fehlte."
        ),
        columns=(
            Column(gettext("Anliegen (Artikel)")),
            Column(gettext("fehlte"), "count"),
            Column(gettext("von"), "count"),
            Column(gettext("stand im Wissen"), "share"),
        ),
        rows=[(title, known.denominator - known.numerator, known.denominator, known.value) for title, known in rows],
        chart={
            "kind": "rows",
            "format": "count",
            "categories": [title for title, _ in rows],
            "series": [
                {
                    "name": gettext("fehlte"),
                    "tone": "alert",
                    "values": [known.denominator - known.numerator for _, known in rows],
                }
            ],
        }
        if rows
        else None,
    )


def unanswered(view: Overview) -> Figure:
    """Searches that found nothing; the page leaves it out when every search found something."""
    rate = rollups.searches(view.look, view.sources)
    found = rollups.searches_without_hit(view.look, view.sources)
    zone = view.look.city.zone
    return Figure(
        key="suchen",
        question=gettext("Was stand nicht im Wissen?"),
        sentence=gettext("%(empty)s von %(all)s Suchen (%(share)s) blieben ohne Treffer; am häufigsten „%(query)s“.")
        % {
            "empty": shown("count", rate.numerator),
            "all": shown("count", rate.denominator),
            "share": shown("share", rate.value),
            "query": found[0].query,
        }
        if found
        else gettext("Jede Suche hatte Treffer."),
        note=gettext("Wer gesucht hat und wer anrief, wird nicht gespeichert. Lange Zahlen sind entfernt."),
        columns=(
            Column(gettext("Gesucht")),
            Column(gettext("Anzahl"), "count"),
            Column(gettext("zuletzt")),
        ),
        optional=True,
        rows=[(row.query, row.cases, f"{row.last.astimezone(zone):%d.%m.%Y}") for row in found],
    )
