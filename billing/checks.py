"""Our own exact checks of a document before it is issued. Pure.

The official rules let pass a tax sum that is wrong by cents, wrong check digits of a Leitweg-ID and
a wrong IBAN; these do not. Each finding is a German sentence that says where to put it right.
"""

from __future__ import annotations

from decimal import Decimal

import schwifty
from schwifty.exceptions import SchwiftyException
from stdnum.de import leitweg
from stdnum.exceptions import ValidationError

from billing.money import ZERO, cents
from billing.xrechnung import InvoiceData

# Field of the copied party → what it is called; XRechnung makes each of them mandatory.
SELLER = {
    "official_name": "amtlicher Name (BT-27)",
    "street": "Straße (BT-35)",
    "postcode": "Postleitzahl (BT-38)",
    "town": "Ort (BT-37)",
    "country": "Land (BT-40)",
    "contact_name": "Ansprechstelle (BT-41)",
    "contact_phone": "Telefon der Ansprechstelle (BT-42)",
    "contact_email": "E-Mail der Ansprechstelle (BT-43)",
    "electronic_address": "elektronische Adresse (BT-34)",
    "iban": "IBAN (BT-84)",
}
BUYER = {
    "official_name": "amtlicher Name (BT-44)",
    "postcode": "Postleitzahl (BT-53)",
    "town": "Ort (BT-52)",
    "country": "Land (BT-55)",
    "leitweg_id": "Leitweg-ID (BT-10)",
}


# Field of the document → what it is called.
DOCUMENT = {
    "number": "Rechnungsnummer (BT-1)",
    "issued_on": "Rechnungsdatum (BT-2)",
    "kind": "Art der Rechnung (BT-3)",
    "due_on": "Fälligkeit (BT-9)",
    "payment_reference": "Kassenzeichen (BT-83); das Muster in der Vereinbarung ergibt nichts",
    "period_start": "Beginn des Leistungszeitraums (BT-73)",
    "period_end": "Ende des Leistungszeitraums (BT-74)",
    "lines": "Position (BG-25)",
    "net": "Nettosumme (BT-109)",
    "tax": "Umsatzsteuer (BT-110)",
    "gross": "Rechnungsbetrag (BT-112)",
    "tax_category": "Umsatzsteuerkategorie (BT-118)",
    "tax_rate": "Steuersatz (BT-119)",
    "title": "Bezeichnung der Vereinbarung (BT-22)",
}
LINE = {
    "position": "Positionsnummer (BT-126)",
    "quantity": "Menge (BT-129)",
    "unit": "Einheit (BT-130)",
    "net": "Betrag (BT-131)",
    "price": "Einzelpreis (BT-146)",
    "text": "Leistung (BT-153)",
}


def is_empty(value: object) -> bool:
    """Nothing, or nothing but blanks; a zero is a value."""
    return value is None or value == () or (isinstance(value, str) and not value.strip())


def findings(data: InvoiceData) -> list[str]:
    """Everything that forbids issuing this document; empty when nothing does."""
    absent = [f"Es fehlt: {label}." for name, label in DOCUMENT.items() if is_empty(getattr(data, name))]
    for place, line in enumerate(data.lines, 1):
        absent += [
            f"Position {place}: Es fehlt: {label}." for name, label in LINE.items() if is_empty(getattr(line, name))
        ]
    if absent:  # nothing can be reckoned with what is not there
        return [*absent, *_parties(data)]
    return [*_parties(data), *_tax(data), *_document(data), *_sums(data)]


def _parties(data: InvoiceData) -> list[str]:
    found = []
    for city, fields, role in ((data.seller, SELLER, "leistende Stadt"), (data.buyer, BUYER, "Partnerstadt")):
        name = city.get("official_name") or role
        for field, label in fields.items():
            if not str(city.get(field, "")).strip():
                found.append(f"{name}: {label} fehlt. Bitte ergänzen Sie sie in der Verwaltung der Stadt.")
    if data.buyer.get("leitweg_id"):
        try:
            leitweg.validate(data.buyer["leitweg_id"])
        except ValidationError:
            found.append(f"Partnerstadt: Die Prüfziffer der Leitweg-ID {data.buyer['leitweg_id']} stimmt nicht.")
    if data.seller["iban"]:
        try:
            schwifty.IBAN(data.seller["iban"])
        except SchwiftyException:
            found.append(f"Leistende Stadt: Die IBAN {data.seller['iban']} stimmt nicht.")
    if data.seller["bic"]:
        try:
            schwifty.BIC(data.seller["bic"])
        except SchwiftyException:
            found.append(f"Leistende Stadt: Der BIC {data.seller['bic']} stimmt nicht.")
    return found


def _tax(data: InvoiceData) -> list[str]:
    found = []
    if data.tax_category == "O" and not data.seller["ags"]:
        found.append("Leistende Stadt: Der Amtliche Gemeindeschlüssel (BT-29) fehlt.")
    if data.tax_category in {"S", "E"} and not (data.seller["vat_id"] or data.seller["tax_number"]):
        found.append("Leistende Stadt: USt-IdNr. oder Steuernummer (BT-31, BT-32) fehlt.")
    if data.tax_category in {"O", "E"} and not (data.tax_reason or data.tax_reason_code):
        found.append("Vereinbarung: Der Grund, aus dem keine Umsatzsteuer anfällt (BT-120), fehlt in dieser Fassung.")
    if data.tax_category == "S" and data.tax_rate <= 0:
        found.append("Vereinbarung: Der Steuersatz (BT-119) fehlt in dieser Fassung.")
    return found


def _document(data: InvoiceData) -> list[str]:
    found = []
    if data.period_end < data.period_start:
        found.append("Der Leistungszeitraum (BG-14) endet vor seinem Beginn.")
    for line in data.lines:
        if line.price < 0:
            found.append(f"Position {line.position}: Der Einzelpreis (BT-146) darf nicht negativ sein.")
    if data.names_original and not (data.original_number and data.original_date):
        found.append(f"{data.heading}: Das Original (BG-3) ist nicht genannt.")
    return found


def _sums(data: InvoiceData) -> list[str]:
    found = []
    for line in data.lines:
        if line.net != cents(line.quantity * line.price):
            found.append(f"Position {line.position}: Menge × Preis ergibt nicht den Betrag.")
    if sum((line.net for line in data.lines), ZERO) != data.net:
        found.append("Die Positionen ergeben nicht die Nettosumme.")
    expected = cents(data.net * data.tax_rate / 100) if data.tax_category == "S" else ZERO
    if data.tax != expected:
        found.append(f"Die Umsatzsteuer müsste {expected} EUR sein, nicht {data.tax} EUR.")
    if data.net + data.tax != data.gross:
        found.append("Netto und Umsatzsteuer ergeben nicht den Rechnungsbetrag.")
    if data.gross != cents(Decimal(data.gross)):
        found.append("Der Rechnungsbetrag hat mehr als zwei Nachkommastellen.")
    return found
