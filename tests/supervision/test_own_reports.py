"""Own reports: the page's figures in another order, kept under a name, sent when their period has ended."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import UTC, date, datetime

import pytest
from django.core import mail

from callcenter.accounts.models import Membership, Role
from callcenter.audit.models import AuditEntry
from callcenter.supervision import adding_up, builder, saved_reports, selectors
from callcenter.supervision.builder import GROUPS, MEASURES, ReportRefused, relative, table
from callcenter.supervision.measures import percentile, service_level, total
from callcenter.supervision.models import SavedReport, Targets
from callcenter.supervision.overview import Overview
from callcenter.supervision.periods import Period, containing
from callcenter.supervision.selectors import Look
from callcenter.supervision.tasks import send_monthly_reports
from tenants.scope import all_cities, scoped
from tests.supervision.conftest import make_call, make_contact
from tests.supervision.test_selectors import OCTOBER
from tests.supervision.test_views import busy_october  # noqa: F401 (a fixture)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIXED = "zeit=fest&von=2026-10-01&bis=2026-10-31"


def view_of(city, period=OCTOBER, **narrowed) -> Overview:
    return Overview(Look(city, period, Targets(tenant=city), **narrowed), period.shifted(-1), NOW)


@pytest.mark.parametrize("refreshed", [False, True])
def test_every_group_adds_up_to_the_whole(duisburg, lines, busy_october, refreshed):  # noqa: F811
    """A report by day and one by line would tell two stories about one month."""
    counted = [key for key, one in MEASURES.items() if one.kind == "count" and one.needs == "counts"]
    with all_cities("test"):
        if refreshed:
            adding_up.refresh_all()
        whole = table(view_of(duisburg), counted, "gesamt").rows[0][1:]
        assert whole[0] == 100
        for group in ("tag", "woche", "monat", "wochentag", "uhrzeit", "leitung"):
            rows = table(view_of(duisburg), counted, group).rows
            assert tuple(map(sum, zip(*(row[1:] for row in rows), strict=True))) == whole, group
        closed = table(view_of(duisburg), ["anliegen"], "gesamt").rows[0][1]
        assert closed
        for group in ("tag", "woche", "monat", "wochentag", "leitung", "thema"):
            assert sum(row[1] for row in table(view_of(duisburg), ["anliegen"], group).rows) == closed


def test_measures_are_those_of_the_page(duisburg, busy_october):  # noqa: F811
    """The same word would mean something else on the next page."""
    with scoped([duisburg]):
        look = view_of(duisburg).look
        counts, waits = selectors.in_total(look), selectors.waiting_times(look)["answered"]
        row = table(view_of(duisburg), list(MEASURES), "gesamt").rows[0]
        found = dict(zip(MEASURES, row[1:], strict=True))
        assert found["frist"] == service_level(counts).value
        assert found["auflegequote"] == counts.abandon_rate.value
        assert found["wartezeit_90"] == percentile(waits, 0.9)
        assert found["erstloesung"] == selectors.dispositions(look).first_contact.value
        by_day = table(view_of(duisburg), ["anrufe", "wartezeit_50"], "tag").rows
        assert len(by_day) == 31
        assert sum(day[1] for day in by_day) == total(selectors.by_half_hour(look).values()).offered


def test_report_that_cannot_be_grouped_says_what_can(duisburg):
    """A wrong table would look like a right one."""
    with scoped([duisburg]):
        with pytest.raises(ReportRefused, match="nur Anliegen"):
            table(view_of(duisburg), ["anrufe"], "thema")
        with pytest.raises(ReportRefused, match="halben Stunden"):
            table(view_of(duisburg), ["wartezeit_90"], "uhrzeit")
        years = Period(date(2020, 1, 1), date(2026, 1, 1))
        with pytest.raises(ReportRefused, match="Nach Monaten"):
            table(view_of(duisburg, years), ["anrufe"], "tag")
        assert len(table(view_of(duisburg, years), ["anrufe"], "monat").rows) == 73


def test_no_measure_is_about_people():
    """Somebody would build the ranking that nobody may see."""
    assert not {"agent", "user", "talked", "person"} & set(GROUPS)
    source = " ".join(str(one.label) for one in MEASURES.values()).lower()
    assert "gespräch" not in source
    assert "nacharbeit" not in source


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("gestern", date(2026, 11, 21), date(2026, 11, 21)),
        ("letzte_woche", date(2026, 11, 9), date(2026, 11, 15)),
        ("letzter_monat", date(2026, 10, 1), date(2026, 10, 31)),
        ("dieser_monat", date(2026, 11, 1), date(2026, 11, 21)),
        ("letztes_quartal", date(2026, 7, 1), date(2026, 9, 30)),
        ("letztes_jahr", date(2025, 1, 1), date(2025, 12, 31)),
    ],
)
def test_relative_periods_are_over(name, first, last):
    """A report of 'last month' would hold half of this one."""
    assert relative(name, date(2026, 11, 22)) == Period(first, last)
    assert relative("dieser_monat", date(2026, 11, 1)) == Period(date(2026, 10, 31), date(2026, 10, 31))


def test_builder_page_files_and_address_say_the_same(client_for, lines, busy_october):  # noqa: F811
    """A colleague who gets the address would see something else."""
    client = client_for("liaison")
    query = f"?mass=anrufe&mass=frist&nach=leitung&{FIXED}"
    page = client.get(f"/auswertung/dinslaken/berichte/{query}").content.decode()
    assert "Zentrale Dinslaken" in page
    assert "angenommen in 30 s ÷" in page
    answer = client.get(f"/auswertung/dinslaken/berichte/tabelle.csv{query}")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert rows[0] == ["Leitung", "Anrufe", "Angenommen in der Frist"]
    assert rows[1][1] == "100"
    book = client.get(f"/auswertung/dinslaken/berichte/tabelle.xlsx{query}")
    assert book["Content-Type"] == saved_reports.XLSX
    with zipfile.ZipFile(io.BytesIO(book.content)) as file:
        assert re.search(r"<v>100</v>", file.read("xl/worksheets/sheet1.xml").decode())


def test_builder_keeps_what_was_chosen_when_it_refuses(client_for, duisburg):
    """Whoever chose eight measures would choose them again."""
    client = client_for("supervisor")
    answer = client.get(f"/auswertung/duisburg/berichte/?mass=anrufe&nach=thema&{FIXED}")
    assert answer.status_code == 422
    assert "Nach Anliegen gruppiert gibt es nur" in answer.content.decode()
    assert client.get("/auswertung/duisburg/berichte/?mass=anrufe&zeit=fest").status_code == 422
    assert client.get(f"/auswertung/duisburg/berichte/tabelle.csv?mass=anrufe&nach=thema&{FIXED}").status_code == 422
    assert client.get("/auswertung/duisburg/berichte/?leitung=999999").status_code == 422


def test_saved_report_is_sent_once_when_its_period_is_over(client_for, people, duisburg):
    """The monthly figures for the council would be missing, or come every morning."""
    make_contact(make_call(duisburg, "2026-10-05 08:00"))
    client, save = client_for("supervisor"), "/auswertung/duisburg/berichte/speichern?mass=anrufe&nach=tag"
    client.post(save, {"name": "Rat", "schedule": "month"})
    with all_cities("test"):
        assert not SavedReport.objects.exists()  # there is nowhere to send it
    people["supervisor"].email = "leitung@duisburg.example"
    people["supervisor"].save()
    client.post(save, {"name": "Rat", "schedule": "month"})
    client.post(save, {"name": "Rat", "schedule": ""})
    assert "gibt es schon" in client.get("/auswertung/duisburg/berichte/").content.decode()
    with all_cities("test"):
        assert SavedReport.objects.get().name == "Rat"
        SavedReport.objects.update(sent_until=date(2026, 9, 30))
    assert saved_reports.send_due(NOW) == 1
    assert saved_reports.send_due(NOW) == 0
    sent = mail.outbox[0]
    assert sent.subject == "Rat: Oktober 2026"
    assert [name.rsplit(".")[-1] for name, *_ in sent.attachments] == ["xlsx", "csv"]
    assert "05.10.2026;1" in sent.attachments[1][1]
    assert send_monthly_reports() >= 0
    assert AuditEntry.objects.filter(action="supervision.report_saved").count() == 1


def test_saved_report_is_not_sent_to_who_lost_the_role(people, duisburg):
    """Somebody who left would go on getting the city's figures."""
    people["supervisor"].email = "leitung@duisburg.example"
    people["supervisor"].save()
    with scoped([duisburg]):
        report = saved_reports.save_report(
            city=duisburg, user=people["supervisor"], name="x", query="mass=anrufe", schedule="week", now=NOW
        )
        SavedReport.objects.filter(pk=report.pk).update(sent_until=date(2026, 1, 1))
    Membership.objects.filter(user=people["supervisor"], role=Role.SUPERVISOR).delete()
    assert saved_reports.send_due(NOW) == 0
    assert mail.outbox == []


def test_saved_report_is_deleted_by_its_owner_or_the_supervisor(client_for, people, dinslaken):
    """One liaison could throw away another one's reports."""
    with scoped([dinslaken]):
        report = saved_reports.save_report(
            city=dinslaken, user=people["supervisor"], name="x", query="mass=anrufe", schedule="", now=NOW
        )
    path = f"/auswertung/dinslaken/berichte/{report.pk}/loeschen"
    client_for("liaison").post(path)
    with all_cities("test"):
        assert SavedReport.objects.exists()
    client_for("supervisor").post(path)
    with all_cities("test"):
        assert not SavedReport.objects.exists()


def test_monthly_report_as_workbook_has_a_sheet_for_each_figure(client_for, busy_october):  # noqa: F811
    """The city's own table program would get text where numbers belong."""
    answer = client_for("liaison").get("/auswertung/dinslaken/bericht.xlsx?von=2026-10-01&bis=2026-10-31")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        book = file.read("xl/workbook.xml").decode()
        sheets = re.findall(r'<sheet name="([^"]+)"', book)
        texts = file.read("xl/sharedStrings.xml").decode()
        second = file.read("xl/worksheets/sheet2.xml").decode()
    assert len(sheets) >= 8
    assert sheets[0] == "Überblick"
    assert len(set(sheets)) == len(sheets)
    assert "alle eingehenden Anrufe" in texts
    assert re.search(r'<c r="B\d+" s="\d+"><v>\d+</v>', second)


def test_workbook_never_runs_what_somebody_typed(duisburg, make_article):
    """A search for =HYPERLINK(…) would become a link in the council's table."""
    from callcenter.supervision.display import Column
    from callcenter.supervision.xlsx import Sheet, workbook

    content = workbook(
        [Sheet("a/b: [c]", [], [Column("x"), Column("y", "count")], [("=1+1", 2)])] * 2, title="t", author="a"
    )
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert "<f>" not in file.read("xl/worksheets/sheet1.xml").decode()
        assert "=1+1" in file.read("xl/sharedStrings.xml").decode()


def test_week_label_is_cut_at_the_ends_of_the_period(duisburg):
    """The first row would promise days that are not in it."""
    with scoped([duisburg]):
        rows = table(view_of(duisburg), ["anrufe"], "woche").rows
    assert rows[0][0] == "01.10. – 04.10.2026"
    assert rows[-1][0] == "26.10. – 31.10.2026"
    assert builder.relative("", date(2026, 11, 2)) == containing("month", date(2026, 10, 1))
