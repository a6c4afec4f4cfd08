"""The auditors' export: complete, described, and the same bytes as issued."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile

import pytest
from django.core.management import CommandError, call_command
from lxml import etree

from billing import gobd, services
from billing.models import Agreement, Invoice
from billing.months import Month
from tests.billing.conftest import AFTER_GRACE, make_calls

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_city")]


@pytest.fixture
def archive(agreement: Agreement, cities) -> zipfile.ZipFile:
    """One issued invoice and its cancellation, seven calls."""
    make_calls(cities[1], "2026-10", 7)
    draft = services.close_period(agreement=agreement, month=Month.parse("2026-10"), now=AFTER_GRACE).invoice
    issued = services.issue_invoice(invoice=draft, now=AFTER_GRACE)
    services.cancel_invoice(invoice=issued, reason="Anschrift", now=AFTER_GRACE)
    buffer = io.BytesIO()
    gobd.write_export(cities[0], 2026, buffer)
    return zipfile.ZipFile(buffer)


def rows(archive: zipfile.ZipFile, name: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(archive.read(name).decode("cp1252")), delimiter=";"))


def test_export_holds_every_row_and_document(archive: zipfile.ZipFile) -> None:
    """An auditor must find every number, line and call, and nothing about callers."""
    assert [row[0] for row in rows(archive, "rechnungen.csv")] == ["IKZ-2026-000001", "IKZ-2026-000002"]
    assert [row[6] for row in rows(archive, "rechnungen.csv")] == ["6666,67", "-6666,67"]
    assert len(rows(archive, "positionen.csv")) == 2
    assert len(rows(archive, "anrufe.csv")) == 7
    for invoice in Invoice.objects.all():
        for document in invoice.documents.all():
            assert archive.read(f"belege/{invoice.number}.{document.format}") == bytes(document.content)


def test_description_fits_the_tables(archive: zipfile.ZipFile) -> None:
    """The auditor's program reads columns by the description; one too many shifts them all."""
    index = etree.fromstring(archive.read("index.xml"))
    for table in index.iter("Table"):
        columns = [*table.iter("VariablePrimaryKey"), *table.iter("VariableColumn")]
        for row in rows(archive, str(table.findtext("URL"))):
            assert len(row) == len(columns)
        tags = [element.tag for element in table.find("VariableLength") if element.tag.startswith("Variable")]
        assert tags == sorted(tags, reverse=True), "keys come first"


def test_checksums_agree(archive: zipfile.ZipFile) -> None:
    """Whoever receives the file can see that nothing was changed on the way."""
    for line in archive.read("SHA256SUMS").decode().splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256(archive.read(name)).hexdigest() == digest


def test_export_into_a_missing_folder_is_refused(cities, tmp_path) -> None:
    """A sentence instead of a traceback."""
    with pytest.raises(CommandError, match="Cannot write"):
        call_command("export_gobd", "2026", "--tenant", "duisburg", "--out", str(tmp_path / "no" / "x.zip"))


def test_year_without_invoices_is_an_empty_export(cities, tmp_path) -> None:
    """Nothing issued is an answer too."""
    call_command("export_gobd", "2020", "--tenant", "duisburg", "--out", str(tmp_path / "x.zip"))
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.read("rechnungen.csv") == b""
