"""AMI events into the ledger, each stored (encrypted, as it came) together with the call it changes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from callcenter.calls.asterisk.translate import INBOUND, Ami, Gate, Mapped, comes_from_outside, conversation_of
from callcenter.calls.events import ENDED, BadEvent, ParsedEvent, body_hash
from callcenter.calls.models import Call, CallLeg, CallState, Connector, Source
from callcenter.calls.services.connectors import log_refusal
from callcenter.calls.services.ingest import ingest
from tenants.scope import all_cities


def mapped_for(connector: Connector, prefix: str = "") -> Mapped:
    """The connector's contexts and names of lines, as set up in the browser."""
    contexts = tuple(connector.ami.get("contexts") or INBOUND)
    return Mapped(contexts, tuple((connector.ami.get("lines") or {}).items()), prefix)


class Intake:
    """One PBX's events on their way into the ledger. ``prefix`` keeps recorded cases apart."""

    def __init__(self, connector: Connector, prefix: str = "", source: str = Source.TELEPHONY) -> None:
        self.connector, self.source = connector, source
        self.mapped = mapped_for(connector, prefix)
        self.gate = Gate(self.mapped, _open_legs(connector))

    def take(self, ami: Ami, received_at: datetime | None = None) -> int:
        """Fold one event and those it sets free; returns how many said something. Raises DatabaseError.

        After an error the event may be given again: repetition adds nothing.
        """
        ready = self.gate.take(ami)
        for done, (told, event) in enumerate(ready):
            try:
                self._store(told, event, received_at or timezone.now())
            except BadEvent as error:
                log_refusal(
                    connector=self.connector,
                    status=422,
                    reason=str(error),
                    path="",
                    remote="",
                    content_type="application/json",
                    body=_raw(told),
                )
            except Exception:
                # What was set free and is not stored yet waits for the next attempt.
                for rest, made in ready[done:]:
                    self.gate.held[conversation_of(rest)].append((rest, made))
                raise
        return len(ready)

    def _store(self, ami: Ami, event: ParsedEvent, received_at: datetime) -> None:
        ingest(
            connector=self.connector,
            event=event,
            raw=_raw(ami),
            received_at=received_at,
            body_hash=body_hash(dict(ami)),
            source=self.source,
        )

    def catch_up(self, channels: Sequence[Ami]) -> int:
        """After a login: end the calls whose channels are gone, ring for callers nobody knew. Returns how many."""
        alive, changed, now = {ami.get("Uniqueid", "") for ami in channels}, 0, timezone.now()
        for leg in _open_legs(self.connector) - alive:
            gone = {"Event": "Hangup", "Uniqueid": leg, "Linkedid": leg, "Cause-txt": "lost", "at": now.isoformat()}
            event = ParsedEvent(kind=ENDED, call_id=leg, cause="lost", at=now)
            self._store(gone, event, now)
            changed += 1
        for ami in channels:
            started = {**ami, "Event": "Newchannel"}
            if comes_from_outside(started, self.mapped) and ami["Uniqueid"] not in self.gate.open:
                changed += self.take(started)
        return changed


def _raw(ami: Ami) -> bytes:
    return json.dumps(dict(ami), ensure_ascii=False).encode()


def _open_legs(connector: Connector) -> set[str]:
    with all_cities("one PBX serves several cities"):
        going = Call.objects.filter(connector=connector).exclude(state=CallState.ENDED)
        return set(CallLeg.objects.filter(call__in=going).values_list("connector_call_id", flat=True))
