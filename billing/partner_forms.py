"""What partners enter: a question, its answer, a budget line, a year's costs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.partner_models import Answer, BudgetLine, CostBasis


class QuestionForm(forms.Form):
    text = forms.CharField(
        label=_("Ihre Rückfrage"),
        max_length=2000,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Bitte ohne Angaben zu Anrufenden. Frage und Antwort bleiben bei der Rechnung."),
    )


class AnswerForm(forms.Form):
    outcome = forms.ChoiceField(label=_("Ergebnis"), choices=Answer.choices)
    answer = forms.CharField(
        label=_("Ihre Antwort"),
        max_length=2000,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Die Antwort lässt sich später nicht ändern. Berichtigt wird mit einem eigenen Beleg."),
    )


class BudgetForm(forms.ModelForm):
    class Meta:
        model = BudgetLine
        localized_fields = ["amount"]
        fields = ["label", "amount"]
        help_texts = {"label": _("Zum Beispiel: 1.11.05.5291000")}


class CostForm(forms.ModelForm):
    """A year's costs; the year says which one is entered or replaced."""

    class Meta:
        model = CostBasis
        localized_fields = ["posts", "post_cost", "workplace_cost", "overhead_percent", "other"]
        fields = ["year", "posts", "post_cost", "workplace_cost", "overhead_percent", "other", "source"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["year"].min_value, self.fields["year"].max_value = 2000, 2100  # type: ignore[attr-defined]
        for name, text in {
            "posts": _("Für alle Städte zusammen, zum Beispiel 18,5."),
            "workplace_cost": _("Raum, Technik, Telefonanlage. Die KGSt nennt eine Pauschale."),
            "overhead_percent": _("Leitung, Personalstelle, Kasse. Die KGSt nennt einen Zuschlag."),
        }.items():
            self.fields[name].help_text = text

    def clean_year(self) -> int:
        year: int = self.cleaned_data["year"]
        if not 2000 <= year <= 2100:
            raise forms.ValidationError(_("Bitte geben Sie das Jahr vierstellig an."))
        return year
