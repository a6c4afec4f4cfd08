"""The commands as scripts use them: pure JSON, English, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from billing import demo
from billing.models import Agreement, AgreementVersion, Invoice
from tenants.models import Tenant
from tenants.scope import all_cities
from tests.billing.conftest import make_calls

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


@pytest.fixture
def closed(agreement: Agreement, cities) -> dict:
    make_calls(cities[1], "2026-09", 4)
    return json.loads(run("close_month", "2026-09", "--json"))["closed"][0]


@pytest.fixture
def number(closed: dict) -> str:
    return json.loads(run("issue_invoice", closed["id"], "--json"))["number"]


def test_close_month_reports_what_it_did_and_what_exists(closed: dict) -> None:
    """A script must see at once whether there was anything to do."""
    assert (closed["client"], closed["period"], closed["calls"]) == ("dinslaken", "2026-09", 4)
    assert (closed["net"], closed["status"], closed["number"]) == ("6666.67", "draft", None)
    again = json.loads(run("close_month", "2026-09", "--json"))
    assert again["closed"] == []
    assert again["existing"] == [closed]


@pytest.mark.parametrize("tenant", ["duisburg", "dinslaken"])
def test_close_month_takes_either_city(agreement: Agreement, tenant: str) -> None:
    """The city that answers and the city that is answered for mean the same agreement."""
    assert len(json.loads(run("close_month", "2026-08", "--tenant", tenant, "--json"))["closed"]) == 1


def test_close_month_refuses_the_future_with_a_date(agreement: Agreement) -> None:
    """Exit 1 and a reason; standard output stays JSON."""
    out = StringIO()
    with pytest.raises(CommandError, match="can be closed from 2099-08-03") as error:
        call_command("close_month", "2099-07", "--json", stdout=out)
    assert error.value.returncode == 1
    assert len(json.loads(out.getvalue())["refused"]) == 1


@pytest.mark.parametrize("args", [["2026-13"], ["october"], [], ["2026-09", "--unknown"]])
def test_wrong_use_is_told_apart(args: list[str]) -> None:
    """A mistyped month is wrong use (2), not a refusal (1)."""
    from billing.management.commands.close_month import Command

    with pytest.raises(SystemExit) as error:
        Command().run_from_argv(["manage.py", "close_month", *args])
    assert error.value.code == 2


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["close_month", "2026-09", "--tenant", "atlantis"], "No city"),
        (["close_month", "2020-01"], "No agreement is in force"),
        (["issue_invoice", "018f0000-0000-7000-8000-000000000000"], "No invoice"),
        (["cancel_invoice", "IKZ-2026-999999"], "No issued invoice"),
        (["export_invoice", "IKZ-2026-999999", "--format", "xml", "--out", "x"], "No issued invoice"),
    ],
)
def test_refusals_name_their_reason(agreement: Agreement, args: list[str], said: str) -> None:
    """Exit 1 without a reason helps nobody."""
    with pytest.raises(CommandError, match=said):
        run(*args)


def test_list_invoices_has_the_agreed_keys(number: str) -> None:
    """Other programs read these keys."""
    (row,) = json.loads(run("list_invoices", "--json"))
    assert list(row) == ["id", "number", "status", "kind", "client", "period", "net", "gross"]
    assert (row["number"], row["status"], row["kind"]) == (number, "issued", "invoice")
    assert number in run("list_invoices")


def test_issue_and_cancel_again_are_done_already(closed: dict, number: str) -> None:
    """Exit 0: done already; a script that repeats itself must not fail, nor do it twice."""
    assert number in run("issue_invoice", closed["id"])
    first = run("cancel_invoice", number)
    assert first.startswith("Cancelled:")
    assert run("cancel_invoice", number).startswith("Cancelled already:")
    with all_cities("test"):
        assert Invoice.objects.count() == 2
    run("close_month", "2026-09", "--redraft")
    with all_cities("test"):
        assert Invoice.objects.count() == 3
    assert "All invariants hold" in run("check_ledger")


def test_cancelling_a_cancellation_is_refused(number: str) -> None:
    """Two wrongs make no invoice."""
    mirror = json.loads(run("cancel_invoice", number, "--json"))
    with pytest.raises(CommandError, match="Only an issued invoice"):
        run("cancel_invoice", mirror["number"])


@pytest.mark.parametrize(("kind", "start"), [("xml", b"<?xml"), ("pdf", b"%PDF"), ("csv", b"\xef\xbb\xbfMonat;")])
def test_export_writes_the_file(number: str, tmp_path: Path, kind: str, start: bytes) -> None:
    """The treasury's import folder needs the file as issued."""
    target = tmp_path / f"out.{kind}"
    run("export_invoice", number, "--format", kind, "--out", str(target))
    assert target.read_bytes().startswith(start)


def test_export_into_a_missing_folder_is_refused(number: str, tmp_path: Path) -> None:
    """A path that does not exist gets a sentence, not a traceback."""
    with pytest.raises(CommandError, match="Cannot write"):
        run("export_invoice", number, "--format", "xml", "--out", str(tmp_path / "no" / "x.xml"))


def test_check_ledger_exits_1_with_a_list(number: str) -> None:
    """A broken book must stop the night's script."""
    from billing.models import NumberSeries

    with all_cities("test"):
        NumberSeries.objects.update(last=5)
    with pytest.raises(CommandError, match="do not run from 1 to 5"):
        run("check_ledger", "--json")


def test_list_calls_says_where_each_call_stands(agreement: Agreement, cities, closed: dict) -> None:
    """Without personal data, in the agreed form, each in exactly one state."""
    duisburg, dinslaken = cities
    make_calls(dinslaken, "2026-10", 2, connector_call_id="abc")
    make_calls(dinslaken, "2026-10", 1, outcome="abandoned", answered_at=None)
    make_calls(duisburg, "2026-10", 1)
    make_calls(None, "2026-10", 1)
    rows = json.loads(run("list_calls", "--since", "2026-09-01", "--json"))
    assert list(rows[0]) == [
        "id",
        "connector_call_id",
        "tenant",
        "direction",
        "state",
        "outcome",
        "waited_s",
        "talked_s",
        "legs",
        "billing",
    ]
    states = sorted((row["tenant"] or "", row["billing"]) for row in rows)
    assert states == sorted(
        [("dinslaken", "billed")] * 4
        + [("dinslaken", "open")] * 2
        + [("dinslaken", "not_billable"), ("duisburg", "not_billable"), ("", "unassigned")]
    )
    assert len(json.loads(run("list_calls", "--since", "2026-10-01", "--tenant", "dinslaken", "--json"))) == 3
    assert json.loads(run("list_calls", "--since", "2027-10-01", "--json")) == []
    assert "unassigned" in run("list_calls", "--since", "2026-10-01")


def test_list_calls_keeps_its_queries_few(
    agreement: Agreement, cities, django_assert_max_num_queries: Callable
) -> None:
    """A month has tens of thousands of calls."""
    make_calls(cities[1], "2026-10", 1200)
    with django_assert_max_num_queries(12):
        assert len(json.loads(run("list_calls", "--since", "2026-10-01", "--json"))) == 1200


def test_demo_agreement_is_loaded_once(duisburg: Tenant, dinslaken: Tenant) -> None:
    """Loading the demo twice must not make a second agreement."""
    cities = {"duisburg": duisburg, "dinslaken": dinslaken}
    assert demo.load(cities) == demo.load()
    with all_cities("test"):
        assert (Agreement.objects.count(), AgreementVersion.objects.count(), Invoice.objects.count()) == (1, 2, 0)
