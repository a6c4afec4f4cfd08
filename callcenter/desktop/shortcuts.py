"""The keys of the desk: what each does, its default, and what one agent made of it.

A key is written ``Ctrl+Enter``, ``Alt+1`` or ``V``: modifiers in the order Ctrl, Alt, Shift, then the
key in upper case. A key without Ctrl or Alt never acts while text is being typed; there the same
letter works together with Alt. Agents change keys or switch all of them off (WCAG 2.1.4); what
they chose lives in ``User.preferences["shortcuts"]``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from callcenter.accounts.models import User

MODIFIERS = ("Ctrl", "Alt", "Shift")
NAMED = {"ENTER": "Enter", "EINGABE": "Enter", "↵": "Enter", "SPACE": "Space", "LEERTASTE": "Space"}
NAMED |= {f"F{number}": f"F{number}" for number in range(1, 13)}
WORDS = {"STRG": "Ctrl", "CTRL": "Ctrl", "CONTROL": "Ctrl", "ALT": "Alt", "SHIFT": "Shift", "UMSCHALT": "Shift"}
# What browsers and screen readers need for themselves, or do not hand over at all.
TAKEN = {"Ctrl+W", "Ctrl+T", "Ctrl+N", "Ctrl+C", "Ctrl+V", "Ctrl+X", "Ctrl+A", "Ctrl+Z", "Ctrl+P", "Ctrl+F", "F5"}


@dataclass(frozen=True)
class Action:
    name: str
    label: Any  # a translated text, put into words when it is shown
    default: str


ACTIONS: tuple[Action, ...] = (
    Action("take", gettext_lazy("Anruf annehmen"), "Alt+A"),
    Action("search", gettext_lazy("Zur Suche"), "/"),
    Action("compare", gettext_lazy("Antworten der Städte vergleichen"), "V"),
    Action("switch_city", gettext_lazy("Antworten der anderen Stadt geben"), "S"),
    Action("outcome_1", gettext_lazy("Ergebnis: Erledigt"), "Alt+1"),
    Action("outcome_2", gettext_lazy("Ergebnis: Weiterverbunden"), "Alt+2"),
    Action("outcome_3", gettext_lazy("Ergebnis: Rückruf durch das Amt"), "Alt+3"),
    Action("outcome_4", gettext_lazy("Ergebnis: Nicht zuständig"), "Alt+4"),
    Action("outcome_5", gettext_lazy("Ergebnis: Abgebrochen"), "Alt+5"),
    Action("note", gettext_lazy("Zur Notiz"), "N"),
    Action("report", gettext_lazy("Antwort fehlt oder ist falsch"), "M"),
    Action("found_yes", gettext_lazy("Antwort stand im Wissen"), "J"),
    Action("found_no", gettext_lazy("Antwort stand nicht im Wissen"), "K"),
    Action("everywhere", gettext_lazy("In allen Städten suchen"), "T"),
    Action("concern", gettext_lazy("Weiteres Anliegen"), "W"),
    Action("close", gettext_lazy("Abschließen und bereit"), "Ctrl+Enter"),
    Action("hang_up", gettext_lazy("Auflegen"), "H"),
    Action("hold", gettext_lazy("Halten und zurückholen"), "L"),
    Action("consult", gettext_lazy("Rückfrage beim Amt"), "R"),
    Action("next_call", gettext_lazy("Zum anderen Gespräch"), "G"),
    Action("count_notice", gettext_lazy("Anfrage zur Lage zählen"), "+"),
    Action("ready", gettext_lazy("Bereit"), "B"),
    Action("pause", gettext_lazy("Nicht bereit"), "P"),
    Action("screen_break", gettext_lazy("Nicht bereit: Bildschirmpause"), "I"),
    Action("meeting", gettext_lazy("Nicht bereit: Besprechung"), "U"),
    Action("course", gettext_lazy("Nicht bereit: Schulung"), "Z"),
    Action("leave", gettext_lazy("Platz verlassen"), "X"),
    Action("own_day", gettext_lazy("Ihr Tag"), "Y"),
    Action("changes", gettext_lazy("Was sich geändert hat"), "C"),
    Action("open_call", gettext_lazy("Anruf von Hand öffnen"), "O"),
    Action("help", gettext_lazy("Tasten zeigen"), "?"),
)
BY_NAME = {action.name: action for action in ACTIONS}


class ShortcutError(ValueError):
    """A key cannot be used; the message says why and what to do."""


def canonical(written: str) -> str:
    """The one way of writing a key; an empty text stays empty. Raises ShortcutError."""
    text = written.strip()
    if not text:
        return ""
    # "Strg ↵", "strg+enter" and "Ctrl + Enter" are one key; a lone "+" is a key as well.
    parts = [text] if len(text) == 1 else [part for part in re.split(r"[\s+]+", text) if part]
    modifiers, keys = set(), []
    for part in parts:
        word = WORDS.get(part.upper())
        if word:
            modifiers.add(word)
        else:
            keys.append(NAMED.get(part.upper(), part.upper() if len(part) == 1 else ""))
    if len(keys) != 1 or not keys[0]:
        raise ShortcutError(_("Bitte schreiben Sie eine Taste wie V, Alt+1 oder Strg+Eingabe."))
    combination = "+".join([*(word for word in MODIFIERS if word in modifiers), keys[0]])
    if combination in TAKEN or (keys[0] in {"Enter", "Space"} and not modifiers & {"Ctrl", "Alt"}):
        raise ShortcutError(_("Diese Taste braucht der Browser selbst. Bitte wählen Sie eine andere."))
    return combination


def enabled(user: User) -> bool:
    return bool(_chosen(user).get("enabled", True))


def sound(user: User) -> bool:
    """Whether a ring may be heard; off unless wanted."""
    return bool(_chosen(user).get("sound", False))


def keys_of(user: User) -> dict[str, str]:
    """Key by action name, this agent's choice over the defaults; empty when switched off.

    A default that the agent gave to something else is left out: a new action takes nobody's key away.
    """
    if not enabled(user):
        return {}
    own = _chosen(user).get("keys", {})
    free = {action.name: "" if action.default in own.values() else action.default for action in ACTIONS}
    return free | {name: key for name, key in own.items() if name in free}


def shown(key: str) -> str:
    """A key as it is printed: ``Ctrl+Enter`` as Strg ↵."""
    return (
        key.replace("Ctrl", _("Strg"))
        .replace("Shift", _("Umschalt"))
        .replace("Enter", "↵")
        .replace("Space", _("Leertaste"))
        .replace("+", " ")
        if len(key) > 1
        else key
    )


def written(key: str) -> str:
    """A key as a field of the settings page holds it: ``Ctrl+Enter`` as Strg+Eingabe."""
    return key.replace("Ctrl", _("Strg")).replace("Shift", _("Umschalt")).replace("Enter", _("Eingabe"))


def spoken(key: str) -> str:
    """A key as a sentence says it: ``Ctrl+Enter`` as Strg Eingabe."""
    return shown(key).replace("↵", _("Eingabe"))


def for_aria(key: str) -> str:
    """A key as ``aria-keyshortcuts`` wants it."""
    return key.replace("Ctrl", "Control")


@transaction.atomic
def save_shortcuts(*, user: User, keys: Mapping[str, str], enabled: bool, sound: bool) -> None:
    """Keep what differs from the defaults. Raises ShortcutError when two actions share a key."""
    wanted = {name: canonical(key) for name, key in keys.items() if name in BY_NAME}
    given: dict[str, str] = {}
    for name, key in wanted.items():
        if key and key in given:
            raise ShortcutError(
                _("Die Taste %(key)s ist doppelt vergeben: „%(first)s“ und „%(second)s“.")
                % {"key": shown(key), "first": BY_NAME[given[key]].label, "second": BY_NAME[name].label}
            )
        given[key] = name
    own = {name: key for name, key in wanted.items() if key != BY_NAME[name].default}
    fresh = User.objects.select_for_update().get(pk=user.pk)
    fresh.preferences = {**fresh.preferences, "shortcuts": {"enabled": enabled, "sound": sound, "keys": own}}
    fresh.save(update_fields=["preferences"])
    user.preferences = fresh.preferences


def _chosen(user: User) -> dict[str, Any]:
    chosen = (getattr(user, "preferences", None) or {}).get("shortcuts")
    return chosen if isinstance(chosen, dict) else {}
