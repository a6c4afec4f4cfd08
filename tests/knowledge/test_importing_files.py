"""JSON and CSV files as people and portals write them."""

from __future__ import annotations

import json
from io import BytesIO

import pytest

from knowledge.importing import jsonlines, table
from knowledge.importing.formats import detect
from knowledge.importing.records import Incoming, Refused, UnreadableFile
from knowledge.importing.text import as_facts, as_items, fact_of, summary_of


def munich(**changes) -> dict:
    return {
        "id": "1063423",
        "title": "Gewerbe-Anmeldung",
        "leika": "99050012104000",
        "public": True,
        "text_html": "<p>​Sie melden Ihr Gewerbe an.</p>",
        "text": "Sie melden Ihr Gewerbe an.",
        "fees_html": "<p>50 bis 60 Euro (abhängig von der Rechtsform)<br><br></p>",
        "fees": "50 bis 60 Euro",
        "keywords": ["Gewerbe", "Gewerbe anmelden", "Gewerbe"],
        "links": [{"name": "Antrag", "url": "https://example.org/antrag"}, {"name": "x", "url": "javascript:x()"}],
        "location_ids": ["10546"],
        "source": "Stadt Musterstadt",
    } | changes


def lines(*objects) -> BytesIO:
    return BytesIO("\n".join(each if isinstance(each, str) else json.dumps(each) for each in objects).encode())


def read(file: BytesIO) -> list:
    return list(jsonlines.read(file))


def test_munich_service_arrives_in_our_sections():
    (entry,) = read(lines(munich()))
    assert (entry.line, entry.key, entry.title, entry.leika_key) == (
        1,
        "1063423",
        "Gewerbe-Anmeldung",
        "99050012104000",
    )
    assert entry.sections["description"] == "<p>Sie melden Ihr Gewerbe an.</p>"
    assert entry.sections["fees"] == [{"value": "50 bis 60 €", "label": "(abhängig von der Rechtsform)"}]
    assert entry.terms == ("Gewerbe", "Gewerbe anmelden")
    assert "Quelle: Stadt Musterstadt" in entry.sections["further"]
    assert "https://example.org/antrag" in entry.sections["further"]
    assert "javascript" not in entry.sections["further"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"public": False}, "not_public"),
        ({"public": False, "text": "", "text_html": ""}, "not_public"),
        ({"text": "", "text_html": ""}, "no_text"),
        ({"text": "\u200b \ufeff", "text_html": "<p>\u200b</p>"}, "no_text"),
        ({"title": " "}, "no_title"),
        ({"id": ""}, "no_id"),
        ({"id": None}, "no_id"),
        ({"keywords": 5}, "shape"),
        ({"links": ["x"]}, "shape"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_reason(changes, reason):
    (entry,) = read(lines(munich(**changes)))
    assert (entry.line, entry.reason) == (1, reason)


def test_one_leika_key_for_many_services_and_many_for_one():
    """Services would overwrite each other."""
    entries = read(lines(munich(id="1"), munich(id="2"), munich(id="3", leika="99036008007003, 99036008007004")))
    assert [entry.key for entry in entries] == ["1", "2", "3"]
    assert entries[2].leika_key == "99036008007003, 99036008007004"


def test_same_id_twice_is_refused_the_second_time():
    entries = read(lines(munich(), munich(title="Anders")))
    assert [type(entry) for entry in entries] == [Incoming, Refused]
    assert (entries[1].line, entries[1].reason) == (2, "duplicate")


@pytest.mark.parametrize("bad", ['{"id": "2", ', "kein json", "[1, 2", '{"id": "2"} x'])
def test_broken_line_is_named_and_the_rest_read(bad):
    entries = read(lines(munich(id="1"), bad, munich(id="3")))
    assert [entry.key for entry in entries if isinstance(entry, Incoming)] == ["1", "3"]
    assert [(entry.line, entry.reason) for entry in entries if isinstance(entry, Refused)] == [(2, "broken")]


def test_wrong_encoding_in_a_line_is_named():
    raw = (
        json.dumps(munich(id="1")).encode()
        + b"\n"
        + b'{"id": "2", "title": "B\xfccher"}'
        + b"\n"
        + json.dumps(munich(id="3")).encode()
    )
    entries = read(BytesIO(raw))
    assert [(entry.line, getattr(entry, "reason", "")) for entry in entries] == [(1, ""), (2, "encoding"), (3, "")]


def test_arrays_and_pretty_objects_are_read_with_their_lines():
    raw = json.dumps([munich(id="1"), munich(id="2"), munich(id="3", public=False)], indent=1).encode()
    entries = read(BytesIO(b"\xef\xbb\xbf" + raw))
    assert (type(entries[0]), entries[0].line) == (Incoming, 2)
    assert [getattr(entry, "key", None) or entry.id for entry in entries] == ["1", "2", "3"]
    (single,) = read(BytesIO(json.dumps(munich(), indent=2).encode()))
    assert isinstance(single, Incoming)


def test_array_that_breaks_off_keeps_what_was_complete():
    raw = json.dumps([munich(id="1"), munich(id="2")]).encode()
    entries = read(BytesIO(raw[:-30]))
    assert [type(entry) for entry in entries] == [Incoming, Refused]
    assert read(BytesIO(b"[]")) == []


def test_array_larger_than_a_chunk_is_streamed():
    raw = json.dumps([munich(id=str(n), text_html="<p>" + "Wort " * 3000 + "</p>") for n in range(40)]).encode()
    assert len(read(BytesIO(raw))) == 40


def test_search_service_of_the_portals():
    entry = {
        "id": "L100042.LB.7",
        "name": "Hundesteuer",
        "leikakeys": ["99102013104000"],
        "details": [
            {"code": "03", "title": "", "text": "Hund anmelden"},
            {"code": "06", "text": "<p>Wer einen Hund hält.</p>"},
            {"code": "98", "text": "132 Euro im Jahr"},
            {
                "code": "08",
                "text": "<ul><li>Ausweis</li></ul>",
                "links": [{"title": "Liste", "uri": "https://example.org"}],
            },
            {"code": "77", "text": "unbekannt"},
        ],
    }
    (found,) = read(lines(entry))
    assert (found.key, found.title) == ("L100042.LB.7", "Hund anmelden")
    assert found.sections["fees"] == [{"value": "132 €", "label": "im Jahr"}]
    assert len(found.sections["documents"]) == 2


def test_portal_envelope_holds_a_feed():
    from tests.knowledge.test_importing_xzufi import TEXT, message, service

    envelope = {"xzufiObjekte": message(service(TEXT)).getvalue().decode(), "naechsterIndex": 5, "vollstaendig": True}
    assert [entry.key for entry in read(lines(envelope))] == ["L1:4711"]


def test_pages_of_a_portal_follow_each_other_and_a_broken_one_is_named():
    """One bad page of a nightly fetch would keep out the rest, or the update of an object would be refused."""
    from tests.knowledge.test_importing_xzufi import TEXT, message, service

    page = {"xzufiObjekte": message(service(TEXT, title="Alt")).getvalue().decode(), "vollstaendig": False}
    update = {"xzufiObjekte": message(service(TEXT, title="Neu")).getvalue().decode(), "vollstaendig": True}
    broken = {"xzufiObjekte": "<kein xml", "vollstaendig": False}
    empty = {"xzufiObjekte": "", "vollstaendig": True}
    found = read(lines(page, broken, update, empty))
    assert [(entry.line, getattr(entry, "title", entry.__class__.__name__)) for entry in found] == [
        (1, "Alt"),
        (2, "Refused"),
        (3, "Neu"),
    ]


# --- CSV --------------------------------------------------------------------------------------
def test_template_reads_in_as_it_is():
    """People would fill in a table that nobody can read."""
    (entry,) = table.read(BytesIO(table.template().encode()))
    assert (entry.key, entry.title, entry.themes) == ("hund-anmelden", "Hund anmelden", ("Steuern",))
    assert entry.sections["fees"] == [{"value": "132,00 €", "label": "im Jahr für den ersten Hund"}]
    assert entry.sections["documents"] == ["Chipnummer des Hundes", "Ausweis"]
    assert entry.terms == ("Hundemarke", "Hundesteuer")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_tables_as_spreadsheets_save_them(delimiter, encoding):
    text = f"Kennung{delimiter}Titel{delimiter}So sagen\r\n1{delimiter}Müll{delimiter}Gern.\r\n"
    (entry,) = table.read(BytesIO(text.encode(encoding)))
    assert (entry.title, entry.sections) == ("Müll", {"say": "Gern."})


def test_bad_rows_are_named_and_the_rest_read():
    rows = [
        "id;title;say;public",
        "1;Eins;Ja;",
        "2;Zwei;Ja;;zuviel",
        ";Ohne;Ja;",
        "4;Vier;;",
        "5;Fünf;Ja;nein",
        "6;Sechs;Ja;ja",
        "6;Noch;Ja;ja",
    ]
    entries = list(table.read(BytesIO("\n".join(rows).encode())))
    outcome = [(entry.line, getattr(entry, "reason", "ok")) for entry in entries]
    assert outcome == [
        (2, "ok"),
        (3, "columns"),
        (4, "no_id"),
        (5, "no_text"),
        (6, "not_public"),
        (7, "ok"),
        (8, "duplicate"),
    ]


def test_row_with_line_breaks_counts_from_its_first_line():
    entries = list(table.read(BytesIO(b'id;title;say\n1;"A\nB";x\n;C;y\n')))
    assert [entry.line for entry in entries] == [2, 4]


def test_table_without_the_needed_columns_is_refused():
    with pytest.raises(UnreadableFile, match="template"):
        list(table.read(BytesIO(b"name;text\n1;2\n")))


@pytest.mark.parametrize(
    ("raw", "name"), [(b"  <x/>", "xzufi"), (b'\xef\xbb\xbf{"a":1}', "json"), (b"[]", "json"), (b"id;title\n", "csv")]
)
def test_format_is_told_by_the_first_sign(raw, name):
    file = BytesIO(raw)
    assert detect(file) == name
    assert file.tell() == 0


def test_empty_file_is_said_so():
    with pytest.raises(UnreadableFile, match="empty"):
        detect(BytesIO(b" \n"))


# --- text into shapes -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("line", "value", "label"),
    [
        ("40 Euro", "40 €", ""),
        ("- unter 24 Jahren: 27,60 Euro", "27,60 €", "unter 24 Jahren"),
        ("Neufahrzeug: ab 20,50 EUR", "ab 20,50 €", "Neufahrzeug"),
        ("kostenlos", "kostenlos", ""),
        (
            "Die Anmeldung ist gebührenfrei; die Steuer richtet sich nach der Satzung.",
            "keine",
            "Die Anmeldung ist gebührenfrei; die Steuer richtet sich nach der Satzung.",
        ),
        (
            "Die Höhe der Gebühr hängt davon ab, wie alt die Daten sind.",
            "",
            "Die Höhe der Gebühr hängt davon ab, wie alt die Daten sind.",
        ),
        ("Grundgebühr 10 Euro, dazu 2 Euro je Seite", "10 €", "Grundgebühr 10 Euro, dazu 2 Euro je Seite"),
    ],
)
def test_fact_takes_the_amount_as_headline(line, value, label):
    assert fact_of(line) == {"value": value, "label": label}


def test_items_come_from_lists_paragraphs_and_lines():
    assert as_items("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>") == ["a", "b", "c"]
    assert as_items("<p>a</p><p>b <a href='https://example.org'>c</a></p>")[1].startswith("b <a href=")
    assert as_items("a\n- b\n\n• c") == ["a", "b", "c"]
    assert as_facts("<p>a: 1 Euro<br>b: 2 Euro</p>") == [{"value": "1 €", "label": "a"}, {"value": "2 €", "label": "b"}]


def test_summary_ends_with_a_sentence_or_a_word():
    assert summary_of("<p>Kurz.</p>") == "Kurz."
    assert summary_of("<p>" + "Ein Satz hier. " * 20 + "</p>").endswith("hier.")
    assert summary_of("<p>" + "wort " * 60 + "</p>").endswith("wort …")
