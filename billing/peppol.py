"""An invoice in the envelope that a Peppol access point takes: a Standard Business Document with its header. Pure.

After OpenPeppol's "Business Message Envelope" 2.0: participants by scheme 0204 (Leitweg-ID), document type and
process of XRechnung 3.0 in CII. The invoice inside is the stored one, element for element.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from typing import Any

from lxml import etree

from billing.xrechnung import PROCESS, SPECIFICATION

SBDH = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
CII = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
DOCUMENT_TYPE = f"{CII}::CrossIndustryInvoice##{SPECIFICATION}::D16B"
LEITWEG = "0204"


def participant(city: dict[str, Any]) -> str:
    """``0204:`` and the Leitweg-ID; empty when the city has none."""
    return f"{LEITWEG}:{city['leitweg_id']}" if city["leitweg_id"] else ""


def envelope(xml: bytes, *, seller: dict[str, Any], buyer: dict[str, Any], made_at: datetime) -> bytes:
    """The file to hand over. The same invoice gives the same bytes, so that handing it over twice shows."""
    root = etree.Element(f"{{{SBDH}}}StandardBusinessDocument", nsmap={None: SBDH})
    header = _add(root, "StandardBusinessDocumentHeader")
    _add(header, "HeaderVersion", "1.0")
    for role, city in (("Sender", seller), ("Receiver", buyer)):
        identifier = _add(_add(header, role), "Identifier", participant(city))
        identifier.set("Authority", "iso6523-actorid-upis")
    described = _add(header, "DocumentIdentification")
    _add(described, "Standard", CII)
    _add(described, "TypeVersion", "D16B")
    _add(described, "InstanceIdentifier", str(uuid.UUID(bytes=hashlib.sha256(xml).digest()[:16], version=5)))
    _add(described, "Type", "CrossIndustryInvoice")
    _add(described, "CreationDateAndTime", made_at.isoformat(timespec="seconds"))
    scopes = _add(header, "BusinessScope")
    for kind, value, identifier in (
        ("DOCUMENTID", DOCUMENT_TYPE, "busdox-docid-qns"),
        ("PROCESSID", PROCESS, "cenbii-procid-ubl"),
        ("COUNTRY_C1", str(seller["country"]), ""),
    ):
        scope = _add(scopes, "Scope")
        _add(scope, "Type", kind)
        _add(scope, "InstanceIdentifier", value)
        if identifier:
            _add(scope, "Identifier", identifier)
    root.append(etree.fromstring(xml))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _add(parent: etree._Element, name: str, text: str = "") -> etree._Element:
    element = etree.SubElement(parent, f"{{{SBDH}}}{name}")
    if text:
        element.text = text
    return element
