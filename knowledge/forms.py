"""Small forms of the editors' pages; the article itself is ``columns.py``."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from knowledge.models import (
    Article,
    ArticleKind,
    Category,
    EffectiveArticle,
    PinnedAnswer,
    SynonymRule,
    WordRule,
)
from tenants.models import Tenant


class NewArticleForm(forms.Form):
    title = forms.CharField(label=_("Titel"), max_length=250)
    reach = forms.ChoiceField(
        label=_("Für wen"),
        choices=[("all", _("alle Städte: gemeinsamer Text mit örtlichen Abschnitten")), ("city", _("nur diese Stadt"))],
        initial="all",
        widget=forms.RadioSelect,
    )
    kind = forms.ChoiceField(label=_("Art"), choices=ArticleKind.choices, initial=ArticleKind.SERVICE)
    categories = forms.ModelMultipleChoiceField(
        label=_("Themen"), queryset=Category.objects.all(), required=False, widget=forms.CheckboxSelectMultiple
    )


class PropertiesForm(forms.ModelForm):
    """``review_on`` reminds editors; it changes nothing that callers are told."""

    class Meta:
        model = Article
        fields = ["kind", "categories", "review_on"]
        widgets = {
            "categories": forms.CheckboxSelectMultiple,
            "review_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        }
        labels = {"categories": _("Themen")}


class SynonymForm(forms.Form):
    """What is typed, and what is meant."""

    typed = forms.CharField(
        label=_("Gesucht wird"), max_length=80, help_text=_("Wie es am Telefon gesagt wird, zum Beispiel: Perso")
    )
    meant = forms.CharField(
        label=_("Gemeint ist"), max_length=80, help_text=_("Wie es im Artikel steht, zum Beispiel: Personalausweis")
    )
    both_ways = forms.BooleanField(label=_("Gilt auch umgekehrt"), required=False)

    def __init__(self, *args: Any, city: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

    def rule(self) -> SynonymRule:
        return SynonymRule(**self.cleaned_data)


class WordForm(forms.ModelForm):
    """A word that counts for little, or that stays as it is."""

    class Meta:
        model = WordRule
        fields = ["word", "kind"]
        labels = {"word": _("Wort"), "kind": _("Regel")}

    def __init__(self, *args: Any, city: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [
            ("stop", _("zählt beim Suchen kaum")),
            ("protected", _("bleibt, wie es ist: nicht beugen, nicht zerlegen")),
        ]
        self.fields["kind"] = forms.ChoiceField(label=_("Regel"), choices=choices)

    def clean_word(self) -> str:
        word: str = self.cleaned_data["word"].strip()
        if len(word.split()) != 1:
            raise forms.ValidationError(_("Bitte ein einzelnes Wort."))
        return word

    def rule(self) -> WordRule:
        return WordRule(**self.cleaned_data)


class PinForm(forms.Form):
    """Which article comes first for a query, and for how long."""

    query = forms.CharField(
        label=_("Suche"), max_length=120, help_text=_("Beugung, Reihenfolge und Füllwörter spielen keine Rolle.")
    )
    article = forms.ChoiceField(label=_("Artikel an erster Stelle"))
    valid_from = forms.DateField(label=_("Gilt ab"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    valid_until = forms.DateField(
        label=_("Gilt bis einschließlich"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Leer: bis Sie es löschen."),
    )

    def __init__(self, *args: Any, city: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.city = city
        articles = EffectiveArticle.objects.filter(tenant=city).order_by("title")
        choices = [
            ("", _("Bitte wählen")),
            *((str(pk), title) for pk, title in articles.values_list("article_id", "title")),
        ]
        self.fields["article"] = forms.ChoiceField(label=_("Artikel an erster Stelle"), choices=choices)
        self.fields["valid_from"].initial = timezone.localdate()

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        first, last = data.get("valid_from"), data.get("valid_until")
        if first and last and last < first:
            self.add_error("valid_until", _("Das Ende liegt vor dem Beginn."))
        return data

    def rule(self) -> PinnedAnswer:
        data = dict(self.cleaned_data)
        return PinnedAnswer(tenant=self.city, article_id=uuid.UUID(data.pop("article")), **data)
