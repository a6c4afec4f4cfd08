"""The Kassenzeichen: a reference in the form that a city's treasury wants, by a pattern with placeholders. Pure."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from datetime import date

PLACEHOLDERS = {
    "number": "Rechnungsnummer",
    "year": "Jahr",
    "sequence": "laufende Nummer, sechsstellig",
    "month": "Leistungsmonat, zweistellig",
    "debtor": "Debitorennummer",
    "client": "Amtlicher Gemeindeschlüssel der Partnerstadt",
    "check10": "Prüfziffer Modulo 10 (Luhn) über alle Ziffern davor",
    "check97": "zwei Prüfziffern Modulo 97 (ISO 7064) über alle Zeichen davor",
}
LONGEST = 80  # of the column; a SEPA transfer takes 140


class PatternError(ValueError):
    """The pattern gives nothing that can be printed; the message says why, in German."""


@dataclass(frozen=True)
class Facts:
    """What the placeholders stand for."""

    number: str
    year: int
    sequence: int
    month: date
    debtor: str
    client: str


def render(pattern: str, facts: Facts) -> str:
    """The reference. Raises PatternError for an unknown placeholder, or when it comes out too long."""
    values = {
        "number": facts.number,
        "year": str(facts.year),
        "sequence": f"{facts.sequence:06}",
        "month": f"{facts.month:%m}",
        "debtor": facts.debtor,
        "client": facts.client,
    }
    made = ""
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError:
        raise PatternError("Eine geschweifte Klammer ist nicht geschlossen.") from None
    for literal, name, spec, conversion in parts:
        made += literal
        if name is None:
            continue
        if name not in PLACEHOLDERS or spec or conversion:
            raise PatternError(f"Den Platzhalter „{name}“ gibt es nicht. Bekannt sind: {', '.join(PLACEHOLDERS)}.")
        made += values[name] if name in values else luhn(made) if name == "check10" else mod97(made)
    if len(made) > LONGEST:
        raise PatternError(f"Das Kassenzeichen wird länger als {LONGEST} Zeichen.")
    return made


def example(pattern: str) -> str:
    """How it will look, for the form that asks for it; raises PatternError."""
    return render(pattern, Facts("IKZ-2026-000042", 2026, 42, date(2026, 10, 1), "4711", "05170008"))


def luhn(text: str) -> str:
    """The digit that makes the Luhn sum of all digits divisible by ten."""
    total = 0
    for place, digit in enumerate(reversed(re.sub(r"\D", "", text))):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def mod97(text: str) -> str:
    """ISO 7064 MOD 97-10, letters counted from A = 10 as in an IBAN."""
    digits = "".join(str(int(sign, 36)) for sign in re.sub(r"[^0-9A-Z]", "", text.upper()))
    return f"{98 - int((digits or '0') + '00') % 97:02}"
