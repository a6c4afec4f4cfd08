"""The typeface of invoices and reports: Noto Sans, which the front-end packages bring along, as typst reads it.

The package holds WOFF files; a WOFF 1.0 file is an OpenType file whose tables are deflated one by
one (W3C recommendation "WOFF File Format 1.0", sections 3 to 5), so that unpacking needs nothing but
zlib. Where the package is missing, typst's own serif face takes over.
"""

from __future__ import annotations

import functools
import struct
import tempfile
import zlib
from pathlib import Path

import typst
from django.conf import settings
from django.contrib.staticfiles import finders

NAMES = ("NotoSans-Regular", "NotoSans-Bold")


def opentype(woff: bytes) -> bytes:
    """The OpenType file inside a WOFF 1.0 file."""
    signature, flavour, _length, count = struct.unpack(">4s4sIH", woff[:14])
    if signature != b"wOFF":
        raise ValueError("not a WOFF 1.0 file")
    power = 1 << (count.bit_length() - 1)
    head = struct.pack(">4sHHHH", flavour, count, power * 16, power.bit_length() - 1, (count - power) * 16)
    place, directory, body = len(head) + 16 * count, b"", b""
    for number in range(count):
        tag, offset, packed, length, checksum = struct.unpack(">4sIIII", woff[44 + 20 * number :][:20])
        table = woff[offset : offset + packed]
        table = zlib.decompress(table) if packed < length else table
        directory += struct.pack(">4sIII", tag, checksum, place + len(body), length)
        body += table + b"\0" * (-length % 4)
    return head + directory + body


@functools.cache
def folder() -> tempfile.TemporaryDirectory[str] | None:
    """A folder with the faces, made once per process; None where the front-end packages are not installed."""
    found = [_file(f"kern/fonts/noto-sans/{name}.woff") for name in NAMES]
    if not all(path.is_file() for path in found):
        return None
    made = tempfile.TemporaryDirectory(prefix="invoice-fonts-")
    for name, path in zip(NAMES, found, strict=True):
        (Path(made.name) / f"{name}.ttf").write_bytes(opentype(path.read_bytes()))
    return made


def _file(name: str) -> Path:
    """From the packages, or in a container from the collected files."""
    return Path(str(finders.find(name) or Path(settings.STATIC_ROOT) / name))


@functools.cache
def collection() -> typst.Fonts:
    """What a document is set with: these faces and typst's own; never whatever a machine happens to have."""
    made = folder()
    return typst.Fonts(include_system_fonts=False, font_paths=[made.name] if made else [])
