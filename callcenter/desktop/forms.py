"""What an agent sends from the desk."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from callcenter.calls.models import Disposition, FeedbackKind
from callcenter.calls.questions import Asked, answered
from callcenter.desktop import shortcuts
from callcenter.desktop.finding import KINDS
from tenants.models import Office, StaffMember, Tenant

QUERY_LENGTH = 250  # of what is typed into the search box; what follows is cut

REASONS = [
    ("Pause", _("Pause")),
    ("Bildschirmpause", _("Bildschirmpause")),
    ("Besprechung", _("Besprechung")),
    ("Schulung", _("Schulung")),
]


REASON_KEYS = ("pause", "screen_break", "meeting", "course")


def reason_list() -> list[dict[str, object]]:
    """Why somebody is not ready, each with the action whose key says so."""
    return [
        {"value": value, "label": label, "action": action}
        for (value, label), action in zip(REASONS, REASON_KEYS, strict=True)
    ]


class SignOnForm(forms.Form):
    extension = forms.CharField(
        label=_("Platz"),
        max_length=40,
        help_text=_("Die Nummer steht auf Ihrem Telefon, zum Beispiel 214."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )


class ReasonForm(forms.Form):
    reason = forms.ChoiceField(choices=REASONS)


class TypedField(forms.CharField):
    """Whatever was typed or pasted into the search box: nothing is refused, what is too long is cut."""

    def __init__(self) -> None:
        super().__init__(required=False)
        self.validators = []  # a NUL is no reason to take the hits away

    def to_python(self, value: Any) -> str:
        return super().to_python(str(value or "").replace("\x00", "")[:QUERY_LENGTH]) or ""


class QueryForm(forms.Form):
    """A search as it is typed. ``city`` is checked against the agent's cities by the view.

    ``art`` narrows to one kind of hit; ``ueberall`` asks the agent's other cities too.
    """

    q = TypedField()
    city = forms.SlugField()
    call = forms.UUIDField(required=False)
    art = forms.ChoiceField(required=False, choices=[(kind, kind) for kind in KINDS])
    ueberall = forms.BooleanField(required=False)


class SearchedForm(forms.Form):
    """How a search ended: what was typed, how much was found, how long it took."""

    query = TypedField()
    hits = forms.IntegerField(required=False, min_value=0, max_value=1_000_000)
    milliseconds = forms.FloatField(required=False, min_value=0, max_value=600_000)


class PickForm(SearchedForm):
    """The choice among the hits: ``pick`` is rank and effective article, ``office`` an office.

    ``ueberall`` comes with hits of all the agent's cities: only then may another city's answer be opened.
    """

    pick = forms.CharField(required=False, max_length=60)
    office = forms.IntegerField(required=False)
    effective = forms.UUIDField(required=False)
    ueberall = forms.BooleanField(required=False)
    contact = forms.UUIDField()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        rank, _colon, effective = (data.get("pick") or "").partition(":")
        if effective:
            try:
                data["rank"], data["effective"] = int(rank), uuid.UUID(effective)
            except ValueError as error:
                raise forms.ValidationError(_("Bitte wählen Sie einen Treffer aus der Liste.")) from error
        if not data.get("effective") and not data.get("office"):
            raise forms.ValidationError(_("Bitte wählen Sie einen Treffer aus der Liste."))
        return data


class ConcernForm(forms.Form):
    """The third column: ticks, result, found or not, note."""

    disposition = forms.ChoiceField(choices=[("", "–"), *Disposition.choices], required=False)
    found = forms.ChoiceField(choices=[("", "–"), ("yes", _("ja")), ("no", _("nein"))], required=False)
    note = forms.CharField(required=False, max_length=2000, strip=False)
    used = forms.TypedMultipleChoiceField(coerce=int, required=False)

    def __init__(self, *args: Any, opened: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["used"].choices = [(pk, pk) for pk in opened]  # type: ignore[attr-defined]

    def found_value(self) -> bool | None:
        return {"yes": True, "no": False}.get(self.cleaned_data["found"])


class ReportForm(forms.Form):
    """An answer is wrong, unclear or missing; what was asked is needed only where no article is open."""

    field_order = ["kind", "query", "text", "effective"]

    kind = forms.ChoiceField(
        label=_("Was stimmt nicht?"), choices=FeedbackKind.choices, initial=FeedbackKind.WRONG, widget=forms.RadioSelect
    )
    text = forms.CharField(
        label=_("Hinweis für die Redaktion"),
        required=False,
        max_length=500,
        help_text=_("Keine Namen, keine Aktenzeichen."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    query = forms.CharField(
        label=_("Wonach wurde gefragt?"),
        required=False,
        max_length=250,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    effective = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not (data.get("effective") or data.get("query") or data.get("text")):
            self.add_error("query", _("Bitte schreiben Sie ein Stichwort, damit die Redaktion weiß, worum es geht."))
        return data


class HandoverForm(forms.Form):
    """A call-back by an office, or by a person of it, with what the office wants to know."""

    office: forms.ModelChoiceField[Office] = forms.ModelChoiceField(
        label=_("Amt"), queryset=None, required=False, empty_label=_("Noch offen: die Leitung verteilt")
    )
    request = forms.CharField(
        label=_("Anliegen in einem Satz"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": _("Bitte schreiben Sie in einem Satz, worum es geht.")},
    )
    callback_number = forms.CharField(
        label=_("Rückrufnummer"),
        max_length=40,
        help_text=_("Mit Vorwahl. Sie wird verschlüsselt gespeichert."),
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
        error_messages={"required": _("Ohne Nummer kann das Amt nicht zurückrufen. Bitte fragen Sie danach.")},
    )

    person: forms.ModelChoiceField[StaffMember] = forms.ModelChoiceField(
        label=_("Person"), queryset=None, required=False, empty_label=_("Das Amt verteilt selbst")
    )
    field_order = ["office", "person", "request", "callback_number"]

    def __init__(self, *args: Any, city: Tenant, questions: Sequence[Asked] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.questions = questions
        self.fields["office"].queryset = Office.objects.filter(tenant=city)  # type: ignore[attr-defined]
        people: Any = self.fields["person"]
        people.queryset = StaffMember.objects.filter(tenant=city).select_related("office")
        people.label_from_instance = lambda person: f"{person.name}, {person.office.name}"
        for question in questions:
            self.fields[question.key] = _question_field(question)

    @property
    def question_fields(self) -> list[forms.BoundField]:
        return [self[question.key] for question in self.questions]

    @property
    def own_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.field_order]

    def handover(self) -> dict[str, Any]:
        """What ``create_handover`` takes; the answers in the order asked."""
        data = {name: self.cleaned_data[name] for name in self.field_order}
        return data | {"answers": answered(self.questions, self.cleaned_data)}


def _question_field(question: Asked) -> forms.Field:
    common: dict[str, Any] = {"label": question.label, "required": question.required}
    if question.required:
        common["error_messages"] = {"required": _("Das Amt braucht diese Angabe. Bitte fragen Sie danach.")}
    if question.kind == "check":
        return forms.BooleanField(label=question.label, required=False)
    if question.kind == "choice":
        choices = [("", _("bitte wählen")), *((choice, choice) for choice in question.choices)]
        return forms.ChoiceField(choices=choices, **common)
    if question.kind == "date":
        return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **common)
    return forms.CharField(max_length=500, initial=question.initial, **common)


class ShortcutForm(forms.Form):
    """Every key of the desk, and the switch for all of them."""

    enabled = forms.BooleanField(label=_("Tasten sind eingeschaltet"), required=False)
    sound = forms.BooleanField(label=_("Kurzer Ton, wenn es klingelt"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for action in shortcuts.ACTIONS:
            self.fields[f"key_{action.name}"] = forms.CharField(label=action.label, required=False, max_length=30)

    @property
    def key_fields(self) -> list[forms.BoundField]:
        return [self[f"key_{action.name}"] for action in shortcuts.ACTIONS]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for action in shortcuts.ACTIONS:
            name = f"key_{action.name}"
            try:
                data[name] = shortcuts.canonical(data.get(name) or "")
            except shortcuts.ShortcutError as error:
                self.add_error(name, str(error))
        return data

    def keys(self) -> dict[str, str]:
        return {action.name: self.cleaned_data[f"key_{action.name}"] for action in shortcuts.ACTIONS}
