"""What people enter about calls, lines and telephone systems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from callcenter.calls.models import Dialect, HandoverStep, Outcome, Prefill, Presence, QuestionKind
from knowledge.models import EffectiveArticle
from tenants.models import Line, Office, StaffMember, Tenant

OFFICE_STEPS = (HandoverStep.ACCEPTED, HandoverStep.TRIED, HandoverStep.RETURNED, HandoverStep.DONE)


class CallFilter(forms.Form):
    """The list of a city's calls: one day, one outcome."""

    tag = forms.DateField(
        label=_("Tag"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    ausgang = forms.ChoiceField(
        label=_("Ausgang"), required=False, choices=[("", _("alle")), *Outcome.choices, ("open", _("noch offen"))]
    )


def _with_city(line: Line) -> str:
    return f"{line.tenant}: {line}"


class AssignForm(forms.Form):
    """The line of an unassigned call; only lines of the scope's cities can be chosen."""

    line: Any = forms.ModelChoiceField(label=_("Leitung"), queryset=None, empty_label=_("bitte wählen"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lines: Any = self.fields["line"]
        lines.queryset = Line.objects.select_related("tenant").order_by("tenant__name", "label")
        lines.label_from_instance = _with_city


class StepForm(forms.Form):
    """What became of a call-back: the button pressed, and a sentence."""

    step = forms.ChoiceField(
        choices=[(step.value, step.label) for step in OFFICE_STEPS],
        error_messages={"required": _("Bitte wählen Sie einen Schritt.")},
    )
    note = forms.CharField(
        label=_("Was ist daraus geworden?"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Ein Satz genügt. Keine Namen, keine Aktenzeichen."),
    )


class ForwardForm(forms.Form):
    """Another office, or a person of it."""

    office: Any = forms.ModelChoiceField(label=_("Amt"), queryset=None, empty_label=_("bitte wählen"))
    person: Any = forms.ModelChoiceField(
        label=_("Person"), queryset=None, required=False, empty_label=_("das Amt verteilt selbst")
    )
    note = forms.CharField(label=_("Hinweis"), max_length=500, required=False)

    def __init__(self, *args: Any, city: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offices: Any = self.fields["office"]
        offices.queryset = Office.objects.filter(tenant=city)
        people: Any = self.fields["person"]
        people.queryset = StaffMember.objects.filter(tenant=city).select_related("office")
        people.label_from_instance = lambda person: f"{person.name}, {person.office.name}"


class QuestionSetForm(forms.Form):
    """When a set is asked."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("Zum Beispiel: Sperrmüll"))
    article: Any = forms.ModelChoiceField(
        label=_("Beim Artikel"),
        queryset=None,
        required=False,
        empty_label=_("bei jedem Artikel"),
        to_field_name="article_id",
    )
    office: Any = forms.ModelChoiceField(
        label=_("Beim Amt"), queryset=None, required=False, empty_label=_("bei jedem Amt")
    )
    is_active = forms.BooleanField(label=_("wird gefragt"), required=False, initial=True)

    def __init__(self, *args: Any, city: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        articles: Any = self.fields["article"]
        articles.queryset = EffectiveArticle.objects.filter(tenant=city).only("article_id", "title")
        articles.label_from_instance = lambda row: row.title
        offices: Any = self.fields["office"]
        offices.queryset = Office.objects.filter(tenant=city)


class QuestionForm(forms.Form):
    """One question; without its text the row is left out."""

    label = forms.CharField(label=_("Frage"), max_length=120, required=False)
    kind = forms.ChoiceField(label=_("Art"), choices=QuestionKind.choices, initial=QuestionKind.TEXT)
    choices = forms.CharField(
        label=_("Antworten"), max_length=400, required=False, help_text=_("Nur bei Auswahl, mit Komma getrennt.")
    )
    prefill = forms.ChoiceField(label=_("Vorbelegung"), choices=Prefill.choices, required=False)
    required = forms.BooleanField(label=_("muss beantwortet werden"), required=False)

    def clean_choices(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(filter(None, (word.strip() for word in self.cleaned_data["choices"].split(",")))))


QUESTIONS_AT_MOST = 12
QuestionFormSet = forms.formset_factory(QuestionForm, extra=3, max_num=QUESTIONS_AT_MOST, can_order=False)


class ConnectorForm(forms.Form):
    """A new telephone system."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("Zum Beispiel: Telefonanlage Rathaus"))
    dialect = forms.ChoiceField(label=_("Sprache der Anlage"), choices=Dialect.choices)


class ConnectorEditForm(forms.Form):
    """Name, state, networks and (sipgate) key of a telephone system."""

    name = forms.CharField(label=_("Name"), max_length=80)
    is_active = forms.BooleanField(label=_("nimmt Ereignisse an"), required=False)
    networks = forms.CharField(
        label=_("Erlaubte Netze"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Je Zeile eine Adresse oder ein Netz, zum Beispiel 192.0.2.0/24. Leer: von überall."),
    )
    public_key = forms.CharField(
        label=_("öffentlicher Schlüssel"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Nur für sipgate (PEM): damit wird jede Meldung geprüft. Leer: keine Prüfung."),
    )


class AmiForm(forms.Form):
    """Where Asterisk's manager interface is, and what its queues are called here."""

    host = forms.CharField(label=_("Adresse der Anlage"), max_length=200)
    port = forms.IntegerField(label=_("Port"), min_value=1, max_value=65535, initial=5038)
    account = forms.CharField(
        label=_("Konto in manager.conf"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    secret = forms.CharField(
        label=_("Kennwort des Kontos"),
        required=False,
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Wird verschlüsselt abgelegt und nicht wieder gezeigt. Leer: das bisherige gilt weiter."),
    )
    contexts = forms.CharField(
        label=_("Kontexte für Anrufe von außen"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Je Zeile ein Kontext, zum Beispiel from-trunk. Leer: die üblichen Namen."),
    )
    lines = forms.CharField(
        label=_("Warteschlange oder Durchwahl und ihre Leitung"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Je Zeile eine Zuordnung, zum Beispiel: buergerservice = 0203 2830"),
    )


class TrainingForm(forms.Form):
    """A practice: for which line, at which extension, and what the telephone system tells."""

    line: Any = forms.ModelChoiceField(label=_("Leitung"), queryset=None, empty_label=None)
    extension = forms.ChoiceField(label=_("Platz"), required=False)
    sequence = forms.CharField(
        label=_("Ereignisse der Anlage"),
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
        help_text=_(
            "Je Zeile ein Ereignis in den Worten der Anlage: newCall, answer, hangup. Was fehlt, wird ergänzt; "
            "{platz} ist der Platz von oben."
        ),
    )
    done = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)

    def __init__(self, *args: Any, places: Sequence[Presence], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lines: Any = self.fields["line"]
        lines.queryset = Line.objects.select_related("tenant").order_by("tenant__name", "label")
        lines.label_from_instance = _with_city
        everybody = ("", _("alle, die für die Stadt bereit sind"))
        seated = [(each.extension, f"{each.extension} · {each.user.name}") for each in places]
        self.fields["extension"].choices = [*seated, everybody]  # type: ignore[attr-defined]


class CallerIdForm(forms.Form):
    """Which number outbound calls show."""

    begins = forms.CharField(
        label=_("Gewählte Nummer beginnt mit"),
        required=False,
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "tel"}),
        help_text=_("Zum Beispiel 02064 für Dinslaken. Leer: gilt für jede Nummer. Der längste Anfang gewinnt."),
    )
    caller_id = forms.CharField(
        label=_("Angezeigte Nummer"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "tel"}),
    )


class BlockForm(forms.Form):
    """A number to be turned away."""

    number = forms.CharField(label=_("Rufnummer"), max_length=40, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    reason = forms.CharField(label=_("Grund"), max_length=200)


class SubjectForm(forms.Form):
    """Whose data, and which request it belongs to."""

    number = forms.CharField(label=_("Rufnummer"), max_length=40, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    reference = forms.CharField(
        label=_("Aktenzeichen des Antrags"),
        max_length=80,
        help_text=_("Steht im Protokoll, die Rufnummer nicht. Prüfen Sie vorher, dass die Nummer der Person gehört."),
    )
