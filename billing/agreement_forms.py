"""Entering an agreement and its versions: prices as people write them, checked as typed terms."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing import reference
from billing.freezing import GROUP_LENGTH
from billing.models import Agreement, AgreementVersion
from billing.money import plain
from billing.rating import rounding_rule
from billing.terms import (
    BillableRule,
    Discount,
    FlatFee,
    GroupPrice,
    Index,
    Minimum,
    PerCall,
    PerMinute,
    Settlement,
    Step,
    Terms,
    TermsError,
    Tiers,
)
from callcenter.calls.models import Disposition
from knowledge.models import Category
from tenants.models import Tenant

ROUNDINGS = [
    (60, _("auf volle Minuten")),
    (30, _("auf volle 30 Sekunden")),
    (10, _("auf volle 10 Sekunden")),
    (6, _("auf volle 6 Sekunden")),
    (1, _("sekundengenau")),
]


def _amount(label: Any, **options: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        required=False,
        min_value=Decimal(0),
        decimal_places=options.pop("places", 4),
        localize=True,
        **options,
    )


def _count(label: Any, **options: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=0, localize=True, **options)


class TermsForm(forms.Form):
    """What it costs and which calls count; empty fields cost nothing."""

    flat = _amount(_("Jahrespauschale (EUR)"), places=2)
    included = _count(_("Enthaltene Anrufe im Vertragsjahr"))
    above = _amount(_("Preis je Anruf darüber (EUR)"))
    per_call = _amount(_("Preis je Anruf (EUR)"))
    free_calls = _count(_("Freie Anrufe je Monat"))
    per_minute = _amount(_("Preis je Gesprächsminute (EUR)"))
    free_minutes = _count(_("Freie Minuten je Monat"))
    step_s = forms.TypedChoiceField(
        label=_("Gesprächszeit je Anruf aufrunden"), coerce=int, choices=ROUNDINGS, initial=60
    )
    tiers = forms.CharField(
        label=_("Staffel je Monat"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Je Zeile „bis: Preis“, die letzte nur mit Preis. Zum Beispiel: 1000: 2,50, dann 2,00."),
    )
    tier_mode = forms.ChoiceField(
        label=_("Art der Staffel"),
        choices=[
            ("graduated", _("jede Einheit zum Preis ihrer Stufe")),
            ("volume", _("alle zum Preis der erreichten")),
        ],
        initial="graduated",
    )
    tier_unit = forms.ChoiceField(
        label=_("Staffel zählt"),
        choices=[("calls", _("Anrufe")), ("minutes", _("Gesprächsminuten"))],
        initial="calls",
    )
    group_by = forms.ChoiceField(
        label=_("Aufpreis nach"),
        choices=[
            ("", _("keiner")),
            ("disposition", _("Ergebnis des Gesprächs")),
            ("topic", _("Thema des Artikels")),
        ],
        required=False,
    )
    group_prices = forms.CharField(
        label=_("Aufpreis je Anruf und Gruppe"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    minimum = _amount(_("Mindestbetrag (EUR)"), places=2)
    minimum_span = forms.ChoiceField(
        label=_("Mindestbetrag gilt"),
        choices=[("month", _("je Monat")), ("year", _("je Vertragsjahr"))],
        initial="month",
    )
    discount = _amount(_("Nachlass (%)"), places=2, max_value=Decimal(100))
    discount_label = forms.CharField(
        label=_("Nachlass heißt auf der Rechnung"), required=False, max_length=60, initial="Nachlass"
    )
    index_name = forms.CharField(label=_("Index"), required=False, help_text=_("Zum Beispiel: Verbraucherpreisindex"))
    index_base = _amount(_("Indexstand bei Abschluss"))
    index_value = _amount(_("Indexstand jetzt"), help_text=_("Jeder Preis wird mit „jetzt ÷ Abschluss“ malgenommen."))
    answered = forms.BooleanField(label=_("Angenommene Anrufe zählen"), required=False)
    voicemail = forms.BooleanField(label=_("Anrufe auf dem Anrufbeantworter zählen"), required=False)
    rejected = forms.BooleanField(label=_("Abgewiesene Anrufe zählen"), required=False)
    other_city = forms.BooleanField(
        label=_("Verwählte zählen"),
        required=False,
        help_text=_("Anrufe auf den Nummern der Partnerstadt, bei denen es nur um eine andere Stadt ging."),
    )
    abandoned = forms.BooleanField(label=_("Auch vor der Annahme Aufgelegte zählen"), required=False)
    abandoned_after_s = _count(_("Aufgelegte zählen ab Wartesekunden"))
    min_talk_s = _count(_("Angenommene zählen ab Gesprächssekunden"))

    def __init__(self, *args: Any, base: Terms | None = None, **kwargs: Any) -> None:
        """``base`` are the terms to start from; what has no field here is kept from them."""
        self.base = base or Terms()
        super().__init__(*args, **{"initial": self.from_terms(self.base), **kwargs})
        kept = self.initial.get("step_s", 60)
        if kept not in dict(ROUNDINGS):
            rounding = self.fields["step_s"]
            rounding.choices = [*ROUNDINGS, (kept, rounding_rule(kept))]  # type: ignore[attr-defined]
        self.fields["group_prices"].help_text = _(
            "Je Zeile „Gruppe: Preis“. Ergebnisse: %(outcomes)s. Themen: wie im Wissen, zum Beispiel %(topics)s."
        ) % {
            "outcomes": ", ".join(map(str, Disposition.labels)),
            "topics": ", ".join(Category.objects.values_list("name", flat=True)[:3]) or "–",
        }

    def clean_tiers(self) -> tuple[Step, ...]:
        steps = []
        for line in filter(None, (line.strip() for line in self.cleaned_data["tiers"].splitlines())):
            end, colon, price = line.rpartition(":")
            try:
                upper = int(end.replace(".", "")) if colon else None
                steps.append(Step(upper, Decimal(price.strip().replace(".", "").replace(",", "."))))
            except (ValueError, InvalidOperation):
                raise forms.ValidationError(_("Bitte schreiben Sie jede Zeile wie „1000: 2,50“.")) from None
        return tuple(steps)

    def clean_group_prices(self) -> tuple[GroupPrice, ...]:
        """Each line's group by the name people know it under; only groups that can occur."""
        by_outcome = self.cleaned_data.get("group_by") == "disposition"
        codes = {str(label): str(code) for code, label in Disposition.choices} if by_outcome else {}
        known = codes or {name: name[:GROUP_LENGTH] for name in Category.objects.values_list("name", flat=True)}
        groups = []
        for line in filter(None, (line.strip() for line in self.cleaned_data["group_prices"].splitlines())):
            name, _colon, price = line.rpartition(":")
            name = name.strip()
            if name not in known:
                raise forms.ValidationError(
                    _("„%(name)s“ ist keine Gruppe. Bekannt sind: %(known)s.")
                    % {"name": name or line, "known": ", ".join(known)}
                )
            try:
                amount = Decimal(price.strip().replace(".", "").replace(",", "."))
            except InvalidOperation:
                raise forms.ValidationError(_("Bitte schreiben Sie jede Zeile wie „Erledigt: 0,50“.")) from None
            groups.append(GroupPrice(known[name], amount, name if name != known[name] else ""))
        return tuple(groups)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            if bool(data["group_prices"]) != bool(data["group_by"]):
                raise forms.ValidationError(_("Ein Aufpreis braucht beides: wonach, und je Gruppe einen Preis."))
            if (data["included"] is None) != (data["above"] is None):
                raise forms.ValidationError(_("Enthaltene Anrufe und Preis darüber gehören zusammen."))
            given = [bool(data["index_name"]), data["index_base"] is not None, data["index_value"] is not None]
            if any(given) and not all(given):
                raise forms.ValidationError(_("Der Index braucht Namen und beide Stände."))
            try:
                data["terms"] = self.to_terms(data)
            except TermsError as error:
                raise forms.ValidationError(
                    _("Diese Preise passen nicht zusammen: %(why)s") % {"why": error}
                ) from error
        return data

    def to_terms(self, data: dict[str, Any]) -> Terms:
        def given(name: str) -> bool:
            return data[name] is not None

        return Terms(
            flat=FlatFee(data["flat"]) if given("flat") else None,
            settlement=Settlement(data["included"], data["above"]) if given("above") else None,
            per_call=PerCall(data["per_call"], data["free_calls"] or 0) if given("per_call") else None,
            per_minute=PerMinute(data["per_minute"], data["step_s"], data["free_minutes"] or 0)
            if given("per_minute")
            else None,
            tiers=Tiers(data["tier_mode"], data["tiers"], data["tier_unit"], data["step_s"]) if data["tiers"] else None,
            groups=data["group_prices"],
            group_by=data["group_by"],
            minimum=Minimum(data["minimum"], data["minimum_span"]) if given("minimum") else None,
            discount=Discount(data["discount"], data["discount_label"] or "Nachlass") if given("discount") else None,
            index=Index(data["index_name"], data["index_base"], data["index_value"]) if given("index_value") else None,
            billable=BillableRule(
                answered=data["answered"],
                voicemail=data["voicemail"],
                rejected=data["rejected"],
                abandoned=data["abandoned"],
                abandoned_after_s=data["abandoned_after_s"] or 0,
                min_talk_s=data["min_talk_s"] or 0,
                other_city=data["other_city"],
            ),
        )

    @staticmethod
    def from_terms(terms: Terms) -> dict[str, Any]:
        """Initial values that show these terms."""
        found: dict[str, Any] = {
            "answered": terms.billable.answered,
            "voicemail": terms.billable.voicemail,
            "rejected": terms.billable.rejected,
            "other_city": terms.billable.other_city,
            "abandoned": terms.billable.abandoned,
            "abandoned_after_s": terms.billable.abandoned_after_s or None,
            "min_talk_s": terms.billable.min_talk_s or None,
        }
        if terms.flat:
            found["flat"] = terms.flat.yearly
        if terms.settlement:
            found |= {"included": terms.settlement.included_calls, "above": terms.settlement.price}
        if terms.per_call:
            found |= {"per_call": terms.per_call.price, "free_calls": terms.per_call.included or None}
        if terms.per_minute:
            found |= {"per_minute": terms.per_minute.price, "step_s": terms.per_minute.step_s}
            found["free_minutes"] = terms.per_minute.included or None
        if terms.tiers:
            lines = [
                f"{plain(s.up_to)}: {plain(s.price, 2)}" if s.up_to else plain(s.price, 2) for s in terms.tiers.steps
            ]
            found |= {"tiers": "\n".join(lines), "tier_mode": terms.tiers.mode, "tier_unit": terms.tiers.unit}
            found.setdefault("step_s", terms.tiers.step_s)
        if terms.groups:
            labels = {str(code): str(label) for code, label in Disposition.choices}
            shown = [(labels.get(group.group, group.group), group.price) for group in terms.groups]
            found["group_by"] = terms.group_by
            found["group_prices"] = "\n".join(f"{name}: {plain(price, 2)}" for name, price in shown)
        if terms.minimum:
            found |= {"minimum": terms.minimum.amount, "minimum_span": terms.minimum.span}
        if terms.discount:
            found |= {"discount": terms.discount.percent, "discount_label": terms.discount.label}
        if terms.index:
            found |= {"index_name": terms.index.name, "index_base": terms.index.base, "index_value": terms.index.value}
        return found

    def groups(self) -> Iterator[tuple[Any, list[forms.BoundField]]]:
        """The fields in the order and company in which people think of them."""
        for title, names in (
            (_("Pauschale"), ("flat", "included", "above")),
            (_("Nach Anrufen und Minuten"), ("per_call", "free_calls", "per_minute", "free_minutes", "step_s")),
            (_("Staffel"), ("tiers", "tier_mode", "tier_unit")),
            (_("Aufpreis je Gruppe"), ("group_by", "group_prices")),
            (_("Mindestbetrag und Nachlass"), ("minimum", "minimum_span", "discount", "discount_label")),
            (_("Wertsicherung"), ("index_name", "index_base", "index_value")),
            (
                _("Welche Anrufe zählen"),
                (
                    "answered",
                    "voicemail",
                    "rejected",
                    "other_city",
                    "abandoned",
                    "abandoned_after_s",
                    "min_talk_s",
                ),
            ),
        ):
            yield title, [self[name] for name in names]


class VersionForm(forms.ModelForm):
    """Everything of a version but its prices."""

    class Meta:
        model = AgreementVersion
        localized_fields = ["tax_rate"]
        fields = [
            "tax_category",
            "tax_rate",
            "tax_reason",
            "tax_reason_code",
            "payment_days",
            "grace_days",
            "four_eyes",
            "dispatch",
            "order_reference",
            "cost_centre",
            "debtor_number",
            "payment_reference",
        ]
        help_texts = {
            "payment_reference": _(
                "Platzhalter: {number}, {year}, {sequence}, {month}, {debtor}, {client}; Prüfziffern über das davor: "
                "{check10} (Luhn), {check97} (ISO 7064)."
            )
        }

    def clean_payment_reference(self) -> str:
        pattern: str = self.cleaned_data["payment_reference"]
        try:
            reference.example(pattern)
        except reference.PatternError as error:
            raise forms.ValidationError(str(error)) from None
        return pattern

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        taxed = data.get("tax_category") == "S"
        if taxed != bool(data.get("tax_rate")):
            raise forms.ValidationError(
                _("Ein Steuersatz gehört genau dann dazu, wenn die Leistung steuerpflichtig ist.")
            )
        if not taxed and not data.get("tax_reason"):
            raise forms.ValidationError(_("Bitte geben Sie an, warum keine Umsatzsteuer anfällt."))
        return data


class StartForm(forms.Form):
    """From when on a new version is valid."""

    valid_from = forms.DateField(label=_("Gilt ab (Monatserster)"), widget=forms.DateInput(attrs={"type": "date"}))


class EndForm(forms.Form):
    """The last day of an agreement."""

    ends_on = forms.DateField(
        label=_("Letzter Tag"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Endet sie mitten im Monat, zählt der letzte Monat nach Tagen."),
    )


class AgreementForm(forms.ModelForm):
    """The frame of a new agreement; the operator is the city of the page."""

    client: forms.ModelChoiceField = forms.ModelChoiceField(queryset=None, label=_("Partnerstadt"))

    class Meta:
        model = Agreement
        localized_fields = ["opening_net"]
        fields = [
            "client",
            "title",
            "reference",
            "starts_on",
            "ends_on",
            "year_starts_in",
            "billed_from",
            "opening_calls",
            "opening_net",
            "series",
            "first_number",
        ]
        widgets = {
            name: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
            for name in ("starts_on", "ends_on", "billed_from")
        }

    def __init__(self, operator: Tenant, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cities = Tenant.objects.filter(is_active=True).exclude(pk=operator.pk)
        self.fields["client"].queryset = cities  # type: ignore[attr-defined]
