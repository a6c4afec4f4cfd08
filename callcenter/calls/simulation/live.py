"""Calls that ring at the desks in real time, for the demo and for training.

Each goes through the same door as a real one. It rings only while somebody is ready, the caller gives up
after a while, and a talk that nobody ends is ended by the caller.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random

from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from callcenter.calls.events import ENDED, OFFERED, ParsedEvent
from callcenter.calls.models import Call, CallState, Connector, Source
from callcenter.calls.presence import ready_agents
from callcenter.calls.services.ingest import ingest
from callcenter.calls.simulation.month import area_code, simulation_connector
from tenants.ids import new_id
from tenants.models import Line, Tenant
from tenants.scope import all_cities

LOOK_EVERY = 1.0  # seconds
PAUSE = (4, 12)  # seconds between somebody being free and the next ring
PATIENCE = (35, 60)  # seconds a caller waits
TALK = (240, 420)  # seconds until the caller hangs up
SHARES = {"duisburg": 3, "dinslaken": 2}  # in the demo the small city shall be seen, too


class Player:
    """Plays calls for these cities until it is stopped; ``tell`` prints a line for whoever watches."""

    def __init__(self, *, cities: Sequence[Tenant], seed: int, tell: Callable[[str], object]) -> None:
        self.cities, self.tell = cities, tell
        self.chance = Random(f"{seed}:live:{timezone.now().date()}")  # noqa: S311 - made-up calls, no secret
        self.next_at: datetime | None = None
        self.ends: dict[str, datetime] = {}

    def run(self) -> None:
        """Until interrupted; a database that is away for a moment is waited for."""
        try:
            while True:
                try:
                    close_old_connections()
                    with all_cities("plays calls for every demo city"):
                        self.step(timezone.now())
                except DatabaseError as error:
                    self.tell(f"database unavailable, trying again: {error}")
                    time.sleep(2)
                time.sleep(LOOK_EVERY)
        except KeyboardInterrupt:
            return

    def step(self, now: datetime) -> None:
        """One look: end what is over, ring when somebody is free."""
        connector = simulation_connector()
        waiting = 0
        for call in Call.objects.filter(connector=connector, source=Source.SIMULATOR).exclude(state=CallState.ENDED):
            if not self.over(call, now):
                waiting += call.state == CallState.OFFERED
                continue
            cause = "cancel" if call.state == CallState.OFFERED else "normalClearing"
            self.send(connector, ParsedEvent(kind=ENDED, call_id=call.connector_call_id, direction="in", cause=cause))
        free = {city: len(ready_agents(city.pk)) for city in self.cities}
        if not any(free.values()) or waiting:
            self.next_at = None
        elif self.next_at is None:
            self.next_at = now + timedelta(seconds=self.chance.uniform(*PAUSE))
        elif now >= self.next_at:
            self.next_at = None
            self.ring(connector, [city for city, agents in free.items() if agents])

    def over(self, call: Call, now: datetime) -> bool:
        """Whether the caller's patience, or the talk, is at its end."""
        phase = f"{call.pk}:{call.state}"
        if phase not in self.ends:
            since = call.answered_at if call.state == CallState.CONNECTED and call.answered_at else call.offered_at
            length = self.chance.uniform(*(PATIENCE if call.state == CallState.OFFERED else TALK))
            self.ends[phase] = since + timedelta(seconds=length)
        if now < self.ends[phase]:
            return False
        del self.ends[phase]
        return True

    def ring(self, connector: Connector, cities: Sequence[Tenant]) -> Call | None:
        """A new caller for one of the cities."""
        city = self.chance.choices(cities, weights=[SHARES.get(city.slug, 1) for city in cities])[0]
        line = Line.objects.filter(tenant=city, valid_until__isnull=True).exclude(number__startswith="queue").first()
        if line is None:
            return None
        number = f"{area_code(line.number)}{self.chance.randrange(10**5, 10**6)}"
        caller = "anonymous" if self.chance.random() < 0.1 else number
        event = ParsedEvent(
            kind=OFFERED,
            call_id=f"live-{new_id()}",
            direction="in",
            caller=caller,
            dialled=line.number,
            queue=city.name,
        )
        self.tell(f"a call for {city.name}")
        return self.send(connector, event)

    def send(self, connector: Connector, event: ParsedEvent) -> Call:
        raw = f"{event.kind} {event.cause}".encode()
        taken = ingest(connector=connector, event=event, raw=raw, received_at=timezone.now(), source=Source.SIMULATOR)
        return taken.call
