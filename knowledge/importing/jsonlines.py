"""JSON: an array or one object a line, of three shapes.

- the Munich shape: ``id, title, leika, public, text_html|text, fees_html|fees, keywords, links``
- the PVOG search service's: ``id, name, leikakeys, details: [{code, title, text, links}]``
- this project's own export (``exporting.py``): ``format: "callcenter-article"``
Also PVOG's envelope ``{"xzufiObjekte": "<xml>", …}``, which is handed to the XZuFi reader.
Streams: at no time more than one object is held.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any, BinaryIO

from knowledge.importing import xzufi
from knowledge.importing.records import Entry, Incoming, Refused, UnreadableFile
from knowledge.importing.text import as_facts, as_plain, as_rich, links_html, summary_of
from knowledge.sanitise import SectionError, clean_sections, plain
from knowledge.sections import BY_XZUFI, Sections

CHUNK = 1 << 16
MAX_OBJECT = 32 << 20  # characters; a single article is never larger, a broken array may be


def read(file: BinaryIO) -> Iterator[Entry]:
    """Every entry of the file, refused ones with line and reason."""
    start = _first_sign(file)
    objects = _array(file) if start == b"[" else _lines(file)
    seen: set[str] = set()
    for line, value in objects:
        if isinstance(value, Refused):
            yield value
            continue
        if isinstance(value, dict) and isinstance(value.get("xzufiObjekte"), str):
            # Pages of a feed: what comes later replaces what came before, as within one message.
            yield from _envelope(line, value["xzufiObjekte"])
            continue
        for entry in _entries(line, value):
            if isinstance(entry, Incoming):
                if entry.key in seen:
                    yield Refused(line, entry.key, "duplicate")
                    continue
                seen.add(entry.key)
            yield entry


def _entries(line: int, value: Any) -> Iterator[Entry]:
    if not isinstance(value, dict):
        yield Refused(line, "", "broken", "an object was expected")
        return
    try:
        yield _article(line, value)
    except (SectionError, TypeError, AttributeError, ValueError) as problem:
        yield Refused(line, _id(value), "shape", str(problem)[:200])


def _envelope(line: int, message: str) -> Iterator[Entry]:
    """The entries of one page; all of them stand in the envelope's line. A broken page is refused as a whole."""
    if not message.strip():
        return
    try:
        for entry in xzufi.read(BytesIO(message.encode())):
            yield replace(entry, line=line)
    except UnreadableFile as problem:
        yield Refused(line, "", "broken", str(problem)[:200])


def _article(line: int, value: dict[str, Any]) -> Entry:
    key = _id(value)
    if not key:
        return Refused(line, "", "no_id")
    if value.get("format") == "callcenter-article":
        return _own(line, key, value)
    if value.get("public", True) in (False, "false", "0", 0):
        return Refused(line, key, "not_public")
    if isinstance(value.get("details"), list):
        sections, terms, title = _pvog(value)
        leika = ", ".join(map(str, value.get("leikakeys") or []))
    else:
        sections, terms, title = _munich(value)
        leika = plain(str(value.get("leika") or ""))
    if not title:
        return Refused(line, key, "no_title")
    if not sections.keys() - {"fees", "further", "summary"}:
        return Refused(line, key, "no_text")
    return Incoming(line, key, title[:250], sections, tuple(dict.fromkeys(terms)), leika[:80])


def _munich(value: dict[str, Any]) -> tuple[Sections, list[str], str]:
    description = as_rich(str(value.get("text_html") or "")) or as_rich(str(value.get("text") or ""))
    sections: dict[str, object] = {
        "summary": summary_of(description),
        "description": description,
        "fees": as_facts(str(value.get("fees_html") or value.get("fees") or "")),
    }
    links = [(str(link.get("name") or ""), str(link.get("url") or "")) for link in value.get("links") or []]
    source = plain(str(value.get("source") or ""))
    sections["further"] = links_html(links) + (as_rich(f"Quelle: {source}") if source else "")
    terms = [plain(str(term)) for term in value.get("keywords") or []]
    return clean_sections(sections), [term for term in terms if term], plain(str(value.get("title") or ""))


def _pvog(value: dict[str, Any]) -> tuple[Sections, list[str], str]:
    """The search service's answer: text modules by code; 02 and 03 are titles."""
    sections: dict[str, object] = {}
    title = plain(str(value.get("name") or ""))
    for detail in value["details"]:
        code, text = str(detail.get("code") or ""), str(detail.get("text") or "")
        if code in {"02", "03"}:
            title = as_plain(text) or title
        section = BY_XZUFI.get(code)
        if section is None:
            continue
        links = [(str(link.get("title") or ""), str(link.get("uri") or "")) for link in detail.get("links") or []]
        xzufi.put(sections, section, text, links)
    online = value.get("onlineServiceLinks") or []
    services = [(str(link.get("title") or ""), str(link.get("uri") or "")) for link in online]
    xzufi.put(sections, BY_XZUFI["14"], "", services)
    if "summary" not in sections:
        sections["summary"] = summary_of(str(sections.get("description", "")))
    return clean_sections(sections), [], title


def _own(line: int, key: str, value: dict[str, Any]) -> Entry:
    """A line of this project's own export, exactly as it was."""
    title = plain(str(value.get("title") or ""))
    if not title:
        return Refused(line, key, "no_title")
    local: dict[str, dict[str, object]] = {
        slug: {
            "sections": clean_sections(own.get("sections") or {}, keep_empty=True),
            "terms": sorted(plain(term) for term in own.get("terms") or []),
        }
        for slug, own in (value.get("local") or {}).items()
    }
    return Incoming(
        line,
        key,
        title[:250],
        clean_sections(value.get("sections") or {}),
        tuple(sorted(plain(term) for term in value.get("terms") or [])),
        str(value.get("leika_key") or "")[:80],
        tuple(value.get("themes") or ()),
        str(value.get("kind") or "service"),
        str(value.get("owner") or ""),
        local,
    )


def _id(value: dict[str, Any]) -> str:
    raw = value.get("id")
    return plain(str(raw)) if raw not in (None, "") else ""


# --- streaming ----------------------------------------------------------------------------------
def _first_sign(file: BinaryIO) -> bytes:
    head = file.read(CHUNK).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    return head[:1]


def _lines(file: BinaryIO) -> Iterator[tuple[int, Any]]:
    """JSON Lines; a single object over several lines counts as one."""
    pending, began = b"", 0
    for number, raw in enumerate(file, 1):
        raw = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
        if not raw.strip() and not pending:
            continue
        if pending and raw.startswith(b"{"):
            # The next object begins: what is pending was broken.
            yield began, _refusal(began, pending)
            pending = b""
        began = began if pending else number
        text = pending + raw
        try:
            yield began, json.loads(text.decode("utf-8"))
            pending = b""
        except UnicodeDecodeError:
            yield began, Refused(began, "", "encoding")
            pending = b""
        except json.JSONDecodeError:
            pending = text if len(text) < MAX_OBJECT else b""
    if pending.strip():
        yield began, _refusal(began, pending)


def _refusal(line: int, raw: bytes) -> Refused:
    try:
        json.loads(raw)
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        return Refused(line, "", "broken", str(problem)[:200])
    return Refused(line, "", "broken")


def _array(file: BinaryIO) -> Iterator[tuple[int, Any]]:
    """The objects of one array, each decoded as soon as it is complete."""
    decoder = json.JSONDecoder()
    text, line, position, opened = "", 1, 0, False
    incremental = _decoded(file)
    exhausted = False
    while True:
        while position < len(text) and (text[position].isspace() or text[position] == ("," if opened else "[")):
            opened = opened or text[position] == "["
            line += text[position] == "\n"
            position += 1
        if position < len(text):
            if text[position] == "]":
                return
            try:
                value, end = decoder.raw_decode(text, position)
            except json.JSONDecodeError as problem:
                if exhausted or len(text) - position > MAX_OBJECT:
                    yield line, Refused(line, "", "broken", f"{problem.msg}; nothing after it was read")
                    return
            else:
                yield line, value
                line += text.count("\n", position, end)
                position = end
                continue
        if exhausted:
            return
        try:
            more = next(incremental, "")
        except UnicodeDecodeError:
            yield line, Refused(line, "", "encoding", "nothing after it was read")
            return
        exhausted = not more
        text, position = text[position:] + more, 0


def _decoded(file: BinaryIO) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    while chunk := file.read(CHUNK):
        if text := decoder.decode(chunk):
            yield text
    if text := decoder.decode(b"", final=True):
        yield text
