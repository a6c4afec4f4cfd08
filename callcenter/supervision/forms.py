"""What a dashboard is narrowed to; it stands in the address, so that a view can be sent to a colleague."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.utils.translation import gettext_lazy as _

from callcenter.calls.models import Outcome
from callcenter.supervision import selectors
from callcenter.supervision.periods import LONGEST_DAYS, Period
from tenants.models import Tenant


class LookForm(forms.Form):
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
    ergebnis = forms.ChoiceField(
        label=_("Ausgang"), required=False, choices=[("", _("alle")), *Outcome.choices], widget=forms.HiddenInput
    )
    thema = forms.UUIDField(
        required=False,
        widget=forms.HiddenInput,
        error_messages={
            "invalid": _("Die Adresse nennt ein Anliegen, das es nicht gibt. Bitte rufen Sie die Seite neu auf.")
        },
    )

    def __init__(self, data: Mapping[str, str], *, city: Tenant) -> None:
        super().__init__({name: data[name] for name in data})
        self.lines = {line.pk: line for line in selectors.lines(city)}
        self.fields["leitung"].choices = [  # type: ignore[attr-defined]
            ("", _("alle")),
            *((pk, str(line)) for pk, line in self.lines.items()),
        ]

    def showing(self, period: Period) -> LookForm:
        """The form as the page shows it: with the period, also when the address named none."""
        if not self.data.get("von"):
            self.data = {**self.data, **period.query}
        return self

    def clean(self) -> dict[str, object]:
        data = super().clean() or {}
        first, last = data.get("von"), data.get("bis")
        if self.errors:
            return data
        if bool(first) != bool(last):
            raise forms.ValidationError(_("Bitte geben Sie beide Tage an, von und bis."))
        if first and last:
            if last < first:
                raise forms.ValidationError(_("Das Ende liegt vor dem Anfang. Bitte tauschen Sie die beiden Tage."))
            if (last - first).days > LONGEST_DAYS:
                raise forms.ValidationError(_("Bitte wählen Sie höchstens zehn Jahre."))
            data["period"] = Period(first, last)
        return data

    def sentences(self) -> list[str]:
        """What is wrong, for an answer that is not a page."""
        return [str(sentence) for found in self.errors.values() for sentence in found]
