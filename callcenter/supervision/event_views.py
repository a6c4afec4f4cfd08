"""Where supervisors tell the forecast what it cannot know."""

from __future__ import annotations

from datetime import date

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role
from callcenter.supervision.known_events import add_event, delete_event
from callcenter.supervision.models import KnownEvent
from callcenter.supervision.pages import tabs

MOST_DAYS = 100


class EventForm(forms.ModelForm):
    class Meta:
        model = KnownEvent
        fields = ["kind", "name", "first", "last"]
        widgets = {
            "first": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "last": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        }
        help_texts = {"name": _("Zum Beispiel: Herbstferien, Grundbesitzabgaben, Briefwahl zur Landtagswahl.")}

    def clean(self) -> dict[str, object]:
        data = super().clean() or {}
        first, last = data.get("first"), data.get("last")
        if isinstance(first, date) and isinstance(last, date):
            if last < first:
                raise forms.ValidationError(_("Das Ende liegt vor dem Anfang. Bitte tauschen Sie die beiden Tage."))
            if (last - first).days > MOST_DAYS:
                raise forms.ValidationError(_("Ein Ereignis dauert höchstens hundert Tage."))
        return data


@in_city(Role.SUPERVISOR)
def events(request: CityRequest) -> HttpResponse:
    """The city's events and a form for another."""
    form = EventForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        add_event(event=form.save(commit=False), city=request.city, user=request.user)
        messages.success(request, gettext("Die Prognose kennt das Ereignis ab sofort."))
        return redirect("supervision:events", city=request.city.slug)
    context = tabs(request) | {"city": request.city, "form": form}
    context["events"] = KnownEvent.objects.filter(tenant=request.city)
    return render(request, "supervision/event_list.html", context, status=422 if form.errors else 200)


@in_city(Role.SUPERVISOR)
@require_POST
def event_delete(request: CityRequest, event: int) -> HttpResponse:
    delete_event(event=get_object_or_404(KnownEvent.objects.filter(tenant=request.city), pk=event), user=request.user)
    messages.success(request, gettext("Das Ereignis ist gelöscht."))
    return redirect("supervision:events", city=request.city.slug)
