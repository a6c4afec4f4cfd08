"""Which invoice a sum received may belong to. Pure: words and amounts in, a proposal out.

Nothing is booked by itself: a person confirms. What names no invoice and has no invoice's amount is
somebody else's money and is not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum


class Why(Enum):
    """How sure a proposal is, and what it rests on."""

    EXACT = "Kassenzeichen und Betrag stimmen."
    SEVERAL = "Nennt mehrere Rechnungen; zusammen stimmt der Betrag."
    OTHER_AMOUNT = "Das Kassenzeichen stimmt, der Betrag weicht ab."
    OLDEST = "Das Kassenzeichen gilt für mehrere Rechnungen; vorgeschlagen ist die älteste mit diesem Betrag."
    AMOUNT_ONLY = "Nur der Betrag stimmt; keine Rechnung ist genannt."


@dataclass(frozen=True)
class Waiting:
    """An invoice that waits for money; ``names`` are its number, its Kassenzeichen, and those of its corrections."""

    key: object
    names: tuple[str, ...]
    open: Decimal


@dataclass(frozen=True)
class Proposal:
    """``parts`` are invoices with the sum that goes to each."""

    why: Why
    parts: tuple[tuple[object, Decimal], ...]

    @property
    def is_sure(self) -> bool:
        return self.why in {Why.EXACT, Why.SEVERAL}


def names(text: str, name: str) -> bool:
    """Whether the words name this reference; blanks and hyphens in it may be missing, or too many.

    ``IKZ-2026-000001`` is named by "ikz 2026 000001" and not by "IKZ-2026-0000012".
    """
    signs = re.sub(r"[\W_]", "", name.upper())
    if len(signs) < 4:  # too short to mean anything
        return False
    pattern = r"(?<![0-9A-Z])" + r"[\W_]*".join(signs) + r"(?![0-9A-Z])"
    return re.search(pattern, text.upper()) is not None


def propose(text: str, amount: Decimal, waiting: Sequence[Waiting]) -> Proposal | None:
    """The best proposal for one sum, or None when it concerns no invoice; ``waiting`` lists the oldest first."""
    named = [invoice for invoice in waiting if any(names(text, name) for name in invoice.names)]
    if len(named) == 1:
        why = Why.EXACT if named[0].open == amount else Why.OTHER_AMOUNT
        return Proposal(why, ((named[0].key, amount),))
    if named:
        if sum((invoice.open for invoice in named), Decimal(0)) == amount:
            return Proposal(Why.SEVERAL, tuple((invoice.key, invoice.open) for invoice in named))
        equal = [invoice for invoice in named if invoice.open == amount]
        if equal:  # one reference for all of a debtor's invoices, as many treasuries have it
            return Proposal(Why.EXACT if len(equal) == 1 else Why.OLDEST, ((equal[0].key, amount),))
        return Proposal(Why.OTHER_AMOUNT, tuple(_filled(amount, named)))
    fitting = [invoice for invoice in waiting if invoice.open == amount]
    return Proposal(Why.AMOUNT_ONLY, ((fitting[0].key, amount),)) if fitting else None


def _filled(amount: Decimal, named: Iterable[Waiting]) -> Iterable[tuple[object, Decimal]]:
    """The oldest first, until the sum is used up; what is left over stays with the last."""
    parts = []
    left = amount
    for invoice in named:
        share = min(left, invoice.open)
        if share > 0:
            parts.append([invoice.key, share])
            left -= share
    if left and parts:
        parts[-1][1] += left  # type: ignore[operator]
    return [(key, share) for key, share in parts]  # type: ignore[misc]
