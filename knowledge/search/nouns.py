"""The nouns that the compound splitter knows, taken from the installed package ``german-nouns``.

The package (CC BY-SA 4.0, from the German Wiktionary) is read where it is installed and never
copied: only a compact list of folded simple nouns is kept in the program's own folder. Without
the package the splitter knows ``BASIC`` only, and finds less.
"""

from __future__ import annotations

import csv
import importlib.metadata
import logging
import os
import tempfile
from pathlib import Path

from knowledge.search.decompound import Splitter
from knowledge.search.fold import fold
from knowledge.search.lists import read_list

log = logging.getLogger(__name__)
PACKAGE = "german-nouns"
FORMAT = 4  # of the compact list; raise it when the way of making it changes
MAX_FORM = 14

BASIC = read_list("basic_nouns")


def compact_nouns(folder: Path | None) -> frozenset[str]:
    """The folded simple nouns; made once per package version and kept in ``folder``."""
    try:
        version = importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return BASIC
    path = folder / f"nouns-{version}-{FORMAT}.txt" if folder else None
    if path is not None:
        try:
            kept = path.read_text(encoding="ascii").split()
            if len(kept) > 1000 and kept[-1] == "#end":
                return frozenset(kept[:-1]) | BASIC
        except (OSError, ValueError):
            log.debug("no compact noun list at %s yet", path)
    nouns = _read_package()
    if path is not None and nouns:
        _keep(path, nouns)
    return nouns | BASIC


def _read_package() -> frozenset[str]:
    """Every inflected form of every noun that is no compound of shorter ones."""
    distribution = importlib.metadata.distribution(PACKAGE)
    sources = [file for file in distribution.files or () if file.name == "nouns.csv"]
    if not sources:
        return frozenset()
    lemmas: dict[str, set[str]] = {}
    with open(str(sources[0].locate()), encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        forms_at = [i for i, name in enumerate(header) if name.split(" ")[0] in _CASES]
        for row in rows:
            kind = row[1]
            if "Substantiv" not in kind or any(word in kind for word in _NOT_THESE):
                continue
            lemma = fold(row[0])
            if not lemma.isalpha() or not lemma.isascii() or not 3 < len(lemma) <= MAX_FORM or row[0].isupper():
                continue
            forms = lemmas.setdefault(lemma, {lemma})
            for written in {row[at] for at in forms_at}:
                form = fold(written)
                if form[:3] == lemma[:3] and form.isascii() and form.isalpha() and 3 < len(form) <= MAX_FORM:
                    forms.add(form)
    simple: set[str] = set()
    splitter = Splitter(simple)
    for lemma in sorted(lemmas, key=len):
        if lemma in _NO_PARTS or (len(lemma) > 7 and splitter.split(lemma)):
            continue
        simple.update(lemmas[lemma] - _NO_PARTS)
    return frozenset(simple)


_CASES = {"nominativ", "genitiv", "dativ", "akkusativ"}
_NOT_THESE = ("Vorname", "Nachname", "Toponym", "Eigenname", "Affix", "Suffix", "Präfix", "Abkürzung", "Wortverbindung")
_NO_PARTS = read_list("no_parts")


def _keep(path: Path, nouns: frozenset[str]) -> None:
    """Written beside and renamed, so that a reader never sees half a list."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write("\n".join([*sorted(nouns), "#end"]))
        os.replace(temporary, path)
    except OSError as error:
        log.warning("The compact noun list could not be kept: %s", error)
