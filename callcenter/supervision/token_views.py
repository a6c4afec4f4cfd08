"""Where administrators make and revoke tokens, and read how the HTTP interface is used."""

from __future__ import annotations

from datetime import date, timedelta

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role
from callcenter.supervision.models import ApiToken
from callcenter.supervision.tokens import make_token, revoke_token

LONGEST = timedelta(days=2 * 366)


class TokenForm(forms.ModelForm):
    class Meta:
        model = ApiToken
        fields = ["name", "valid_until"]
        widgets = {"valid_until": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}
        help_texts = {"name": _("Zum Beispiel: Auswertung im Rathaus. Danach lässt er sich wiedererkennen.")}

    def clean_valid_until(self) -> date:
        day: date = self.cleaned_data["valid_until"]
        if not timezone.localdate() <= day <= timezone.localdate() + LONGEST:
            raise forms.ValidationError(_("Bitte wählen Sie einen Tag in den nächsten zwei Jahren."))
        return day


@in_city(Role.ADMINISTRATOR)
def tokens(request: CityRequest) -> HttpResponse:
    """Every token of the city; a new one is shown in the answer to its own form and never again."""
    form = TokenForm(request.POST or None, initial={"valid_until": timezone.localdate() + timedelta(days=365)})
    made = ""
    if request.method == "POST" and form.is_valid():
        _token, made = make_token(city=request.city, user=request.user, **form.cleaned_data)
        form = TokenForm(initial={"valid_until": timezone.localdate() + timedelta(days=365)})
    rows = ApiToken.objects.filter(tenant=request.city).select_related("created_by")
    context = {
        "city": request.city,
        "form": form,
        "made": made,
        "tokens": rows,
        "today": timezone.localdate(),
        "base": settings.BASE_URL + reverse("figures_api:city").removesuffix("city"),
    }
    return render(request, "supervision/token_list.html", context, status=422 if form.errors else 200)


@in_city(Role.ADMINISTRATOR)
@require_POST
def revoke(request: CityRequest, token: int) -> HttpResponse:
    found = get_object_or_404(ApiToken.objects.filter(tenant=request.city), pk=token)
    revoke_token(token=found, user=request.user, now=timezone.now())
    messages.success(request, gettext("Der Zugang ist widerrufen. Programme mit diesem Zugang bekommen nichts mehr."))
    return redirect("supervision:tokens", city=request.city.slug)
