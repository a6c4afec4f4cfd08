"""What may stand in an article: plain text is cleaned of invisible signs, rich text of everything that could run.

Called by every service that writes sections, so that templates may print rich sections unescaped.
"""

from __future__ import annotations

import re
import unicodedata
from html import escape, unescape

import nh3

from knowledge.sections import BY_KEY, Sections, SectionValue, Shape

INLINE_TAGS = {"a", "abbr", "b", "br", "em", "i", "strong", "sub", "sup"}
BLOCK_TAGS = {
    "blockquote", "dd", "dl", "dt", "h3", "h4", "li", "ol", "p", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href"}, "abbr": {"title"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan", "scope"}}
SCHEMES = {"http", "https", "mailto", "tel"}
# h1 and h2 belong to the page; deeper levels would leave gaps.
HEADINGS = re.compile(r"<(/?)h([1256])\b[^>]*>", re.IGNORECASE)
# Control signs (but tab and line end), zero-width and direction marks, soft hyphens, byte order marks, surrogates,
# private use: invisible, and they split words for the search. One expression, because feeds bring many megabytes.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ud800-\uf8ff\ufeff\ufff9-\ufffb\U000e0000-\U0010ffff]"
)
TAGS = re.compile(r"<[^>]*>")
BLOCK_ENDS = re.compile(r"<(?:br|/p|/li|/h\d|/tr|/div|/dd|/dt)\b[^>]*>", re.IGNORECASE)


class SectionError(ValueError):
    """A section whose value does not have its shape; the message is German, for the person at the form."""


def visible(text: str) -> str:
    """The text in composed form, without invisible signs; no-break spaces become plain ones."""
    return INVISIBLE.sub("", unicodedata.normalize("NFC", text)).replace("\u00a0", " ")


def plain(text: str) -> str:
    """One line of plain text."""
    return " ".join(visible(text).split())


def sort_key(title: str) -> str:
    """A title as German lists sort it (DIN 5007-1): ä as a, ß as ss, without signs and case."""
    folded = unicodedata.normalize("NFKD", title.casefold())
    return "".join(sign for sign in folded if sign.isalnum() or sign == " ").strip()[:250]


def rich(html: str, *, inline: bool = False) -> str:
    """HTML with only the tags an article needs; empty when no text is left."""
    html = HEADINGS.sub(lambda match: f"<{match[1]}h3>", visible(html))
    cleaned = nh3.clean(
        html,
        tags=INLINE_TAGS if inline else INLINE_TAGS | BLOCK_TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer",
        strip_comments=True,
    ).strip()
    return cleaned if text_of(cleaned) else ""


def text_of(html: str) -> str:
    """The words of a piece of HTML on one line, as a search or a preview reads them."""
    return plain(unescape(TAGS.sub("", BLOCK_ENDS.sub(" ", html))))


def paragraphs(text: str) -> str:
    """Plain text as HTML: blank lines part paragraphs, line ends stay."""
    blocks = [block.strip() for block in re.split(r"\n\s*\n", visible(text)) if block.strip()]
    return "".join(
        "<p>" + "<br>".join(escape(line.strip()) for line in block.splitlines()) + "</p>" for block in blocks
    )


def clean_section(key: str, value: object) -> SectionValue:
    """A section's value in its shape, cleaned; empty entries are dropped.

    Raises SectionError for an unknown key or a value of another shape.
    """
    section = BY_KEY.get(key)
    if section is None:
        raise SectionError(f"Den Abschnitt „{key}“ gibt es nicht.")
    if section.shape is Shape.TEXT and isinstance(value, str):
        return plain(value)
    if section.shape is Shape.RICH and isinstance(value, str):
        return rich(value)
    if section.shape is Shape.ITEMS and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [item for item in (rich(item, inline=True) for item in value) if item]
    if section.shape is Shape.FACTS and isinstance(value, list) and all(isinstance(item, dict) for item in value):
        facts = [{part: plain(str(item.get(part) or "")) for part in ("value", "label")} for item in value]
        return [fact for fact in facts if fact["value"] or fact["label"]]
    raise SectionError(f"Der Abschnitt „{section.label}“ hat eine andere Form.")


def clean_sections(sections: dict[str, object], *, keep_empty: bool = False) -> Sections:
    """Every section cleaned. ``keep_empty`` keeps a city's empty sections, which hide the shared ones."""
    cleaned = {key: clean_section(key, value) for key, value in sections.items()}
    return {key: value for key, value in cleaned.items() if value or keep_empty}
