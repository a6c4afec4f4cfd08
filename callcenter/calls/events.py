"""One telephony event in the house's own words, whatever dialect it came in. Pure values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

OFFERED, ANSWERED, ENDED, TRANSFERRED = "offered", "answered", "ended", "transferred"
REAPED, REJECTED = "reaped", "rejected"  # the house's own: hangup never came; caller was turned away
VOICEMAIL = "voicemail"
MAX_RING_GROUP = 10_000


class BadEvent(ValueError):
    """The request is no event; the message is English, for the people who connect telephone systems."""


@dataclass(frozen=True)
class ParsedEvent:
    """What a telephone system told.

    ``caller`` is the outside party and ``dialled`` the city's side, in both directions; both as sent.
    ``direction`` is "in", "out" or "" when the dialect may leave it out. ``users`` is whom it rings at,
    ``answered_by`` who answered (extension, login or number). ``linked_call_id`` names another leg of the
    same conversation; ``diverted_from`` the number that passed the call on. ``at`` is the sender's own,
    signed time. ``turned_away`` says that the telephone system refused the caller itself.
    """

    kind: str
    call_id: str
    direction: str = ""
    caller: str = ""
    dialled: str = ""
    queue: str = ""
    users: tuple[str, ...] = ()
    answered_by: str = ""
    is_voicemail: bool = False
    cause: str = ""
    linked_call_id: str = ""
    diverted_from: str = ""
    turned_away: bool = False
    at: datetime | None = None


def body_hash(values: Mapping[str, object]) -> str:
    """SHA-256 over the fields in a fixed order, so that a retry with another boundary or key order is the same."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
