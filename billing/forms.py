"""What people enter into billing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing import finance
from billing.adjustments import EnteredLine
from billing.bookkeeping import FinanceFormat
from billing.camt import MOST_BYTES
from billing.models import InvoiceKind
from billing.months import Month


class CloseForm(forms.Form):
    """Which month of which agreement to close."""

    agreement: forms.ModelChoiceField = forms.ModelChoiceField(queryset=None, widget=forms.HiddenInput)
    month = forms.CharField(label=_("Monat"), widget=forms.TextInput(attrs={"type": "month"}))

    def __init__(self, agreements: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["agreement"].queryset = agreements  # type: ignore[attr-defined]

    def clean_month(self) -> Month:
        try:
            return Month.parse(self.cleaned_data["month"])
        except ValueError:
            raise forms.ValidationError(_("Bitte geben Sie den Monat als JJJJ-MM an, zum Beispiel 2026-10.")) from None


class CancelForm(forms.Form):
    reason = forms.CharField(
        label=_("Grund"), max_length=200, help_text=_("Der Grund steht auf der Stornorechnung."), strip=True
    )


class PaidForm(forms.Form):
    """Money that came in. The amount is preset with what is open."""

    amount = forms.DecimalField(
        label=_("Betrag"), max_digits=14, decimal_places=2, min_value=Decimal("0.01"), localize=True
    )
    paid_on = forms.DateField(label=_("Eingang am"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    note = forms.CharField(label=_("Vermerk"), max_length=140, required=False, help_text=_("Freiwillig."))

    def clean_paid_on(self) -> date:
        day: date = self.cleaned_data["paid_on"]
        if day > timezone.localdate():
            raise forms.ValidationError(_("Der Tag liegt in der Zukunft."))
        return day


class StatementForm(forms.Form):
    """A bank statement as a file."""

    file = forms.FileField(
        label=_("Kontoauszug (camt.053)"), help_text=_("XML-Datei oder ZIP-Archiv, wie die Bank sie bereitstellt.")
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(_("Die Datei ist größer als 20 MB. Bitte lesen Sie kürzere Zeiträume ein."))
        return file


class AdjustForm(forms.Form):
    """What a correction or credit says, besides its lines."""

    kind = forms.ChoiceField(
        label=_("Art"),
        choices=[
            (InvoiceKind.CORRECTION.value, _("Rechnungskorrektur: Beträge kommen dazu oder fallen weg")),
            (InvoiceKind.CREDIT.value, _("Kaufmännische Gutschrift: ein Betrag wird erlassen oder erstattet")),
        ],
        widget=forms.RadioSelect,
        initial=InvoiceKind.CORRECTION.value,
    )
    reason = forms.CharField(label=_("Grund"), max_length=200, help_text=_("Der Grund steht auf dem Beleg."))


class AdjustLineForm(forms.Form):
    """One line; an empty one is left out."""

    text = forms.CharField(label=_("Leistung"), max_length=200, required=False)
    quantity = forms.DecimalField(label=_("Menge"), max_digits=12, decimal_places=4, required=False, localize=True)
    price = forms.DecimalField(
        label=_("Einzelpreis"), max_digits=14, decimal_places=4, min_value=0, required=False, localize=True
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        given = [bool(data.get("text")), data.get("quantity") is not None, data.get("price") is not None]
        if any(given) and not all(given) and not self.errors:
            raise forms.ValidationError(_("Bitte füllen Sie Leistung, Menge und Einzelpreis aus, oder keines davon."))
        return data


class AdjustLines(forms.BaseFormSet):
    """At least one line; quantities of a credit are positive."""

    def clean(self) -> None:
        if not any(self.errors) and not self.filled():
            raise forms.ValidationError(_("Bitte geben Sie mindestens eine Position an."))

    def filled(self) -> list[EnteredLine]:
        return [
            EnteredLine(data["text"], data["quantity"], data["price"])
            for data in (form.cleaned_data for form in self.forms)
            if data.get("text")
        ]


AdjustLineSet: type[AdjustLines] = forms.formset_factory(  # type: ignore[assignment]
    AdjustLineForm, formset=AdjustLines, extra=4, max_num=12
)


class FinanceForm(forms.ModelForm):
    """How the finance system's file is written."""

    class Meta:
        model = FinanceFormat
        fields = ["delimiter", "encoding", "dates", "decimal_mark", "heading", "columns"]
        widgets = {"columns": forms.Textarea(attrs={"rows": 12, "spellcheck": "false"})}

    def clean_columns(self) -> str:
        text: str = self.cleaned_data["columns"]
        try:
            finance.parse_columns(text)
        except finance.ColumnsError as error:
            raise forms.ValidationError(str(error)) from None
        return text


class SpanForm(forms.Form):
    """From when to when documents were issued."""

    first = forms.DateField(
        label=_("Rechnungsdatum von"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    last = forms.DateField(label=_("bis"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("first") and data.get("last") and data["last"] < data["first"]:
            raise forms.ValidationError(_("Der letzte Tag liegt vor dem ersten."))
        return data
