"""What an agent does with the telephone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from callcenter.accounts.models import Role, User
from callcenter.calls import selectors, services
from callcenter.calls.models import Call, Contact, Presence, PresenceState
from callcenter.calls.servicehours import due_after
from callcenter.calls.services import Refused
from callcenter.calls.signals import call_changed
from callcenter.calls.simulation.live import Player
from knowledge.models import Article, EffectiveArticle
from tenants.models import Line, Office, Tenant
from tenants.scope import ScopeError, all_cities, scoped
from tests.calls.conftest import Pbx, only_call
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def told() -> Any:
    """Every change told to the desks: (kind, user ids)."""
    heard: list[tuple[str, frozenset[int]]] = []

    def hear(kind: str, user_ids: frozenset[int], **_: object) -> None:
        heard.append((kind, user_ids))

    call_changed.connect(hear)
    yield heard
    call_changed.disconnect(hear)


def state_of(user: User) -> str:
    return Presence.objects.get(user=user).state


@pytest.fixture
def article(dinslaken: Tenant) -> EffectiveArticle:
    with all_cities("test"):
        return EffectiveArticle.objects.create(
            tenant=dinslaken, article=Article.objects.create(), title="Hundesteuer", published_at=timezone.now()
        )


# --- presence -----------------------------------------------------------------------------------


def test_extension_belongs_to_one_agent(seated: User, people: dict[str, User]) -> None:
    """Two people at one extension would both see every ring, and answer each other's calls."""
    with pytest.raises(Refused, match="schon jemand"):
        services.sign_on(user=people["supervisor"], extension="201")


def test_extension_of_yesterday_is_free(seated: User, people: dict[str, User]) -> None:
    """Who forgot to sign off must not block the desk for the next shift."""
    with time_machine.travel(timezone.now() + timedelta(hours=13)):
        services.sign_on(user=people["supervisor"], extension="201")
    assert state_of(seated) == PresenceState.AWAY


def test_not_signed_on_cannot_be_ready(people: dict[str, User]) -> None:
    """Calls would ring at a desk where nobody sits."""
    with pytest.raises(Refused, match="Platz"):
        services.set_ready(user=people["agent"])


def test_presence_follows_the_call(pbx: Pbx, lines: dict[str, Line], seated: User) -> None:
    """Nobody should have to set by hand what the telephone knows."""
    pbx.ring("1"), pbx.answer("1", user="201")
    assert state_of(seated) == PresenceState.CALL
    pbx.hangup("1")
    assert state_of(seated) == PresenceState.WRAP_UP
    with scoped(seated.tenant_ids()):
        services.wrap_up(user=seated, call=only_call())
    assert state_of(seated) == PresenceState.READY


def test_wrapped_up_during_talk_is_ready_at_hangup(pbx: Pbx, lines: dict[str, Line], seated: User) -> None:
    """Who closes while saying goodbye should not be held up by the telephone."""
    pbx.ring("1"), pbx.answer("1", user="201")
    with scoped(seated.tenant_ids()):
        services.wrap_up(user=seated, call=only_call())
    assert state_of(seated) == PresenceState.CALL
    pbx.hangup("1")
    assert state_of(seated) == PresenceState.READY


def test_not_ready_is_refused_while_talking(pbx: Pbx, lines: dict[str, Line], seated: User) -> None:
    """A caller must not be left alone by a click."""
    pbx.ring("1"), pbx.answer("1", user="201")
    for step in (services.set_not_ready, services.sign_off, services.set_ready):
        with pytest.raises(Refused):
            step(user=seated)


# --- rings --------------------------------------------------------------------------------------


def test_queue_ring_reaches_who_is_ready_for_the_city(
    pbx: Pbx, lines: dict[str, Line], seated: User, duisburg: Tenant, told: Any
) -> None:
    """A ring at the wrong desk is a caller who waits."""
    other = make_user("nur-duisburg", (duisburg, Role.AGENT))
    services.sign_on(user=other, extension="202")
    pbx.ring("1", to="02064660")
    assert [call.pk for call in selectors.ringing_for(seated)] == [only_call().pk]
    assert selectors.ringing_for(other) == []
    assert told == [("ring", frozenset({seated.pk}))]
    services.set_not_ready(user=seated, reason="Pause")
    assert selectors.ringing_for(seated) == []


def test_extension_ring_reaches_who_sits_there(pbx: Pbx, lines: dict[str, Line], seated: User, told: Any) -> None:
    """A call for one desk must not ring at all of them."""
    services.set_not_ready(user=seated, reason="Pause")
    pbx.ring("1", user="201")
    assert len(selectors.ringing_for(seated)) == 1
    assert told[0] == ("ring", frozenset({seated.pk}))


def test_name_nobody_has_rings_at_the_queue(pbx: Pbx, lines: dict[str, Line], seated: User) -> None:
    """Telephone systems send names that nobody here has; the call must ring all the same."""
    pbx.ring("1", user=["Anna Beispiel"])
    assert len(selectors.ringing_for(seated)) == 1


def test_ring_ends_everywhere_when_answered(
    pbx: Pbx, lines: dict[str, Line], seated: User, people: dict[str, User], told: Any
) -> None:
    """A desk that goes on ringing makes people pick up a dead line."""
    services.sign_on(user=people["administrator"], extension="202")
    pbx.ring("1", user=["201", "202"])
    pbx.answer("1", answeringNumber="202")
    both = frozenset({seated.pk, people["administrator"].pk})
    assert told == [("ring", both), ("ring_ended", both), ("connected", frozenset({people["administrator"].pk}))]
    assert selectors.ringing_for(seated) == []


def test_unknown_line_rings_at_the_extension_it_was_sent_to(pbx: Pbx, seated: User, lines: dict[str, Line]) -> None:
    """Someone is calling, even if nobody knows for which city."""
    pbx.ring("1", to="999", user="201")
    (call,) = selectors.ringing_for(seated)
    assert call.tenant is None
    pbx.answer("1", user="201")
    with scoped(seated.tenant_ids()):
        (contact,) = services.contacts_of(user=seated, call=only_call())
    assert contact.tenant in (lines["duisburg"].tenant, lines["dinslaken"].tenant)


# --- take, by hand, close -------------------------------------------------------------------------


def test_take_claims_a_call_whose_answer_names_nobody(pbx: Pbx, lines: dict[str, Line], seated: User) -> None:
    """Some telephone systems do not say who answered."""
    pbx.ring("1"), pbx.answer("1")
    with scoped(seated.tenant_ids()):
        services.take_call(user=seated, call_id=only_call().pk)
    assert (only_call().agent, state_of(seated)) == (seated, PresenceState.CALL)
    assert [call.pk for call in selectors.current_calls(seated)] == [only_call().pk]


def test_take_is_refused_when_somebody_else_has_it(
    pbx: Pbx, lines: dict[str, Line], seated: User, people: dict[str, User]
) -> None:
    """Two agents must not believe that they talk to the same caller."""
    pbx.ring("1")
    with scoped(seated.tenant_ids()):
        services.take_call(user=seated, call_id=only_call().pk)
        with pytest.raises(Refused, match="schon jemand"):
            services.take_call(user=people["administrator"], call_id=only_call().pk)


def test_take_of_foreign_city_raises(pbx: Pbx, lines: dict[str, Line], duisburg: Tenant) -> None:
    """An agent of one city must not pick up another city's calls by guessing addresses."""
    other = make_user("nur-duisburg", (duisburg, Role.AGENT))
    pbx.ring("1", to="02064660")
    with scoped(other.tenant_ids()), pytest.raises(ScopeError):
        services.take_call(user=other, call_id=only_call().pk)


def test_call_by_hand_from_open_to_closed(lines: dict[str, Line], seated: User) -> None:
    """When the telephone system is down, work goes on and is billed."""
    with scoped(seated.tenant_ids()):
        call = services.open_manual_call(user=seated, line=lines["dinslaken"])
        assert state_of(seated) == PresenceState.CALL
        services.wrap_up(user=seated, call=call)
    call = only_call()
    assert (call.source, call.state, call.outcome) == ("manual", "ended", "answered")
    assert call.wrapped_up_at is not None
    assert state_of(seated) == PresenceState.READY
    assert selectors.current_calls(seated) == []


def test_simulated_call_is_taken_and_ended_on_the_screen(lines: dict[str, Line], seated: User) -> None:
    """The demo has no handset: the screen answers and hangs up."""
    player = Player(cities=[lines["dinslaken"].tenant], seed=1, tell=lambda _: None)
    now = timezone.now()
    with all_cities("test"):
        player.step(now)
        player.step(now + timedelta(seconds=20))
    (call,) = selectors.ringing_for(seated)
    with scoped(seated.tenant_ids()):
        assert services.take_call(user=seated, call_id=call.pk).state == "connected"
        assert services.hang_up(user=seated, call=call).state == "ended"
        services.wrap_up(user=seated, call=call)
    assert (only_call().outcome, only_call().source, state_of(seated)) == ("answered", "simulator", "ready")


def test_simulated_caller_gives_up(lines: dict[str, Line], seated: User) -> None:
    """A demo that rings for ever would stop ringing anew."""
    player = Player(cities=[lines["dinslaken"].tenant], seed=1, tell=lambda _: None)
    with all_cities("test"):
        for seconds in (0, 20, 21, 120):
            player.step(timezone.now() + timedelta(seconds=seconds))
    assert only_call().outcome == "abandoned"


def test_simulated_calls_ring_only_while_somebody_is_ready(lines: dict[str, Line]) -> None:
    """Calls that nobody can take would fill the demo with abandoned ones."""
    player = Player(cities=[lines["dinslaken"].tenant], seed=1, tell=lambda _: None)
    with all_cities("test"):
        for seconds in range(0, 120, 10):
            player.step(timezone.now() + timedelta(seconds=seconds))
        assert not Call.objects.exists()


# --- concerns -------------------------------------------------------------------------------------


@pytest.fixture
def contact(pbx: Pbx, lines: dict[str, Line], seated: User) -> Any:
    pbx.ring("1"), pbx.answer("1", user="201")
    with scoped(seated.tenant_ids()):
        yield services.contacts_of(user=seated, call=only_call())[0]


def test_contact_fills_itself(contact: Contact, seated: User, article: EffectiveArticle) -> None:
    """What the agent opened is on the contact without a further click."""
    opened = services.open_article(user=seated, contact=contact, effective=article)
    services.open_article(user=seated, contact=contact, effective=article)
    services.save_concern(user=seated, contact=contact, disposition="settled", found=None, note="x", used=[opened.pk])
    contact.refresh_from_db()
    assert (contact.article_id, contact.disposition, contact.found, contact.note) == (
        article.article_id, "settled", True, "x",
    )  # fmt: skip
    assert contact.opened.get().used


def test_other_citys_answers_leave_the_line(contact: Contact, seated: User, duisburg: Tenant) -> None:
    """The caller dialled the wrong city: billing stays with the line."""
    services.switch_city(user=seated, contact=contact, tenant=duisburg)
    assert contact.call.tenant.slug == "dinslaken"
    assert Contact.objects.get().tenant == duisburg


def test_foreign_call_cannot_be_written(contact: Contact, people: dict[str, User]) -> None:
    """Nobody may write into a colleague's contact."""
    with pytest.raises(Refused, match="nicht bei Ihnen"):
        services.save_note(user=people["administrator"], contact=contact, note="x")


def test_closed_contact_can_be_corrected_for_a_while(contact: Contact, seated: User) -> None:
    """A slip is put right at once, but figures of last week stay."""
    services.wrap_up(user=seated, call=contact.call)
    services.save_note(user=seated, contact=contact, note="nachgetragen")
    with time_machine.travel(timezone.now() + timedelta(hours=1)), pytest.raises(Refused, match="abgeschlossen"):
        services.save_note(user=seated, contact=contact, note="zu spät")


def test_handover_is_due_after_hours_that_count(contact: Contact, seated: User, dinslaken: Tenant) -> None:
    """The 115 promise counts working days only, with the Land's holidays."""
    office = Office.objects.create(tenant=dinslaken, name="Steueramt")
    made = services.create_handover(
        user=seated, contact=contact, office=office, request="Rückfrage", callback_number="0203 4711"
    )
    assert made.due_at > timezone.now() + timedelta(hours=23)
    assert selectors.callback_number(made) == "0203 4711"
    contact.refresh_from_db()
    assert contact.disposition == "handed_over"


def test_handover_refuses_a_foreign_office(contact: Contact, seated: User, duisburg: Tenant) -> None:
    """A Dinslaken concern must not land in a Duisburg office by a forged form."""
    office = Office.objects.create(tenant=duisburg, name="Steueramt")
    with pytest.raises(Refused, match="anderen Stadt"):
        services.create_handover(user=seated, contact=contact, office=office, request="x")


def test_repeat_caller_is_hinted(pbx: Pbx, lines: dict[str, Line], seated: User) -> None:
    """Who calls for the third time today must not start at zero."""
    for number in ("1", "2"):
        pbx.ring(number, caller="0203 4711999"), pbx.hangup(number)
    pbx.ring("3", caller="+49 203 4711-999")
    call = Call.objects.beyond_scope("test").get(connector_call_id="3")
    with scoped(seated.tenant_ids()):
        assert selectors.repeat_caller_hint(call) == ("1999", 3)


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-10-06T10:00", "2026-10-07T10:00"),  # Tuesday
        ("2026-10-09T15:00", "2026-10-12T15:00"),  # Friday: the weekend does not count
        ("2026-10-10T11:00", "2026-10-13T00:00"),  # Saturday: counting begins on Monday
        ("2026-12-23T12:00", "2026-12-24T12:00"),
        ("2026-12-24T12:00", "2026-12-28T12:00"),  # both Christmas days and the weekend
        ("2026-06-03T09:00", "2026-06-05T09:00"),  # Corpus Christi counts in NRW
        ("2026-03-27T23:00", "2026-03-30T23:00"),  # clocks go forward in between
    ],
)
def test_due_time(start: str, due: str) -> None:
    """A promise that counts Sundays is broken every Monday."""
    begin = datetime.fromisoformat(start).replace(tzinfo=BERLIN)
    assert due_after(begin, zone=BERLIN, land="NW") == datetime.fromisoformat(due).replace(tzinfo=BERLIN).astimezone(
        UTC
    )
