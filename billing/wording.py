"""An agreement in words: what is charged, what it costs, when it is paid. Pure, German."""

from __future__ import annotations

from billing.money import euros, plain
from billing.rating import indexed, rounding_rule
from billing.terms import BillableRule, Index, Terms, Tiers


def billable_in_words(rule: BillableRule) -> list[str]:
    """Which calls count and which do not, one sentence each."""
    yes, no = [], []
    if rule.answered:
        yes.append("angenommene Anrufe" + (f" ab {rule.min_talk_s} Sekunden Gespräch" if rule.min_talk_s else ""))
    else:
        no.append("angenommene Anrufe")
    (yes if rule.voicemail else no).append("Anrufe, die nur der Anrufbeantworter annahm")
    if rule.abandoned:
        wait = f" nach mindestens {rule.abandoned_after_s} Sekunden" if rule.abandoned_after_s else ""
        yes.append(f"Anrufe, bei denen vor der Annahme{wait} aufgelegt wurde")
    else:
        no.append("Anrufe, bei denen vor der Annahme aufgelegt wurde")
    (yes if rule.rejected else no).append("abgewiesene Anrufe")
    elsewhere = (
        "Maßgeblich ist die gewählte Rufnummer, nicht die Stadt, zu der Auskunft gegeben wurde."
        if rule.other_city
        else "Maßgeblich ist die gewählte Rufnummer; ging es im Gespräch nur um eine andere Stadt (verwählt), "
        "wird der Anruf nicht abgerechnet."
    )
    return [
        f"Abgerechnet werden: {'; '.join(yes) or 'keine Anrufe'}.",
        f"Nicht abgerechnet werden: {'; '.join([*no, 'ausgehende Anrufe'])}.",
        elsewhere,
        "Anrufe ohne Zuordnung zu einer Stadt werden nicht abgerechnet; wird eine Rufnummer später zugeordnet, "
        "stehen ihre Anrufe als Nachmeldung auf der nächsten Rechnung.",
    ]


def terms_in_words(terms: Terms) -> list[str]:
    """The prices, one sentence each."""
    said: list[str] = []
    if terms.flat:
        yearly = euros(terms.flat.yearly)
        said.append(f"Jahrespauschale {yearly}, zahlbar in zwölf Monatsraten, deren Summe genau aufgeht.")
    if terms.settlement:
        said.append(
            f"Darin enthalten: {plain(terms.settlement.included_calls)} abrechenbare Anrufe im Vertragsjahr. "
            f"Jeder weitere kostet {euros(terms.settlement.price)}, abgerechnet mit dem letzten Monat des Jahres. "
            "Werden es weniger, gibt es keine Erstattung."
        )
    if terms.per_call:
        free = _free(terms.per_call.included, "Anrufe")
        said.append(f"Je Anruf {euros(terms.per_call.price)}{free}.")
    if terms.per_minute:
        free = _free(terms.per_minute.included, "Minuten")
        rounding = rounding_rule(terms.per_minute.step_s)
        said.append(f"Je Gesprächsminute {euros(terms.per_minute.price)}{free}. {rounding}")
    if terms.tiers:
        said += _tiers(terms.tiers)
    for group in terms.groups:
        said.append(f"Je Anruf der Gruppe „{group.name}“ {euros(group.price)} zusätzlich.")
    if terms.discount:
        said.append(f"{terms.discount.label}: {plain(terms.discount.percent)} % auf die Beträge des Monats.")
    if terms.minimum:
        span = "im Monat" if terms.minimum.span == "month" else "im Vertragsjahr"
        said.append(f"Mindestens {euros(terms.minimum.amount)} {span}; angebrochene Monate zählen nach Tagen.")
    if terms.index:
        factor = f"Preis × {plain(terms.index.value)} ÷ {plain(terms.index.base)}"
        said.append(f"Die Preise folgen dem Index „{terms.index.name}“: {factor}.")
        said += _moved(terms, terms.index)
    return said


def _free(included: int, what: str) -> str:
    """A month's free volume; it is not cut by days."""
    return f"; je Monat sind {plain(included)} {what} frei, auch in einem angebrochenen" if included else ""


def _moved(terms: Terms, index: Index) -> list[str]:
    """What the prices come to with the index as entered."""
    prices = [("Jahrespauschale", terms.flat.yearly, 2)] if terms.flat else []
    if terms.settlement:
        prices.append(("jeder weitere Anruf", terms.settlement.price, 4))
    if terms.per_call:
        prices.append(("je Anruf", terms.per_call.price, 4))
    if terms.per_minute:
        prices.append(("je Gesprächsminute", terms.per_minute.price, 4))
    prices += [(f"je Anruf der Gruppe „{group.name}“", group.price, 4) for group in terms.groups]
    if terms.tiers:
        prices += [(f"Stufe {number}", step.price, 4) for number, step in enumerate(terms.tiers.steps, 1)]
    moved = [f"{name} {euros(indexed(price, index, digits)[0])}" for name, price, digits in prices]
    return [f"Daraus ergeben sich: {'; '.join(moved)}."] if moved else []


def _tiers(tiers: Tiers) -> list[str]:
    unit = "Anruf" if tiers.unit == "calls" else "Gesprächsminute"
    own = tiers.mode == "graduated"
    how = "Jede Einheit kostet den Preis ihrer Staffel" if own else "Alle kosten den Preis der erreichten Stufe"
    parts, lower = [], 1
    for step in tiers.steps:
        span = f"ab {plain(lower)}" if step.up_to is None else f"{plain(lower)} bis {plain(step.up_to)}"
        parts.append(f"{span}: {euros(step.price)}")
        lower = (step.up_to or 0) + 1
    said = [f"Staffel je {unit} und Monat: {'; '.join(parts)}. {how}."]
    if tiers.unit == "minutes":
        said.append(rounding_rule(tiers.step_s))
    return said
