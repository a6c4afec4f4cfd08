"""XZuFi feeds as they really are: every trap that readers of real feeds describe."""

from __future__ import annotations

import tracemalloc
from io import BytesIO

import pytest

from knowledge.importing import xzufi
from knowledge.importing.records import Deleted, Incoming, Refused, UnreadableFile

NS = "http://xoev.de/schemata/xzufi/2_2_0"


def message(*parts: str, namespace: str = NS, root: str = "transfer.beliebig") -> BytesIO:
    body = "\n".join(parts)
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<x:{root} xmlns:x="{namespace}" xzufiVersion="2.2">'
    return BytesIO(f"{head}\n{body}\n</x:{root}>".encode())


def module(code: str, text: str, *, language: str = "de", links: str = "") -> str:
    content = f'<x:inhalt languageCode="{language}">{text}</x:inhalt>' if text else ""
    return f"<x:modulText>{content}<x:leikaTextmodul><code>{code}</code></x:leikaTextmodul>{links}</x:modulText>"


def service(*modules: str, id: str = "4711", agency: str = "L1", title: str = "Hund anmelden") -> str:
    head = module("03", title) if title else ""
    return (
        f'<x:schreibe><x:leistung><x:id schemeAgencyID="{agency}" schemeID="LB">{id}</x:id>'
        f"{head}{''.join(modules)}</x:leistung></x:schreibe>"
    )


TEXT = module("06", "&lt;p&gt;Wer einen Hund hält, zahlt Steuer.&lt;/p&gt;")


def only(*parts: str, **options) -> Incoming:
    (entry,) = xzufi.read(message(*parts, **options))
    assert isinstance(entry, Incoming), entry
    return entry


@pytest.mark.parametrize("version", ["2_1_0", "2_2_0", "2_3_1"])
def test_every_version_is_read(version):
    """A feed of another version would come in empty."""
    entry = only(service(TEXT), namespace=f"http://xoev.de/schemata/xzufi/{version}")
    assert (entry.key, entry.title) == ("L1:4711", "Hund anmelden")
    assert entry.sections["description"] == "<p>Wer einen Hund hält, zahlt Steuer.</p>"


def test_code_is_found_with_and_without_namespace():
    """Hamburg writes the code inside the namespace; its texts would be lost."""
    entry = only(service(TEXT.replace("<code>06</code>", "<x:code>06</x:code>")))
    assert "description" in entry.sections


def test_title_for_citizens_counts_before_the_official_one():
    assert only(service(module("02", "Hundesteuer Anmeldung"), TEXT)).title == "Hund anmelden"
    assert only(service(module("02", "Hundesteuer Anmeldung"), TEXT, title="")).title == "Hundesteuer Anmeldung"
    (entry,) = xzufi.read(message(service(TEXT, title="")))
    assert (entry.reason, entry.id) == ("no_title", "L1:4711")


@pytest.mark.parametrize("nothing", ["-", "&lt;br&gt;", "&lt;p&gt;&#xa0;&lt;/p&gt;", " ", "&#x200b;", "entfällt"])
def test_texts_that_say_nothing_are_left_out(nothing):
    """Agents would open a section that holds a dash."""
    entry = only(service(TEXT, module("09", nothing), module("16", nothing)))
    assert entry.sections.keys() == {"summary", "description"}
    (refused,) = xzufi.read(message(service(module("06", nothing))))
    assert refused.reason == "no_text"


def test_another_language_is_better_than_nothing_and_german_better_than_all():
    entry = only(service(module("06", "Only in English.", language="en"), module("16", "Achtung.")))
    assert entry.sections["description"] == "<p>Only in English.</p>"
    both = (
        '<x:modulText><x:inhalt languageCode="en">Fee</x:inhalt><x:inhalt languageCode="de">Gebühr</x:inhalt>'
        "<x:leikaTextmodul><code>06</code></x:leikaTextmodul></x:modulText>"
    )
    assert only(service(both)).sections["description"] == "<p>Gebühr</p>"


def test_scripts_in_texts_never_arrive():
    """A feed could run code on every desk."""
    entry = only(service(module("06", "<![CDATA[<p onclick=x()>Text<script>alert(1)</script></p>]]>")))
    assert entry.sections["description"] == "<p>Text</p>"


def test_lists_become_lists_and_a_single_element_is_one():
    entry = only(
        service(
            TEXT,
            module(
                "08",
                "&lt;p&gt;Bitte:&lt;/p&gt;&lt;ul&gt;&lt;li&gt;Ausweis&lt;/li&gt;&lt;li&gt;&lt;b&gt;Foto&lt;/b&gt;&lt;/li&gt;&lt;/ul&gt;",
            ),
            module("11", "Nur ein Schritt"),
        )
    )
    assert entry.sections["documents"] == ["Bitte:", "Ausweis", "<b>Foto</b>"]
    assert entry.sections["procedure"] == ["Nur ein Schritt"]


def test_module_with_links_only_keeps_the_links():
    links = (
        '<x:weiterfuehrenderLink languageCode="de"><x:uri>https://example.org/b</x:uri><x:titel>B</x:titel>'
        "<x:positionDarstellung>2</x:positionDarstellung></x:weiterfuehrenderLink>"
        '<x:weiterfuehrenderLink languageCode="de"><x:uri>https://example.org/a</x:uri><x:titel>A</x:titel>'
        "<x:positionDarstellung>1</x:positionDarstellung></x:weiterfuehrenderLink>"
        '<x:weiterfuehrenderLink languageCode="de"><x:uri>javascript:x()</x:uri><x:titel>C</x:titel>'
        "</x:weiterfuehrenderLink>"
    )
    legal = only(service(TEXT, module("07", "", links=links))).sections["legal"]
    assert [item.count("example.org") for item in legal if "example" in item] == [1, 1]
    assert legal.index(next(item for item in legal if ">A<" in item)) < legal.index(
        next(item for item in legal if ">B<" in item)
    )
    assert not any("javascript" in item for item in legal)


def test_fees_deadlines_and_duration_in_every_form():
    costs = """<x:modulKosten>
      <x:kosten><x:kostenauswahl><x:fix><x:betrag currency="EUR">1037.5</x:betrag></x:fix></x:kostenauswahl>
        <x:beschreibung languageCode="de">einmalig</x:beschreibung></x:kosten>
      <x:kosten><x:kostenauswahl><x:variabel><x:betragUntergrenze>10</x:betragUntergrenze>
        <x:betragObergrenze>25</x:betragObergrenze></x:variabel></x:kostenauswahl></x:kosten>
      <x:kosten><x:kostenauswahl><x:frei>
        <x:beschreibungKostenfreiheit languageCode="de">für Kinder</x:beschreibungKostenfreiheit></x:frei>
        </x:kostenauswahl></x:kosten>
    </x:modulKosten>
    <x:modulKosten><x:beschreibung languageCode="de">Ersatz: 5 Euro</x:beschreibung></x:modulKosten>
    <x:modulFrist><x:frist><x:fristauswahl><x:dauer>2</x:dauer><x:einheit>WOCHE</x:einheit></x:fristauswahl></x:frist></x:modulFrist>
    <x:modulBearbeitungsdauer><x:bearbeitungsdauer><x:dauer>1</x:dauer><x:einheit>TAG</x:einheit>
        <x:dauerBis>3</x:dauerBis><x:einheitBis>TAG</x:einheitBis></x:bearbeitungsdauer></x:modulBearbeitungsdauer>"""
    sections = only(service(TEXT, costs)).sections
    assert sections["fees"] == [
        {"value": "1.037,50 €", "label": "einmalig"},
        {"value": "10,00 € bis 25,00 €", "label": ""},
        {"value": "keine", "label": "für Kinder"},
        {"value": "5 €", "label": "Ersatz"},
    ]
    assert sections["deadlines"] == [{"value": "2 Wochen", "label": ""}]
    assert sections["duration"] == [{"value": "1 bis 3 Tage", "label": ""}]


def test_note_for_people_who_inform_is_for_agents_only():
    """An internal hint would be read out to callers."""
    entry = only(
        service(
            TEXT, '<x:modulAuskunftshinweis><x:inhalt languageCode="de">Intern.</x:inhalt></x:modulAuskunftshinweis>'
        )
    )
    assert entry.sections["agents"] == "<p>Intern.</p>"


def test_documents_portals_and_texts_of_ones_own_find_their_place():
    parts = """<x:modulDokument>
      <x:dokumentEingehend><x:bezeichnung languageCode="de">Chipnummer</x:bezeichnung></x:dokumentEingehend>
      <x:dokumentAusgehend><x:bezeichnung languageCode="de">Hundemarke</x:bezeichnung></x:dokumentAusgehend>
    </x:modulDokument>
    <x:modulUrsprungsportal languageCode="de"><x:uri>https://example.org/hund</x:uri><x:titel>Portal</x:titel></x:modulUrsprungsportal>
    <x:modulTextIndividuell><x:inhalt languageCode="de">Nur mit Termin.</x:inhalt></x:modulTextIndividuell>
    <x:modulFrist><x:frist><x:fristauswahl><x:von>2026-05-01</x:von><x:bis>2026-06-30</x:bis></x:fristauswahl></x:frist></x:modulFrist>
    <x:modulFrist><x:beschreibung languageCode="de">-</x:beschreibung></x:modulFrist>"""
    sections = only(service(TEXT, parts, module("22", "Steueramt"), module("23", "Rathaus"))).sections
    assert sections["documents"] == ["Chipnummer"]
    assert "https://example.org/hund" in sections["further"]
    assert sections["hints"] == "<p>Nur mit Termin.</p>"
    assert sections["deadlines"] == [{"value": "von 01.05.2026 bis 30.06.2026", "label": ""}]
    assert [fact["value"] for fact in sections["office"]] == ["Steueramt", "Rathaus"]


def test_unknown_module_code_and_code_without_its_zero():
    """A code list grows; an unknown entry must not take the article with it."""
    entry = only(service(TEXT, module("77", "Neues Modul"), module("9", "Volljährig")))
    assert entry.sections["requirements"] == ["Volljährig"]
    assert "Neues Modul" not in str(entry.sections)


def test_version_two_three_names_its_key_otherwise():
    key = "<x:referenzLeistungsschluessel>99102013104000</x:referenzLeistungsschluessel>"
    entry = only(service(TEXT, key), namespace="http://xoev.de/schemata/xzufi/2_3_1")
    assert entry.leika_key == "99102013104000"


def test_synonyms_become_search_terms_once():
    words = "".join(
        f'<x:begriffImKontext><x:begriff languageCode="de">{word}</x:begriff><x:typ><code>001</code></x:typ>'
        "</x:begriffImKontext>"
        for word in ("Hundemarke", "Hundemarke", "-")
    )
    entry = only(service(TEXT, f"<x:modulBegriffImKontext>{words}</x:modulBegriffImKontext>"))
    assert entry.terms == ("Hundemarke",)


def test_long_short_text_moves_to_the_description():
    entry = only(service(module("05", "Ein Satz. " * 60), TEXT))
    assert len(entry.sections["summary"]) <= 145
    assert entry.sections["description"].count("Ein Satz.") == 60


def test_same_id_of_two_agencies_is_two_articles_and_repeated_leika_keys_are_none():
    leika = "<x:referenzLeiKa><code>99102013104000</code></x:referenzLeiKa>"
    entries = list(xzufi.read(message(service(TEXT, leika, agency="L1"), service(TEXT, leika, agency="L2"))))
    assert [entry.key for entry in entries] == ["L1:4711", "L2:4711"]
    assert {entry.leika_key for entry in entries} == {"99102013104000"}


def test_deletes_are_told_and_other_kinds_left_out():
    entries = list(
        xzufi.read(
            message(
                '<x:loesche klasse="Leistung"><x:id schemeAgencyID="L1">99</x:id></x:loesche>',
                '<x:loesche klasse="Onlinedienst"><x:id schemeAgencyID="L1">98</x:id></x:loesche>',
                "<x:schreibe><x:raumschiff><x:id>1</x:id></x:raumschiff></x:schreibe>",
                "<x:schreibe><x:organisationseinheit><x:id>1</x:id></x:organisationseinheit></x:schreibe>",
            )
        )
    )
    assert entries == [Deleted(3, "L1:99")]


def test_empty_message_is_no_error():
    assert list(xzufi.read(message())) == []


def test_service_without_id_is_refused():
    (entry,) = xzufi.read(message(service(TEXT).replace("4711", "")))
    assert entry.reason == "no_id"


def test_broken_service_is_named_and_the_rest_read():
    """One bad character in a nightly feed would keep out every service after it."""
    good_before, good_after = service(TEXT, id="1"), service(TEXT, id="3")
    broken = service(TEXT, id="2").replace("</x:inhalt>", "</x:falsch>", 1)
    entries = list(xzufi.read(message(good_before, broken, good_after, service(TEXT, id="4"))))
    assert [type(entry) for entry in entries] == [Incoming, Refused, Incoming, Incoming]
    assert (entries[1].line, entries[1].id, entries[1].reason) == (4, "L1:2", "broken")
    assert [entry.line for entry in entries] == [3, 4, 5, 6]


@pytest.mark.parametrize("bad", ["&nbsp;", "\x03", "<x:unclosed>", "a < b", "&"])
def test_one_line_feeds_survive_what_breaks_them(bad):
    """Feeds often have no line ends at all; the reader would loop or stop."""
    body = service(TEXT, id="1") + service(module("06", bad), id="2") + service(TEXT, id="3")
    raw = message(body).getvalue().replace(b"\n", b"")
    entries = list(xzufi.read(BytesIO(raw)))
    assert [entry.key for entry in entries if isinstance(entry, Incoming)] == ["L1:1", "L1:3"]
    assert [entry.id for entry in entries if isinstance(entry, Refused)] == ["L1:2"]


def test_unclosed_record_does_not_swallow_the_next():
    entries = list(xzufi.read(message(service(TEXT, id="1").removesuffix("</x:schreibe>"), service(TEXT, id="2"))))
    assert next(entry.id for entry in entries if isinstance(entry, Refused)) == "L1:1"
    assert [entry.key for entry in entries if isinstance(entry, Incoming)] == ["L1:2"]


def test_truncated_feed_keeps_what_was_complete():
    raw = message(service(TEXT, id="1"), service(TEXT, id="2")).getvalue()
    entries = list(xzufi.read(BytesIO(raw[: raw.rindex(b"</x:leistung>")])))
    assert isinstance(entries[0], Incoming)
    assert (entries[1].id, entries[1].reason) == ("L1:2", "broken")


def test_entities_and_external_references_are_refused():
    """A feed could read files of the server or fill its memory."""
    for declaration in ('<!ENTITY a "aa">', '<!ENTITY a SYSTEM "file:///etc/hostname">'):
        raw = f'<?xml version="1.0"?><!DOCTYPE r [{declaration}]><r>{service(TEXT)}</r>'.encode()
        with pytest.raises(UnreadableFile, match="refused"):
            list(xzufi.read(BytesIO(raw)))


def test_what_is_no_xml_is_said_so():
    with pytest.raises(UnreadableFile, match="not XML"):
        list(xzufi.read(BytesIO(b"<kein xml")))


def test_declared_encoding_is_honoured_after_a_break():
    body = service(TEXT, id="1").replace("</x:inhalt>", "</x:falsch>", 1) + "\n" + service(TEXT, id="2", title="Bücher")
    raw = message(body).getvalue().decode().replace("UTF-8", "ISO-8859-1").encode("latin-1")
    assert [entry.title for entry in xzufi.read(BytesIO(raw)) if isinstance(entry, Incoming)] == ["Bücher"]


def test_large_feed_needs_little_memory():
    """A nightly feed of 200 MB would take the server down."""

    class Feed(BytesIO):
        """Some 4 MB, made as they are read."""

        def __init__(self) -> None:
            super().__init__()
            self.parts = self.make()

        def make(self):
            head, tail = message("#").getvalue().split(b"#")
            yield head
            for number in range(400):
                yield (service(module("06", "Text " * 2_000), id=str(number)) + "\n").encode()
            yield tail

        def read(self, size: int = -1) -> bytes:
            return next(self.parts, b"")

    tracemalloc.start()
    count = sum(1 for _ in xzufi.read(Feed()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 400
    assert peak < 1_500_000
