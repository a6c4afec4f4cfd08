"""Entering agreements: what was agreed is what is billed, and closed months keep their version."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from billing import ledger, services
from billing.models import Agreement
from billing.months import Month
from billing.refusals import NoAgreement
from billing.selectors import BillingStates
from billing.terms import Terms
from billing.wording import billable_in_words, terms_in_words
from callcenter.calls.models import Contact
from tenants.models import Tenant
from tenants.scope import all_cities
from tests.billing.conftest import AFTER_GRACE, make_agreement, make_calls

pytestmark = pytest.mark.django_db
VERSION = {
    "tax_category": "O",
    "tax_rate": "0",
    "tax_reason": "Nicht steuerbar",
    "tax_reason_code": "VATEX-EU-O",
    "payment_days": "30",
    "grace_days": "2",
    "dispatch": "mail",
    "payment_reference": "{number}",
    "step_s": "60",
    "tier_mode": "graduated",
    "minimum_span": "month",
    "tier_unit": "calls",
    "answered": "on",
    "other_city": "on",
}


@pytest.fixture
def accountant(client_for) -> Client:
    return client_for("accountant")


@pytest.fixture
def voerde(cities) -> Tenant:
    return Tenant.objects.create(slug="voerde", name="Voerde", official_name="Stadt Voerde", greeting="Guten Tag")


def frame(client: Tenant, **fields: str) -> dict[str, str]:
    own = {"client": client.pk, "title": "Telefonservice", "starts_on": "2026-01-01", "year_starts_in": "1"}
    return {**VERSION, **own, "opening_calls": "0", "opening_net": "0", "series": "VOE", "first_number": "1", **fields}


def new(accountant: Client, data: dict[str, str]):
    return accountant.post(reverse("billing:agreement_new", kwargs={"city": "duisburg"}), data)


def version(accountant: Client, agreement: Agreement, data: dict[str, str]):
    address = reverse("billing:version_new", kwargs={"city": "duisburg", "agreement": agreement.pk})
    return accountant.post(address, {**VERSION, **data})


def test_agreement_as_entered_is_what_is_billed(accountant: Client, voerde: Tenant) -> None:
    """German commas and all: two calls at 2,50 EUR, the third at 2,00 EUR, three per cent off."""
    answer = new(accountant, frame(voerde, tiers="2: 2,50\n2,00", discount="3", flat="1.200,00"))
    assert answer.status_code == 302, answer.context["frame"].errors
    make_calls(voerde, "2026-09", 3)
    with all_cities("test"):
        agreement = Agreement.objects.get(client=voerde)
        invoice = services.close_period(agreement=agreement, month=Month.parse("2026-09"), now=AFTER_GRACE).invoice
        assert invoice.net == Decimal("107.00") - Decimal("3.21")
    page = accountant.get(answer["Location"]).text
    assert "1 bis 2: 2,50 EUR" in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"included": "100"}, "gehören zusammen"),
        ({"tiers": "viele: billig"}, "1000: 2,50"),
        ({"tiers": "10: 2\n5: 1\n1"}, "passen nicht zusammen"),
        ({"index_name": "VPI"}, "beide Stände"),
        ({"tax_category": "S"}, "Steuersatz"),
        ({"tax_reason": ""}, "warum keine Umsatzsteuer"),
        ({"payment_reference": "{kasse}"}, "Platzhalter"),
        ({"flat": "viel"}, "Zahl"),
    ],
)
def test_agreement_that_makes_no_sense_is_422(accountant: Client, voerde: Tenant, fields: dict, said: str) -> None:
    """What was typed stays, and the sentence says what to do."""
    answer = new(accountant, frame(voerde, **fields))
    assert answer.status_code == 422
    assert said in answer.text
    assert "Telefonservice" in answer.text
    with all_cities("test"):
        assert not Agreement.objects.exists()


def test_second_agreement_for_a_city_is_refused(accountant: Client, agreement: Agreement, cities) -> None:
    """Two agreements for one city would charge its calls twice."""
    answer = new(accountant, frame(cities[1]))
    assert answer.status_code == 422
    assert "nur einmal abgerechnet" in answer.text


def test_series_of_another_city_is_refused(accountant: Client, cities, voerde: Tenant) -> None:
    """Numbers of two cities in one series would have gaps in both books."""
    with all_cities("test data"):
        make_agreement(cities[1], cities[0], series="VOE")
    assert "gehört einer anderen Stadt" in new(accountant, frame(voerde)).text


def test_new_version_counts_from_its_month_on(accountant: Client, agreement: Agreement, cities) -> None:
    """The months before keep what was agreed then."""
    assert version(accountant, agreement, {"valid_from": "2026-10-01", "per_call": "3,00"}).status_code == 302
    make_calls(cities[1], "2026-10", 2)
    with all_cities("test"):
        nets = [
            services.close_period(agreement=agreement, month=Month.parse(month), now=AFTER_GRACE).invoice.net
            for month in ("2026-09", "2026-10")
        ]
    assert nets == [Decimal("6666.67"), Decimal("6.00")]


@pytest.mark.parametrize(
    ("day", "said"),
    [("2026-10-15", "Monatsersten"), ("2023-05-01", "Laufzeit"), ("2026-09-01", "schon abgeschlossen")],
)
def test_version_at_the_wrong_time_is_refused(accountant: Client, agreement: Agreement, day: str, said: str) -> None:
    """A closed month must not get another price afterwards."""
    with all_cities("test data"):
        services.close_period(agreement=agreement, month=Month.parse("2026-09"), now=AFTER_GRACE)
    answer = version(accountant, agreement, {"valid_from": day, "per_call": "1"})
    assert answer.status_code == 422
    assert said in answer.text


def test_new_version_starts_from_the_newest(accountant: Client, agreement: Agreement) -> None:
    """Nobody should have to type everything again to change one price."""
    address = reverse("billing:version_new", kwargs={"city": "duisburg", "agreement": agreement.pk})
    page = accountant.get(address).text
    assert "39.600" in page or "39600" in page
    assert "2,02" in page


EVERYTHING = {
    "flat": {"yearly": "80000"},
    "per_call": {"price": "1.5", "included": 10},
    "per_minute": {"price": "0.4", "step_s": 6, "included": 5},
    "tiers": {
        "mode": "volume",
        "unit": "minutes",
        "step_s": 6,
        "steps": [{"up_to": 10, "price": "2"}, {"up_to": None, "price": "1"}],
    },
    "groups": [{"group": "settled", "price": "1", "label": "Erledigt"}],
    "group_by": "disposition",
    "discount": {"percent": "3", "label": "Mengennachlass"},
    "minimum": {"amount": "100", "span": "year"},
    "settlement": {"included_calls": 39600, "price": "2.02"},
    "index": {"name": "VPI", "base": "117.4", "value": "121.3"},
    "billable": {
        "answered": True,
        "voicemail": True,
        "abandoned": True,
        "abandoned_after_s": 20,
        "min_talk_s": 5,
        "other_city": False,
    },
}


def test_new_version_shows_and_keeps_every_price(accountant: Client, agreement: Agreement) -> None:
    """Who changes nothing but the date must not lose what was agreed."""
    from billing.terms import from_json

    with all_cities("test data"):
        agreement.versions.update(terms=EVERYTHING)
    address = reverse("billing:version_new", kwargs={"city": "duisburg", "agreement": agreement.pk})
    form = accountant.get(address).context["terms"]
    shown = {name: field.value() for name in form.fields for field in [form[name]]}
    data = {name: "on" if value is True else str(value) for name, value in shown.items() if value not in (None, False)}
    data = {
        name: value.replace(".", ",") if name not in {"group_prices", "tiers"} else value
        for name, value in data.items()
    }
    frame = {name: VERSION[name] for name in VERSION if name not in form.fields}
    assert accountant.post(address, {**frame, **data, "valid_from": "2026-10-01"}).status_code == 302
    with all_cities("test"):
        assert agreement.versions.latest("valid_from").prices == from_json(EVERYTHING)


def test_price_per_ending_is_entered_by_its_name(accountant: Client, agreement: Agreement, cities) -> None:
    """Nobody should have to know the codes; a mistyped name is refused with the ones that exist."""
    data = {"valid_from": "2026-10-01", "group_by": "disposition", "group_prices": "Erledigt: 0,50"}
    wrong = version(accountant, agreement, {**data, "group_prices": "Erledgt: 0,50"})
    assert wrong.status_code == 422
    assert "ist keine Gruppe" in wrong.text
    assert "gehört" not in version(accountant, agreement, {**data, "group_by": ""}).headers.get("Location", "")
    assert version(accountant, agreement, data).status_code == 302
    (call, _other) = make_calls(cities[1], "2026-10", 2)
    with all_cities("test"):
        Contact.objects.create(tenant=cities[1], call=call, opened_at=call.offered_at, disposition="settled")
        invoice = services.close_period(agreement=agreement, month=Month.parse("2026-10"), now=AFTER_GRACE).invoice
        assert invoice.net == Decimal("0.50")
        assert "Erledigt" in invoice.lines.get().text


def test_wrong_number_is_not_charged_where_agreed(accountant: Client, agreement: Agreement, cities) -> None:
    """Who dialled the neighbour's number by mistake costs nothing, and the call says why."""
    data = {**VERSION, "valid_from": "2026-10-01", "per_call": "1"}
    del data["other_city"]
    address = reverse("billing:version_new", kwargs={"city": "duisburg", "agreement": agreement.pk})
    assert accountant.post(address, data).status_code == 302
    wrong, mixed, plain = make_calls(cities[1], "2026-10", 3)
    with all_cities("test"):
        for call, city, position in ((wrong, 0, 1), (mixed, 0, 1), (mixed, 1, 2)):
            Contact.objects.create(tenant=cities[city], call=call, opened_at=call.offered_at, position=position)
        states = BillingStates().of([wrong, mixed, plain])
        assert (states[wrong.pk].state, states[mixed.pk].state, states[plain.pk].state) == (
            "not_billable",
            "open",
            "open",
        )
        assert "Verwählt" in states[wrong.pk].reason
        invoice = services.close_period(agreement=agreement, month=Month.parse("2026-10"), now=AFTER_GRACE).invoice
        assert (invoice.period.calls, invoice.net) == (2, Decimal("2.00"))


def test_city_that_joins_in_mid_year_goes_on_from_its_books(accountant: Client, voerde: Tenant) -> None:
    """Calls and euros of the months before count for the year; those months are not billed again."""
    data = frame(voerde, starts_on="2024-01-01", billed_from="2026-10-01", opening_calls="90", opening_net="500,00")
    data |= {"first_number": "41", "per_call": "1,00", "included": "100", "above": "2,00"}
    data |= {"minimum": "1000,00", "minimum_span": "year"}
    answer = new(accountant, data)
    assert answer.status_code == 302, answer.text
    assert "90 Anrufe gezählt und 500,00" in accountant.get(answer["Location"]).text.replace("\xa0", " ")
    for month, count in (("2026-09", 7), ("2026-10", 5), ("2026-12", 8)):
        make_calls(voerde, month, count)
    with all_cities("test"):
        agreement = Agreement.objects.get(client=voerde)
        with pytest.raises(NoAgreement):
            services.close_period(agreement=agreement, month=Month.parse("2026-09"), now=AFTER_GRACE)
        october = services.close_period(agreement=agreement, month=Month.parse("2026-10"), now=AFTER_GRACE).invoice
        assert october.net == Decimal("5.00")
        later = datetime(2027, 1, 9, tzinfo=UTC)
        december = services.close_period(agreement=agreement, month=Month.parse("2026-12"), now=later).invoice
        found = {line.kind: line.net for line in december.lines.all()}
        # 90 + 5 + 8 = 103 calls, three above; 500 + 5 + 8 + 6 = 519 EUR, topped up to 1,000.
        assert found == {"calls": Decimal("8.00"), "settlement": Decimal("6.00"), "minimum": Decimal("481.00")}
        assert list(ledger.findings()) == []


def test_billing_starts_on_the_first_of_a_month(accountant: Client, voerde: Tenant) -> None:
    """Half a month in the old books and half in these could be nobody's."""
    answer = new(accountant, frame(voerde, starts_on="2024-01-01", billed_from="2026-10-15"))
    assert answer.status_code == 422
    assert "Monatserster" in answer.text


def test_agreement_ends_on_a_day_and_closed_months_hold(accountant: Client, agreement: Agreement) -> None:
    """The last month counts by days; what was closed cannot fall outside afterwards."""
    with all_cities("test data"):
        services.close_period(agreement=agreement, month=Month.parse("2026-09"), now=AFTER_GRACE)
    address = reverse("billing:agreement_end", kwargs={"city": "duisburg", "agreement": agreement.pk})
    refused = accountant.post(address, {"ends_on": "2026-09-15"})
    assert refused.status_code == 422
    assert "September 2026" in refused.text
    assert accountant.post(address, {"ends_on": "2026-10-10"}).status_code == 302
    with all_cities("test"):
        agreement.refresh_from_db()
        last = services.close_period(agreement=agreement, month=Month.parse("2026-10"), now=AFTER_GRACE).invoice
        assert last.lines.get(kind="instalment").net == Decimal("2150.54")  # ten of 31 days
        assert last.lines.filter(kind="settlement").exists()


def test_every_term_has_its_words() -> None:
    """A price that is charged but not said would surprise the partner."""
    from dataclasses import fields

    from billing.terms import from_json

    assert set(EVERYTHING) == {item.name for item in fields(Terms)}
    terms = from_json(EVERYTHING)
    said = " ".join([*terms_in_words(terms), *billable_in_words(terms.billable)])
    for word in (
        "80.000,00",
        "1,50",
        "0,40",
        "Staffel",
        "Erledigt",
        "3 %",
        "100,00",
        "39.600",
        "VPI",
        "20 Sekunden",
        "verwählt",
        "82.657,58",
    ):
        assert word in said
