"""Rounding and writing of amounts: half up, to the cent, said explicitly each time."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def cents(amount: Decimal) -> Decimal:
    """To the cent, half up; never minus zero, which the e-invoice rules refuse."""
    rounded = amount.quantize(CENT, ROUND_HALF_UP)
    return rounded if rounded else ZERO


def rounded(value: Decimal, digits: int) -> Decimal:
    """To so many decimals, half up."""
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
