"""The band on the desks, and the page on which editors and supervisors write it."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from callcenter.accounts.access import CityRequest, HouseRequest, for_roles, in_city
from callcenter.accounts.models import Role
from knowledge import notices
from knowledge.models import Article, EffectiveArticle, Notice, NoticeCity, Severity
from knowledge.services import KnowledgeRefusal
from tenants.models import Tenant

WRITERS = (Role.EDITOR, Role.SUPERVISOR)


class NoticeForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Was sollen Anrufende hören?"),
        max_length=250,
        help_text=gettext_lazy("Ein Satz. Er steht auf jedem Arbeitsplatz der gewählten Städte."),
    )
    article = forms.UUIDField(required=False, widget=forms.HiddenInput)
    severity = forms.ChoiceField(
        label=gettext_lazy("Art"), choices=Severity.choices, initial=Severity.WARNING, widget=forms.RadioSelect
    )
    cities = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Städte"), queryset=Tenant.objects.none(), widget=forms.CheckboxSelectMultiple
    )
    valid_from = forms.DateTimeField(
        label=gettext_lazy("gilt ab (leer: sofort)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    valid_until = forms.DateTimeField(
        label=gettext_lazy("gilt bis"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


@for_roles(Role.AGENT)
@require_GET
def band(request: HouseRequest) -> HttpResponse:
    """The band alone, for desks that were told that something changed."""
    return _band(request)


@for_roles(Role.AGENT)
@require_POST
def count(request: HouseRequest, notice_city: int) -> HttpResponse:
    """One more caller of that city asked."""
    row = get_object_or_404(NoticeCity.objects.select_related("tenant"), pk=notice_city)
    try:
        notices.count_enquiry(notice_id=row.notice_id, city=row.tenant)
    except KnowledgeRefusal as refusal:
        messages.error(request, str(refusal))
    return _back_to_band(request)


@for_roles(Role.AGENT)
@require_POST
def read(request: HouseRequest, notice: uuid.UUID) -> HttpResponse:
    if not NoticeCity.objects.filter(notice=notice).exists():
        raise Http404
    notices.mark_read(notice_id=notice, user=request.user)
    return _back_to_band(request)


@in_city(*WRITERS, wide=True)
def manage(request: CityRequest) -> HttpResponse:
    """What stands on the desks, what stood there, and the next one."""
    cities = Tenant.objects.filter(pk__in=request.user.tenant_ids(*WRITERS), is_active=True)
    until = (timezone.localtime() + timedelta(hours=4)).replace(minute=0)
    about = _about(request)
    initial = {"cities": [request.city], "valid_until": until, "article": about and about.pk}
    form = NoticeForm(request.POST or None, initial=initial)
    form.fields["cities"].queryset = cities  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        try:
            notices.publish_notice(actor=request.user, **{**form.cleaned_data, "article": about})
            messages.success(request, _("Steht jetzt auf den Arbeitsplätzen."))
            return redirect("knowledge:notices", request.city.slug)
        except KnowledgeRefusal as refusal:
            form.add_error(None, str(refusal))
    context = {
        "city": request.city,
        "form": form,
        "about": about,
        "notices": notices.recent(),
        "now": timezone.now(),
    }
    return render(request, "knowledge/notice_list.html", context, status=422 if form.errors else 200)


def _about(request: CityRequest) -> Article | None:
    """The article the sentence belongs to: one that this city shows, else none."""
    asked = request.POST.get("article") or request.GET.get("artikel") or ""
    try:
        wanted = uuid.UUID(asked)
    except ValueError:
        return None
    shown = EffectiveArticle.objects.filter(tenant=request.city, article=wanted).select_related("article").first()
    return shown.article if shown else None


@in_city(*WRITERS, wide=True)
@require_POST
def end(request: CityRequest, notice: uuid.UUID) -> HttpResponse:
    if not NoticeCity.objects.filter(notice=notice).exists():
        raise Http404
    try:
        notices.end_notice(notice=Notice.objects.get(pk=notice), actor=request.user)
        messages.success(request, _("Beendet."))
    except KnowledgeRefusal as refusal:
        messages.error(request, str(refusal))
    return redirect("knowledge:notices", request.city.slug)


def _back_to_band(request: HouseRequest) -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]
        return _band(request)
    return redirect("home")


def _band(request: HouseRequest) -> HttpResponse:
    return render(request, "knowledge/_notices.html", {"notices": notices.current(user=request.user)})
