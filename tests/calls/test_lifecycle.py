"""What happens to calls with time, and how they come in from elsewhere."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from callcenter.accounts.models import User
from callcenter.calls import services
from callcenter.calls.models import Call, CallerNumber, Contact, TelephonyEvent
from callcenter.calls.services.lifecycle import expire_personal_data, reap_stale_calls
from callcenter.calls.signals import month_guard
from tenants.models import Line, Tenant
from tenants.scope import all_cities, scoped
from tests.calls.conftest import Pbx, calls, only_call

pytestmark = pytest.mark.django_db


@pytest.mark.fault(3)
def test_reaper_closes_and_marks(pbx: Pbx, lines: dict[str, Line], seated: User) -> None:
    """A hangup that never comes must not keep a call and its agent busy for ever."""
    pbx.ring("1"), pbx.answer("1", user="201")
    assert reap_stale_calls() == 0
    assert reap_stale_calls(now=timezone.now() + timedelta(hours=5)) == 1
    call = only_call()
    assert (call.state, call.outcome, call.reaped, call.talked_s) == ("ended", "answered", True, 0)
    pbx.hangup("1")
    assert not only_call().reaped


def test_reaper_closes_calls_by_hand(lines: dict[str, Line], seated: User) -> None:
    """A call opened by hand and forgotten is closed, too."""
    with scoped(seated.tenant_ids()):
        services.open_manual_call(user=seated, line=lines["dinslaken"])
    assert reap_stale_calls(now=timezone.now() + timedelta(hours=5)) == 1
    assert only_call().reaped


def test_expiry_removes_the_person_and_keeps_the_call(pbx: Pbx, lines: dict[str, Line], seated: User) -> None:
    """After its days a call is a figure and nobody's any more; the invoice still opens to it."""
    pbx.ring("1"), pbx.answer("1", user="201"), pbx.hangup("1")
    with scoped(seated.tenant_ids()):
        (contact,) = services.contacts_of(user=seated, call=only_call())
        services.save_note(user=seated, contact=contact, note="Frau M. ruft wieder an")
    before = only_call()
    expire_personal_data(now=timezone.now() + timedelta(days=29))
    assert only_call().agent == seated
    expire_personal_data(now=timezone.now() + timedelta(days=31))
    after = only_call()
    assert (after.agent, after.extension) == (None, "")
    assert (after.pk, after.offered_at, after.talked_s, after.outcome) == (
        before.pk, before.offered_at, before.talked_s, before.outcome,
    )  # fmt: skip
    with all_cities("test"):
        assert not CallerNumber.objects.exists()
        assert Contact.objects.get().note == ""
    assert {bytes(event.body) for event in TelephonyEvent.objects.all()} == {b""}


# --- simulated months -----------------------------------------------------------------------------


def month(**options: object) -> list[tuple[object, ...]]:
    call_command("simulate_calls", "--month=2026-10", "--calls=120", tenant="dinslaken", stdout=StringIO(), **options)
    return [(c.pk, c.offered_at, c.outcome, c.waited_s, c.talked_s, c.legs, c.agent_id) for c in calls()]


def test_simulated_month_is_the_same_for_a_seed(lines: dict[str, Line], people: dict[str, User]) -> None:
    """Figures in the handbook and in reviews must be reproducible."""
    first = month(seed=7)
    assert len(first) == 120
    assert month(seed=7) == first
    assert month(seed=8) != first
    assert {row[2] for row in first} >= {"answered", "abandoned"}


def test_simulated_calls_lie_in_their_month(lines: dict[str, Line], people: dict[str, User]) -> None:
    """A call at the edge belongs to the month of the city's clock."""
    month(seed=7)
    assert {timezone.localtime(call.offered_at, call.tenant.zone).strftime("%Y-%m") for call in calls()} == {"2026-10"}


def test_simulated_month_equals_the_fold_of_its_events(lines: dict[str, Line], people: dict[str, User]) -> None:
    """The ledger's check recomputes each call from its events."""
    from callcenter.calls.fold import fold
    from callcenter.calls.services.ingest import as_fold_event

    month(seed=7)
    for call in calls():
        folded = fold(as_fold_event(event) for event in TelephonyEvent.objects.filter(call=call))
        assert (folded.state, folded.outcome, folded.legs) == (call.state, call.outcome, call.legs)


def test_simulation_leaves_real_calls(pbx: Pbx, lines: dict[str, Line], people: dict[str, User]) -> None:
    """Replacing made-up calls must never touch a citizen's."""
    with time_machine.travel("2026-10-05 08:00:00+00:00", tick=False):
        pbx.ring("1"), pbx.hangup("1")
    month(seed=7), month(seed=7)
    assert [call.source for call in calls()].count("telephony") == 1
    assert len(calls()) == 121


def test_simulation_of_a_closed_month_is_refused(lines: dict[str, Line], people: dict[str, User]) -> None:
    """What was invoiced must not be replaced."""

    def closed(**_: object) -> str:
        return "2026-10 is closed"

    month_guard.connect(closed)
    try:
        with pytest.raises(CommandError, match="is closed"):
            month(seed=7)
    finally:
        month_guard.disconnect(closed)
    assert calls() == []


# --- import ---------------------------------------------------------------------------------------
HEADER = "call_id,line,direction,offered_at,answered_at,ended_at,outcome,agent,topic\n"


def imported(tmp_path: Path, capsys: pytest.CaptureFixture[str], *rows: str, header: str = HEADER) -> dict[str, object]:
    file = tmp_path / "acd.csv"
    file.write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8-sig")
    call_command("import_calls", str(file), tenant="dinslaken", json=True)
    return json.loads(capsys.readouterr().out)


GOOD = "a1,02064 660,in,2026-10-05T10:00:00+02:00,2026-10-05T10:00:20+02:00,2026-10-05T10:03:20+02:00,,agent,"


def test_import_again_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: dict[str, Line], people: dict[str, User]
) -> None:
    """The same export read twice must not double the invoice."""
    assert imported(tmp_path, capsys, GOOD) == {"created": 1, "changed": 0, "unchanged": 0, "refused": []}
    assert imported(tmp_path, capsys, GOOD)["unchanged"] == 1
    call = only_call()
    assert (call.outcome, call.waited_s, call.talked_s, call.line) == ("answered", 20, 180, lines["dinslaken"])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (GOOD.replace("a1,", ",", 1), "call_id"),
        (GOOD.replace("02064 660", "0203 283 0"), "no line of dinslaken"),
        (GOOD.replace("T10:00:00+02:00", "T10:00:00"), "no offset"),
        (GOOD.replace("2026-10-05T10:00:00+02:00", "gestern"), "no ISO 8601"),
        (GOOD.replace("T10:03:20", "T10:00:10"), "before answered_at"),
        (GOOD.replace(",,agent", ",abandoned,agent"), "answered_at is given"),
        (GOOD.replace(",,agent", ",lost,agent"), "outcome must be one of"),
        (GOOD.replace("in,", "up,"), "direction"),
    ],
)
def test_bad_import_row_is_refused_and_the_rest_taken(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    lines: dict[str, Line],
    people: dict[str, User],
    row: str,
    reason: str,
) -> None:
    """One broken row must not cost the other ten thousand."""
    result = imported(tmp_path, capsys, row, GOOD.replace("a1", "a2"))
    assert result["created"] == 1
    ((refused,),) = (result["refused"],)  # type: ignore[misc]
    assert refused["line"] == 2
    assert reason in refused["reason"]


def test_import_without_needed_columns_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: dict[str, Line]
) -> None:
    """A wrong file says what is expected."""
    with pytest.raises(CommandError, match="header lacks call_id"):
        imported(tmp_path, capsys, header="id;start\n")


def test_import_reads_semicolons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: dict[str, Line], people: dict[str, User]
) -> None:
    """German spreadsheets write semicolons."""
    result = imported(tmp_path, capsys, GOOD.replace(",", ";"), header=HEADER.replace(",", ";"))
    assert result["created"] == 1


def test_import_into_unknown_city_is_refused(tmp_path: Path, duisburg: Tenant) -> None:
    """A typo must not import into nowhere."""
    with pytest.raises(CommandError, match="known: duisburg"):
        call_command("import_calls", str(tmp_path / "x.csv"), tenant="duisberg")
    assert not Call.objects.beyond_scope("test").exists()
