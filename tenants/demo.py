"""The demo's two cities: real names and keys, everything else invented and marked so."""

from __future__ import annotations

from datetime import date, time, timedelta

from django.db import transaction
from django.utils import timezone

from tenants.models import Line, LineKind, Office, OpeningHours, ServiceHours, SpecialDay, StaffMember, Tenant
from tenants.scope import all_cities

CITIES: dict[str, dict[str, object]] = {
    "duisburg": {
        "name": "Duisburg",
        "official_name": "Stadt Duisburg",
        "ags": "05112000",
        "ars": "051120000000",
        "greeting": "Call Duisburg, guten Tag. Was kann ich für Sie tun?",
        "closing_sentence": "Vielen Dank für Ihren Anruf bei der Stadt Duisburg. Auf Wiederhören.",
        "colour_light": "#1f5fa8",
        "colour_dark": "#7fb2ff",
        "street": "Demostraße 1",
        "postcode": "47051",
        "town": "Duisburg",
        "contact_name": "Rechnungsstelle (Demo)",
        "contact_phone": "+49 203 5550100",
        "contact_email": "rechnung@duisburg.example",
        "electronic_address": "rechnung@duisburg.example",
        "vat_id": "",
        "tax_number": "",
        "iban": "DE02100500000054540402",
        "bic": "BELADEBEXXX",
        "bank_name": "Demo-Sparkasse",
    },
    "dinslaken": {
        "name": "Dinslaken",
        "official_name": "Stadt Dinslaken",
        "ags": "05170008",
        "ars": "051700008008",
        "greeting": "Stadtverwaltung Dinslaken, guten Tag. Was kann ich für Sie tun?",
        "closing_sentence": "Vielen Dank für Ihren Anruf bei der Stadt Dinslaken. Auf Wiederhören.",
        "colour_light": "#00695c",
        "colour_dark": "#43b3a0",
        "street": "Musterplatz 2",
        "postcode": "46535",
        "town": "Dinslaken",
        "contact_name": "Zentrale Vergabe (Demo)",
        "contact_phone": "+49 2064 5550200",
        "contact_email": "finanzen@dinslaken.example",
        "electronic_address": "finanzen@dinslaken.example",
    },
}

LINES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "duisburg": (
        ("+492032830", "Zentrale Duisburg", LineKind.CITY),
        ("115", "Behördennummer 115", LineKind.D115),
        ("queue-duisburg", "Warteschlange Duisburg", LineKind.CITY),
    ),
    "dinslaken": (
        ("+492064660", "Zentrale Dinslaken", LineKind.CITY),
        ("queue-dinslaken", "Warteschlange Dinslaken", LineKind.CITY),
    ),
}

# (name, responsible for, only by appointment)
OFFICES: dict[str, tuple[tuple[str, str, bool], ...]] = {
    "duisburg": (
        ("Bürgerbüro Mitte", "Ausweise, Pässe, Meldewesen, Führungszeugnis, Beglaubigung", True),
        ("Standesamt Duisburg", "Geburt, Ehe, Sterbefall, Urkunden", True),
        ("Straßenverkehrsamt", "Zulassung, Kennzeichen, Parkausweise, Halteverbote", True),
        ("Führerscheinstelle", "Führerschein, Umtausch, internationaler Führerschein", True),
        ("Ordnungsamt", "Lärm, Hunde, Veranstaltungen, Sicherheit", False),
        ("Amt für Rechnungswesen und Steuern", "Hundesteuer, Grundsteuer, Gewerbesteuer", False),
        ("Wirtschaftsbetriebe Duisburg", "Abfall, Sperrmüll, Straßenreinigung, Recyclinghöfe", False),
        ("Jugendamt Duisburg", "Kita, Unterhaltsvorschuss, Sorgeerklärung, Kindertagespflege", True),
        ("Amt für Soziales und Wohnen", "Grundsicherung, Wohnberechtigungsschein, Wohnungsnot", True),
        ("Wohngeldstelle Duisburg", "Wohngeld", True),
        ("Amt für Schulische Bildung", "Schulanmeldung, Ganztag, Schülerfahrkosten", False),
        ("Bauaufsicht", "Bauantrag, Bauakte", True),
        ("Umweltamt", "Baumschutz, Gewässer, Lärmschutz", False),
        ("Fundbüro Duisburg", "Fundsachen", False),
        ("Ausländerbehörde", "Aufenthaltstitel, Einbürgerung, Verpflichtungserklärung", True),
        ("Wahlamt", "Wahlen, Briefwahl", False),
        ("Stadtbibliothek Duisburg", "Bibliothek", False),
        ("Volkshochschule Duisburg", "Kurse", False),
        ("Friedhofsverwaltung Duisburg", "Grabstellen, Bestattung", False),
        ("Gewerbemeldestelle", "Gewerbe anmelden, ummelden, abmelden; Gaststätten", False),
        ("Gesundheitsamt", "Belehrung, Impfberatung, Gesundheitszeugnis", True),
        ("Veterinäramt", "Tierschutz, Lebensmittel", False),
        ("Bußgeldstelle", "Verwarnung, Bußgeld, Einspruch", False),
        ("Amt für Grünflächen", "Bäume, Spielplätze, Parks", False),
        ("Stadtkasse Duisburg", "Zahlung, Mahnung, SEPA, Vollstreckung", False),
        ("Stadtplanungsamt", "Bebauungspläne, Hausnummern", False),
        ("Kulturbüro", "Kultur, Musikschule, Ehrenamt", False),
        ("Sportbetriebe", "Schwimmbäder, Sporthallen", False),
    ),
    "dinslaken": (
        ("Bürgerbüro Dinslaken", "Ausweise, Pässe, Meldewesen, Führungszeugnis, Beglaubigung", True),
        ("Standesamt Dinslaken", "Geburt, Ehe, Sterbefall, Urkunden", True),
        ("Fachdienst Steuern", "Hundesteuer, Grundsteuer, Gewerbesteuer", False),
        ("DIN-Service", "Abfall, Sperrmüll, Straßenreinigung, Winterdienst", False),
        ("Jugendamt Dinslaken", "Kita, Unterhaltsvorschuss, Sorgeerklärung", True),
        ("Fachdienst Soziales", "Grundsicherung, Wohnberechtigungsschein, Wohnungsnot", True),
        ("Wohngeldstelle Dinslaken", "Wohngeld", True),
        ("Fachdienst Schule", "Schulanmeldung, Ganztag, Schülerfahrkosten", False),
        ("Bauordnung Dinslaken", "Bauantrag, Bauakte", True),
        ("Fundbüro Dinslaken", "Fundsachen", False),
        ("Wahlbüro Dinslaken", "Wahlen, Briefwahl", False),
        ("Stadtbibliothek Dinslaken", "Bibliothek", False),
        ("Volkshochschule Dinslaken", "Kurse", False),
        ("Friedhofsverwaltung Dinslaken", "Grabstellen, Bestattung", False),
        ("Ordnung und Gewerbe", "Gewerbe, Lärm, Hunde, Veranstaltungen, Verwarnungen", False),
        ("Grünflächen und Spielplätze", "Bäume, Spielplätze, Parks", False),
        ("Stadtkasse Dinslaken", "Zahlung, Mahnung, SEPA, Vollstreckung", False),
        ("Stadtplanung Dinslaken", "Bebauungspläne, Hausnummern", False),
        ("Kulturbüro Dinslaken", "Kultur, Musikschule, Ehrenamt", False),
        ("Kreis Wesel: Straßenverkehrsamt", "Zulassung, Führerschein, Bußgeld", True),
        ("Kreis Wesel: Gesundheitsamt", "Belehrung, Impfberatung, Gesundheitszeugnis", True),
        ("Kreis Wesel: Veterinäramt", "Tierschutz, Lebensmittel", False),
        ("Kreis Wesel: Ausländerbehörde", "Aufenthaltstitel, Einbürgerung, Verpflichtungserklärung", True),
        ("Kreis Wesel: Umwelt", "Gewässer, Bodenschutz, Schadstoffe", False),
    ),
}

PHONES = {"duisburg": "+4920355501", "dinslaken": "+49206455502"}  # invented numbers, 01 upward
MORNING, AFTERNOON = (time(8), time(12, 30)), (time(13, 30), time(16))


@transaction.atomic
def load() -> dict[str, Tenant]:
    """Create or refresh the demo's cities, lines, offices and hours; running it again changes nothing."""
    with all_cities("loading the demo"):
        cities = {}
        for slug, fields in CITIES.items():
            fields = {**fields, "leitweg_id": leitweg_id(slug)}
            cities[slug], _ = Tenant.objects.get_or_create(slug=slug, defaults=fields)
        for slug, city in cities.items():
            _load_lines(slug, city)
            if not Office.objects.filter(tenant=city).exists():
                _load_offices(slug, city)
                _load_special_days(city)
            if not ServiceHours.objects.filter(tenant=city).exists():
                ServiceHours.objects.bulk_create(
                    ServiceHours(tenant=city, weekday=day, opens=time(8), closes=time(18)) for day in range(5)
                )
        return cities


def leitweg_id(slug: str) -> str:
    """An invented Leitweg-ID on the city's own ARS, with valid check digits."""
    from stdnum.iso7064 import mod_97_10

    ars = str(CITIES[slug]["ars"])
    return f"{ars}-DEMO-{mod_97_10.calc_check_digits(f'{ars}DEMO')}"


def _load_lines(slug: str, city: Tenant) -> None:
    for number, label, kind in LINES[slug]:
        Line.objects.get_or_create(
            tenant=city, number=number, defaults={"label": label, "kind": kind, "valid_from": date(2020, 1, 1)}
        )


def _load_offices(slug: str, city: Tenant) -> None:
    for number, (name, responsibility, by_appointment) in enumerate(OFFICES[slug], start=1):
        office = Office.objects.create(
            tenant=city,
            name=name,
            responsibility=responsibility,
            by_appointment=by_appointment,
            street=f"Demostraße {number + 2}",
            postcode=city.postcode,
            town=city.town,
            phone=f"{PHONES[slug]}{number:02}",
            email=f"amt{number:02}@{slug}.example",
        )
        hours = [(day, *MORNING) for day in range(5)] + [(day, *AFTERNOON) for day in (0, 1, 3)]
        OpeningHours.objects.bulk_create(
            OpeningHours(tenant=city, office=office, weekday=day, opens=opens, closes=closes)
            for day, opens, closes in hours
        )
        _load_staff(slug, office, number)


# Invented people: two to an office, so that somebody stands in.
FIRST = ("Anna", "Mehmet", "Katrin", "Jonas", "Elif", "Thomas", "Sabine", "Marek", "Leyla", "Peter", "Ines", "David")
LAST = ("Berger", "Yıldız", "Hoffmann", "Nowak", "Schürmann", "Kaya", "Lindner", "Peters", "Vogt", "Demir", "Krause")
FUNCTIONS = ("Erste Ansprechstelle", "Sachbearbeitung und Vertretung")


def _load_staff(slug: str, office: Office, number: int) -> None:
    """The first takes transfers before the second, and each stands in for the other."""
    shift = number if slug == "duisburg" else number + 5
    people = [
        StaffMember.objects.create(
            tenant=office.tenant,
            office=office,
            name=f"{FIRST[(shift * 2 + place) % len(FIRST)]} {LAST[(shift * 3 + place * 4) % len(LAST)]}",
            function=f"{FUNCTIONS[place]}: {office.responsibility}"[:160],
            phone=f"{PHONES[slug]}{number:02}{place + 1}",
            room=f"{100 + number}{'ab'[place]}",
            position=place + 1,
        )
        for place in range(2)
    ]
    for person, other in (people, people[::-1]):
        person.stand_in = other
        if number % 9 == 4 and person.position == 1:  # here and there somebody is away
            today = timezone.localdate()
            person.absent_from, person.absent_until = today, today + timedelta(days=10)
        person.save(update_fields=["stand_in", "absent_from", "absent_until"])


def _load_special_days(city: Tenant) -> None:
    """Between the years and one staff outing: what holds the week's hours up."""
    year = timezone.localdate().year
    for begins, ends, reason in (
        (date(year, 12, 24), date(year, 12, 24), "Heiligabend"),
        (date(year, 12, 31), date(year, 12, 31), "Silvester"),
    ):
        SpecialDay.objects.create(tenant=city, begins=begins, ends=ends, reason=reason)
    office = Office.objects.filter(tenant=city, by_appointment=False).first()
    if office is not None:
        day = timezone.localdate() + timedelta(days=9)
        day -= timedelta(days=max(0, day.weekday() - 4))  # a working day
        SpecialDay.objects.create(
            tenant=city,
            office=office,
            begins=day,
            ends=day,
            opens=time(8),
            closes=time(11),
            reason="Personalversammlung",
        )
