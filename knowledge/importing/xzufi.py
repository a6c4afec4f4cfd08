"""XZuFi 2.1 to 2.3: services from the German administration's exchange format.

Written from the structure that readers of real feeds describe (docs/decisions); no official XSD was
to be had, so no conformance is claimed. Names are matched without their namespace, because the
code lists inside are foreign elements without one. The message's root is not checked: its
name carries the version and differs per message.

Streams: one ``schreibe`` at a time is held as a small tree. After a syntax error the reader goes on
with the next ``schreibe`` or ``loesche``. Entities and external references are refused by defusedxml.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import quoteattr

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from knowledge.importing.records import Deleted, Entry, Incoming, Refused, UnreadableFile
from knowledge.importing.text import as_facts, as_items, as_plain, as_rich, fact_of, links_html, summary_of
from knowledge.sanitise import clean_sections, plain
from knowledge.sections import BY_KEY, BY_XZUFI, Section, Shape

log = logging.getLogger(__name__)

CHUNK = 1 << 16
LANGUAGES = ("de", "de-DE", "")  # then whatever else there is
RECORD = re.compile(rb"<(?:[\w.-]+:)?(?:schreibe|loesche)[\s>]")
ENCODING = re.compile(rb"""\s*<\?xml[^>]*?encoding=["']([\w.-]+)["']""")
LONG_SUMMARY = 300  # characters; a longer 05 is a text and not a line
UNITS = {
    "JAHR": ("Jahr", "Jahre"), "MONAT": ("Monat", "Monate"), "WOCHE": ("Woche", "Wochen"), "TAG": ("Tag", "Tage"),
    "WERKTAG": ("Werktag", "Werktage"), "ARBEITSTAG": ("Arbeitstag", "Arbeitstage"), "STUNDE": ("Stunde", "Stunden"),
    "MINUTE": ("Minute", "Minuten"), "SEKUNDE": ("Sekunde", "Sekunden"),
}  # fmt: skip


@dataclass
class Node:
    """An element without its namespace."""

    name: str
    attributes: dict[str, str]
    line: int
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def all(self, name: str) -> list[Node]:
        return [child for child in self.children if child.name == name]

    def first(self, *path: str) -> Node | None:
        node: Node | None = self
        for name in path:
            node = next(iter(node.all(name)), None) if node else None
        return node

    def value(self, *path: str) -> str:
        node = self.first(*path)
        return node.text.strip() if node else ""

    def words(self, name: str) -> str:
        """The text of a repeated, language-tagged child: German first, another language rather than none."""
        candidates = [child for child in self.all(name) if as_plain(child.text)]
        for language in LANGUAGES:
            for child in candidates:
                if child.attributes.get("languageCode", "") == language:
                    return child.text.strip()
        return candidates[0].text.strip() if candidates else ""


def read(file: BinaryIO) -> Iterator[Entry]:
    """Every service of the message; other kinds of objects are noted in the log and left out."""
    seen_any = False
    for record in _records(file):
        seen_any = True
        if isinstance(record, Refused):
            yield record
        elif record.name == "loesche":
            if record.attributes.get("klasse") == "Leistung" and (key := _key(record.first("id"))):
                yield Deleted(record.line, key)
        else:
            for child in record.children:
                if child.name == "leistung":
                    yield _service(child)
                else:
                    log.info("line %d: %s is not imported", child.line, child.name)
    if not seen_any:
        log.info("the message holds nothing")


def put(sections: dict[str, object], section: Section, text: str, links: list[tuple[str, str]]) -> None:
    """Add a text and its links to a section, in the section's shape; nothing where nothing is said."""
    if section.shape is Shape.ITEMS:
        items = [*as_items(text), *as_items(links_html(links))]
        if items:
            sections[section.key] = [*_list(sections, section.key), *items]
    elif section.shape is Shape.FACTS:
        facts = [{"value": "", "label": ""}] if not as_plain(text) else as_facts(text)
        facts = [fact for fact in facts if fact["value"] or fact["label"]]
        if facts:
            sections[section.key] = [*_list(sections, section.key), *facts]
    elif section.shape is Shape.RICH:
        html = as_rich(text) + links_html(links)
        if html:
            sections[section.key] = str(sections.get(section.key, "")) + html
    elif words := as_plain(text):
        sections[section.key] = " ".join(filter(None, (str(sections.get(section.key, "")), words)))


# --- one service ----------------------------------------------------------------------------------
def _service(leistung: Node) -> Entry:
    key = _key(leistung.first("id"))
    if not key:
        return Refused(leistung.line, "", "no_id")
    sections: dict[str, object] = {}
    titles: dict[str, str] = {}
    teaser = ""
    for module in leistung.all("modulText"):
        code = module.value("leikaTextmodul", "code").zfill(2)
        text = module.words("inhalt")
        if code in {"02", "03"}:
            titles.setdefault(code, as_plain(text))
        elif code == "24":
            teaser = as_plain(text)
        elif code == "23":  # where to ask first: stands with the office
            put(sections, BY_KEY["office"], text, [])
        elif section := BY_XZUFI.get(code):
            put(sections, section, text, _links(module))
    for module in leistung.all("modulTextIndividuell"):
        put(sections, BY_KEY["hints"], module.words("inhalt"), _links(module))
    _facts(leistung, sections)
    for module in leistung.all("modulAuskunftshinweis"):
        put(sections, BY_KEY["agents"], module.words("inhalt"), [])
    for module in leistung.all("modulDokument"):
        for document in module.all("dokumentEingehend"):
            put(sections, BY_KEY["documents"], document.words("bezeichnung"), [])
    portals = [(node.value("titel"), node.value("uri")) for node in leistung.all("modulUrsprungsportal")]
    put(sections, BY_KEY["further"], "", portals)
    title = titles.get("03") or titles.get("02") or ""
    if not title:
        return Refused(leistung.line, key, "no_title")
    _shorten_summary(sections, teaser)
    cleaned = clean_sections(sections)
    if not cleaned.keys() - {"further"}:
        return Refused(leistung.line, key, "no_text")
    leika = [node.value("code") for node in leistung.all("referenzLeiKa")]
    leika += [node.text.strip() for node in leistung.all("referenzLeistungsschluessel")]
    return Incoming(
        leistung.line,
        key,
        plain(title)[:250],
        cleaned,
        tuple(dict.fromkeys(_terms(leistung))),
        ", ".join(dict.fromkeys(filter(None, leika)))[:80],
    )


def _key(node: Node | None) -> str:
    """Agency and local id: schemeID is not needed for a kind's uniqueness."""
    if node is None or not node.text.strip():
        return ""
    return f"{node.attributes.get('schemeAgencyID', '')}:{node.text.strip()}"


def _terms(leistung: Node) -> Iterator[str]:
    for module in leistung.all("modulBegriffImKontext"):
        for entry in module.all("begriffImKontext"):
            if word := as_plain(entry.words("begriff")):
                yield word


def _links(module: Node) -> list[tuple[str, str]]:
    """German links first; another language's only where there is no German one."""
    links = module.all("weiterfuehrenderLink")
    german = [link for link in links if link.attributes.get("languageCode", "") in LANGUAGES] or links
    ordered = sorted(german, key=lambda link: _number(link.value("positionDarstellung")))
    return [(link.value("titel"), link.value("uri")) for link in ordered]


def _shorten_summary(sections: dict[str, object], teaser: str) -> None:
    """The hit list needs a line: a long short text moves to the top of the description."""
    summary = str(sections.get("summary", "")) or teaser
    if len(summary) > LONG_SUMMARY:
        sections["description"] = as_rich(summary) + str(sections.get("description", ""))
        summary = summary_of(summary)
    sections["summary"] = summary or summary_of(str(sections.get("description", "")))


def _facts(leistung: Node, sections: dict[str, object]) -> None:
    """Fees, deadlines and duration: from 2.3 on there may be several modules of each, one per channel."""
    for module in leistung.all("modulKosten"):
        found = [fact for cost in module.all("kosten") if (fact := _cost(cost))]
        _add_facts(sections, "fees", found, module)
    for module in leistung.all("modulFrist"):
        found = [fact for entry in module.all("frist") if (fact := _span(entry.first("fristauswahl"), entry))]
        _add_facts(sections, "deadlines", found, module)
    for module in leistung.all("modulBearbeitungsdauer"):
        found = [fact for entry in module.all("bearbeitungsdauer") if (fact := _span(entry, entry))]
        _add_facts(sections, "duration", found, module)


def _add_facts(sections: dict[str, object], key: str, facts: list[dict[str, str]], module: Node) -> None:
    known = _list(sections, key)
    text = module.words("beschreibung")
    new = [*facts, *(as_facts(text) if as_plain(text) else [])]
    if new:
        sections[key] = [*known, *(fact for fact in new if fact not in known)]
    if links := links_html(_links(module)):
        sections["further"] = str(sections.get("further", "")) + links


def _cost(cost: Node) -> dict[str, str] | None:
    choice = cost.first("kostenauswahl") or cost
    label = as_plain(cost.words("beschreibung"))
    if fixed := choice.first("fix"):
        amount = fixed.first("betrag")
        return {"value": _money(amount), "label": label} if amount else None
    if free := choice.first("frei"):
        return {"value": "keine", "label": as_plain(free.words("beschreibungKostenfreiheit")) or label}
    if variable := choice.first("variabel"):
        low, high = variable.first("betragUntergrenze"), variable.first("betragObergrenze")
        ends = [_money(node) for node in (low, high) if node is not None and node.text.strip()]
        value = " bis ".join(ends) if len(ends) == 2 else ("ab " if low else "bis ") + ends[0] if ends else ""
        return {"value": value, "label": as_plain(variable.words("beschreibungVariabilitaet")) or label}
    return fact_of(label) if label else None


def _money(node: Node) -> str:
    raw = node.text.strip()
    currency = node.attributes.get("currency", "EUR")
    try:
        whole, cents = f"{float(raw):.2f}".split(".")
    except ValueError:
        return raw
    return f"{int(whole):,}".replace(",", ".") + f",{cents} {'€' if currency in ('', 'EUR') else currency}"


def _span(choice: Node | None, entry: Node) -> dict[str, str] | None:
    label = as_plain(entry.words("beschreibung"))
    if choice is not None and (length := choice.value("dauer")):
        upper = choice.value("dauerBis")
        unit = choice.value("einheitBis") or choice.value("einheit")
        one, many = UNITS.get(unit.upper(), (unit, unit))
        value = f"{length} bis {upper} {many}" if upper else f"{length} {one if length == '1' else many}"
        return {"value": value.strip(), "label": label}
    if choice is not None and (choice.value("von") or choice.value("bis")):
        ends = [f"{word} {_date(choice.value(word))}" for word in ("von", "bis") if choice.value(word)]
        return {"value": " ".join(ends), "label": label}
    return fact_of(label) if label else None


def _date(text: str) -> str:
    found = re.match(r"(\d{4})-(\d{2})-(\d{2})", text)
    return f"{found[3]}.{found[2]}.{found[1]}" if found else text


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _list(sections: dict[str, object], key: str) -> list:
    value = sections.get(key)
    return list(value) if isinstance(value, list) else []


# --- streaming ------------------------------------------------------------------------------------
class _Target:
    """Builds trees of ``schreibe`` and ``loesche`` and forgets everything else."""

    def __init__(self) -> None:
        self.done: list[Node | Refused] = []
        self.stack: list[Node] = []
        self.parser: DefusedXMLParser | None = None
        self.prefixes: dict[str, str] = {}
        self.depth = 0
        self.resumed = False  # reading went on below a root of our own, which nothing closes
        self.offset = 0  # lines before this parser began

    def start_ns(self, prefix: str, uri: str) -> None:
        self.prefixes.setdefault(prefix or "", uri or "")

    def end_ns(self, prefix: str) -> None:
        pass

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        name = tag.rpartition("}")[2]
        if name in {"schreibe", "loesche"} and self.stack:
            # The one before was never closed.
            broken = self.stack[0]
            self.done.append(Refused(broken.line, id_inside(broken), "broken", f"{broken.name} is not closed"))
            self.stack.clear()
        if not self.stack and name not in {"schreibe", "loesche"}:
            return
        line = self.parser.parser.CurrentLineNumber + self.offset if self.parser else 0
        node = Node(name, {key.rpartition("}")[2]: value for key, value in attributes.items()}, line)
        if self.stack:
            self.stack[-1].children.append(node)
        self.stack.append(node)

    def data(self, text: str) -> None:
        if self.stack:
            self.stack[-1].text += text

    def end(self, tag: str) -> None:
        self.depth -= 1
        if self.stack:
            node = self.stack.pop()
            if not self.stack:
                self.done.append(node)

    def close(self) -> None:
        return None


def _parser(target: _Target, encoding: str | None, offset: int = 0) -> DefusedXMLParser:
    parser = DefusedXMLParser(
        target=target, encoding=encoding, forbid_dtd=False, forbid_entities=True, forbid_external=True
    )
    target.parser, target.offset = parser, offset
    target.stack.clear()
    return parser


def _records(file: BinaryIO) -> Iterator[Node | Refused]:
    """``schreibe`` and ``loesche`` as they come; a broken one is refused and the next one found."""
    target = _Target()
    chunk = file.read(CHUNK)
    declared = ENCODING.match(chunk)
    encoding = declared[1].decode() if declared else None
    parser = _parser(target, encoding)
    line, fed = 1, 0  # of the chunk at hand: its first line, and what this parser had before it
    while chunk:
        try:
            parser.feed(chunk)
        except DefusedXmlException as attack:
            raise UnreadableFile(f"entities and external references are refused: {attack}") from None
        except ParseError as problem:
            yield from _taken(target)
            inside = target.stack[0] if target.stack else None
            error_line = problem.position[0] + target.offset
            if target.depth == 0 and not target.prefixes:
                raise UnreadableFile(f"this is not XML: line {error_line}: {problem.msg}") from None
            refused = Refused(
                inside.line if inside else error_line, id_inside(inside), "broken", f"line {error_line}: {problem.msg}"
            )
            broken_at = max(0, parser.parser.ErrorByteIndex - fed)
            chunk, line = _next_record(file, chunk, line, broken_at)
            if inside or chunk or not target.resumed:
                yield refused  # else it is only the end of the root that we replaced by our own
            if not chunk:
                return
            parser = _parser(target, encoding, offset=line - 1)
            root = _root(target)
            parser.feed(root)
            fed = len(root)
            continue
        yield from _taken(target)
        line += chunk.count(b"\n")
        fed += len(chunk)
        chunk = file.read(CHUNK)
    try:
        parser.close()
    except ParseError as problem:
        inside = target.stack[0] if target.stack else None
        if target.depth == 0 and not target.prefixes:
            raise UnreadableFile(f"this is not XML: {problem.msg}") from None
        if inside or not target.resumed:
            at = inside.line if inside else line
            yield Refused(at, id_inside(inside), "broken", f"the file ends too early: {problem.msg}")
    yield from _taken(target)


def _taken(target: _Target) -> list[Node | Refused]:
    done, target.done = target.done, []
    return done


def id_inside(record: Node | None) -> str:
    """The id of a record that broke off, where it was already read."""
    for child in record.children if record else []:
        if key := _key(child.first("id")):
            return key
    return ""


def _root(target: _Target) -> bytes:
    """A root with the prefixes of the original one, on one line, so that reading can go on below it."""
    target.resumed = True
    names = "".join(
        f" xmlns{':' + prefix if prefix else ''}={quoteattr(uri)}" for prefix, uri in target.prefixes.items() if uri
    )
    return f"<rest{names}>".encode()


def _next_record(file: BinaryIO, chunk: bytes, line: int, broken_at: int) -> tuple[bytes, int]:
    """The rest of the file from the first record after the byte that broke, and that record's line."""
    start = broken_at
    line += chunk.count(b"\n", 0, start)
    while True:
        if found := RECORD.search(chunk, start):
            return chunk[found.start() :], line + chunk.count(b"\n", start, found.start())
        more = file.read(CHUNK)
        if not more:
            return b"", line
        keep = max(start, len(chunk) - 200)  # a record's first tag may lie across two chunks
        line += chunk.count(b"\n", start, keep)
        chunk, start = chunk[keep:] + more, 0
