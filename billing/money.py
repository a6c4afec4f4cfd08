"""Rounding and writing of amounts: half up, to the cent, said explicitly each time."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def cents(amount: Decimal | Fraction) -> Decimal:
    """To the cent, half up; never minus zero, which the e-invoice rules refuse."""
    return rounded(amount, 2)


def rounded(value: Decimal | Fraction, digits: int) -> Decimal:
    """To so many decimals, half up. A fraction is exact until here: a third of a month has no decimals that end."""
    if isinstance(value, Fraction):
        half = int(abs(value) * 10**digits + Fraction(1, 2))
        return Decimal(half if value >= 0 else -half).scaleb(-digits)
    result = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return result if result else abs(result)


def plain(value: Decimal | int, least: int = 0) -> str:
    """A number as German text, without trailing zeros beyond ``least`` decimals: 39.600 · 2,02 · 0,4567."""
    number = Decimal(value)
    digits = max(-int(number.normalize().as_tuple().exponent), least, 0)
    return f"{number:,.{digits}f}".replace(",", "\0").replace(".", ",").replace("\0", ".")


def euros(amount: Decimal) -> str:
    """An amount as German text for documents: 6.666,67 EUR."""
    return f"{plain(amount, 2)} EUR"
