"""What lies on the editors' desk in the demo: a text in review, a draft, a plan, a proposal, articles to look at."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import cycle

from django.db import transaction
from django.utils import timezone

from callcenter.accounts.models import User
from knowledge import approvals, proposals, services
from knowledge.models import Article, EffectiveArticle, Notice, NoticeCity, Revision, Severity
from knowledge.sections import SectionValue
from tenants.models import Tenant

DUE = ("aufenthaltstitel", "rundfunkbeitrag", "integrationskurs")  # to look at again, since some days
FEES_OF_NEXT_YEAR: SectionValue = [
    {"value": "221,40 €", "label": "im Jahr, 80 Liter, Leerung alle zwei Wochen"},
    {"value": "307,20 €", "label": "im Jahr, 120 Liter"},
    {"value": "578,40 €", "label": "im Jahr, 240 Liter"},
    {"value": "64,20 €", "label": "im Jahr, Biotonne 120 Liter"},
]
SNOW = (
    "<p>Stürzt jemand auf einem nicht gestreuten Gehweg, haftet die verantwortliche Person. Eine "
    "Haftpflichtversicherung ist daher ratsam.</p><p>Schneit es weiter, räumen Sie bitte in angemessenen Abständen "
    "nach. Wer verreist, bestimmt vorher eine Vertretung.</p>"
)
POOL = "In Dinslaken betreiben die Stadtwerke das Bad. Kassenschluss ist eine Stunde vor Ende der Badezeit."
SNOW_TIMES: SectionValue = [
    {"value": "werktags 7 bis 20 Uhr", "label": "unverzüglich nach dem Schneefall, bei Bedarf mehrmals am Tag"},
    {"value": "sonntags ab 9 Uhr", "label": "auch an Feiertagen"},
]
HOURS = (
    "<p>Dinslaken hat ein Bürgerbüro. Donnerstags ist es länger geöffnet, dienstags und mittwochs vormittags auch "
    "ohne Termin.</p>"
)


@transaction.atomic
def load(people: dict[str, User]) -> bool:
    """Once, in both cities, by the steps the editors take themselves; False when there is something already."""
    cities = {city.slug: city for city in Tenant.objects.filter(slug__in=("duisburg", "dinslaken"))}
    articles = {article.source_id: article for article in Article.objects.filter(source="demo", review_on=None)}
    wanted = {"winterdienst", "abfallgebuehren", "schwimmbad", "oeffnungszeiten", *DUE}
    if len(cities) < 2 or not wanted <= articles.keys():
        return False
    duisburg, dinslaken = cities["duisburg"], cities["dinslaken"]
    _review_dates(articles)
    snow = _change(
        articles["winterdienst"],
        None,
        people["editor2"],
        {"hints": SNOW, "deadlines": SNOW_TIMES},
        "Nachräumen und Vertretung",
    )
    services.submit_for_review(revision=snow, actor=people["editor2"])
    approvals.ask(revision=snow, city=dinslaken, actor=people["editor2"])
    new_year = datetime(timezone.localdate().year + 1, 1, 1, tzinfo=duisburg.zone)
    fees = _change(
        articles["abfallgebuehren"],
        duisburg,
        people["editor2"],
        {"fees": FEES_OF_NEXT_YEAR},
        "Gebühren des neuen Jahres",
        new_year,
    )
    services.submit_for_review(revision=fees, actor=people["editor2"])
    services.publish(revision=fees, actor=people["editor"])
    _change(articles["schwimmbad"], dinslaken, people["editor"], {"say": POOL}, "Kürzer, damit es sich vorlesen lässt")
    shown = EffectiveArticle.objects.select_related("tenant", "article").get(
        article=articles["oeffnungszeiten"], tenant=dinslaken
    )
    proposals.propose(
        effective=shown,
        actor=people["liaison"],
        sections={"hints": HOURS},
        reason="Seit diesem Monat ist auch dienstags vormittags ohne Termin geöffnet.",
    )
    _past_notice(duisburg, people["supervisor"])
    return True


def _change(
    article: Article,
    city: Tenant | None,
    author: User,
    sections: dict[str, SectionValue],
    note: str,
    valid_from: datetime | None = None,
) -> Revision:
    head = services.head_of(article=article, tenant=city)
    return services.save_draft(
        article=article,
        tenant=city,
        actor=author,
        title=head.title if head else "",
        sections={**(head.sections if head else {}), **sections},
        token=services.chain_token(article=article, tenant=city),
        note=note,
        valid_from=valid_from,
    )


def _review_dates(articles: dict[str, Article]) -> None:
    """Somebody looks at each article once a year: spread over it, and three are late."""
    today = timezone.localdate()
    for article, days in zip(articles.values(), cycle(range(20, 365, 7)), strict=False):
        article.review_on = today + timedelta(days=days)
    for late, key in enumerate(DUE, 2):
        articles[key].review_on = today - timedelta(days=late)
    Article.objects.bulk_update(articles.values(), ["review_on"], batch_size=200)


def _past_notice(city: Tenant, author: User) -> None:
    """A situation of yesterday: past the service that begins one now, because its desks are told no more."""
    began = timezone.now() - timedelta(days=1, hours=3)
    notice = Notice.objects.create(
        text="Das Bürgerbüro Mitte ist heute wegen eines Wasserschadens bis 15 Uhr geschlossen.",
        severity=Severity.WARNING,
        valid_from=began,
        valid_until=began + timedelta(hours=6),
        begun_at=began,
        ended_at=began + timedelta(hours=6),
        author=author,
    )
    NoticeCity.objects.create(notice=notice, tenant=city, asked=17)
