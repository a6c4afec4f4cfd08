"""The wallboard: a page for a screen on the wall, and the piece of it that renews itself."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from callcenter.accounts.access import HouseRequest, for_roles
from callcenter.accounts.models import Role
from callcenter.calls.models import PresenceState
from callcenter.supervision.wallboard import CityNow, now_in, opening
from tenants.models import Tenant

WIDTH, HEIGHT = 600, 200


@dataclass(frozen=True)
class Bar:
    """One half-hour in the picture; numbers as text, so that no locale writes a thousands point into an attribute."""

    x: str
    width: str
    y: str
    height: str
    is_expected: bool


def bars(one: CityNow) -> list[Bar]:
    """What rang, filled; what is still expected, dashed. The highest bar fills the picture."""
    now = timezone.now().astimezone(one.city.zone).replace(tzinfo=None)
    most = max((max(calls, likely) for _, calls, likely in one.half_hours), default=0) or 1
    step = WIDTH / max(1, len(one.half_hours))
    drawn = []
    for place, (slot, calls, likely) in enumerate(one.half_hours):
        for value, is_expected in ((likely, True), (calls, False)):
            if value and (not is_expected or slot > now or likely > calls):
                height = value / most * (HEIGHT - 4)
                drawn.append(
                    Bar(
                        f"{place * step + step * 0.1:.1f}",
                        f"{step * 0.8:.1f}",
                        f"{HEIGHT - height:.1f}",
                        f"{height:.1f}",
                        is_expected,
                    )
                )
    return drawn


def _context(request: HouseRequest) -> dict[str, object]:
    cities = list(Tenant.objects.filter(pk__in=request.user.tenant_ids(Role.SUPERVISOR)))
    now = now_in(cities, timezone.now())
    seconds = {city.answer_within_seconds for city in cities}
    return {
        "now": now,
        "cities": [(one, bars(one)) for one in now.cities],
        "within_s": seconds.pop() if len(seconds) == 1 else None,
        "targets": now.cities[0].targets,
        "below_promise": any(one.below_promise for one in now.cities),
        "ready": now.desks.get(PresenceState.READY, 0),
        "busy": [
            (label, now.desks[state])
            for state, label in PresenceState.choices
            if state not in {PresenceState.READY, PresenceState.AWAY} and now.desks.get(state)
        ],
        "opening": opening(cities, timezone.localdate()),
        "theme": request.user.theme if request.user.theme != "auto" else "dark",
    }


@for_roles(Role.SUPERVISOR)
def wallboard(request: HouseRequest) -> HttpResponse:
    return render(request, "supervision/wallboard.html", _context(request))


@for_roles(Role.SUPERVISOR)
def wallboard_now(request: HouseRequest) -> HttpResponse:
    """The renewing piece: large figures every five seconds, the table for screen readers once a minute."""
    piece = "_wallboard_table" if request.GET.get("teil") == "tabelle" else "_wallboard"
    return render(request, f"supervision/{piece}.html", _context(request))
