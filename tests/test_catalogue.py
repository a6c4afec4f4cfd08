"""The English catalogue: complete, with the same placeholders, and never behind the German texts."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(settings.BASE_DIR)
CATALOGUE = ROOT / "locale" / "en" / "LC_MESSAGES" / "django.po"
CALLS = {"gettext": None, "gettext_lazy": None, "_": None, "ngettext": (1, 2), "ngettext_lazy": (1, 2)}
# A call as templatize writes it; what stands around it is filler that no tokenizer reads.
IN_TEMPLATE = re.compile(
    r"""(?<![\w.])(?:gettext|_|ngettext)\(\s*u?(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\"{3}.*?\"{3})""", re.DOTALL
)
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%%|%[sd]|\{\w*\}|</?\w+[^>]*>")
HINT = "run `make messages` and translate it in locale/en/LC_MESSAGES/django.po"


def catalogue() -> Catalog:
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="en", abort_invalid=True)


def forms(text: object) -> tuple[str, ...]:
    """Singular and plural of an entry with both, the one text of any other."""
    return text if isinstance(text, tuple) else (str(text),)


def in_code() -> Iterator[tuple[str, str]]:
    """(text, place) of every gettext literal in our Python files."""
    for folder in ("billing", "callcenter", "knowledge", "tenants"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for line, found, _comments, _context in extract("python", BytesIO(path.read_bytes()), CALLS):
                yield forms(found)[0], f"{path.relative_to(ROOT)}:{line}"


def in_templates() -> Iterator[tuple[str, str]]:
    """(text, place) of every {% translate %} and {% blocktranslate %}, read as makemessages reads them."""
    for path in sorted((ROOT / "templates").rglob("*.*")):
        code = templatize(path.read_text(encoding="utf-8"))
        for call in IN_TEMPLATE.finditer(code):
            line = code.count("\n", 0, call.start()) + 1
            yield ast.literal_eval(call["text"]), f"{path.relative_to(ROOT)}:{line}"


def test_every_text_is_translated_with_its_placeholders() -> None:
    """Otherwise someone who chose English reads a German sentence, or one without its amount or day."""
    wrong = []
    for entry in catalogue():
        if not entry.id:
            continue
        german, english = forms(entry.id), forms(entry.string or "")
        if entry.fuzzy or len(german) != len(english) or not all(english):
            wrong.append(entry.id)
            continue
        for source, target in zip(german, english, strict=True):
            same = Counter(PLACEHOLDER.findall(source)) == Counter(PLACEHOLDER.findall(target))
            edges = [(text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]) for text in (source, target)]
            if not same or edges[0] != edges[1]:
                wrong.append(entry.id)
    assert not wrong, HINT


def test_no_text_is_missing_from_the_catalogue() -> None:
    """Otherwise a new button or message stays German on an English screen, and nobody notices."""
    known = {forms(entry.id)[0] for entry in catalogue() if entry.id}
    texts = [*in_code(), *in_templates()]
    assert len({text for text, _ in texts}) > 900, "the search itself found too little"
    missing = sorted({f"{place}: {text}" for text, place in texts if text not in known})
    assert not missing, HINT
