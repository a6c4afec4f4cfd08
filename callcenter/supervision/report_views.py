"""Reports of one's own: built in the address, kept under a name, taken along as a file, sent by mail."""

from __future__ import annotations

from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from callcenter.accounts.access import CityRequest, in_city
from callcenter.accounts.models import Role
from callcenter.supervision import saved_reports, selectors
from callcenter.supervision.builder import GROUPS, MEASURES, RELATIVE, ReportRefused
from callcenter.supervision.models import SavedReport
from callcenter.supervision.pages import SEES_FIGURES, tabs
from callcenter.supervision.periods import LONGEST_DAYS
from callcenter.supervision.saved_reports import Built, NameTaken
from tenants.models import Tenant

DEFAULTS = {"mass": ["anrufe", "frist", "auflegequote"], "nach": ["tag"], "zeit": ["letzter_monat"]}


class BuilderForm(forms.Form):
    """What the report holds; its data is the address."""

    mass = forms.MultipleChoiceField(
        label=_("Maße"),
        choices=[(key, one.label) for key, one in MEASURES.items()],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Bitte wählen Sie mindestens ein Maß.")},
    )
    nach = forms.ChoiceField(label=_("Gruppiert nach"), choices=list(GROUPS.items()))
    zeit = forms.ChoiceField(
        label=_("Zeitraum"), choices=[*RELATIVE.items(), ("fest", _("feste Tage (von, bis)"))], required=False
    )
    von = forms.DateField(
        label=_("von"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    bis = forms.DateField(
        label=_("bis"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    leitung = forms.TypedChoiceField(label=_("Leitung"), required=False, coerce=int, empty_value=None)
    servicezeit = forms.ChoiceField(
        label=_("Gezählt"),
        required=False,
        choices=[("", _("wie für die Stadt eingestellt")), ("on", _("nur Servicezeit")), ("alle", _("alle Anrufe"))],
    )

    def __init__(self, data: QueryDict, *, city: Tenant) -> None:
        asked = data.copy()
        for name, values in DEFAULTS.items():
            if name not in asked:
                asked.setlist(name, values)
        super().__init__(asked)
        self.lines = {line.pk: line for line in selectors.lines(city)}
        self.fields["leitung"].choices = [  # type: ignore[attr-defined]
            ("", _("alle")),
            *((pk, str(line)) for pk, line in self.lines.items()),
        ]

    def clean(self) -> dict[str, object]:
        data = super().clean() or {}
        first, last = data.get("von"), data.get("bis")
        if data.get("zeit") == "fest" and not self.errors:
            if not first or not last:
                raise forms.ValidationError(_("Bitte geben Sie beide Tage an, von und bis."))
            if last < first:
                raise forms.ValidationError(_("Das Ende liegt vor dem Anfang. Bitte tauschen Sie die beiden Tage."))
            if (last - first).days > LONGEST_DAYS:
                raise forms.ValidationError(_("Bitte wählen Sie höchstens zehn Jahre."))
        return data

    def query(self) -> str:
        """The report as its address says it, without what is empty."""
        data = self.cleaned_data
        said: list[tuple[str, str]] = [("mass", key) for key in data["mass"]]
        said += [("nach", data["nach"]), ("zeit", data["zeit"] or "letzter_monat")]
        if data["zeit"] == "fest":
            said += [("von", data["von"].isoformat()), ("bis", data["bis"].isoformat())]
        said += [(name, str(data[name])) for name in ("leitung", "servicezeit") if data[name]]
        return urlencode(said)


class SaveForm(forms.ModelForm):
    class Meta:
        model = SavedReport
        fields = ["name", "schedule"]
        help_texts = {"schedule": _("An Ihre E-Mail-Adresse, als XLSX und CSV.")}


def _built(request: CityRequest) -> tuple[BuilderForm, Built | None]:
    """The report of the address, or its form with what is wrong."""
    form = BuilderForm(request.GET, city=request.city)
    if not form.is_valid():
        return form, None
    try:
        return form, saved_reports.build(city=request.city, query=form.query(), now=timezone.now())
    except ReportRefused as refusal:
        form.add_error(None, str(refusal))
        return form, None


@in_city(*SEES_FIGURES)
def builder(request: CityRequest) -> HttpResponse:
    """The builder with its table, and the reports that are kept."""
    form, built = _built(request)
    saved = list(SavedReport.objects.filter(tenant=request.city).select_related("owner"))
    context = tabs(request) | {
        "city": request.city,
        "form": form,
        "built": built,
        "query": form.query() if built else "",
        "save": SaveForm(),
        "saved": [(one, one.owner_id == request.user.pk or _is_supervisor(request)) for one in saved],
        "has_mail": bool(request.user.email),
    }
    return render(request, "supervision/report_builder.html", context, status=200 if built else 422)


def _is_supervisor(request: CityRequest) -> bool:
    return request.city.pk in request.user.tenant_ids(Role.SUPERVISOR)


def _file(request: CityRequest, ending: str) -> HttpResponse:
    form, built = _built(request)
    if built is None:
        sentences = [str(sentence) for found in form.errors.values() for sentence in found]
        return HttpResponse("\n".join(sentences), status=422, content_type="text/plain; charset=utf-8")
    content, kind = (built.xlsx(), saved_reports.XLSX) if ending == "xlsx" else (built.csv(), saved_reports.CSV)
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{built.file_name}.{ending}"'
    return response


@in_city(*SEES_FIGURES)
def builder_csv(request: CityRequest) -> HttpResponse:
    return _file(request, "csv")


@in_city(*SEES_FIGURES)
def builder_xlsx(request: CityRequest) -> HttpResponse:
    return _file(request, "xlsx")


@in_city(*SEES_FIGURES)
@require_POST
def save(request: CityRequest) -> HttpResponse:
    """Keep the report of the address under a name."""
    form, save_form = BuilderForm(request.GET, city=request.city), SaveForm(request.POST)
    back = reverse("supervision:builder", args=[request.city.slug])
    if not form.is_valid():
        return redirect(back)
    if not save_form.is_valid():
        messages.error(request, gettext("Bitte geben Sie dem Bericht einen Namen mit höchstens 80 Zeichen."))
    elif save_form.cleaned_data["schedule"] and not request.user.email:
        messages.error(request, gettext("An Ihrem Konto steht keine E-Mail-Adresse. Bitte lassen Sie sie eintragen."))
    else:
        try:
            saved_reports.save_report(
                city=request.city,
                user=request.user,
                name=save_form.cleaned_data["name"],
                query=form.query(),
                schedule=save_form.cleaned_data["schedule"],
                now=timezone.now(),
            )
            messages.success(request, gettext("Der Bericht ist gespeichert."))
        except NameTaken as refusal:
            messages.error(request, str(refusal))
    return redirect(f"{back}?{form.query()}")


@in_city(*SEES_FIGURES)
@require_POST
def delete(request: CityRequest, report: int) -> HttpResponse:
    """One's own, or as a supervisor anybody's."""
    found = get_object_or_404(SavedReport.objects.filter(tenant=request.city), pk=report)
    if found.owner_id != request.user.pk and not _is_supervisor(request):
        messages.error(request, gettext("Diesen Bericht hat jemand anders gespeichert."))
    else:
        saved_reports.delete_report(report=found, user=request.user)
        messages.success(request, gettext("Der Bericht ist gelöscht."))
    return redirect("supervision:builder", city=request.city.slug)
