"""Erlang C: how many people a number of calls needs (M/M/c, nobody hangs up, nobody is lost).

Source: A. K. Erlang (1917); the recursion of the blocking probability avoids factorials. Because
nobody hangs up in this model it asks for slightly more people than real life: it errs on the
callers' side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST_AGENTS = 5_000


@dataclass(frozen=True)
class Staffing:
    """What one number of agents gives; ``wait_probability``, ``service_level`` and ``occupancy`` are shares of one."""

    agents: int
    wait_probability: float
    service_level: float
    mean_wait_s: float  # infinite when the queue only grows
    occupancy: float


def blocking(agents: int, load: float) -> float:
    """Erlang B: the share of calls that would find every agent busy if nobody could wait."""
    blocked = 1.0
    for n in range(1, agents + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked


def staffing(*, calls: float, seconds: float, handling_s: float, target_s: float, agents: int) -> Staffing:
    """The figures of ``agents`` people for ``calls`` calls within ``seconds`` seconds.

    ``handling_s`` is talk plus wrap-up of one call, ``target_s`` the promised waiting time.
    """
    if agents < 0 or seconds <= 0 or handling_s < 0 or calls < 0 or target_s < 0:
        raise ValueError("Calls, seconds, handling time, target and agents are never negative.")
    load = calls * handling_s / seconds
    if load == 0:
        return Staffing(agents, 0.0, 1.0, 0.0, 0.0)
    if agents <= load:
        return Staffing(agents, 1.0, 0.0, math.inf, 1.0)
    blocked = blocking(agents, load)
    waiting = blocked / (1 - load / agents * (1 - blocked))
    spare = agents - load
    return Staffing(
        agents=agents,
        wait_probability=waiting,
        service_level=1 - waiting * math.exp(-spare * target_s / handling_s),
        mean_wait_s=waiting * handling_s / spare,
        occupancy=load / agents,
    )


def agents_needed(*, calls: float, seconds: float, handling_s: float, target_s: float, service_level: float) -> int:
    """The smallest team that answers the share ``service_level`` within ``target_s``."""
    if not 0 < service_level < 1:
        raise ValueError("A promised service level lies between 0 and 1.")
    if calls == 0 or handling_s == 0:
        return 0
    agents = math.floor(calls * handling_s / seconds) + 1
    while agents < MOST_AGENTS:
        result = staffing(calls=calls, seconds=seconds, handling_s=handling_s, target_s=target_s, agents=agents)
        if result.service_level >= service_level:
            return agents
        agents += 1
    raise ValueError(f"More than {MOST_AGENTS} agents would be needed.")


def on_the_payroll(agents: int, shrinkage: float) -> int:
    """People to plan so that ``agents`` sit at their desks; ``shrinkage`` is leave, illness, training."""
    if not 0 <= shrinkage < 1:
        raise ValueError("Shrinkage is a share from 0 to below 1.")
    return math.ceil(round(agents / (1 - shrinkage), 9))
