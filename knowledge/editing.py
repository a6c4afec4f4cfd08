"""Editors' pages: write, review, publish, archive."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role
from knowledge import approvals, authoring, reminders, selectors, services, steering, working_copies
from knowledge.columns import Column, merge, read_form
from knowledge.effective import begins_at
from knowledge.forms import NewArticleForm, PropertiesForm
from knowledge.models import Article, Revision
from knowledge.models_authoring import WorkingCopy
from knowledge.sanitise import SectionError
from knowledge.sections import SECTIONS
from knowledge.services import EditConflict, KnowledgeRefusal
from tenants.models import Tenant


def editable_cities(request: CityRequest) -> list[Tenant]:
    """The cities the user edits, the one in the address first."""
    ids = request.user.tenant_ids(Role.EDITOR)
    cities = list(Tenant.objects.filter(pk__in=ids, is_active=True))
    return sorted(cities, key=lambda city: (city != request.city, city.name))


def _article(article_id: uuid.UUID) -> Article:
    return get_object_or_404(selectors.visible_articles().select_related("owner"), pk=article_id)


def _context(request: CityRequest, article: Article, here: str) -> dict[str, object]:
    return {
        "city": request.city,
        "cities": editable_cities(request),
        "article": article,
        "is_editor": True,
        "here": here,
    }


def _edit_page(
    request: CityRequest,
    article: Article,
    columns: list[Column],
    *,
    error: str = "",
    status: int = 200,
    continued: WorkingCopy | None = None,
) -> HttpResponse:
    rows = [(section, [column.cells[section.key] for column in columns]) for section in SECTIONS]
    context = _context(request, article, "edit") | {
        "columns": columns,
        "rows": rows,
        "error": error,
        "continued": continued,
        "writing": working_copies.writing_now(article=article, user=request.user),
        "conflict": any(column.conflict for column in columns),
        "properties": PropertiesForm(instance=article),
    }
    return render(request, "knowledge/article_edit.html", context, status=status)


@in_city(Role.EDITOR, wide=True)
def edit(request: CityRequest, article: uuid.UUID) -> HttpResponse:
    """Shared text and every city's sections beside each other."""
    found = _article(article)
    stored = authoring.columns_of(found, editable_cities(request))
    if request.method != "POST":
        return _continued(request, found, stored) or _edit_page(request, found, stored)
    try:
        sent = _sent(request.POST, stored)
    except SectionError as refusal:
        return _edit_page(request, found, stored, error=str(refusal), status=422)
    try:
        saved = authoring.save(article=found, actor=request.user, columns=sent)
        if request.POST.get("action") == "submit":
            authoring.submit_all(article=found, actor=request.user)
        working_copies.drop(user=request.user, article=found)
    except EditConflict as conflict:
        now = authoring.columns_of(found, editable_cities(request))
        merged = [_merged(mine, theirs) for mine, theirs in zip(sent, now, strict=True)]
        return _edit_page(request, found, merged, error=str(conflict), status=422)
    except KnowledgeRefusal as refusal:
        return _edit_page(request, found, sent, error=str(refusal), status=422)
    if request.POST.get("action") == "submit":
        messages.success(request, _("Zur Prüfung gegeben. Eine andere Person aus der Redaktion veröffentlicht."))
        return redirect("knowledge:review", request.city.slug, found.pk)
    unchanged = _("Gespeichert. Am Text hat sich nichts geändert.")
    messages.success(request, _("Entwurf gespeichert.") if saved else unchanged)
    return redirect("knowledge:edit", request.city.slug, found.pk)


@in_city(Role.EDITOR, wide=True)
@require_POST
def preview(request: CityRequest, article: uuid.UUID) -> HttpResponse:
    """The form as agents would see it, without saving anything."""
    found = _article(article)
    cities = editable_cities(request)
    columns = _sent(request.POST, authoring.columns_of(found, cities))
    shown_in = [found.owner] if found.owner else cities
    tried = (authoring.preview(article=found, city=city, columns=columns) for city in shown_in)
    previews = [answer for answer in tried if answer]
    context = _context(request, found, "edit") | {
        "previews": previews,
        "effects": [(answer.tenant, *steering.preview_answer(answer)) for answer in previews],
        "article_level": 3,
    }
    whole = not request.htmx  # type: ignore[attr-defined]
    return render(request, "knowledge/article_preview.html" if whole else "knowledge/_previews.html", context)


@in_city(Role.EDITOR, wide=True)
@require_POST
def keep(request: CityRequest, article: uuid.UUID) -> HttpResponse:
    """Keep what is typed, saved or not; answers who else is writing here."""
    found = _article(article)
    copy = working_copies.keep(user=request.user, article=found, data=request.POST)
    writing = working_copies.writing_now(article=found, user=request.user)
    return render(request, "knowledge/_kept.html", {"copy": copy, "writing": writing})


@in_city(Role.EDITOR, wide=True)
@require_POST
def drop(request: CityRequest, article: uuid.UUID) -> HttpResponse:
    """Give up unsaved work and go back to what is saved."""
    found = _article(article)
    working_copies.drop(user=request.user, article=found)
    messages.success(request, _("Ihr Arbeitsstand ist verworfen. Sie sehen den gespeicherten Text."))
    return redirect("knowledge:edit", request.city.slug, found.pk)


@in_city(Role.EDITOR, wide=True)
@require_POST
def confirm(request: CityRequest, article: uuid.UUID) -> HttpResponse:
    """Somebody has looked: the article still holds."""
    found = _article(article)

    def step() -> str:
        review_on = reminders.confirm(article=found, actor=request.user)
        return _("Danke. Das nächste Mal ist der Artikel am %(day)s zu prüfen.") % {
            "day": review_on.strftime("%d.%m.%Y")
        }

    return _do(request, found, step, then="knowledge:article")


@in_city(Role.EDITOR, wide=True)
@require_POST
def properties(request: CityRequest, article: uuid.UUID) -> HttpResponse:
    """Themes, kind and the day on which somebody should look again."""
    found = _article(article)
    form = PropertiesForm(request.POST, instance=Article.objects.get(pk=found.pk))
    if not form.is_valid():
        messages.error(request, _("Bitte prüfen Sie Thema und Prüfdatum."))
    else:
        try:
            services.set_properties(article=found, actor=request.user, **form.cleaned_data)
            messages.success(request, _("Eigenschaften gespeichert."))
        except KnowledgeRefusal as refusal:
            messages.error(request, str(refusal))
    return redirect("knowledge:edit", request.city.slug, found.pk)


@in_city(Role.EDITOR, wide=True)
def create(request: CityRequest) -> HttpResponse:
    """A new article: for all cities, or for this one alone."""
    form = NewArticleForm(request.POST or None, initial={"title": request.GET.get("titel", "")})
    if request.method == "POST" and form.is_valid():
        try:
            article = services.create_article(
                actor=request.user,
                title=form.cleaned_data["title"],
                owner=request.city if form.cleaned_data["reach"] == "city" else None,
                kind=form.cleaned_data["kind"],
                categories=form.cleaned_data["categories"],
            )
            return redirect("knowledge:edit", request.city.slug, article.pk)
        except KnowledgeRefusal as refusal:
            form.add_error("reach", str(refusal))
    context = {"city": request.city, "form": form, "is_editor": True}
    return render(request, "knowledge/article_create.html", context, status=422 if form.errors else 200)


@in_city(Role.EDITOR, wide=True)
@require_GET
def review(request: CityRequest, article: uuid.UUID) -> HttpResponse:
    """What is open, what it changes, and whom it reaches."""
    found = _article(article)
    reviews = authoring.reviews_of(found, viewer=request.user)
    context = _context(request, found, "review") | {
        "reviews": reviews,
        "waiting": [each for each in reviews if each.revision.state == "in_review"],
        "blocked": any(each.is_own for each in reviews if each.revision.state == "in_review"),
    }
    return render(request, "knowledge/article_review.html", context)


@in_city(Role.EDITOR, wide=True)
@require_POST
def publish(request: CityRequest, article: uuid.UUID) -> HttpResponse:
    found = _article(article)

    def step() -> str:
        confirmed = request.POST.getlist("confirmed")
        published = authoring.publish_all(article=found, actor=request.user, confirmed=confirmed)
        later = [revision for revision in published if (begins := begins_at(revision)) and begins > timezone.now()]
        if later:
            moment = date_format(timezone.localtime(later[0].valid_from, request.city.zone), "d.m.Y, H:i")
            return _("Veröffentlicht. Der Text gilt ab %(moment)s Uhr und erscheint dann von selbst.") % {
                "moment": moment
            }
        count = len(published)
        return ngettext("Veröffentlicht: %(n)d Text.", "Veröffentlicht: %(n)d Texte.", count) % {"n": count}

    return _do(request, found, step, then="knowledge:article")


@in_city(Role.EDITOR, wide=True)
@require_POST
def submit(request: CityRequest, article: uuid.UUID) -> HttpResponse:
    found = _article(article)

    def step() -> str:
        authoring.submit_all(article=found, actor=request.user)
        return _("Zur Prüfung gegeben.")

    return _do(request, found, step)


@in_city(Role.EDITOR, wide=True)
@require_POST
def send_back(request: CityRequest, article: uuid.UUID, revision: uuid.UUID) -> HttpResponse:
    found = _article(article)

    def step() -> str:
        services.send_back(revision=_revision(found, revision), actor=request.user, note=request.POST.get("note", ""))
        return _("Zurückgegeben. Der Text ist wieder ein Entwurf.")

    return _do(request, found, step)


@in_city(Role.EDITOR, wide=True)
@require_POST
def discard(request: CityRequest, article: uuid.UUID, revision: uuid.UUID) -> HttpResponse:
    found = _article(article)

    def step() -> str:
        services.discard_draft(revision=_revision(found, revision), actor=request.user)
        return _("Entwurf verworfen.")

    return _do(request, found, step)


@in_city(Role.EDITOR, wide=True)
@require_POST
def restore(request: CityRequest, article: uuid.UUID, revision: uuid.UUID) -> HttpResponse:
    found = _article(article)

    def step() -> str:
        old = _revision(found, revision)
        token = services.chain_token(article=found, tenant=old.tenant)
        services.restore(revision=old, actor=request.user, token=token)
        return _("Der alte Text steht als Entwurf bereit.")

    return _do(request, found, step, then="knowledge:edit")


@in_city(Role.EDITOR, wide=True)
@require_POST
def withdraw(request: CityRequest, article: uuid.UUID, revision: uuid.UUID) -> HttpResponse:
    """A publication that is planned for later does not take place."""
    found = _article(article)

    def step() -> str:
        services.withdraw_planned(revision=_revision(found, revision), actor=request.user)
        return _("Zurückgenommen. Es bleibt, was heute gilt.")

    return _do(request, found, step, then="knowledge:history")


@in_city(Role.EDITOR, wide=True)
@require_POST
def archive(request: CityRequest, article: uuid.UUID) -> HttpResponse:
    found = _article(article)

    def step() -> str:
        services.archive_article(article=found, actor=request.user)
        return _("Archiviert. Der Artikel ist an keinem Arbeitsplatz mehr zu finden; sein Verlauf bleibt.")

    return _do(request, found, step, then="knowledge:history")


def _revision(article: Article, revision_id: uuid.UUID) -> Revision:
    return get_object_or_404(selectors.visible_revisions(article, with_drafts=True), pk=revision_id)


def _sent(data: QueryDict, stored: list[Column]) -> list[Column]:
    """The columns as they were typed; what the user may only read stays as it is stored."""
    return [read_form(column, data) if column.may_write else column for column in stored]


def _continued(request: CityRequest, article: Article, stored: list[Column]) -> HttpResponse | None:
    """The form where its author left off without saving; None when nothing is kept, or nothing that differs."""
    copy = working_copies.copy_of(user=request.user, article=article)
    if copy is None:
        return None
    try:
        typed = _sent(working_copies.as_form(copy), stored)
    except SectionError:
        return None
    if not any(column.touched or column.terms != column.seen_terms for column in typed if column.may_write):
        return None
    merged = [_merged(mine, theirs) for mine, theirs in zip(typed, stored, strict=True)]
    return _edit_page(request, article, merged, continued=copy)


def _merged(mine: Column, theirs: Column) -> Column:
    if mine.token == theirs.token:
        return mine
    return merge(mine, theirs) if mine.touched else theirs


@in_city(Role.EDITOR, wide=True)
@require_POST
def ask_approval(request: CityRequest, article: uuid.UUID, revision: uuid.UUID) -> HttpResponse:
    """Ask a city to approve what a text says in its name."""
    found = _article(article)
    asked = get_object_or_404(Tenant, slug=request.POST.get("city", request.city.slug), is_active=True)

    def step() -> str:
        approvals.ask(revision=_revision(found, revision), city=asked, actor=request.user)
        return _("%(city)s ist um Freigabe gebeten. Veröffentlichen lässt sich der Text danach.") % {"city": asked.name}

    return _do(request, found, step)


def _do(
    request: CityRequest, article: Article, step: Callable[[], str], then: str = "knowledge:review"
) -> HttpResponse:
    """Take one step and say what came of it; a refusal leads back to the review page."""
    try:
        messages.success(request, step())
    except KnowledgeRefusal as refusal:
        messages.error(request, str(refusal))
        then = "knowledge:review"
    return redirect(then, request.city.slug, article.pk)
