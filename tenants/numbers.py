"""Telephone numbers in one form: E.164, whatever a telephone system or a person writes."""

from __future__ import annotations

import re

import phonenumbers

REGION = "DE"
SHORT_CODE = re.compile(r"^\d{2,5}$")
SEPARATORS = re.compile(r"[\s/().\-–]+")


def to_e164(raw: str, *, region: str = REGION) -> str:
    """``0203/12345`` → ``+4920312345``; empty when it is no telephone number.

    Strips separators, ``00`` → ``+``, leading ``0`` → the region's code; digits that begin with a
    country code (``493055571600``, as webhooks send them) are taken as international. Short
    codes such as 115 have no E.164 form.
    """
    digits = SEPARATORS.sub("", raw.strip())
    if not re.fullmatch(r"\+?\d{3,20}", digits) or SHORT_CODE.match(digits):
        return ""
    candidate = digits if digits.startswith(("+", "0")) else f"+{digits}"
    try:
        number = phonenumbers.parse(candidate, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalise_dialled(raw: str) -> str:
    """What was dialled: E.164, a short code as it is, or a queue name as it is (trimmed)."""
    text = raw.strip()
    return to_e164(text) or text[:80]


def readable(number: str) -> str:
    """An E.164 number as people in the region write it: ``02064 660``; other text as it is."""
    if not number.startswith("+"):
        return number
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number
    national = parsed.country_code == phonenumbers.country_code_for_region(REGION)
    form = phonenumbers.PhoneNumberFormat.NATIONAL if national else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(parsed, form)
