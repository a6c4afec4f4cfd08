"""The kept sums: equal to the ledger after any change, on any path, refreshed or not."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from callcenter.calls.models import Call, Contact, Disposition, Outcome
from callcenter.supervision import adding_up, marks, rollups, selectors
from callcenter.supervision.measures import total
from callcenter.supervision.models import RollupState, StaleDay, Targets, WaitedCalls
from callcenter.supervision.periods import Period, containing
from callcenter.supervision.selectors import Look
from callcenter.supervision.tasks import refresh_sums
from knowledge.models import Article, SearchEvent
from tenants.models import ServiceHours
from tenants.scope import all_cities, scoped
from tests.supervision.conftest import a_call, make_call, make_contact, moment
from tests.supervision.test_selectors import moments

OCTOBER = containing("month", date(2026, 10, 1))
LONG = Period(date(2025, 9, 20), date(2026, 11, 3))  # read by whole months in the middle
HOURS = [(day, time(8), time(17, 45)) for day in range(5)] + [(5, time(9, 10), time(12))]


def agree(look: Look, before: Period) -> None:
    """Every fast figure equals its slow twin."""
    found, earlier = rollups.sources(look), rollups.sources(look.over(before))
    slots = selectors.by_half_hour(look)
    assert total(rollups.by_day(look, found).values()) == total(slots.values()) == rollups.in_total(look, found)
    if len(look.period) <= rollups.LONG_DAYS:
        days = {day: counts for day, counts in rollups.by_day(look, found).items() if counts.offered}
        assert days == {
            day: total(counts for slot, counts in slots.items() if slot.date() == day)
            for day in {slot.date() for slot in slots}
        }
    assert rollups.active_days(look, found) == len({slot.date() for slot in slots})
    assert rollups.offered_by_half_hour(look) == {slot: counts.offered for slot, counts in slots.items()}
    week: dict[tuple[int, int], int] = {}
    for slot, counts in slots.items():
        place = slot.weekday(), slot.hour * 2 + slot.minute // 30
        week[place] = week.get(place, 0) + counts.offered
    assert rollups.by_weekday_and_half(look, found) == week
    assert rollups.waiting_times(look, found) == selectors.waiting_times(look)
    assert rollups.dispositions(look, found) == selectors.dispositions(look)
    assert rollups.topics(look, found, before, earlier) == selectors.topics(look, before)
    assert rollups.searches(look, found) == selectors.searches(look)
    assert rollups.searches_without_hit(look, found) == selectors.searches_without_hit(look)


typed = st.tuples(moments(), st.sampled_from(["Pass ", "pass", "Hund"]), st.integers(0, 1))
calls = st.tuples(
    moments(),
    st.sampled_from([*Outcome.values, None]),
    st.integers(0, 70) | st.integers(0, 4_000),
    st.integers(0, 900),
    st.sampled_from(["in", "in", "in", "out"]),
    st.sampled_from(["duisburg", "duisburg", "dinslaken"]),
    st.sampled_from([*Disposition.values, "", None]),
    st.sampled_from([True, False, None]),
    st.booleans(),  # whether it has a line
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("call"), calls),
        st.tuples(st.just("search"), typed),
        st.tuples(st.just("change"), st.tuples(st.integers(0, 50), moments(), st.integers(0, 60))),
        st.tuples(st.just("assign"), st.integers(0, 50)),
        st.tuples(st.just("delete"), st.integers(0, 50)),
        st.tuples(st.just("close"), st.integers(0, 50)),
        st.tuples(st.just("refresh"), st.none()),
        st.tuples(st.just("hours"), st.booleans()),
    ),
    max_size=30,
)


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=steps, last_refresh=st.booleans())
def test_sums_equal_the_ledger_after_any_changes(duisburg, dinslaken, lines, steps, last_refresh):
    """A late event, a moved call or new service hours would leave a wrong figure behind for ever."""
    cities = {"duisburg": duisburg, "dinslaken": dinslaken}
    with all_cities("test"):
        Contact.objects.all().delete()
        Call.objects.all().delete()
        SearchEvent.objects.all().delete()
        ServiceHours.objects.all().delete()
        article = Article.objects.create()
        made: list[Call] = []
        for kind, said in steps:
            some = made[said[0] % len(made)] if kind == "change" and made else None
            one = made[said % len(made)] if kind in {"assign", "delete", "close"} and made else None
            if kind == "call":
                at, outcome, waited, talked, direction, city, disposition, known, has_line = said
                line = lines[city] if has_line else None
                call = a_call(cities[city], at, outcome, waited, talked, direction=direction, line=line)
                Call.objects.bulk_create([call])
                made.append(call)
                if disposition is not None:
                    make_contact(call, disposition=disposition, found=known, article=article if known else None)
            elif kind == "search":
                at, query, hits = said
                SearchEvent.objects.create(tenant=duisburg, query=query, hits=hits, milliseconds=1, at=at)
            elif some:
                _, at, waited = said
                Call.objects.filter(pk=some.pk).update(
                    offered_at=at, answered_at=None, ended_at=None, waited_s=waited, outcome=Outcome.ABANDONED
                )
            elif kind == "assign" and one:
                Call.objects.filter(pk=one.pk).update(tenant=duisburg, line=lines["duisburg"])
            elif kind == "close" and one:
                Contact.objects.filter(call=one).update(disposition="settled", closed_at=one.offered_at, found=True)
            elif kind == "delete" and one:
                made.remove(one)
                Contact.objects.filter(call=one).delete()
                Call.objects.filter(pk=one.pk).delete()
            elif kind == "refresh":
                adding_up.refresh_all()
            elif kind == "hours":
                ServiceHours.objects.all().delete()
                for day, opens, closes in HOURS if said else ():
                    ServiceHours.objects.create(tenant=duisburg, weekday=day, opens=opens, closes=closes)
        if last_refresh:
            adding_up.refresh_all()
            assert rollups.sources(Look(duisburg, OCTOBER, Targets(tenant=duisburg))).live == []
        for period in (OCTOBER, Period(date(2026, 10, 25), date(2026, 10, 25)), LONG):
            for narrowed in ({}, {"service_only": True}, {"line": lines["duisburg"]}):
                agree(Look(duisburg, period, Targets(tenant=duisburg), **narrowed), period.shifted(-1))
        assert adding_up.differences(city=duisburg) == []


def test_every_way_into_the_ledger_leaves_its_mark(duisburg, lines):
    """A path that forgot its mark would be a figure that never changes again."""
    with all_cities("test"):
        adding_up.refresh_all()
        assert not StaleDay.objects.exists()

        def marked() -> set[date]:
            days = set(StaleDay.objects.filter(city=duisburg.pk).values_list("day", flat=True))
            adding_up.refresh_all()
            return days

        call = a_call(duisburg, "2026-10-05 08:00")
        Call.objects.bulk_create([call])
        assert marked() == {date(2026, 10, 5)}
        Call.objects.filter(pk=call.pk).update(offered_at=moment("2026-10-04 23:59"))
        assert marked() == {date(2026, 10, 4), date(2026, 10, 5)}
        Call.objects.filter(pk=call.pk).update(extension="7")  # in no figure
        assert marked() == set()
        contact = make_contact(Call.objects.get(pk=call.pk), opened_at=moment("2026-10-06 08:00"))
        assert marked() == {date(2026, 10, 6)}
        Call.objects.filter(pk=call.pk).update(line=lines["duisburg"])
        assert marked() == {date(2026, 10, 4), date(2026, 10, 6)}
        contact.delete()
        assert marked() == {date(2026, 10, 6)}
        Call.objects.filter(pk=call.pk)._raw_delete(connection.alias)
        assert marked() == {date(2026, 10, 4)}


def test_triggers_that_went_missing_make_the_sums_anew(duisburg):
    """SQLite loses a table's triggers when a later migration remakes the table."""
    with all_cities("test"):
        make_call(duisburg, "2026-10-05 08:00")
        adding_up.refresh_all()
        on = " ON calls_call" if connection.vendor == "postgresql" else ""
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER {marks.name('calls_call', 'insert')}{on}")
        make_call(duisburg, "2026-10-06 08:00")  # nobody saw it
        look = Look(duisburg, OCTOBER, Targets(tenant=duisburg))
        assert rollups.in_total(look, rollups.sources(look)).offered == 1
        assert marks.install(connection)
        assert not marks.install(connection)
        assert rollups.in_total(look, rollups.sources(look)).offered == 2
        assert refresh_sums() > 0
        assert rollups.sources(look).live == []
        assert rollups.in_total(look, rollups.sources(look)).offered == 2


def test_rebuild_sums_finds_a_wrong_sum_and_mends_it(duisburg, capsys):
    """A wrong figure would be found by the city that pays for it."""
    make_call(duisburg, "2026-10-05 08:00")
    with all_cities("test"):
        adding_up.refresh_all()
        WaitedCalls.objects.filter(tenant=duisburg).update(calls=2)
    with pytest.raises(CommandError, match=r"WaitedCalls d2026-10-05"):
        call_command("rebuild_sums", "--check")
    with all_cities("test"):
        assert WaitedCalls.objects.first().calls == 2  # a check changes nothing
    call_command("rebuild_sums", "--tenant", "duisburg")
    call_command("rebuild_sums", "--check")
    assert "the sums agree with the ledger" in capsys.readouterr().out
    with pytest.raises(CommandError, match="No city"):
        call_command("rebuild_sums", "--tenant", "nowhere")


def test_sums_of_other_service_hours_are_not_read(duisburg):
    """Half of the calls would vanish from the page until the next night."""
    make_call(duisburg, "2026-10-05 08:00")
    look = Look(duisburg, OCTOBER, Targets(tenant=duisburg), service_only=True)
    with scoped([duisburg]):
        adding_up.refresh(city=duisburg)
        assert rollups.in_total(look, rollups.sources(look)).offered == 1
        ServiceHours.objects.create(tenant=duisburg, weekday=1, opens=time(8), closes=time(9))
        assert rollups.sources(look).kept == []
        assert rollups.in_total(look, rollups.sources(look)).offered == 0
        adding_up.refresh(city=duisburg)
        assert rollups.sources(look).live == []
        assert rollups.in_total(look, rollups.sources(look)).offered == 0


def test_many_changed_days_are_read_in_few_pieces(duisburg):
    """A page would ask the database once for every day of an import."""
    with all_cities("test"):
        adding_up.refresh_all()
        for day in range(1, 29, 3):
            make_call(duisburg, datetime(2026, 10, day, 8, tzinfo=UTC))
        found = rollups.sources(Look(duisburg, OCTOBER, Targets(tenant=duisburg)))
        assert len(found.live) == 1
        assert len(rollups.sources(Look(duisburg, OCTOBER.shifted(-1), Targets(tenant=duisburg))).live) <= 1
        assert RollupState.objects.get(tenant=duisburg).rules == adding_up.rules_of(duisburg)
        assert found.live[0].last - found.live[0].first <= timedelta(days=31)
