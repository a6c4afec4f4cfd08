"""Several calls at one desk, calls the agent makes, and wrap-ups that nobody closes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from callcenter.accounts.models import User
from callcenter.audit.models import AuditEntry
from callcenter.calls import selectors, services
from callcenter.calls.models import Contact, Disposition, Presence, PresenceState
from callcenter.calls.services import Refused
from callcenter.calls.services.lifecycle import close_overdue_wrap_ups
from tenants.models import Tenant, TimeoutCode
from tenants.scope import all_cities
from tests.calls.conftest import Pbx, calls, only_call

pytestmark = pytest.mark.django_db


def state() -> str:
    return Presence.objects.get().state


def test_second_talk_puts_the_first_on_hold(pbx: Pbx, seated: User, lines) -> None:
    """The handset holds the first caller by itself: the desk must say the same."""
    pbx.ring("1", user="201")
    pbx.answer("1", answeringNumber="201")
    pbx.ring("2", user="201", caller="0203/99")
    pbx.answer("2", answeringNumber="201")
    assert [call.is_held for call in calls()] == [True, False]
    assert [call.is_held for call in selectors.current_calls(seated)] == [False, True]
    pbx.hangup("2")
    first = calls()[0]
    assert state() == PresenceState.CALL
    with all_cities("test"):
        services.resume_call(user=seated, call=first)
    assert not calls()[0].is_held


def test_held_call_of_somebody_else_stays_as_it_is(pbx: Pbx, seated: User, people, lines) -> None:
    pbx.ring("1", user="201")
    pbx.answer("1", answeringNumber="201")
    with pytest.raises(Refused, match="nicht bei Ihnen"):
        services.hold_call(user=people["supervisor"], call=only_call())


def test_consultation_by_telephone_is_shown_and_needs_no_wrap_up(pbx: Pbx, seated: User, lines) -> None:
    """The agent asks an office meanwhile: the caller is on hold, and afterwards nothing is left to write down."""
    pbx.ring("1", user="201")
    pbx.answer("1", answeringNumber="201")
    out = {"direction": "out", "from": "02064660", "to": "0203 283 999", "user": "201"}
    pbx.send("newCall", "2", **out)
    pbx.send("answer", "2", answeringNumber="201", direction="out")
    held = next(call for call in calls() if call.direction == "in")
    assert held.is_held
    assert [call.direction for call in selectors.current_calls(seated)] == ["out", "in"]
    pbx.send("hangup", "2", direction="out", cause="normalClearing")
    assert [call.direction for call in selectors.current_calls(seated)] == ["in"]
    assert state() == PresenceState.CALL


def test_calling_out_during_a_break_does_not_end_it(pbx: Pbx, seated: User, lines) -> None:
    """A private call from the desk must not put somebody back into the queue."""
    services.set_not_ready(user=seated, reason="Pause")
    pbx.send("newCall", "2", direction="out", **{"from": "02064660", "to": "0203 1", "user": "201"})
    pbx.send("answer", "2", answeringNumber="201", direction="out")
    pbx.send("hangup", "2", direction="out", cause="normalClearing")
    assert state() == PresenceState.NOT_READY


def test_wrap_up_without_a_desk_is_closed_with_the_citys_code(pbx: Pbx, seated: User, lines, dinslaken) -> None:
    """A browser that is gone keeps neither its agent out of the queue nor a concern without a result."""
    Tenant.objects.filter(pk=dinslaken.pk).update(wrap_up_code=TimeoutCode.DROPPED)
    pbx.ring("1", user="201")
    pbx.answer("1", answeringNumber="201")
    with all_cities("test"):
        services.contacts_of(user=seated, call=only_call())
    pbx.hangup("1")
    now = timezone.now()
    assert close_overdue_wrap_ups(now=now + timedelta(seconds=70)) == 0  # the desk comes first
    assert close_overdue_wrap_ups(now=now + timedelta(seconds=90)) == 1
    assert close_overdue_wrap_ups(now=now + timedelta(seconds=99)) == 0
    with all_cities("test"):
        contact = Contact.objects.get()
    assert (contact.disposition, contact.closed_at is not None) == ("dropped", True)
    assert state() == PresenceState.READY
    assert AuditEntry.objects.filter(action="contact.coded_by_clock").count() == 1


@pytest.mark.parametrize("rule", ["optional", "required"])
def test_wrap_up_without_a_limit_is_never_closed_by_the_clock(rule: str, pbx, seated, lines, dinslaken) -> None:
    Tenant.objects.filter(pk=dinslaken.pk).update(wrap_up=rule)
    pbx.ring("1", user="201")
    pbx.answer("1", answeringNumber="201")
    pbx.hangup("1")
    assert close_overdue_wrap_ups(now=timezone.now() + timedelta(hours=1)) == 0


def test_codes_of_the_clock_are_results_of_the_ledger() -> None:
    """The city's choice is written in a lower floor; a word the ledger does not know would be lost in figures."""
    assert dict(TimeoutCode.choices).items() <= dict(Disposition.choices).items()
