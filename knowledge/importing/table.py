"""CSV: one article a line, columns by the names of our sections.

Lists are separated by line breaks inside a field; facts are written ``value | detail``. UTF-8 or, as
spreadsheets in Germany save it, Windows-1252; comma, semicolon or tab. ``template()`` is the table to
download and fill in.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from knowledge.importing.records import Entry, Incoming, Refused, UnreadableFile
from knowledge.importing.text import as_items, as_plain, as_rich, summary_of
from knowledge.sanitise import clean_sections, plain
from knowledge.sections import BY_KEY, SECTIONS, Section, Shape

# Our name of a column, and the words people write above it.
NAMES = {
    "id": ("id", "kennung", "nummer"),
    "title": ("title", "titel", "name", "bezeichnung"),
    "terms": ("terms", "suchwörter", "suchworte", "stichwörter", "keywords"),
    "theme": ("theme", "thema", "kategorie", "category"),
    "leika_key": ("leika_key", "leika", "leika-schlüssel"),
    "public": ("public", "öffentlich"),
    **{section.key: (section.key, section.label.lower()) for section in SECTIONS},
}
COLUMN = {name: key for key, names in NAMES.items() for name in names}
NO = {"nein", "no", "false", "0", "falsch"}


def template() -> str:
    """An empty table with one filled-in line, as text with a byte order mark for spreadsheets."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";", lineterminator="\r\n")
    writer.writerow(["id", "title", "theme", "terms", "public", *(section.key for section in SECTIONS)])
    example = {
        "say": "Den Hund melden Sie innerhalb von zwei Wochen an.",
        "summary": "Anmeldung zur Hundesteuer",
        "fees": "132,00 € | im Jahr für den ersten Hund",
        "deadlines": "2 Wochen | nach dem Einzug",
        "documents": "Chipnummer des Hundes\nAusweis",
    }
    values = [example.get(section.key, "") for section in SECTIONS]
    writer.writerow(["hund-anmelden", "Hund anmelden", "Steuern", "Hundemarke\nHundesteuer", "ja", *values])
    return "\ufeff" + buffer.getvalue()


def read(file: BinaryIO) -> Iterator[Entry]:
    """Every line of the table, refused ones with line and reason."""
    text = io.TextIOWrapper(file, encoding=_encoding(file), newline="")
    header_line = text.readline()
    delimiter = max(";,\t", key=header_line.count)
    text.seek(0)
    rows = csv.reader(text, delimiter=delimiter)
    try:
        header = [COLUMN.get(plain(name).lower(), "") for name in next(rows)]
    except (StopIteration, csv.Error):
        raise UnreadableFile("the table is empty") from None
    if not {"id", "title"} <= set(header):
        raise UnreadableFile("the table needs at least the columns id and title; see the template")
    seen: set[str] = set()
    began = 1
    while True:
        began = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            break
        except csv.Error as problem:
            yield Refused(began, "", "broken", str(problem))
            continue
        if not any(cell.strip() for cell in row):
            continue
        entry = _article(began, header, row)
        if isinstance(entry, Incoming):
            if entry.key in seen:
                entry = Refused(began, entry.key, "duplicate")
            else:
                seen.add(entry.key)
        yield entry
    text.detach()


def _article(line: int, header: list[str], row: list[str]) -> Entry:
    values = dict(zip(header, row, strict=False))
    key = plain(values.get("id", ""))
    if len(row) != len(header):
        return Refused(line, key, "columns", f"{len(row)} instead of {len(header)}")
    if not key:
        return Refused(line, "", "no_id")
    if plain(values.get("public", "")).lower() in NO:
        return Refused(line, key, "not_public")
    title = plain(values.get("title", ""))
    if not title:
        return Refused(line, key, "no_title")
    sections = clean_sections({name: _value(BY_KEY[name], text) for name, text in values.items() if name in BY_KEY})
    if not sections:
        return Refused(line, key, "no_text")
    if "summary" not in sections and isinstance(description := sections.get("description"), str):
        sections["summary"] = summary_of(description)
    themes = tuple(filter(None, [plain(values.get("theme", ""))]))
    terms = tuple(dict.fromkeys(filter(None, map(plain, values.get("terms", "").splitlines()))))
    return Incoming(line, key, title[:250], sections, terms, plain(values.get("leika_key", ""))[:80], themes)


def _value(section: Section, text: str) -> object:
    if section.shape is Shape.TEXT:
        return as_plain(text)
    if section.shape is Shape.RICH:
        return as_rich(text)
    if section.shape is Shape.ITEMS:
        return as_items(text)
    pairs = (line.partition("|") for line in text.splitlines() if line.strip())
    return [{"value": value.strip(), "label": label.strip()} for value, _, label in pairs]


def _encoding(file: BinaryIO) -> str:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    encoding = "utf-8-sig"
    try:
        while chunk := file.read(1 << 16):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        encoding = "cp1252"
    file.seek(0)
    return encoding
