"""Forms of the directory: offices with their hours, people, days with other hours."""

from __future__ import annotations

from datetime import time
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tenants.models import Office, SpecialDay, StaffMember, Tenant

WEEKDAYS = [_("Montag"), _("Dienstag"), _("Mittwoch"), _("Donnerstag"), _("Freitag"), _("Samstag"), _("Sonntag")]


def _date_input() -> forms.DateInput:
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})


def _time_input() -> forms.TimeInput:
    return forms.TimeInput(format="%H:%M", attrs={"type": "time"})


class OfficeForm(forms.ModelForm):
    """An office and its opening hours, one pair of times a weekday and a second for the afternoon."""

    class Meta:
        model = Office
        fields = [
            *("name", "responsibility", "phone", "transfer_note", "email"),
            *("street", "postcode", "town", "by_appointment"),
        ]
        widgets = {"responsibility": forms.Textarea(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known: dict[int, list[Any]] = {}
        if self.instance.pk:
            for hours in self.instance.hours.all():
                known.setdefault(hours.weekday, []).append(hours)
        for day in range(7):
            for part in range(2):
                slot = known.get(day, [])[part] if len(known.get(day, [])) > part else None
                for edge in ("opens", "closes"):
                    self.fields[f"{edge}_{day}_{part}"] = forms.TimeField(
                        required=False,
                        initial=getattr(slot, edge, None),
                        widget=_time_input(),
                    )

    def days(self) -> list[dict[str, Any]]:
        """Rows of the opening-hours table."""
        return [
            {
                "name": WEEKDAYS[day],
                "slots": [(self[f"opens_{day}_{part}"], self[f"closes_{day}_{part}"]) for part in range(2)],
            }
            for day in range(7)
        ]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for day in range(7):
            for part in range(2):
                opens, closes = data.get(f"opens_{day}_{part}"), data.get(f"closes_{day}_{part}")
                if bool(opens) != bool(closes) or (opens and closes and closes <= opens):
                    self.add_error(
                        f"opens_{day}_{part}",
                        _("%(day)s: Bitte geben Sie von und bis an, von vor bis.") % {"day": WEEKDAYS[day]},
                    )
        return data

    def opening_hours(self) -> list[tuple[int, time, time]]:
        data = self.cleaned_data
        return [
            (day, data[f"opens_{day}_{part}"], data[f"closes_{day}_{part}"])
            for day in range(7)
            for part in range(2)
            if data.get(f"opens_{day}_{part}")
        ]


class StaffForm(forms.ModelForm):
    """A person; no reason for an absence is asked for, and none is kept."""

    stand_in: forms.ModelChoiceField = forms.ModelChoiceField(queryset=None, required=False, label=_("Vertretung"))

    class Meta:
        model = StaffMember
        fields = [
            *("name", "function", "phone", "room", "email"),
            *("takes_transfers", "position", "absent_from", "absent_until", "stand_in"),
        ]
        widgets = {"absent_from": _date_input(), "absent_until": _date_input()}

    def __init__(self, *args: Any, city: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = StaffMember.objects.filter(tenant=city).exclude(pk=self.instance.pk).select_related("office")
        self.fields["stand_in"].queryset = others.order_by("name")  # type: ignore[attr-defined]
        self.fields["stand_in"].label_from_instance = lambda person: f"{person.name} ({person.office.name})"  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        begins, ends = data.get("absent_from"), data.get("absent_until")
        if bool(begins) != bool(ends):
            self.add_error("absent_until" if begins else "absent_from", _("Bitte geben Sie beide Tage an."))
        elif begins and ends and ends < begins:
            self.add_error("absent_until", _("Das Ende liegt vor dem Beginn."))
        return data


class SpecialDayForm(forms.ModelForm):
    """Days with other hours; no times: closed."""

    office: forms.ModelChoiceField = forms.ModelChoiceField(
        queryset=None, required=False, label=_("Amt"), empty_label=_("alle Ämter der Stadt")
    )

    class Meta:
        model = SpecialDay
        fields = ["office", "begins", "ends", "opens", "closes", "reason"]
        widgets = {"begins": _date_input(), "ends": _date_input(), "opens": _time_input(), "closes": _time_input()}
        labels = {"opens": _("trotzdem geöffnet von"), "closes": _("bis")}

    def __init__(self, *args: Any, city: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["office"].queryset = Office.objects.filter(tenant=city)  # type: ignore[attr-defined]
        self.fields["ends"].required = False
        self.fields["ends"].help_text = _("leer: nur dieser eine Tag")
        self.fields["opens"].help_text = _("leer: geschlossen")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        begins, opens, closes = data.get("begins"), data.get("opens"), data.get("closes")
        data["ends"] = data.get("ends") or begins
        if begins and data["ends"] < begins:
            self.add_error("ends", _("Das Ende liegt vor dem Beginn."))
        if bool(opens) != bool(closes) or (opens and closes and closes <= opens):
            self.add_error("opens", _("Bitte geben Sie von und bis an, von vor bis."))
        return data
