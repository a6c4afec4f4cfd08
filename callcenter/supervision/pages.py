"""From an address to what a page shows, and back to addresses of its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from django.utils import timezone

from callcenter.accounts.access import HouseRequest
from callcenter.accounts.models import Role
from callcenter.supervision import selectors
from callcenter.supervision.forms import LookForm
from callcenter.supervision.models import Targets
from callcenter.supervision.overview import Overview
from callcenter.supervision.periods import Period, containing
from callcenter.supervision.selectors import Look
from tenants.models import Line, Tenant

SEES_FIGURES = (Role.SUPERVISOR, Role.LIAISON)
PRESETS = ("day", "week", "month", "quarter", "year")


def cities_of(request: HouseRequest) -> list[Tenant]:
    """Cities whose figures the user may see, by name."""
    return list(Tenant.objects.filter(pk__in=request.user.tenant_ids(*SEES_FIGURES)))


def tabs(request: HouseRequest) -> dict[str, object]:
    """The pages between which the user may switch."""
    return {"cities": cities_of(request), "is_supervisor": bool(request.user.tenant_ids(Role.SUPERVISOR))}


@dataclass(frozen=True)
class Asked:
    """What the address asks for: the period as a whole, the look at what of it has passed."""

    view: Overview
    form: LookForm
    period: Period

    @property
    def status(self) -> int:
        return 422 if self.form.errors else 200

    def address(self, period: Period, *, with_topic: bool = True) -> str:
        """The query string that shows the same look over a period."""
        query = self.view.look.query(period)
        if not with_topic:
            query.pop("thema", None)
        return urlencode(query)

    def context(self) -> dict[str, object]:
        """What every page with a period shows in its head."""
        end, look = self.view.look.period.last, self.view.look
        return {
            "form": self.form if self.form.errors else self.form.showing(self.period),
            "period": self.period,
            "before": self.view.before,
            "is_running": self.period != look.period,
            "query": self.address(self.period),
            "earlier": self.address(self.period.shifted(-1)),
            "later": self.address(self.period.shifted(1)) if self.period.last < self.view.today else "",
            "presets": [(kind, self.address(containing(kind, end)), self.period.kind == kind) for kind in PRESETS],
            "formula": self.view.formula(),
            "which_calls": self.view.which_calls(),
            "service_only": look.service_only,
        }


def asked_for(request: HouseRequest, city: Tenant) -> Asked:
    """The look that the address describes; the last month with calls when it names no period."""
    form = LookForm(request.GET, city=city)
    data = form.cleaned_data if form.is_valid() else {}
    now = timezone.now()
    period = data.get("period") or selectors.last_month_with_calls([city], now.astimezone(city.zone).date())
    line = form.lines.get(data.get("leitung") or 0)
    counted = {"on": True, "alle": False}.get(str(data.get("servicezeit")))
    view = overview(city, period, now, line=line, topic=data.get("thema"), service_only=counted)
    return Asked(view, form, period)


def overview(
    city: Tenant,
    period: Period,
    now: datetime,
    *,
    line: Line | None = None,
    topic: UUID | None = None,
    service_only: bool | None = None,
) -> Overview:
    """One city over a period, compared with the one before; ``service_only`` None: as the city is set."""
    passed, before = period.compared_with(now.astimezone(city.zone).date())
    targets = Targets.of(city)
    only = targets.service_hours_only if service_only is None else service_only
    return Overview(Look(city, passed, targets, line, topic, only), before, now)
