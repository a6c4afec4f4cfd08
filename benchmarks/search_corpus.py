"""Synthetic German articles around the demo's services, and queries with known answers.

Every article is one of the demo's services for one district, group or occasion, with a text of its
own mixed from that service's sentences and a few of others. The right answers of a query are all
articles of its service. Deterministic by seed.
"""

from __future__ import annotations

import random
import re
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from knowledge.search.analysis import plain_text
from knowledge.search.documents import Document

ARTICLES = Path(__file__).resolve().parent.parent / "knowledge" / "demo" / "articles"
TENANTS = (1, 2)
_SPACE = uuid.UUID("0d0a9d3e-7f1e-4d4b-8a55-35d7f5f0d2c4")

WHO = [
    "Studierende",
    "Auszubildende",
    "Familien",
    "Alleinerziehende",
    "ältere Menschen",
    "Selbstständige",
    "Unternehmen",
    "Vereine",
    "Geflüchtete",
    "Menschen mit Behinderung",
    "Neuzugezogene",
    "Jugendliche",
    "Beschäftigte der Stadt",
    "Gäste",
    "Pendelnde",
    "Eigentümerinnen und Eigentümer",
]
WHERE = [
    "Altstadt",
    "Hafen",
    "Nordviertel",
    "Südbezirk",
    "Rheinhausen",
    "Hochfeld",
    "Walsum",
    "Homberg",
    "Meiderich",
    "Lohberg",
    "Hiesfeld",
    "Eppinghoven",
    "Bruch",
    "Oberlohberg",
    "Ruhrort",
    "Beeck",
    "Marxloh",
    "Wanheim",
    "Buchholz",
    "Großenbaum",
    "Rahm",
    "Neudorf",
    "Duissern",
    "Kaßlerfeld",
]
WHEN = [
    "beim Umzug",
    "nach der Heirat",
    "bei Wegzug ins Ausland",
    "im Todesfall",
    "zum Jahreswechsel",
    "in den Ferien",
    "im Eilfall",
    "online",
    "mit Vollmacht",
    "bei Minderjährigen",
    "nach Fristablauf",
    "bei Ermäßigung",
]


@dataclass(frozen=True)
class Service:
    id: str
    title: str
    terms: tuple[str, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    text: str
    service: str


def services() -> list[Service]:
    """The demo's services with their sentences."""
    found = []
    for path in sorted(ARTICLES.glob("*.toml")):
        for raw in tomllib.loads(path.read_text(encoding="utf-8"))["article"]:
            sentences: list[str] = []
            for value in raw["shared"].values():
                texts = (
                    [value]
                    if isinstance(value, str)
                    else [" ".join(v.values()) if isinstance(v, dict) else v for v in value]
                )
                for text in texts:
                    sentences += re.split(r"(?<=[.!?])\s+", plain_text(text))
            found.append(Service(raw["id"], raw["title"], tuple(raw["terms"]), tuple(s for s in sentences if s)))
    return found


def documents(size: int, seed: int = 1) -> Iterator[tuple[Document, str]]:
    """``size`` documents in two cities, each with the id of its service."""
    rng = random.Random(seed)
    base = services()
    for number in range(size):
        service = base[number % len(base)]
        turn = number // len(base)
        title = service.title
        if turn:
            shape = rng.randrange(4)
            detail = (
                f"für {rng.choice(WHO)}",
                f"in {rng.choice(WHERE)}",
                rng.choice(WHEN),
                f"für {rng.choice(WHO)} {rng.choice(WHEN)}",
            )[shape]
            title = f"{service.title} {detail}"
        own = rng.sample(service.sentences, k=min(len(service.sentences), rng.randint(8, 16)))
        other = [rng.choice(rng.choice(base).sentences) for _ in range(rng.randint(1, 4))]
        terms = rng.sample(service.terms, k=min(len(service.terms), rng.randint(3, 8)))
        key = uuid.uuid5(_SPACE, f"{seed}:{number}")
        yield Document(key, TENANTS[(number + turn) % 2], title, tuple(terms), [*own, *other], number), service.id


def queries(count: int, seed: int = 2) -> list[Query]:
    """One to four words as callers' questions are typed: titles, search terms, a third with a typing error."""
    rng = random.Random(seed)
    base = services()
    found = []
    while len(found) < count:
        service = rng.choice(base)
        words = [w for w in re.findall(r"\w+", rng.choice([service.title, *service.terms])) if len(w) > 2]
        if not words:
            continue
        first = rng.randrange(max(1, len(words) - 3))
        picked = words[first : first + rng.randint(1, 4)]
        if rng.random() < 0.33:
            at = rng.randrange(len(picked))
            picked[at] = typo(picked[at], rng)
        found.append(Query(" ".join(picked), service.id))
    return found


def typo(word: str, rng: random.Random) -> str:
    """One slip of the fingers: a letter dropped, doubled, or swapped with its neighbour."""
    if len(word) < 5:
        return word
    at = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(3)
    if kind == 0:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[:at] + word[at] + word[at:]
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def keystrokes(asked: list[Query], count: int, seed: int = 3) -> list[Query]:
    """What is in the field while these are typed, from the second letter on."""
    rng = random.Random(seed)
    found = [Query(query.text[:end], query.service) for query in asked for end in range(2, len(query.text) + 1)]
    return rng.sample(found, k=min(count, len(found)))


# What is pasted or slips from the keyboard, by what is wrong with it.
HOSTILE = {
    "quotes": "'\"„“‚‘»«`´''\"\"''",
    "half a quote": '"reisepass',
    "slashes": "Führerschein/Kfz: (B) 'x \\ // \\\\ a/b/c",
    "brackets": "([{<)]}>((((([[[[",
    "operators": "reisepass AND NOT (OR title:pass~2 ^5 *:* ?* -a +b && || !",
    "SQL": "'; DROP TABLE knowledge_article; -- %' OR 1=1",
    "tsquery": "pass & !(pass | :*) <-> 'pass':*A",
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "template": "{{ request }} {% debug %} ${7*7} #{x} %s %(q)s {0}",
    "expressions": "(a+)+$ [a-z]{1,99999} .*.*.*.*.*b",
    "emoji": "🛂 Pass 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪",
    "emoji alone": "🛂🛂",
    "NUL": "reise\x00pass \x00\x00",
    "control characters": "".join(map(chr, range(32))) + "\x7f\x85 pass",
    "right to left": "\u202eجواز السفر\u202c דרכון \u200fpass",
    "zero width": "re\u200bise\u00adp\ufeffass",
    "combining marks": "z\u0301\u0302\u0303" + "a" + "\u0301" * 400,
    "composed and not": "Bürgerbüro Bu\u0308rgerbu\u0308ro",
    "capitals that grow": "ẞßﬃŉİIıſ" * 20,
    "wide characters": "ｒｅｉｓｅｐａｓｓ 𝓻𝓮𝓲𝓼𝓮 ﷽﷽﷽﷽",
    "other scripts": "паспорт 护照 パスポート ผ่านแดน",
    "not a character": "\ufffe\uffff\U0010ffff pass",
    "one long word": "x" * 10_000,
    "one long compound": "bundespersonalausweisverlustmeldebescheinigung" * 200,
    "many words": "pass " * 2_000,
    "many wrong words": "raisepsas persnalausweiss hndesteur " * 300,
    "many different words": " ".join(f"wort{n}x" for n in range(1_500)),
    "long of emoji": "🛂" * 2_500,
    "blank": " \t\u00a0\u2003\u3000 ",
    "lines": "reise\r\npass\n\n\tbeantragen\u2028\u2029",
    "numbers": "1e308 -0 NaN Infinity 0x41 ٣٤ ²½ 115",
    "addresses": "https://example.org/?q=a&b=c#d mailto:a@b.de file:///etc/passwd ../../..",
}
