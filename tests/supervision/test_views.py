"""The dashboard as people meet it: their city, their period, the same figures in table and file."""

from __future__ import annotations

import csv
import io
from datetime import time, timedelta

import pytest
from django.urls import reverse

from callcenter.calls.models import Call
from knowledge.models import SearchEvent
from tenants.models import ServiceHours
from tenants.scope import all_cities
from tests.supervision.conftest import a_call, make_call, make_contact, moment


@pytest.fixture
def busy_october(duisburg, dinslaken, lines, make_article):
    """Calls in every slot of two days in both cities, topics, a search without a hit."""
    article = make_article("Reisepass", duisburg, dinslaken)
    with all_cities("test data"):
        for city, line in ((duisburg, lines["duisburg"]), (dinslaken, lines["dinslaken"])):
            start = moment("2026-10-05 06:00")
            outcomes = ["answered"] * 8 + ["abandoned", "voicemail"]
            Call.objects.bulk_create(
                a_call(city, start + timedelta(minutes=7 * n), outcomes[n % 10], waited=n % 50, line=line)
                for n in range(100)
            )
            make_contact(Call.objects.filter(tenant=city).first(), article=article)
            SearchEvent.objects.create(
                tenant=city, query=f"kirmes {city.slug}", hits=0, milliseconds=3, at=moment("2026-10-06 10:00")
            )
    return article


def test_home_leads_to_the_first_own_city(client_for):
    """A liaison would land on a page of another city, or nowhere."""
    assert client_for("supervisor").get(reverse("supervision:home")).url == "/auswertung/dinslaken/"
    assert client_for("liaison").get(reverse("supervision:home")).url == "/auswertung/dinslaken/"
    assert client_for("agent").get(reverse("supervision:home")).status_code == 403


def test_overview_opens_on_the_last_month_with_calls(client_for, busy_october):
    """The first thing a supervisor sees would be an empty month."""
    page = client_for("supervisor").get("/auswertung/duisburg/").content.decode()
    assert "Oktober 2026" in page
    assert "100 Anrufe" in page
    assert "Reisepass" in page
    assert "kirmes duisburg" in page
    assert "dinslaken" not in page.replace("/auswertung/dinslaken/", "")


def test_overview_without_calls_says_what_will_be_here(client_for, duisburg):
    """An empty page would look broken on the first day."""
    page = client_for("supervisor").get("/auswertung/duisburg/").content.decode()
    assert "keine eingehenden Anrufe" in page


def test_overview_narrowed_by_line_topic_and_service_time(client_for, busy_october, lines):
    """A link sent to a colleague would show other figures than were meant."""
    client = client_for("supervisor")
    page = client.get(
        "/auswertung/duisburg/",
        {"von": "2026-10-05", "bis": "2026-10-05", "leitung": lines["duisburg"].pk, "thema": busy_october.pk},
    )
    text = page.content.decode()
    assert "1 Anruf" in text
    assert f"thema={busy_october.pk}" in text
    assert f"leitung={lines['duisburg'].pk}" in text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"von": "2026-10-05"}, "beide Tage"),
        ({"von": "2026-10-05", "bis": "2026-10-01"}, "Ende liegt vor dem Anfang"),
        ({"von": "1026-10-05", "bis": "2026-10-01"}, "höchstens zehn Jahre"),
        ({"von": "gestern", "bis": "heute"}, "gültiges Datum"),
        ({"leitung": "999999"}, "gültige Auswahl"),
        ({"thema": "x"}, "das es nicht gibt"),
    ],
)
def test_overview_with_a_wrong_address_says_what_to_do(client_for, busy_october, query, sentence):
    """A mistyped date would be a server error, or silently another period."""
    for path in ("/auswertung/duisburg/", "/auswertung/duisburg/tage.csv"):
        answer = client_for("supervisor").get(path, query)
        assert answer.status_code == 422
        assert sentence in answer.content.decode()


def test_csv_holds_the_same_figures_as_the_table(client_for, busy_october):
    """The file a colleague calculates with would contradict the page."""
    answer = client_for("liaison").get("/auswertung/dinslaken/tage.csv", {"von": "2026-10-05", "bis": "2026-10-06"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="dinslaken-tage-2026-10-05-2026-10-06.csv"'
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert rows[0][1:] == ["Anrufe", "angenommen", "aufgelegt", "Sonstige"]
    assert [row[1:] for row in rows[1:]] == [["100", "80", "10", "10"], ["0", "0", "0", "0"]]


def test_working_day_without_a_call_is_a_row_of_zeros(client_for, busy_october):
    """A weekday that is missing from the picture would read as if the week had no such day."""
    answer = client_for("supervisor").get(
        "/auswertung/duisburg/uhrzeiten.csv", {"von": "2026-10-05", "bis": "2026-10-11"}
    )
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert rows[0][1:] == ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag"]
    assert {row[4] for row in rows[1:]} <= {"0", "0,0"}


def test_csv_never_starts_a_formula(client_for, duisburg):
    """What a caller asked for would run as a formula in the supervisor's table program."""
    make_call(duisburg, "2026-10-05 08:00")
    with all_cities("test data"):
        SearchEvent.objects.create(
            tenant=duisburg, query='=HYPERLINK("http://x")', hits=0, milliseconds=1, at=moment("2026-10-05 08:00")
        )
    text = client_for("supervisor").get("/auswertung/duisburg/suchen.csv").content.decode()
    assert "'=hyperlink" in text


def test_comparison_is_for_people_with_several_cities(client_for, busy_october):
    """A liaison would see the other city's figures."""
    assert client_for("liaison").get("/auswertung/vergleich/").url == "/auswertung/"
    page = client_for("supervisor").get("/auswertung/vergleich/").content.decode()
    assert "Dinslaken 50,0 %" in page
    assert "Duisburg 50,0 %" in page


def test_overview_reads_a_fixed_number_of_queries(client_for, busy_october, duisburg, django_assert_max_num_queries):
    """The page would slow down with every call and topic."""
    client = client_for("supervisor")
    with django_assert_max_num_queries(27):  # on PostgreSQL two of them open and close the transaction
        client.get("/auswertung/duisburg/")
    with all_cities("test data"):
        Call.objects.bulk_create(
            a_call(duisburg, moment("2026-10-07 06:00") + timedelta(minutes=n)) for n in range(300)
        )
    with django_assert_max_num_queries(27):  # on PostgreSQL two of them open and close the transaction
        client.get("/auswertung/duisburg/")


def test_figure_opens_the_calls_it_counted(client_for, busy_october, duisburg, django_assert_max_num_queries):
    """'10 abandoned' would open a list of other calls, or of another number of them."""
    client = client_for("supervisor")
    page = client.get("/auswertung/duisburg/", {"von": "2026-10-05", "bis": "2026-10-05"}).content.decode()
    link = "/auswertung/duisburg/anrufe/?von=2026-10-05&amp;bis=2026-10-05&amp;ergebnis=abandoned"
    assert link in page
    with django_assert_max_num_queries(14):
        listed = client.get(link.replace("&amp;", "&")).content.decode()
    assert "10 Anrufe" in listed
    assert "aufgelegt" in listed
    topic = client.get("/auswertung/duisburg/anrufe/", {"thema": busy_october.pk}).content.decode()
    assert "1 Anruf." in topic
    assert "Reisepass" in topic
    assert client.get("/auswertung/duisburg/anrufe/", {"ergebnis": "x"}).status_code == 422


def test_whether_calls_outside_service_hours_count_is_a_setting_that_each_figure_names(client_for, duisburg):
    """Two cities would argue about a promise, one counting the night and one not."""
    for at in ("2026-10-05 08:00", "2026-10-05 20:00"):
        make_call(duisburg, at)
    with all_cities("test"):
        ServiceHours.objects.create(tenant=duisburg, weekday=0, opens=time(8), closes=time(18))
    client = client_for("supervisor")
    month = "/auswertung/duisburg/?von=2026-10-01&bis=2026-10-31"

    def page(query: str = "") -> str:
        return client.get(month + query).content.decode()

    assert "alle eingehenden Anrufe, auch außerhalb der Servicezeit" in page()
    assert "2 Anrufe an 1 Tag," in page()
    values = {"service_level": 75, "first_contact": 65, "short_abandon_s": 5, "alarm_waiting": 5, "alarm_wait_s": 60}
    client.post("/auswertung/duisburg/zusagen/", {**values, "service_hours_only": "on"})
    assert "eingehende Anrufe in der Servicezeit" in page()
    assert "1 Anruf an 1 Tag," in page()
    assert "2 Anrufe an 1 Tag," in page("&servicezeit=alle")
    report = client.get(month.replace("/?", "/bericht.csv?")).content.decode()
    assert "angenommen;1" in report.replace("\r\n", "\n")


def test_topics_that_rise_and_fall_are_compared_by_the_day(client_for, duisburg, make_article):
    """February would fall against January, because it has fewer days."""
    passport, dog = make_article("Reisepass", duisburg), make_article("Hundesteuer", duisburg)
    for day in range(1, 16):
        make_contact(make_call(duisburg, f"2026-10-{day:02} 08:00"), article=passport, found=True)
    for day in range(1, 31):
        make_contact(make_call(duisburg, f"2026-09-{day:02} 08:00"), article=dog)
    make_contact(make_call(duisburg, "2026-10-20 08:00"), article=dog, found=False)
    client = client_for("supervisor")
    page = client.get("/auswertung/duisburg/?von=2026-10-01&bis=2026-10-31").content.decode()
    assert "Am stärksten gestiegen: Reisepass; am stärksten gefallen: Hundesteuer." in page
    assert "stand die Antwort im Wissen: 15 von 16 Anliegen" in page
    rows = client.get("/auswertung/duisburg/wissen.csv?von=2026-10-01&bis=2026-10-31").content.decode("utf-8-sig")
    assert "Hundesteuer;1;1;0" in rows.splitlines()


def test_comparison_has_a_file_for_each_table(client_for, busy_october):
    """Whoever compares cities would type the figures over."""
    client = client_for("supervisor")
    query = "?von=2026-10-01&bis=2026-10-31"
    page = client.get(f"/auswertung/vergleich/{query}").content.decode()
    assert page.count("/auswertung/vergleich.csv?") == 2
    rows = client.get(f"/auswertung/vergleich.csv{query}&abschnitt=staedte").content.decode("utf-8-sig").splitlines()
    assert rows[0] == "Maß;Dinslaken;Duisburg"
    assert client.get(f"/auswertung/vergleich.csv{query}&abschnitt=tage").content.decode().count("\n") == 32
