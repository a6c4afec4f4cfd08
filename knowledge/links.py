"""Are the links in published texts still alive? A nightly job asks every address once; editors get the broken ones.

Only the status is read, never the page. Addresses of this machine are refused: an article must not make the server
ask itself.
"""

from __future__ import annotations

import html
import ipaddress
import re
import socket
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPException, HTTPResponse
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener, getproxies

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from knowledge.models import EffectiveArticle
from knowledge.models_authoring import Link, LinkUse
from knowledge.sections import SECTIONS, Sections
from tenants.models import Tenant
from tenants.scope import all_cities

HREF = re.compile(r'href="(https?://[^"]+)"', re.IGNORECASE)
SECONDS = 10
AT_ONCE = 8
AGAIN_AFTER = timedelta(hours=20)
# Answers that say nothing about whether the page is there: sign-in, no HEAD and no robots, too many questions.
ALIVE = {401, 403, 405, 429}


@dataclass(frozen=True)
class Answer:
    status: int | None
    problem: str  # empty while the address answers


@dataclass(frozen=True)
class Broken:
    """A dead address, and where editors find it."""

    link: Link
    article_id: uuid.UUID
    title: str
    section: str


def links_in(sections: Sections) -> dict[str, str]:
    """Every address in an article, with the label of the section in which it first stands."""
    found: dict[str, str] = {}
    for section in SECTIONS:
        value = sections.get(section.key, "")
        parts = [value] if isinstance(value, str) else [part for part in value if isinstance(part, str)]
        for part in parts:
            for url in HREF.findall(part):
                found.setdefault(html.unescape(url)[:1000], section.label)
    return found


def ask(url: str) -> Answer:
    """One address, by HEAD and, where that is refused, by GET; redirects are followed."""
    try:
        _refuse_own(url)
        for method in ("HEAD", "GET"):
            answer = _status(url, method)
            if answer.status in {400, 403, 404, 405, 501} and method == "HEAD":
                continue  # many servers answer HEAD wrongly
            break
    except (URLError, HTTPException, OSError, ValueError) as error:
        return Answer(None, str(getattr(error, "reason", error))[:200] or type(error).__name__)
    return answer


def check_due(*, everything: bool = False, now: datetime | None = None) -> int:
    """Ask every address that has not been asked today, forget those that are gone; returns how many were asked."""
    now = now or timezone.now()
    with all_cities("links are checked for every city"):
        known = _collect()
    due = [
        url
        for url, link in sorted(known.items())
        if everything or link.checked_at is None or link.checked_at <= now - AGAIN_AFTER
    ]
    # The network is asked outside a transaction: a slow server must not hold the write lock.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for url, answer in zip(due, pool.map(ask, due), strict=True):
            _remember(url, answer, now)
    return len(due)


def broken_in(city: Tenant) -> list[Broken]:
    """The dead links of a city's articles, longest broken first; what was mended since the check is gone at once."""
    uses = LinkUse.objects.filter(tenant=city).exclude(link__broken_since=None).select_related("link")
    by_article: dict[uuid.UUID, list[Link]] = {}
    for use in uses.order_by("link__broken_since", "link__url"):
        by_article.setdefault(use.article_id, []).append(use.link)
    rows = EffectiveArticle.objects.filter(tenant=city, article__in=by_article).order_by("sort_key")
    found = []
    for article_id, title, sections in rows.values_list("article_id", "title", "sections"):
        present = links_in(sections)
        found += [
            Broken(link, article_id, title, present[link.url]) for link in by_article[article_id] if link.url in present
        ]
    return sorted(found, key=lambda each: (str(each.link.broken_since), each.link.url))


def broken_count(city: Tenant) -> int:
    """How many addresses in a city's articles were dead at the last check."""
    return LinkUse.objects.filter(tenant=city).exclude(link__broken_since=None).values("link").distinct().count()


def last_checked() -> datetime | None:
    return Link.objects.order_by("-checked_at").values_list("checked_at", flat=True).first()


@transaction.atomic
def _collect() -> dict[str, Link]:
    """Write down which address stands where, in every city; returns the addresses."""
    places: dict[str, set[tuple[int, uuid.UUID]]] = {}
    rows = EffectiveArticle.objects.values_list("tenant_id", "article_id", "sections")
    for tenant_id, article_id, sections in rows.iterator():
        for url in links_in(sections):
            places.setdefault(url, set()).add((tenant_id, article_id))
    known = {link.url: link for link in Link.objects.all()}
    Link.objects.filter(pk__in=[link.pk for url, link in known.items() if url not in places]).delete()
    Link.objects.bulk_create([Link(url=url) for url in places if url not in known], batch_size=500)
    known = {link.url: link for link in Link.objects.all()}
    present = set(LinkUse.objects.values_list("link_id", "tenant_id", "article_id"))
    wanted = {(known[url].pk, *place) for url, found in places.items() for place in found}
    for link_id, tenant_id, article_id in present - wanted:
        LinkUse.objects.filter(link=link_id, tenant=tenant_id, article=article_id).delete()
    new = [LinkUse(link_id=link, tenant_id=tenant, article_id=article) for link, tenant, article in wanted - present]
    LinkUse.objects.bulk_create(new, batch_size=500)
    return known


@transaction.atomic
def _remember(url: str, answer: Answer, now: datetime) -> None:
    link = Link.objects.select_for_update().filter(url=url).first() or Link(url=url)
    link.checked_at, link.status, link.problem = now, answer.status, answer.problem
    link.broken_since = (link.broken_since or now) if answer.problem else None
    link.save()


class _Redirects(HTTPRedirectHandler):
    """A page elsewhere must not lead the server to itself."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        _refuse_own(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _status(url: str, method: str) -> Answer:
    headers = {"User-Agent": "Call Duisburg link check", "Accept": "*/*"}
    request = Request(_ascii(url), method=method, headers=headers)  # noqa: S310 _refuse_own has checked the scheme
    opener = build_opener(_Redirects())
    try:
        response: HTTPResponse
        with opener.open(request, timeout=SECONDS) as response:
            return Answer(response.status, "")
    except HTTPError as error:
        with error:
            alive = error.code in ALIVE
            return Answer(error.code, "" if alive else f"HTTP {error.code}")


def _ascii(url: str) -> str:
    """Umlauts in host and path as the wire wants them."""
    parts = urlsplit(url)
    host = (parts.hostname or "").encode("idna").decode()
    netloc = f"{host}:{parts.port}" if parts.port else host
    return urlunsplit((parts.scheme, netloc, quote(parts.path, safe="/%:@!$&'()*+,;=~-._"), parts.query, ""))


def _refuse_own(url: str) -> None:
    """Raises ValueError for an address of this machine or its link; the network's own are left to its firewall."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("Keine Webadresse")
    if settings.LINK_CHECK_LOOPBACK:
        return
    for address in _addresses(urlsplit(url).hostname or ""):
        if address.is_loopback or address.is_link_local or address.is_unspecified:
            raise ValueError("Adresse dieses Rechners")


def _addresses(host: str) -> Iterable[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except socket.gaierror:
        if getproxies():
            return  # the proxy looks names up, this machine need not
        raise
    for info in found:
        yield ipaddress.ip_address(str(info[4][0]).split("%")[0])
