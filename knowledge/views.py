"""Pages for everyone who reads articles; editors' pages are in ``editing.py``."""

from __future__ import annotations

import uuid

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from callcenter.accounts.access import CityRequest, HouseRequest, for_roles, in_city
from callcenter.accounts.models import Role
from knowledge import selectors
from knowledge.columns import parse_local
from knowledge.diff import diff_sections
from knowledge.models import Article
from knowledge.reminders import due_in

READERS = (Role.AGENT, Role.EDITOR, Role.SUPERVISOR, Role.LIAISON)


def _is_editor(request: CityRequest) -> bool:
    return request.user.may(request.city, [Role.EDITOR])


def _is_liaison(request: CityRequest) -> bool:
    """Speaks for the city; an administrator may too, and finds the way on the partner's page."""
    return Role.LIAISON in request.user.rights().get(request.city.pk, frozenset())


@for_roles(*READERS)
def home(request: HouseRequest) -> HttpResponse:
    """To the first city whose articles the user may read."""
    return redirect("knowledge:list", request.user.cities(*READERS)[0].slug)


@in_city(*READERS)
def articles(request: CityRequest) -> HttpResponse:
    """The city's articles; the list is also the answer to its own search box."""
    editor = _is_editor(request)
    asked = {name: request.GET.get(name, "") for name in ("q", "thema", "stand")}
    page = selectors.article_page(
        city=request.city,
        query=asked["q"],
        category=asked["thema"],
        state=asked["stand"],
        page=request.GET.get("seite", "1"),
        as_editor=editor,
    )
    context = {"city": request.city, "page": page, "asked": asked, "is_editor": editor}
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "knowledge/_articles.html", context)
    context |= {
        "cities": request.user.cities(*READERS),
        "categories": selectors.categories(),
        "filters": selectors.FILTERS,
        "to_do": selectors.to_do(request.city) if editor else None,
        "is_liaison": _is_liaison(request),
        "to_answer": selectors.to_answer(request.city) if _is_liaison(request) else 0,
    }
    return render(request, "knowledge/article_list.html", context)


@in_city(*READERS)
def article(request: CityRequest, article: uuid.UUID) -> HttpResponse:
    """The article as agents of the city see it."""
    effective = selectors.effective_article(city=request.city, article_id=article)
    editor = _is_editor(request)
    if effective is None and not editor:
        raise Http404
    found = get_object_or_404(selectors.visible_articles().select_related("owner"), pk=article)
    context = {
        "city": request.city,
        "cities": request.user.cities(*READERS),
        "article": found,
        "effective": effective,
        "is_editor": editor,
        "is_liaison": _is_liaison(request),
        "review_due": editor and due_in(request.city).filter(article=found).exists(),
        "article_level": 1,
        "here": "article",
    }
    return render(request, "knowledge/article_detail.html", context)


@in_city(*READERS)
def history(request: CityRequest, article: uuid.UUID) -> HttpResponse:
    """Every version of the shared text and of this city's sections."""
    found = _article_or_404(request, article)
    editor = _is_editor(request)
    asked = request.GET.get("am", "")
    try:
        moment = parse_local(asked, request.city.zone)
    except ValueError:
        moment = None
    context = {
        "city": request.city,
        "cities": request.user.cities(*READERS),
        "article": found,
        "asked": asked,
        "moment": moment,
        "then": selectors.versions_at(found, request.city, moment) if moment else [],
        "versions": selectors.history(found, with_drafts=editor),
        "is_editor": editor,
        "here": "history",
    }
    return render(request, "knowledge/article_history.html", context)


@in_city(*READERS)
def revision(request: CityRequest, article: uuid.UUID, revision: uuid.UUID) -> HttpResponse:
    """One version, and what changed in it, word by word."""
    found = _article_or_404(request, article)
    editor = _is_editor(request)
    version = get_object_or_404(selectors.visible_revisions(found, with_drafts=editor), pk=revision)
    before = selectors.version_before(version)
    changes = diff_sections(
        before.sections if before else {},
        version.sections,
        old_title=before.title if before else "",
        new_title=version.title,
    )
    context = {
        "city": request.city,
        "cities": request.user.cities(*READERS),
        "article": found,
        "version": version,
        "before": before,
        "changes": changes,
        "is_planned": version.state == "published" and bool(version.valid_from and version.valid_from > timezone.now()),
        "is_editor": editor,
        "here": "history",
    }
    return render(request, "knowledge/article_revision.html", context)


def _article_or_404(request: CityRequest, article: uuid.UUID) -> Article:
    """An article the reader may know of: shown in the city, or any visible one for editors."""
    found = get_object_or_404(selectors.visible_articles().select_related("owner"), pk=article)
    city = request.city
    if not _is_editor(request) and selectors.effective_article(city=city, article_id=article) is None:
        raise Http404
    return found
