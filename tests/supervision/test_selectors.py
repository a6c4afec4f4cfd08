"""Figures against a slow computation that anybody can check by reading it."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from callcenter.calls.models import Call, CallerNumber, Contact, Disposition, Handover, Outcome
from callcenter.supervision.local_time import public_holidays
from callcenter.supervision.measures import Counts, Variant, percentile, service_level, total
from callcenter.supervision.models import Targets
from callcenter.supervision.periods import Period, containing
from callcenter.supervision.selectors import (
    Look,
    by_half_hour,
    dispositions,
    handovers,
    in_total,
    last_month_with_calls,
    repeats,
    searches,
    searches_without_hit,
    topics,
    waiting_times,
)
from knowledge.models import SearchEvent
from tenants.models import ServiceHours
from tenants.scope import all_cities, scoped
from tests.supervision.conftest import a_call, make_call, make_contact, moment

OCTOBER = containing("month", date(2026, 10, 1))  # the clock goes back on the 25th
MARCH = containing("month", date(2026, 3, 1))  # and forward on the 29th


def look_at(city, period=OCTOBER, **narrowed) -> Look:
    return Look(city=city, period=period, targets=Targets(tenant=city), **narrowed)


@st.composite
def moments(draw):
    """Moments around both days on which the clock changes, their edges, and the rest of the months."""
    day = draw(
        st.sampled_from(
            [date(2026, 10, 24), date(2026, 10, 25), date(2026, 10, 26), date(2026, 3, 29), date(2026, 9, 30)]
        )
        | st.dates(date(2026, 2, 27), date(2026, 4, 2))
        | st.dates(date(2026, 9, 29), date(2026, 11, 2))
    )
    return datetime.combine(day, time(), UTC) + timedelta(
        seconds=draw(st.integers(0, 86_399)), microseconds=draw(st.sampled_from([0, 1, 499_999, 999_500, 999_999]))
    )


rows = st.lists(
    st.tuples(
        moments(),
        st.sampled_from([*Outcome.values, None]),
        st.integers(0, 70) | st.integers(0, 4000),
        st.integers(0, 900),
        st.sampled_from(["in", "in", "in", "out"]),
        st.sampled_from(["duisburg", "duisburg", "dinslaken"]),
    ),
    max_size=40,
)


def slowly(calls, city, period, *, hours=None) -> dict[datetime, Counts]:
    """Every call by itself, in Python, by the words that the pages print."""
    free = public_holidays("NW", [2026])
    counted = defaultdict(Counts)
    for call in calls:
        local = call.offered_at.astimezone(city.zone)
        if call.tenant != city or call.direction != "in" or local.date() not in period:
            continue
        if hours and (
            local.date() in free
            or not any(local.weekday() == day and opens <= local.time() < closes for day, opens, closes in hours)
        ):
            continue
        answered, abandoned = call.outcome == "answered", call.outcome == "abandoned"
        slot = local.replace(minute=local.minute // 30 * 30, second=0, microsecond=0, tzinfo=None)
        counted[slot] += Counts(
            offered=1,
            answered=answered,
            abandoned=abandoned,
            voicemail=call.outcome == "voicemail",
            rejected=call.outcome == "rejected",
            in_time=answered and call.waited_s <= 30,
            short=abandoned and call.waited_s < 5,
            abandoned_in_time=abandoned and call.waited_s <= 30,
            short_in_time=abandoned and call.waited_s < 5,
            waited_answered_s=call.waited_s if answered else 0,
            waited_abandoned_s=call.waited_s if abandoned else 0,
            talked_s=call.talked_s if answered else 0,
        )
    return dict(counted)


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking rows in a database takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=rows)
def test_counts_agree_with_the_slow_reference(duisburg, dinslaken, rows):
    """A supervisor could not trust any figure of the page, least of all when the clock changes."""
    cities = {"duisburg": duisburg, "dinslaken": dinslaken}
    with all_cities("test"):
        Call.objects.all().delete()
        ServiceHours.objects.all().delete()
        calls = Call.objects.bulk_create(
            a_call(cities[city], at, outcome, waited, talked, direction=direction)
            for at, outcome, waited, talked, direction, city in rows
        )
        hours = [(day, time(8), time(17, 45)) for day in range(5)] + [(5, time(9, 10), time(12))]
        for period in (OCTOBER, MARCH, Period(date(2026, 10, 25), date(2026, 10, 25))):
            expected = slowly(calls, duisburg, period)
            assert by_half_hour(look_at(duisburg, period)) == expected
            assert in_total(look_at(duisburg, period)) == total(expected.values())
            histogram = Counter(
                call.waited_s
                for call in calls
                if call.tenant == duisburg
                and call.direction == "in"
                and call.outcome == "answered"
                and call.offered_at.astimezone(duisburg.zone).date() in period
            )
            assert waiting_times(look_at(duisburg, period))["answered"] == histogram
        for day, opens, closes in hours:
            ServiceHours.objects.create(tenant=duisburg, weekday=day, opens=opens, closes=closes)
        for period in (OCTOBER, MARCH):
            expected = slowly(calls, duisburg, period, hours=hours)
            assert by_half_hour(look_at(duisburg, period, service_only=True)) == expected


@given(st.lists(st.integers(0, 200), min_size=1, max_size=60), st.sampled_from([0.01, 0.5, 0.8, 0.9, 0.95, 1.0]))
def test_percentile_is_the_value_that_the_share_does_not_exceed(values, share):
    """'Nine of ten waited at most …' would be a guess."""
    found = percentile(Counter(values), share)
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


def test_percentile_without_cases_is_unknown():
    """A city without calls would be shown as one where nobody waits."""
    assert percentile({}, 0.5) is None


@pytest.mark.parametrize(
    ("variant", "numerator", "denominator"),
    [
        (Variant.ANSWERED, 70, 80),
        (Variant.OFFERED, 70, 100),
        (Variant.WITHOUT_SHORT, 70, 92),
        (Variant.OFFERED_FOR, 82, 100),
        (Variant.WITHOUT_SHORT_FOR, 74, 92),
    ],
)
def test_service_level_variants_divide_by_what_they_say(variant, numerator, denominator):
    """Two cities would argue about a promise with two formulas under one name."""
    counts = Counts(
        offered=107,
        answered=80,
        abandoned=20,
        voicemail=5,
        rejected=2,
        in_time=70,
        short=8,
        abandoned_in_time=12,
        short_in_time=8,
    )
    rate = service_level(counts, variant)
    assert (rate.numerator, rate.denominator) == (numerator, denominator)


def test_first_contact_rate_is_settled_by_closed(duisburg, dinslaken):
    """Open concerns, or another city's, would raise or lower the figure of this one."""
    call = make_call(duisburg, "2026-10-05 08:00")
    for disposition in ("settled", "settled", "transferred", "handed_over", "dropped", ""):
        make_contact(call, disposition=disposition)
    make_contact(call, disposition="settled", tenant=dinslaken)
    with scoped([duisburg]):
        found = dispositions(look_at(duisburg))
    assert (found.first_contact.numerator, found.first_contact.denominator) == (2, 5)
    assert Disposition.NOT_RESPONSIBLE not in found.by_disposition


def test_topics_count_now_and_before(duisburg, dinslaken, make_article):
    """Rising topics would be invisible, or a topic that vanished would be forgotten."""
    passport, dog = make_article("Reisepass", duisburg), make_article("Hundesteuer", duisburg)
    for day in (5, 6):
        make_contact(make_call(duisburg, f"2026-10-0{day} 08:00"), article=passport)
    make_contact(make_call(duisburg, "2026-10-07 08:00"), disposition="dropped")
    make_contact(make_call(duisburg, "2026-09-07 08:00"), article=dog)
    make_contact(make_call(dinslaken, "2026-10-07 08:00"), article=dog)
    with scoped([duisburg]):
        found = topics(look_at(duisburg), OCTOBER.shifted(-1))
    assert [(topic.title, topic.cases, topic.before) for topic in found] == [
        ("Reisepass", 2, 0),
        ("", 1, 0),
        ("Hundesteuer", 0, 1),
    ]


def test_look_by_topic_holds_the_calls_that_had_it(duisburg, make_article):
    """The waiting time 'of the passport' would be that of everybody."""
    passport = make_article("Reisepass", duisburg)
    call = make_call(duisburg, "2026-10-05 08:00")
    make_contact(call, article=passport)
    make_contact(call, article=passport)
    make_call(duisburg, "2026-10-05 08:05")
    with scoped([duisburg]):
        assert in_total(look_at(duisburg, topic=passport.pk)).offered == 1


def test_searches_without_hit_join_spellings_and_hide_numbers(duisburg):
    """Editors would see one question as three, or a telephone number that somebody typed."""
    with scoped([duisburg]):
        for query, hits in [("Kirmes ", 0), ("kirmes", 0), ("anruf 0203283123", 0), ("pass", 3)]:
            SearchEvent.objects.create(
                tenant=duisburg, query=query, hits=hits, milliseconds=2, at=moment("2026-10-05 08:00")
            )
        found = searches_without_hit(look_at(duisburg))
        assert [(row.query, row.cases) for row in found] == [("kirmes", 2), ("anruf …", 1)]
        assert (searches(look_at(duisburg)).numerator, searches(look_at(duisburg)).denominator) == (3, 4)


def test_last_month_with_calls_is_local_and_never_in_the_future(duisburg):
    """The page would open on an empty month."""
    make_call(duisburg, "2026-09-30 22:30")  # half past midnight on the first of October
    make_call(duisburg, "2026-12-30 12:00")
    with scoped([duisburg]):
        assert last_month_with_calls([duisburg], date(2026, 11, 22)) == OCTOBER
        assert Contact.objects.count() == 0


def test_handovers_in_time_leaves_out_what_is_not_due(duisburg):
    """An office would look late for a call-back that it owes tomorrow."""
    now = moment("2026-10-20 12:00")
    contact = make_contact(make_call(duisburg, "2026-10-05 08:00"), disposition="handed_over")
    with scoped([duisburg]):
        for due, done in [
            ("2026-10-06 08:00", "2026-10-06 08:00"),
            ("2026-10-06 08:00", "2026-10-06 08:01"),
            ("2026-10-07 08:00", None),
            ("2026-10-21 08:00", None),
        ]:
            owed = Handover.objects.create(
                tenant=duisburg,
                contact=contact,
                request="Bitte zurückrufen",
                due_at=moment(due),
                done_at=moment(done) if done else None,
                state="done" if done else "open",
            )
            Handover.objects.filter(pk=owed.pk).update(created_at=moment("2026-10-05 08:00"))
        found = handovers(look_at(duisburg), now)
    assert (found.kept, found.late, found.waiting) == (1, 2, 1)
    assert (found.in_time.numerator, found.in_time.denominator) == (1, 3)


def test_repeats_count_the_same_number_in_the_same_city(duisburg, dinslaken):
    """A caller of both cities would count as one who had to ring again."""
    for city, day, number in [
        (duisburg, "2026-10-05 08:00", "a"),
        (duisburg, "2026-10-07 08:00", "a"),
        (duisburg, "2026-10-20 08:00", "a"),
        (dinslaken, "2026-10-05 08:00", "b"),
        (duisburg, "2026-10-06 08:00", "b"),
        (duisburg, "2026-09-30 08:00", "c"),
        (duisburg, "2026-10-02 08:00", "c"),
    ]:
        call = make_call(city, day)
        CallerNumber.objects.beyond_scope("test data").create(
            call=call, number=b"", keyed_hash=number, seen_at=call.offered_at
        )
    with scoped([duisburg]):
        found = repeats(look_at(duisburg))
    assert (found.numerator, found.denominator) == (2, 5)
