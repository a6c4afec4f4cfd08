"""The paper edition: everything the desks say, when the desks are dark."""

from __future__ import annotations

import io
from datetime import time

import pikepdf
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from knowledge import pack
from knowledge.sections import BY_KEY
from knowledge.tasks import print_packs
from tenants.models import Office, OpeningHours
from tenants.scope import ScopeError, all_cities, scoped

ADDRESS = "/wissen/dinslaken/ausgeben/papier.pdf"


def parts(value: dict) -> list[tuple[str, str]]:
    (theme,) = value["themes"]
    (article,) = theme["articles"]
    return [(part["label"], part["city"]) for part in article["parts"]]


def test_text_both_cities_share_stands_once_and_what_differs_under_each_name(article, duisburg, dinslaken):
    """An agent would read one city's fee to the other city's caller."""
    with scoped([duisburg, dinslaken]):
        value = pack.content([duisburg, dinslaken], timezone.localtime())
        alone = pack.content([dinslaken], timezone.localtime())
    assert [part for part in parts(value) if part[0] == "Gebühr"] == [("Gebühr", "Duisburg"), ("Gebühr", "Dinslaken")]
    assert ("So sagen", "") in parts(value)
    assert ("Gebühr", "") in parts(alone)
    assert value["themes"][0]["articles"][0]["terms"] == ["Hundemarke"]


def test_note_for_agents_is_marked(article, dinslaken):
    with scoped([dinslaken]):
        (theme,) = pack.content([dinslaken], timezone.localtime())["themes"]
    assert [part["agents"] for part in theme["articles"][0]["parts"] if part["label"] == "Nur für Sie"] == [True]


def test_rich_text_becomes_paragraphs_and_entries():
    html = "<p>Eins <b>zwei</b>.</p><ul><li>Drei</li><li><a href='https://x.de'>Vier</a></li></ul><p>Fünf<br>Sechs</p>"
    assert pack.blocks_of(BY_KEY["description"], html) == [
        {"kind": "text", "text": "Eins zwei."},
        {"kind": "item", "text": "Drei"},
        {"kind": "item", "text": "Vier"},
        {"kind": "text", "text": "Fünf"},
        {"kind": "text", "text": "Sechs"},
    ]


def test_directory_is_in_there(dinslaken):
    with all_cities("test data"):
        office = Office.objects.create(tenant=dinslaken, name="Standesamt", phone="+492064555")
        OpeningHours.objects.bulk_create(
            OpeningHours(tenant=dinslaken, office=office, weekday=day, opens=time(8), closes=time(12)) for day in (0, 2)
        )
    with scoped([dinslaken]):
        ((office_entry,),) = [each["entries"] for each in pack.content([dinslaken], timezone.localtime())["offices"]]
    assert (office_entry["hours"], office_entry["phone"]) == ("Mo, Mi 08:00–12:00", "02064 555")


def test_pdf_has_contents_and_shows_markup_as_text(make_article, dinslaken):
    """A title that looks like typst's language must neither run nor break the edition."""
    make_article("#panic() $ * _ @x <y> Müll", say='#include "/etc/passwd"')
    with scoped([dinslaken]):
        pdf = pack.render(cities=[dinslaken])
    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert "Dinslaken" in str(document.docinfo.get("/Title"))
        assert len(document.pages) >= 4
        assert document.Root.get("/Outlines") is not None


def test_city_outside_the_scope_is_refused(duisburg, dinslaken):
    with scoped([dinslaken]), pytest.raises(ScopeError):
        pack.render(cities=[duisburg, dinslaken])


def test_download_and_nightly_edition(client_for, article, duisburg, dinslaken):
    assert print_packs() == 3
    with all_cities("test"):
        assert pack.made_at([duisburg, dinslaken]) is not None
    response = client_for("agent").get(ADDRESS)
    assert b"".join(response.streaming_content).startswith(b"%PDF")
    page = client_for("editor").get("/wissen/dinslaken/einlesen/").content.decode()
    assert "Letzte Ausgabe" in page
    assert client_for("editor").post("/wissen/dinslaken/ausgeben/papier/neu/").status_code == 302
    assert client_for("agent").post("/wissen/dinslaken/ausgeben/papier/neu/").status_code == 403


def test_liaison_of_one_city_gets_no_paper_of_the_other(client_for):
    assert client_for("liaison").get("/wissen/duisburg/ausgeben/papier.pdf").status_code == 404


def test_command_writes_chosen_cities(article, tmp_path):
    out = tmp_path / "a.pdf"
    call_command("print_knowledge", "--out", str(out), "--tenant", "dinslaken", verbosity=0)
    assert out.read_bytes().startswith(b"%PDF")
    with pytest.raises(CommandError, match="There is no city atlantis"):
        call_command("print_knowledge", "--out", str(out), "--tenant", "atlantis")
