"""From foreign text to the shapes of our sections. Pure functions."""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

from knowledge.sanitise import BLOCK_TAGS, paragraphs, plain, rich, text_of

LOOKS_LIKE_HTML = re.compile(r"<(?:/?[a-z][a-z0-9]*)(?:\s[^<>]*)?/?>", re.IGNORECASE)
# What feeds write where they mean nothing.
NOTHING = {"", "-", "–", "--", "entfällt", "keine angabe", "k. a.", "n/a"}
NUMBER = r"\d[\d.]*(?:,\d{1,2})?"
AMOUNT = re.compile(
    rf"(?:(?:ab|bis|mindestens|höchstens|ca\.|etwa)\s+)?(?:{NUMBER}\s*(?:bis|-|–)\s*)?{NUMBER}\s*(?:Euro|EUR|€)",
    re.IGNORECASE,
)
FREE = re.compile(r"\b(?:kostenlos|kostenfrei|gebührenfrei|keine (?:Gebühr|Kosten))", re.IGNORECASE)
SHORT = 32  # characters a fact's headline may have


def as_rich(text: str) -> str:
    """HTML as it is, plain text in paragraphs; both cleaned, and empty where nothing is said."""
    html = rich(text if LOOKS_LIKE_HTML.search(text) else paragraphs(text))
    return "" if text_of(html).lower() in NOTHING else html


def as_plain(text: str) -> str:
    """The words alone; empty where nothing is said."""
    words = text_of(text) if LOOKS_LIKE_HTML.search(text) else plain(text)
    return "" if words.lower() in NOTHING else words


def as_items(text: str) -> list[str]:
    """List entries, else paragraphs, else lines: each an entry with its inline marks."""
    if not LOOKS_LIKE_HTML.search(text):
        text = "<br>".join(escape(line) for line in text.splitlines())
    splitter = _Splitter()
    splitter.feed(text)
    splitter.close()
    items = [rich(item, inline=True) for item in splitter.pieces]
    return [re.sub(r"^(?:[-•*–]\s+)", "", item) for item in items if item and text_of(item).lower() not in NOTHING]


def as_facts(text: str) -> list[dict[str, str]]:
    """Each line as headline and detail: an amount or a few words, and the rest."""
    return [fact_of(text_of(item)) for item in as_items(text)]


def fact_of(line: str) -> dict[str, str]:
    """``Neufahrzeug: ab 20,50 Euro`` becomes ``ab 20,50 €`` with the label ``Neufahrzeug``."""
    line = plain(line).lstrip("-•– ").strip()
    if found := AMOUNT.search(line):
        value = re.sub(r"\s*(?:Euro|EUR|€)", " €", found[0], flags=re.IGNORECASE)
        rest = (line[: found.start()] + " " + line[found.end() :]).strip(" :;,.–-")
        label = re.sub(r"\s+", " ", rest)
        # A second amount in the rest would read oddly without the first: keep the sentence whole.
        return {"value": value, "label": line if AMOUNT.search(rest) else label}
    if len(line) <= SHORT:
        return {"value": line, "label": ""}
    if found := FREE.search(line):
        return {"value": "keine", "label": line}
    return {"value": "", "label": line}


def summary_of(html: str, length: int = 140) -> str:
    """The first sentences that fit into the hit list."""
    text = text_of(html)
    if len(text) <= length:
        return text
    cut = text[: length + 1]
    end = max(cut.rfind(". "), cut.rfind("! "), cut.rfind("? "))
    return text[: end + 1] if end >= length // 3 else cut[: cut.rfind(" ")].rstrip(",;:–- ") + " …"


def links_html(links: list[tuple[str, str]]) -> str:
    """A list of (title, address); addresses that are none are left out by the sanitiser."""
    entries = "".join(
        f'<li><a href="{escape(uri)}">{escape(plain(title) or uri)}</a></li>' for title, uri in links if uri.strip()
    )
    return rich(f"<ul>{entries}</ul>") if entries else ""


class _Splitter(HTMLParser):
    """Cuts HTML at block borders and keeps inline marks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = [""]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in BLOCK_TAGS or tag in {"br", "div", "h1", "h2", "h5", "h6"}:
            self.pieces.append("")
        else:
            self.pieces[-1] += self.get_starttag_text() or ""

    def handle_endtag(self, tag: str) -> None:
        if tag in BLOCK_TAGS or tag in {"div", "h1", "h2", "h5", "h6"}:
            self.pieces.append("")
        else:
            self.pieces[-1] += f"</{tag}>"

    def handle_data(self, data: str) -> None:
        self.pieces[-1] += escape(data)
