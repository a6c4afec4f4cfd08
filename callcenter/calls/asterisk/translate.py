"""AMI events → ``ParsedEvent``. Pure: what comes out depends on which events came, never on their order.

Each AMI event is translated by itself. A conversation is known by the caller's channel (``Linkedid``); every
telephone it rings at is a leg of its own (``Uniqueid``), linked to it, so that one conversation is one call.
Calls between extensions and outbound calls stay outside: events are held back until one of them shows that the
conversation came in from outside or through a queue, or that it was joined to one that did.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from callcenter.calls.events import ANSWERED, ENDED, OFFERED, TRANSFERRED, ParsedEvent

Ami = Mapping[str, str]

# FreePBX's names and the ones of Asterisk's own examples.
INBOUND = ("from-trunk", "from-pstn", "from-external", "from-did-direct", "from-sip-external", "incoming", "inbound")
NO_NUMBER = {"", "s", "h", "i", "t", "<unknown>"}
CAUSES = {"16": "normalClearing", "17": "busy", "18": "noAnswer", "19": "noAnswer", "1": "notFound", "34": "congestion"}
DIAL_CAUSES = {
    "BUSY": "busy",
    "NOANSWER": "noAnswer",
    "CANCEL": "cancel",
    "CONGESTION": "congestion",
    "CHANUNAVAIL": "notFound",
}
EXTENSION = re.compile(r"^(?:Agent:|[A-Za-z0-9_]+/)([^@;/]+)")
UNIQUE_SUFFIX = re.compile(r"-[0-9a-f]{6,12}$")


@dataclass(frozen=True)
class Mapped:
    """How this PBX names things: inbound contexts, and queue or DID → the line's number."""

    contexts: tuple[str, ...] = INBOUND
    lines: tuple[tuple[str, str], ...] = ()
    prefix: str = ""

    def line(self, word: str) -> str:
        """The number or queue name under which *Leitungen* knows this queue or DID."""
        return dict(self.lines).get(word, word)

    def leg(self, unique: str) -> str:
        """The call id of one channel."""
        return self.prefix + unique if unique else ""


def extension(channel: str) -> str:
    """``PJSIP/201-0000001f`` or ``Local/201@from-queue/n`` → ``201``."""
    found = EXTENSION.match(channel)
    return UNIQUE_SUFFIX.sub("", found.group(1)) if found else channel.partition("@")[0]


def told_at(ami: Ami) -> datetime | None:
    """The PBX's own time (``timestampevents = yes``), UTC."""
    try:
        return datetime.fromtimestamp(float(ami["Timestamp"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None


def conversation_of(ami: Ami) -> str:
    """The ``Linkedid`` this event belongs to; empty when it is about no call."""
    for name in ("Linkedid", "OrigTransfererLinkedid", "TransfererLinkedid", "TargetLinkedid", "DestLinkedid"):
        if value := ami.get(name, ""):
            return value
    return ami.get("Uniqueid", "")


def comes_from_outside(ami: Ami, mapped: Mapped) -> bool:
    """Whether this event alone shows an inbound conversation."""
    if ami.get("Event") == "QueueCallerJoin":
        return True
    first = ami.get("Uniqueid", "") == conversation_of(ami)
    return ami.get("Event") == "Newchannel" and first and ami.get("Context", "") in mapped.contexts


def joined(ami: Ami) -> tuple[str, str] | None:
    """(other conversation, the one it was joined to), for attended transfers and pickups."""
    if ami.get("Event") == "AttendedTransfer" and ami.get("Result", "Success") == "Success":
        pair = ami.get("SecondTransfererLinkedid", ""), ami.get("OrigTransfererLinkedid", "")
    elif ami.get("Event") == "Pickup":
        pair = ami.get("Linkedid", ""), ami.get("TargetLinkedid", "")
    else:
        return None
    return pair if all(pair) and pair[0] != pair[1] else None


def translate(ami: Ami, mapped: Mapped) -> ParsedEvent | None:
    """What this event says about its call; None when it says nothing the ledger keeps."""
    handler = HANDLERS.get(ami.get("Event", ""))
    return handler(ami, mapped) if handler and conversation_of(ami) else None


def _made(ami: Ami, mapped: Mapped, kind: str, leg: str, **said: object) -> ParsedEvent:
    linked = str(said.pop("linked", "") or conversation_of(ami))
    leg = leg or linked
    return ParsedEvent(
        kind=kind,
        call_id=mapped.leg(leg),
        direction="in",
        linked_call_id=mapped.leg(linked) if linked != leg else "",
        at=told_at(ami),
        **said,  # type: ignore[arg-type]
    )


def _new_channel(ami: Ami, mapped: Mapped) -> ParsedEvent | None:
    if not comes_from_outside(ami, mapped):
        return None
    dialled = ami.get("Exten", "")
    return _made(
        ami,
        mapped,
        OFFERED,
        ami["Uniqueid"],
        caller=_number(ami),
        dialled="" if dialled in NO_NUMBER else mapped.line(dialled),
    )


def _number(ami: Ami) -> str:
    said = ami.get("CallerIDNum", "")
    return "" if said in NO_NUMBER else said


def _queued(ami: Ami, mapped: Mapped) -> ParsedEvent:
    queue = ami.get("Queue", "")
    line = mapped.line(queue)
    return _made(
        ami,
        mapped,
        OFFERED,
        ami.get("Uniqueid", ""),
        caller=_number(ami),
        queue=queue,
        dialled=line if line != queue else "",
    )


def _member(ami: Ami) -> str:
    return extension(ami.get("Interface") or ami.get("DestChannel") or ami.get("MemberName", ""))


def _agent_called(ami: Ami, mapped: Mapped) -> ParsedEvent:
    return _made(ami, mapped, OFFERED, ami.get("DestUniqueid", ""), users=(_member(ami),))


def _agent_connected(ami: Ami, mapped: Mapped) -> ParsedEvent:
    return _made(ami, mapped, ANSWERED, ami.get("DestUniqueid", ""), answered_by=_member(ami))


def _agent_ended(ami: Ami, mapped: Mapped) -> ParsedEvent | None:
    if not ami.get("DestUniqueid"):
        return None
    cause = "noAnswer" if ami["Event"] == "AgentRingNoAnswer" else "normalClearing"
    return _made(ami, mapped, ENDED, ami["DestUniqueid"], cause=cause)


def _dial_begin(ami: Ami, mapped: Mapped) -> ParsedEvent | None:
    user = extension(ami.get("DestChannel", ""))
    return _made(ami, mapped, OFFERED, ami.get("DestUniqueid", ""), users=(user,) if user else ())


def _dial_end(ami: Ami, mapped: Mapped) -> ParsedEvent | None:
    status = ami.get("DialStatus", "")
    if status == "ANSWER":
        by = extension(ami.get("DestChannel", ""))
        return _made(ami, mapped, ANSWERED, ami.get("DestUniqueid", ""), answered_by=by)
    if not ami.get("DestUniqueid"):
        return None
    return _made(ami, mapped, ENDED, ami["DestUniqueid"], cause=DIAL_CAUSES.get(status, status))


def _blind(ami: Ami, mapped: Mapped) -> ParsedEvent | None:
    if ami.get("Result", "Success") != "Success" or not ami.get("TransfererUniqueid"):
        return None
    return _made(ami, mapped, TRANSFERRED, ami["TransfererUniqueid"], linked=ami.get("TransfererLinkedid", ""))


def _attended(ami: Ami, mapped: Mapped) -> ParsedEvent | None:
    pair = joined(ami)
    return _made(ami, mapped, TRANSFERRED, pair[0], linked=pair[1]) if pair else None


def _pickup(ami: Ami, mapped: Mapped) -> ParsedEvent:
    by = extension(ami.get("Channel", ""))
    return _made(ami, mapped, ANSWERED, ami.get("Uniqueid", ""), answered_by=by, linked=ami.get("TargetLinkedid", ""))


def _hangup(ami: Ami, mapped: Mapped) -> ParsedEvent:
    cause = ami.get("Cause", "")
    return _made(ami, mapped, ENDED, ami.get("Uniqueid", ""), cause=CAUSES.get(cause, ami.get("Cause-txt", cause)))


def _voicemail(ami: Ami, mapped: Mapped) -> ParsedEvent | None:
    """The dialplan's step into the mailbox (class ``dialplan``), or a UserEvent of that name."""
    if "voicemail" not in (ami.get("Application", "").lower(), ami.get("UserEvent", "").lower()):
        return None
    return _made(ami, mapped, ANSWERED, ami.get("Uniqueid", ""), is_voicemail=True)


HANDLERS: dict[str, Callable[[Ami, Mapped], ParsedEvent | None]] = {
    "Newchannel": _new_channel,
    "QueueCallerJoin": _queued,
    "AgentCalled": _agent_called,
    "AgentConnect": _agent_connected,
    "AgentComplete": _agent_ended,
    "AgentRingNoAnswer": _agent_ended,
    "DialBegin": _dial_begin,
    "DialEnd": _dial_end,
    "BlindTransfer": _blind,
    "AttendedTransfer": _attended,
    "Pickup": _pickup,
    "Hangup": _hangup,
    "Newexten": _voicemail,
    "UserEvent": _voicemail,
}


class Gate:
    """Lets through what belongs to inbound conversations; holds the rest back until that shows."""

    HELD = 5_000  # conversations; the oldest are forgotten

    def __init__(self, mapped: Mapped, known: Iterable[str] = ()) -> None:
        self.mapped = mapped
        self.open: dict[str, None] = dict.fromkeys(known)  # in the order they opened
        self.held: dict[str, list[tuple[Ami, ParsedEvent]]] = defaultdict(list)
        self.links: dict[str, set[str]] = defaultdict(set)

    def take(self, ami: Ami) -> list[tuple[Ami, ParsedEvent]]:
        """The events that may be folded now, with what they were made of."""
        conversation, pair = conversation_of(ami), joined(ami)
        if pair:
            self.links[pair[0]].add(pair[1])
            self.links[pair[1]].add(pair[0])
        event = translate(ami, self.mapped)
        if event is not None:
            self.held[conversation].append((ami, event))
        if comes_from_outside(ami, self.mapped):
            self.open[conversation] = None
        self._spread({conversation, *(pair or ())})
        ready = [one for key in list(self.held) if key in self.open for one in self.held.pop(key)]
        while len(self.held) > self.HELD:
            self.held.pop(next(iter(self.held)))
        while len(self.open) > 10 * self.HELD:
            old = next(iter(self.open))
            del self.open[old]
            self.links.pop(old, None)
        return ready

    def _spread(self, around: set[str]) -> None:
        """What is joined to an open conversation is open."""
        seen, todo = set(around), list(around)
        while todo:
            new = self.links.get(todo.pop(), set()) - seen
            seen |= new
            todo.extend(new)
        if any(key in self.open for key in seen):
            self.open.update(dict.fromkeys(seen))
