"""Bank statements in the format camt.053 (ISO 20022), as German banks deliver them: bytes in, bookings out. Pure.

Element names are read without their namespace, so that 053.001.02 and 053.001.08 read alike. A ZIP of
such files, the usual wrapping, is taken too.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation

from lxml import etree

MOST_BYTES = 20 * 1024 * 1024  # unpacked; a month of a large city's account is a tenth of it


class StatementError(ValueError):
    """The file is no bank statement that can be read; the message says why, in German."""


@dataclass(frozen=True)
class Booking:
    """One sum received. ``key`` tells it from every other, however often its statement is read in."""

    booked_on: date
    amount: Decimal
    payer: str
    text: str
    bank_reference: str
    key: str = ""


@dataclass(frozen=True)
class Statement:
    """One statement of one account: the sums received, and how many bookings it has in all."""

    identifier: str
    iban: str
    bookings: int
    received: tuple[Booking, ...]


def read(content: bytes) -> list[Statement]:
    """Every statement in the file. Raises StatementError."""
    return [statement for document in _documents(content) for statement in _statements(document)]


def _documents(content: bytes) -> Iterator[bytes]:
    if not content.startswith(b"PK"):
        yield content
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [item for item in archive.infolist() if item.filename.lower().endswith(".xml")]
            if sum(item.file_size for item in files) > MOST_BYTES:
                raise StatementError("Das Archiv ist entpackt zu groß.")
            if not files:
                raise StatementError("In dem Archiv liegt keine XML-Datei.")
            for item in files:
                yield archive.read(item)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
        raise StatementError("Das Archiv lässt sich nicht öffnen.") from None


def _statements(document: bytes) -> Iterator[Statement]:
    # No entities, no network: the file comes from outside.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError:
        raise StatementError("Die Datei ist kein lesbares XML. Erwartet wird ein Kontoauszug als camt.053.") from None
    found = _all(root, "BkToCstmrStmt", "Stmt")
    if not found:
        raise StatementError("In der Datei steht kein Kontoauszug (camt.053).")
    for statement in found:
        iban = _text(statement, "Acct", "Id", "IBAN")
        if not iban:
            raise StatementError("Im Kontoauszug fehlt die IBAN des Kontos.")
        entries = _all(statement, "Ntry")
        received = [booking for entry in entries for booking in _received(entry)]
        yield Statement(_text(statement, "Id"), iban, len(entries), tuple(_keyed(iban, received)))


def _received(entry: etree._Element) -> Iterator[Booking]:
    """Booked credits in euros; what was sent back, reserved or debited is nothing that was received."""
    state = _text(entry, "Sts", "Cd") or _text(entry, "Sts")
    if _text(entry, "CdtDbtInd") != "CRDT" or state != "BOOK" or _text(entry, "RvslInd") == "true":
        return
    booked_on = _day(entry)
    details = _all(entry, "NtryDtls", "TxDtls")
    for detail in details or [entry]:
        amount = _amount(detail, entry, single=len(details) <= 1)
        if amount is None:
            continue
        words = [node.text or "" for node in _all(detail, "RmtInf", "Ustrd")]
        words += [node.text or "" for node in _all(detail, "RmtInf", "Strd", "CdtrRefInf", "Ref")]
        end_to_end = _text(detail, "Refs", "EndToEndId")
        if end_to_end and end_to_end != "NOTPROVIDED":
            words.append(end_to_end)
        yield Booking(
            booked_on=booked_on,
            amount=amount,
            payer=_text(detail, "RltdPties", "Dbtr", "Nm") or _text(detail, "RltdPties", "Dbtr", "Pty", "Nm"),
            text=" ".join(" ".join(words).split()),
            bank_reference=_text(detail, "Refs", "AcctSvcrRef") or _text(entry, "AcctSvcrRef"),
        )


def _amount(detail: etree._Element, entry: etree._Element, *, single: bool) -> Decimal | None:
    """The part's own amount, or the entry's when it has one part; None when it is not in euros."""
    paths = [(detail, ("Amt",)), (detail, ("AmtDtls", "TxAmt", "Amt"))]
    if single:
        paths.append((entry, ("Amt",)))
    for start, path in paths:
        for node in _all(start, *path):
            if node.get("Ccy") != "EUR":
                return None
            try:
                return Decimal((node.text or "").strip())
            except InvalidOperation:
                raise StatementError(f"Ein Betrag ist keine Zahl: {node.text!r}.") from None
    raise StatementError("Eine Sammelbuchung nennt die Beträge ihrer Teile nicht.")


def _day(entry: etree._Element) -> date:
    said = _text(entry, "BookgDt", "Dt") or _text(entry, "BookgDt", "DtTm") or _text(entry, "ValDt", "Dt")
    try:
        return date.fromisoformat(said[:10])
    except ValueError:
        raise StatementError("Einer Buchung fehlt ihr Buchungstag.") from None


def _keyed(iban: str, bookings: list[Booking]) -> Iterator[Booking]:
    """Two equal sums of one day with equal words are two bookings: the second is told by its place."""
    seen: Counter[str] = Counter()
    for item in bookings:
        said = "\n".join(
            [iban, item.booked_on.isoformat(), f"{item.amount:.2f}", item.payer, item.text, item.bank_reference]
        )
        seen[said] += 1
        yield replace(item, key=hashlib.sha256(f"{said}\n{seen[said]}".encode()).hexdigest())


def _all(start: etree._Element, *path: str) -> list[etree._Element]:
    return start.findall("/".join(f"{{*}}{name}" for name in path))


def _text(start: etree._Element, *path: str) -> str:
    found = start.find("/".join(f"{{*}}{name}" for name in path))
    return (found.text or "").strip() if found is not None else ""
