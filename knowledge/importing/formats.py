"""Which reader reads a file: by name, or by how the file begins."""

from __future__ import annotations

from typing import BinaryIO

from knowledge.importing import jsonlines, table, xzufi
from knowledge.importing.records import Reader, UnreadableFile

READERS: dict[str, Reader] = {"xzufi": xzufi.read, "csv": table.read, "json": jsonlines.read}
FORMATS = ("auto", *READERS)


def detect(file: BinaryIO) -> str:
    """The format by the first sign that means something; the file stands at its beginning afterwards."""
    head = file.read(4096)
    file.seek(0)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "xzufi"  # UTF-16: only XML declares it
    sign = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if not sign:
        raise UnreadableFile("the file is empty")
    return {b"<": "xzufi", b"{": "json", b"[": "json"}.get(sign, "csv")
