"""Row 29: clocks that jump at the edge of a month, in the night the hour is given back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from billing import ledger, services
from billing.models import UsageRecord
from billing.months import Month
from callcenter.calls.events import ParsedEvent
from callcenter.calls.models import Call
from callcenter.calls.services import add_connector, ingest
from tenants.scope import all_cities
from tests.billing.conftest import complete, make_agreement

pytestmark = pytest.mark.django_db
# 2027-10-31 ends at 23:00 UTC; in that night 02:00 to 03:00 local time comes twice.
EDGE = datetime(2027, 10, 31, 23, 0, tzinfo=UTC)
JUMPS = {
    "back an hour": (timedelta(seconds=-20), timedelta(hours=-1), timedelta(hours=-1, seconds=90)),
    "on an hour": (timedelta(seconds=-20), timedelta(hours=1), timedelta(hours=1, seconds=90)),
    "back over the edge": (timedelta(seconds=5), timedelta(seconds=-30), timedelta(seconds=60)),
    "there and back": (timedelta(seconds=-1), timedelta(days=1), timedelta(seconds=-90)),
    "in the doubled hour": (timedelta(hours=-22, seconds=-5), timedelta(hours=-22, minutes=-50), timedelta(hours=-21)),
}


@pytest.mark.fault(29)
@pytest.mark.parametrize("jumps", JUMPS.values(), ids=JUMPS.keys())
def test_call_over_a_clock_jump_is_in_exactly_one_month(jumps, duisburg, dinslaken, lines, tally) -> None:
    """A server whose clock is put right at midnight would bill a call twice, or never."""
    complete(duisburg, dinslaken)
    connector, _ = add_connector(name="Anlage")
    for kind, jump in zip(("offered", "answered", "ended"), jumps, strict=True):
        event = ParsedEvent(kind=kind, call_id="x", direction="in", dialled="+492064660", answered_by="21")
        ingest(connector=connector, event=event, raw=kind.encode(), received_at=EDGE + jump)
    with all_cities("test"):
        call = Call.objects.get()
        assert call.offered_at <= call.answered_at <= call.ended_at
        agreement = make_agreement(duisburg, dinslaken)
        for month in ("2027-09", "2027-10", "2027-11", "2027-12"):
            services.close_period(
                agreement=agreement, month=Month.parse(month), now=datetime(2028, 2, 1, tzinfo=UTC)
            )  # fmt: skip
        record = UsageRecord.objects.get()
        assert record.month == Month.at(call.offered_at, dinslaken.zone).first
        assert list(ledger.findings()) == []
    tally(29, repetitions=1, lost=0)
