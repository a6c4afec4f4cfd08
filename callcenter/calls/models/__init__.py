"""The ledger of calls: raw telephony events, the calls they fold into, and what was done in them."""

from __future__ import annotations

from callcenter.calls.models.calls import (
    PLAYED,
    Call,
    CallerNumber,
    CallLeg,
    CallState,
    Direction,
    Outcome,
    Source,
    TelephonyEvent,
)
from callcenter.calls.models.connectors import (
    BlockedCaller,
    CallerIdRule,
    Connector,
    Dialect,
    RequestLog,
)
from callcenter.calls.models.contacts import (
    CHOSEN_BY_PEOPLE,
    Contact,
    ContactArticle,
    Disposition,
    Feedback,
    FeedbackKind,
)
from callcenter.calls.models.handovers import (
    Handover,
    HandoverEntry,
    HandoverState,
    HandoverStep,
)
from callcenter.calls.models.practice import counted
from callcenter.calls.models.presence import (
    Presence,
    PresenceState,
)
from callcenter.calls.models.questions import (
    Prefill,
    Question,
    QuestionKind,
    QuestionSet,
)

__all__ = [
    "CHOSEN_BY_PEOPLE",
    "PLAYED",
    "BlockedCaller",
    "Call",
    "CallLeg",
    "CallState",
    "CallerIdRule",
    "CallerNumber",
    "Connector",
    "Contact",
    "ContactArticle",
    "Dialect",
    "Direction",
    "Disposition",
    "Feedback",
    "FeedbackKind",
    "Handover",
    "HandoverEntry",
    "HandoverState",
    "HandoverStep",
    "Outcome",
    "Prefill",
    "Presence",
    "PresenceState",
    "Question",
    "QuestionKind",
    "QuestionSet",
    "RequestLog",
    "Source",
    "TelephonyEvent",
    "counted",
]
