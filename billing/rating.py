"""From a month's frozen figures and the agreement's terms to lines that explain themselves. Pure.

Each line carries its derivation in German sentences, because the line is read by two auditors'
offices, and a ``source`` from which the calls behind it can be listed. Every line's net is
quantity × price, rounded half up to the cent; the total is the plain sum of the lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing.money import ZERO, cents, euros, plain, rounded
from billing.months import ContractYear, Month
from billing.terms import Index, Minimum, Settlement, Terms

ONE = Decimal(1)
NOTHING, WHOLE = Fraction(0), Fraction(1)
PIECE, MINUTE = "C62", "MIN"  # UN/ECE Recommendation 20


@dataclass(frozen=True)
class Usage:
    """What was counted: billable calls, their talk seconds by rounding step, calls by group."""

    calls: int = 0
    seconds: Mapping[int, int] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)

    def plus(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            {step: self.seconds.get(step, 0) + other.seconds.get(step, 0) for step in {*self.seconds, *other.seconds}},
            {name: self.groups.get(name, 0) + other.groups.get(name, 0) for name in {*self.groups, *other.groups}},
        )


@dataclass(frozen=True)
class LateMonth:
    """Calls of a month already closed: what was counted for it before, and what came in since."""

    month: Month
    terms: Terms
    share: Fraction
    year: ContractYear
    before: Usage
    added: Usage
    from_start: Fraction = NOTHING


@dataclass(frozen=True)
class YearState:
    """A contract year that is due, or was settled before and is looked at again.

    ``calls`` counts every billable call of the year: ``opening`` ones counted before this program,
    ``open`` ones in months that are not closed yet, and all that are frozen, this month's included.
    ``net_before`` is what other invoices charge for the year, ``topped_before`` what of it tops up its minimum.
    """

    year: ContractYear
    terms: Terms
    share: Fraction
    calls: int
    opening: int = 0
    open: int = 0
    settled_calls: int = 0
    final: bool = True
    net_before: Decimal = ZERO
    topped_before: Decimal = ZERO


@dataclass(frozen=True)
class Facts:
    """All that the rating of one month may know.

    ``share`` is how much of the month lies within the agreement, ``from_start`` how much of it lies before.
    """

    month: Month
    year: ContractYear
    terms: Terms
    share: Fraction
    usage: Usage
    late: tuple[LateMonth, ...] = ()
    years: tuple[YearState, ...] = ()
    from_start: Fraction = NOTHING


@dataclass(frozen=True)
class RatedLine:
    """One line: what, how many, at which price, and why."""

    kind: str
    text: str
    quantity: Decimal
    price: Decimal
    net: Decimal
    steps: tuple[str, ...]
    source: Mapping[str, Any]
    unit: str = PIECE


def rate(facts: Facts) -> tuple[RatedLine, ...]:
    """Every line of the month's invoice, in the order in which it reads."""
    lines = rate_month(facts.month, facts.year, facts.terms, facts.share, facts.usage, facts.from_start)
    lines += [line for late in sorted(facts.late, key=lambda item: item.month) for line in _late(late)]
    years = sorted(facts.years, key=lambda item: item.year.first)
    for state in years:
        if state.terms.settlement:
            lines += _settlement(state, state.terms.settlement)
    for state in years:
        if state.terms.minimum and state.terms.minimum.span == "year":
            lines += _yearly_minimum(state, state.terms.minimum, lines)
    return tuple(lines)


def total(lines: tuple[RatedLine, ...] | list[RatedLine]) -> Decimal:
    """The net total: the sum of the lines, nothing else."""
    return sum((line.net for line in lines), ZERO)


def rate_month(
    month: Month, year: ContractYear, terms: Terms, share: Fraction, usage: Usage, from_start: Fraction = NOTHING
) -> list[RatedLine]:
    """The lines of one month taken alone; also what a late call is measured against."""
    lines = [
        *_instalment(month, year, terms, share, usage, from_start),
        *_per_call(month, terms, usage),
        *_per_minute(month, terms, usage),
        *_tiers(month, terms, usage),
        *_groups(month, terms, usage),
    ]
    lines += _discount(month, terms, lines)
    lines += _monthly_minimum(month, terms, share, lines)
    return lines


def instalment(yearly: Decimal, position: int, share: Fraction = WHOLE, from_start: Fraction = NOTHING) -> Decimal:
    """Instalment ``position`` of twelve as a difference of cumulative shares, so that the year is exact.

    round(Y·m/12) − round(Y·(m−1)/12), to the cent, half up. A part month runs from ``from_start`` for its
    ``share`` of days, so that twelve months from any day on are exact too. It depends on nothing that was
    billed before.
    """
    begin, whole = position - 1 + from_start, Fraction(yearly)
    return cents(whole * (begin + share) / 12) - cents(whole * begin / 12)


def included_volume(settlement: Settlement, share: Fraction) -> int:
    """The year's included calls; a part year has its share, to the nearest call, half up."""
    return int(rounded(settlement.included_calls * share, 0))


def above_volume(settlement: Settlement, share: Fraction, calls: int) -> int:
    """Calls that are charged on top; never negative: there is no refund below the volume."""
    return max(calls - included_volume(settlement, share), 0)


def _line(
    kind: str,
    text: str,
    quantity: Decimal | int,
    price: Decimal,
    steps: list[str],
    source: Mapping[str, Any],
    unit: str = PIECE,
) -> RatedLine:
    amount = Decimal(quantity)
    net = cents(amount * price)
    return RatedLine(kind, text, amount, price, net, tuple(steps), source, unit)


def indexed(price: Decimal, index: Index | None, digits: int) -> tuple[Decimal, list[str]]:
    """The price moved with the index, and the sentence that shows how."""
    if index is None:
        return price, []
    moved = rounded(Fraction(price) * Fraction(index.value) / Fraction(index.base), digits)
    return moved, [
        f"Wertsicherung nach {index.name}: {plain(price, 2)} × {plain(index.value)} ÷ {plain(index.base)} "
        f"= {plain(moved, 2)} EUR, kaufmännisch auf {digits} Nachkommastellen gerundet."
    ]


def _instalment(
    month: Month, year: ContractYear, terms: Terms, share: Fraction, usage: Usage, from_start: Fraction
) -> list[RatedLine]:
    if not terms.flat:
        return []
    yearly, steps = indexed(terms.flat.yearly, terms.index, 2)
    position = year.position(month)
    amount = instalment(yearly, position, share, from_start)
    before, whole = position - 1 + from_start, Fraction(yearly)
    upto = before + share
    steps = [
        f"Jahrespauschale {year.label}: {euros(terms.flat.yearly)}, zahlbar in zwölf Raten.",
        *steps,
        f"Bis einschließlich {month.label}: {plain(yearly, 2)} × {plain(rounded(upto, 4))} ÷ 12 "
        f"= {euros(cents(whole * upto / 12))}.",
        f"{'Vor dem Beginn' if from_start else 'Bis zum Vormonat'}: {plain(yearly, 2)} × {plain(rounded(before, 4))} "
        f"÷ 12 = {euros(cents(whole * before / 12))}.",
        f"Rate: der Unterschied, {euros(amount)}. So ergeben zwölf Raten genau die Jahrespauschale.",
    ]
    if share != 1:
        steps.insert(1, f"Anteiliger Monat: {plain(rounded(share * month.days, 0))} von {month.days} Tagen.")
    if usage.calls:
        steps.append(f"In diesem Monat {plain(usage.calls)} abrechenbare Anrufe.")
    text = f"Pauschale {month.label}, Rate {position} von 12"
    return [_line("instalment", text, ONE, amount, steps, {"month": str(month)})]


def _per_call(month: Month, terms: Terms, usage: Usage) -> list[RatedLine]:
    if not terms.per_call:
        return []
    price, steps = indexed(terms.per_call.price, terms.index, 4)
    free = min(terms.per_call.included, usage.calls)
    charged = usage.calls - free
    counted = f"{plain(usage.calls)} abrechenbare Anrufe"
    if terms.per_call.included:
        counted += f", davon frei bis zu {plain(terms.per_call.included)}: {plain(free)}"
    steps = [f"{counted}.", *steps, f"{plain(charged)} × {plain(price, 2)} EUR."]
    source = {"month": str(month), "from": free, "to": usage.calls}
    return [_line("calls", f"Anrufe {month.label}", charged, price, steps, source)]


def _minutes(seconds: int) -> Decimal:
    return rounded(Decimal(seconds) / 60, 4)


def rounding_rule(step_s: int) -> str:
    """How seconds become minutes, as a sentence."""
    match step_s:
        case 1:
            return "Jeder Anruf zählt auf die Sekunde genau, die Summe in Minuten auf vier Nachkommastellen."
        case 60:
            return "Jeder Anruf wird auf volle Minuten aufgerundet."
        case _:
            summed = "" if step_s % 60 == 0 else ", die Summe in Minuten auf vier Nachkommastellen gerundet"
            return f"Jeder Anruf wird auf volle {step_s} Sekunden aufgerundet{summed}."


def _per_minute(month: Month, terms: Terms, usage: Usage) -> list[RatedLine]:
    if not terms.per_minute:
        return []
    price, steps = indexed(terms.per_minute.price, terms.index, 4)
    minutes = _minutes(usage.seconds.get(terms.per_minute.step_s, 0))
    charged = max(minutes - terms.per_minute.included, Decimal(0))
    counted = f"{plain(usage.calls)} Anrufe mit {plain(minutes)} Gesprächsminuten"
    if terms.per_minute.included:
        counted += f", davon frei bis zu {plain(terms.per_minute.included)}"
    steps = [
        rounding_rule(terms.per_minute.step_s),
        f"{counted}.",
        *steps,
        f"{plain(charged)} Minuten × {plain(price, 2)} EUR.",
    ]
    return [_line("minutes", f"Gesprächsminuten {month.label}", charged, price, steps, {"month": str(month)}, MINUTE)]


def _tiers(month: Month, terms: Terms, usage: Usage) -> list[RatedLine]:
    tiers = terms.tiers
    if not tiers:
        return []
    by_call = tiers.unit == "calls"
    units = Decimal(usage.calls) if by_call else _minutes(usage.seconds.get(tiers.step_s, 0))
    noun, unit = ("Anrufe", PIECE) if by_call else ("Gesprächsminuten", MINUTE)
    rule = [] if by_call else [rounding_rule(tiers.step_s)]
    lines: list[RatedLine] = []
    lower = Decimal(0)
    for number, step in enumerate(tiers.steps, 1):
        upper = units if step.up_to is None else min(units, Decimal(step.up_to))
        reached = units > lower or number == 1
        holds_all = step.up_to is None or units <= step.up_to
        price, index_steps = indexed(step.price, terms.index, 4)
        span = f"{plain(lower + 1)} bis {plain(step.up_to)}" if step.up_to is not None else f"ab {plain(lower + 1)}"
        if tiers.mode == "graduated" and reached:
            charged, said = upper - lower, f"Staffel {number} ({span}): jede Einheit zum Preis ihrer Staffel."
        elif tiers.mode == "volume" and reached and holds_all:
            charged, said = units, f"Mengenpreis der Stufe {number} ({span}), für alle Einheiten des Monats."
        else:
            charged, said = None, ""
        if charged is not None:
            source: dict[str, Any] = {"month": str(month)}
            if by_call and tiers.mode == "graduated":
                source |= {"from": int(lower), "to": int(upper)}
            steps = [*rule, f"{plain(units)} {noun} im Monat.", said, *index_steps]
            steps.append(f"{plain(charged)} × {plain(price, 2)} EUR.")
            text = f"{noun} {month.label}, Stufe {number} ({span})"
            lines.append(_line("tier", text, charged, price, steps, source, unit))
        if step.up_to is not None:
            lower = Decimal(step.up_to)
    return lines


def _groups(month: Month, terms: Terms, usage: Usage) -> list[RatedLine]:
    lines = []
    for group in terms.groups:
        calls = usage.groups.get(group.group, 0)
        price, steps = indexed(group.price, terms.index, 4)
        counted, charged = (
            f"{plain(calls)} Anrufe der Gruppe „{group.name}“.",
            f"{plain(calls)} × {plain(price, 2)} EUR.",
        )
        steps = [counted, *steps, charged]
        text = f"Anrufe {month.label}, Gruppe „{group.name}“"
        lines.append(_line("group", text, calls, price, steps, {"month": str(month), "group": group.group}))
    return lines


def _discount(month: Month, terms: Terms, lines: list[RatedLine]) -> list[RatedLine]:
    if not terms.discount or not terms.discount.percent:
        return []
    basis = total(lines)
    amount = cents(basis * terms.discount.percent / 100)
    percent = f"{plain(terms.discount.percent)} %"
    steps = [f"{percent} von {euros(basis)} = {euros(amount)}."]
    # The rules for e-invoices forbid negative prices; a reduction has a negative quantity.
    text = f"{terms.discount.label} {percent}, {month.label}"
    return [_line("discount", text, -ONE, amount, steps, {"month": str(month)})]


def _monthly_minimum(month: Month, terms: Terms, share: Fraction, lines: list[RatedLine]) -> list[RatedLine]:
    if not terms.minimum or terms.minimum.span != "month":
        return []
    least, billed = cents(Fraction(terms.minimum.amount) * share), total(lines)
    if billed >= least:
        return []
    steps = [f"Mindestbetrag im Monat {euros(terms.minimum.amount)}."]
    if share != 1:
        steps.append(f"Anteilig für {plain(rounded(share * month.days, 0))} von {month.days} Tagen: {euros(least)}.")
    steps.append(f"{euros(least)} − {euros(billed)} = {euros(least - billed)}.")
    text = f"Aufstockung auf den Mindestbetrag {month.label}"
    return [_line("minimum", text, ONE, least - billed, steps, {"month": str(month)})]


def _late(late: LateMonth) -> list[RatedLine]:
    """What the month would have cost more: rated anew with all its calls, minus what it was rated at."""
    month, year, terms, share = late.month, late.year, late.terms, late.share
    before = total(rate_month(month, year, terms, share, late.before, late.from_start))
    after = total(rate_month(month, year, terms, share, late.before.plus(late.added), late.from_start))
    difference = after - before
    calls = late.added.calls
    steps = [
        f"{plain(calls)} abrechenbare Anrufe aus {late.month.label} wurden erst nach dessen Abschluss bekannt.",
        f"Der abgeschlossene Monat bleibt unverändert. Neu bewertet: {euros(after)}, bisher: {euros(before)}, "
        f"Unterschied: {euros(difference)}.",
    ]
    text = f"Nachgemeldete Anrufe aus {late.month.label}"
    source = {"month": str(late.month), "late": True}
    each = rounded(difference / calls, 4) if calls else ZERO
    if difference >= 0 and cents(each * calls) == difference and each == cents(each):
        return [_line("late", text, calls, each, steps, source)]
    sign = ONE if difference >= 0 else -ONE
    return [_line("late", f"{text}: {plain(calls)} Anrufe", sign, abs(difference), steps, source)]


def _settlement(state: YearState, settlement: Settlement) -> list[RatedLine]:
    """What the year costs above its volume, less what was settled for it before."""
    price, index_steps = indexed(settlement.price, state.terms.index, 4)
    included = included_volume(settlement, state.share)
    above = above_volume(settlement, state.share, state.calls)
    due = above - state.settled_calls
    if not due and not state.final:
        return []
    parts = []
    if state.opening:
        parts.append(f"davon {plain(state.opening)} vor Beginn dieser Abrechnung gezählt")
    if state.open:
        parts.append(f"davon {plain(state.open)} aus Monaten, die noch nicht abgeschlossen sind")
    counted = ", ".join([f"{plain(state.calls)} abrechenbare Anrufe im Vertragsjahr {state.year.label}", *parts])
    steps = [
        f"{counted}.",
        f"In der Jahrespauschale enthalten: {plain(included)}"
        + (f" ({plain(settlement.included_calls)} anteilig)." if state.share != 1 else "."),
        f"Darüber: {plain(above)}." + ("" if above else " Eine Erstattung gibt es nicht."),
        *index_steps,
    ]
    if state.settled_calls:
        steps.append(f"Davon bereits abgerechnet: {plain(state.settled_calls)}.")
    steps.append(f"{plain(due)} × {plain(price, 2)} EUR = {euros(cents(due * price))}.")
    text = f"Jahresabrechnung {state.year.label}: Anrufe über der Jahresmenge von {plain(included)}"
    return [_line("settlement", text, due, price, steps, {"year": str(state.year.first)})]


def _yearly_minimum(state: YearState, minimum: Minimum, lines: list[RatedLine]) -> list[RatedLine]:
    """What the year lacks to its minimum, less what was topped up before; calls that came later eat into that."""
    least = cents(Fraction(minimum.amount) * state.share)
    billed = state.net_before - state.topped_before + total([line for line in lines if _is_of(line, state.year)])
    lacking = max(least - billed, ZERO)
    due = lacking - state.topped_before
    if not due:
        return []
    steps = [
        f"Mindestbetrag im Vertragsjahr {state.year.label}: {euros(minimum.amount)}"
        + (f", anteilig {euros(least)}." if state.share != 1 else "."),
        f"Für das Vertragsjahr abgerechnet, diese Rechnung eingeschlossen, ohne Aufstockung: {euros(billed)}.",
        f"{euros(least)} − {euros(billed)} = {euros(lacking)}." if lacking else "Der Mindestbetrag ist erreicht.",
    ]
    if state.topped_before:
        before = f"Bereits aufgestockt: {euros(state.topped_before)}."
        steps += [before, f"{euros(lacking)} − {euros(state.topped_before)} = {euros(due)}."]
    text = f"Aufstockung auf den Mindestbetrag {state.year.label}" + (", Minderung" if due < 0 else "")
    return [_line("minimum", text, ONE if due > 0 else -ONE, abs(due), steps, {"year": str(state.year.first)})]


def _is_of(line: RatedLine, year: ContractYear) -> bool:
    """Whether the line charges for this contract year; a late call's line may be for the one before."""
    if "year" in line.source:
        return bool(line.source["year"] == str(year.first))
    return Month.parse(line.source["month"]) in year.months


def mirrored(line: RatedLine) -> RatedLine:
    """The line of a cancellation: the quantity turned round, the price kept."""
    return replace(line, quantity=-line.quantity, net=cents(-line.net))
