"""Forms about people, and about the cities they administer."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm
from django import forms
from django.contrib.auth import password_validation
from django.utils.translation import gettext_lazy as _
from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException
from stdnum.de import leitweg
from stdnum.exceptions import ValidationError as StdnumError

from callcenter.accounts.models import Role, User
from tenants.models import Line, Tenant
from tenants.numbers import normalise_dialled


class SignInForm(LoginForm):
    """allauth's form in the words of the house."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("Anmeldename oder E-Mail")
        self.fields["password"].label = _("Kennwort")
        self.fields["password"].help_text = ""
        for name in ("login", "password"):
            self.fields[name].widget.attrs.pop("placeholder", None)


class ProfileForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ["name", "email", "language", "theme"]


class PersonForm(forms.ModelForm):
    """A person's account and the roles they hold in one city."""

    roles = forms.MultipleChoiceField(
        label=_("Rollen in dieser Stadt"), choices=Role.choices, widget=forms.CheckboxSelectMultiple, required=False
    )
    password = forms.CharField(
        label=_("Neues Kennwort"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        required=False,
        help_text=_("Mindestens 12 Zeichen. Leer lassen, wenn es bleiben soll."),
    )

    class Meta:
        model = User
        fields = ["username", "name", "email", "is_active"]

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if password:
            password_validation.validate_password(password, self.instance)
        elif self.instance.pk is None:
            raise forms.ValidationError(_("Ein neues Konto braucht ein Kennwort."))
        return password


class CityForm(forms.ModelForm):
    """A city: what is said in its name, its promises, and its invoice address."""

    class Meta:
        model = Tenant
        fields = [
            *("name", "official_name", "slug", "ags", "ars", "land", "time_zone", "colour_light", "colour_dark"),
            *("greeting", "closing_sentence", "wrap_up", "wrap_up_seconds", "wrap_up_code", "edit_minutes"),
            *("answer_within_seconds", "retention_days"),
            *("street", "postcode", "town", "country", "contact_name", "contact_phone", "contact_email"),
            *("electronic_address", "leitweg_id", "vat_id", "tax_number", "iban", "bic", "bank_name"),
        ]
        widgets = {
            "greeting": forms.Textarea(attrs={"rows": 2}),
            "closing_sentence": forms.Textarea(attrs={"rows": 2}),
            "colour_light": forms.TextInput(attrs={"type": "color"}),
            "colour_dark": forms.TextInput(attrs={"type": "color"}),
        }

    groups = [
        (
            _("Stadt"),
            ["name", "official_name", "slug", "ags", "ars", "land", "time_zone", "colour_light", "colour_dark"],
        ),
        (
            _("Am Telefon"),
            [
                *("greeting", "closing_sentence", "wrap_up", "wrap_up_seconds", "wrap_up_code", "edit_minutes"),
                *("answer_within_seconds", "retention_days"),
            ],
        ),
        (
            _("Rechnungsanschrift"),
            [
                "street",
                "postcode",
                "town",
                "country",
                "contact_name",
                "contact_phone",
                "contact_email",
                "electronic_address",
                "leitweg_id",
            ],
        ),
        (_("Steuer und Bank"), ["vat_id", "tax_number", "iban", "bic", "bank_name"]),
    ]

    def grouped(self) -> list[tuple[Any, list[forms.BoundField]]]:
        return [(title, [self[name] for name in names]) for title, names in self.groups]

    def clean_leitweg_id(self) -> str:
        value: str = self.cleaned_data["leitweg_id"].strip()
        if value:
            try:
                leitweg.validate(value)
            except StdnumError as error:
                raise forms.ValidationError(
                    _("Die Prüfziffer der Leitweg-ID stimmt nicht. Bitte vergleichen Sie die Angabe der Stadt.")
                ) from error
        return value

    def clean_iban(self) -> str:
        value: str = self.cleaned_data["iban"].replace(" ", "").upper()
        if value:
            try:
                IBAN(value)
            except (SchwiftyException, ValueError) as error:
                raise forms.ValidationError(_("Diese IBAN ist nicht gültig. Bitte prüfen Sie die Ziffern.")) from error
        return value

    def clean_bic(self) -> str:
        value: str = self.cleaned_data["bic"].replace(" ", "").upper()
        if value:
            try:
                BIC(value)
            except (SchwiftyException, ValueError) as error:
                raise forms.ValidationError(_("Dieser BIC ist nicht gültig.")) from error
        return value


class LineForm(forms.ModelForm):
    class Meta:
        model = Line
        fields = ["number", "label", "kind", "valid_from", "valid_until"]
        widgets = {
            "valid_from": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
            "valid_until": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        }

    def clean_number(self) -> str:
        return normalise_dialled(self.cleaned_data["number"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        start, end = data.get("valid_from"), data.get("valid_until")
        if start and end and end < start:
            self.add_error("valid_until", _("Das Ende liegt vor dem Beginn."))
        return data
