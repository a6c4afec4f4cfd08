"""Bodies of requests → their fields. Pure: JSON, form-urlencoded, and multipart through a callable."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qsl

MAX_FIELDS = 20_000
Fields = dict[str, list[str]]


class UnreadableBody(ValueError):
    """The message is English, for the people who connect telephone systems; ``status`` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def read_fields(
    content_type: str, body: bytes, multipart: Callable[[], Iterable[tuple[str, list[str]]]] | None = None
) -> Fields:
    """Every field as a list of texts. ``multipart`` yields the fields of a multipart body. Raises UnreadableBody."""
    kind, _, rest = content_type.partition(";")
    kind = kind.strip().lower()
    found = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", rest, re.IGNORECASE)
    charset = found.group(1) if found else "utf-8"
    try:
        b" ".decode(charset, "replace")
    except LookupError:
        raise UnreadableBody(415, f"unknown charset: {charset[:40]}") from None
    if kind == "multipart/form-data":
        if multipart is None:
            raise UnreadableBody(400, "a multipart body cannot be read again")
        return {name: [str(value) for value in values] for name, values in multipart()}
    if kind.endswith("json") or body.lstrip()[:1] == b"{":
        return _plain(read_json(body, charset))
    try:
        pairs = parse_qsl(
            body.decode("latin-1"),
            keep_blank_values=True,
            encoding=charset,
            errors="replace",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:
        raise UnreadableBody(413, f"more than {MAX_FIELDS} fields") from None
    fields: Fields = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def read_json(body: bytes, charset: str = "utf-8") -> Mapping[str, object]:
    """A JSON object. Raises UnreadableBody."""
    try:
        said = json.loads(body.decode(charset))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise UnreadableBody(400, "body is no JSON in its charset") from None
    if not isinstance(said, dict):
        raise UnreadableBody(400, "body must be a JSON object")
    return said


def _plain(said: Mapping[str, object]) -> Fields:
    fields: Fields = {}
    for name, value in said.items():
        values = value if isinstance(value, list) else [value]
        texts = [one for one in values if isinstance(one, str | int | float) and not isinstance(one, bool)]
        fields[str(name)] = [str(one) for one in texts]
    return fields
