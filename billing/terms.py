"""The price terms of an agreement as typed values; pure, with a plain JSON form for the database.

Amounts are EUR without tax. Every part is optional; what is absent costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, get_args, get_type_hints


class TermsError(ValueError):
    """The stored or entered terms make no sense; the message names the part."""


@dataclass(frozen=True)
class BillableRule:
    """Which ended inbound calls are charged. Outbound calls, and calls without a city, never are."""

    answered: bool = True
    voicemail: bool = False
    rejected: bool = False
    abandoned: bool = False
    abandoned_after_s: int = 0  # abandoned calls count only from this waiting time on
    min_talk_s: int = 0  # answered calls count only from this talk time on
    other_city: bool = True  # calls all of whose concerns were another city's: the caller dialled the wrong number


@dataclass(frozen=True)
class FlatFee:
    """A yearly amount in twelve instalments whose sum is exact."""

    yearly: Decimal


@dataclass(frozen=True)
class PerCall:
    """A price per call; ``included`` calls of each month are free."""

    price: Decimal
    included: int = 0


@dataclass(frozen=True)
class PerMinute:
    """A price per minute of talk; each call's seconds are rounded up to a multiple of ``step_s``."""

    price: Decimal
    step_s: int = 60
    included: int = 0  # minutes of each month that are free


@dataclass(frozen=True)
class Step:
    """One tier: up to and including this number of units; the last one has no upper end."""

    up_to: int | None
    price: Decimal


@dataclass(frozen=True)
class Tiers:
    """``graduated``: each unit at its own tier's price; ``volume``: all at the tier reached."""

    mode: Literal["graduated", "volume"]
    steps: tuple[Step, ...]
    unit: Literal["calls", "minutes"] = "calls"
    step_s: int = 60


@dataclass(frozen=True)
class GroupPrice:
    """A price per call of one group (how the call ended for the caller, or its topic); on top of the rest."""

    group: str
    price: Decimal
    label: str = ""  # as people read it, where the group is a code

    @property
    def name(self) -> str:
        return self.label or self.group


@dataclass(frozen=True)
class Minimum:
    """At least this much a month, or a contract year; part months count by days."""

    amount: Decimal
    span: Literal["month", "year"] = "month"


@dataclass(frozen=True)
class Settlement:
    """Billable calls of the contract year above ``included_calls`` cost ``price`` each; no refund below."""

    included_calls: int
    price: Decimal


@dataclass(frozen=True)
class Discount:
    percent: Decimal
    label: str = "Nachlass"


@dataclass(frozen=True)
class Index:
    """All prices move with a published index: price × ``value`` ÷ ``base``."""

    name: str
    base: Decimal
    value: Decimal


@dataclass(frozen=True)
class Terms:
    """Everything that turns a month's calls into lines of an invoice."""

    flat: FlatFee | None = None
    per_call: PerCall | None = None
    per_minute: PerMinute | None = None
    tiers: Tiers | None = None
    groups: tuple[GroupPrice, ...] = ()
    group_by: Literal["", "disposition", "topic"] = ""
    discount: Discount | None = None
    minimum: Minimum | None = None
    settlement: Settlement | None = None
    index: Index | None = None
    billable: BillableRule = field(default_factory=BillableRule)

    def __post_init__(self) -> None:
        _check(self)

    @property
    def second_steps(self) -> frozenset[int]:
        """Every rounding of seconds these terms ask the ledger for."""
        steps = {self.per_minute.step_s} if self.per_minute else set()
        if self.tiers and self.tiers.unit == "minutes":
            steps.add(self.tiers.step_s)
        return frozenset(steps)


def _check(terms: Terms) -> None:
    amounts: list[tuple[str, Decimal]] = []
    if terms.flat:
        amounts.append(("flat.yearly", terms.flat.yearly))
    if terms.per_call:
        amounts += [("per_call.price", terms.per_call.price), ("per_call.included", Decimal(terms.per_call.included))]
    if terms.per_minute:
        amounts.append(("per_minute.price", terms.per_minute.price))
        amounts.append(("per_minute.included", Decimal(terms.per_minute.included)))
    if terms.minimum:
        amounts.append(("minimum.amount", terms.minimum.amount))
    if terms.settlement:
        amounts.append(("settlement.price", terms.settlement.price))
        amounts.append(("settlement.included_calls", Decimal(terms.settlement.included_calls)))
    amounts += [(f"groups.{group.group}", group.price) for group in terms.groups]
    if terms.tiers:
        amounts += [("tiers.price", step.price) for step in terms.tiers.steps]
        ends = [step.up_to for step in terms.tiers.steps]
        inner = [end for end in ends[:-1] if end is not None]
        if not ends or ends[-1] is not None or len(inner) != len(ends) - 1:
            raise TermsError("tiers.steps: the last step, and only the last, has no upper end.")
        if inner != sorted(set(inner)) or any(end < 1 for end in inner):
            raise TermsError("tiers.steps: upper ends must rise.")
    for name, amount in amounts:
        if not amount.is_finite() or amount < 0:
            raise TermsError(f"{name}: must not be negative.")
        if amount != amount.quantize(Decimal("0.000001")):
            raise TermsError(f"{name}: at most six decimals.")
    if any(step < 1 for step in terms.second_steps):
        raise TermsError("step_s: must be at least one second.")
    if terms.discount and not 0 <= terms.discount.percent <= 100:
        raise TermsError("discount.percent: from 0 to 100.")
    if terms.index and (terms.index.base <= 0 or terms.index.value <= 0):
        raise TermsError("index: both values must be above 0.")
    names = [group.group for group in terms.groups]
    if len(names) != len(set(names)):
        raise TermsError("groups: each group once.")
    if terms.groups and not terms.group_by:
        raise TermsError("group_by: say what the groups are.")


PARTS: dict[str, type] = {
    "flat": FlatFee,
    "per_call": PerCall,
    "per_minute": PerMinute,
    "tiers": Tiers,
    "discount": Discount,
    "minimum": Minimum,
    "settlement": Settlement,
    "index": Index,
    "billable": BillableRule,
}


def to_json(terms: Terms) -> dict[str, Any]:
    """The plain form: decimals as strings, absent parts left out; ``from_json`` reads it back."""

    def plain(value: Any) -> Any:
        if isinstance(value, Decimal):
            return str(value)
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return value

    return {key: plain(value) for key, value in asdict(terms).items() if value not in (None, (), "")}


def from_json(data: Mapping[str, Any]) -> Terms:
    """Typed terms from their plain form; raises TermsError, naming the part that is wrong."""
    if unknown := set(data) - {item.name for item in fields(Terms)}:
        raise TermsError(f"Unknown terms: {', '.join(sorted(unknown))}.")
    parts: dict[str, Any] = {}
    for name, value in data.items():
        if name == "groups":
            parts[name] = tuple(_read(GroupPrice, item, name) for item in value)
        elif name == "group_by":
            parts[name] = _literal(value, Terms, "group_by")
        elif value is not None:
            parts[name] = _read(PARTS[name], value, name)
    return Terms(**parts)


def _read(kind: type, data: Any, where: str) -> Any:
    if not isinstance(data, Mapping) or not is_dataclass(kind):
        raise TermsError(f"{where}: not an object.")
    known = {item.name: str(item.type) for item in fields(kind)}
    if unknown := set(data) - set(known):
        raise TermsError(f"{where}: unknown {', '.join(sorted(unknown))}.")
    values: dict[str, Any] = {}
    for name, value in data.items():
        place = f"{where}.{name}"
        wanted = known[name]
        if wanted == "Decimal":
            try:
                values[name] = Decimal(str(value))
            except InvalidOperation:
                raise TermsError(f"{place}: not a number.") from None
        elif name == "steps":
            values[name] = tuple(_read(Step, item, place) for item in value)
        elif wanted.startswith("Literal"):
            values[name] = _literal(value, kind, name)
        elif wanted == "bool":
            if not isinstance(value, bool):
                raise TermsError(f"{place}: true or false.")
            values[name] = value
        elif wanted.startswith("int"):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
                raise TermsError(f"{place}: a whole number from 0 on.")
            values[name] = value
        else:
            values[name] = str(value)
    try:
        return kind(**values)
    except TypeError:
        raise TermsError(f"{where}: incomplete.") from None


def _literal(value: Any, kind: type, name: str) -> str:
    allowed = get_args(get_type_hints(kind)[name])
    if value not in allowed:
        raise TermsError(f"{name}: one of {', '.join(map(repr, allowed))}.")
    return str(value)
