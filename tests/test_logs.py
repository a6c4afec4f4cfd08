"""Log lines: to be followed, and without callers' numbers."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from django.test import Client

from callcenter.logs import HouseFilter, JsonFormatter, LineFormatter, mask_numbers, request_id


@pytest.mark.parametrize(
    "text",
    [
        "+491701234567", "0170 1234567", "(0203) 283-0123", "0049 203 283012", "02064/660123", "'+492064660'",
        '{"from": "01701234567"}', "from=%2B491701234567&to=x", "tel:+49170123456", "caller=+49-170-1234567.",
    ],
)  # fmt: skip
def test_number_is_masked_however_it_is_written(text: str) -> None:
    """A caller's number in a log outlives the days after which it must be deleted."""
    masked = mask_numbers(f"event {text} refused")
    assert "[number]" in masked
    assert not any(digits in masked for digits in ("1234567", "283", "660", "123456"))


@pytest.mark.parametrize(
    "text",
    ["01a20561-e1b8-71d1-a35e-b3a804a6572d", "2026-11-22 22:24:39,012", "6666.67", "IKZ-2026-000001",
     "0123456789abcdef0123", "10.0.0.12:05432", "0.0012345678", "took 12.5 ms"],
)  # fmt: skip
def test_ids_times_and_amounts_stay_readable(text: str) -> None:
    """A log in which everything is masked helps nobody."""
    assert mask_numbers(f"at {text}") == f"at {text}"


@pytest.fixture
def lines() -> Iterator[tuple[io.StringIO, logging.Handler]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(HouseFilter())
    loggers = [logging.getLogger(name) for name in ("callcenter.requests", "tests.logs")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield stream, handler
    for logger in loggers:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


@pytest.mark.parametrize("formatter", [LineFormatter(), JsonFormatter()])
def test_exception_with_a_number_is_masked_too(lines, formatter: logging.Formatter) -> None:
    """Tracebacks carry the values of the code that failed."""
    stream, handler = lines
    handler.setFormatter(formatter)
    try:
        raise ValueError("no line for +491701234567")
    except ValueError:
        logging.getLogger("tests.logs").exception("event of %s", "0170 1234567", extra={"caller": "+491701234567"})
    assert "1234567" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_json_line_is_one_object_with_the_request(lines) -> None:
    """Log collectors read a line at a time."""
    stream, handler = lines
    handler.setFormatter(JsonFormatter())
    token = request_id.set("request-0001")
    logging.getLogger("tests.logs").info("closed\nmonth", extra={"calls": 3300})
    request_id.reset(token)
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert entry["request_id"] == "request-0001"
    assert entry["calls"] == 3300
    assert entry["message"] == "closed\nmonth"


@pytest.mark.django_db
def test_request_line_names_the_pattern_and_carries_the_proxys_id(lines) -> None:
    """Tokens stand in addresses of telephone systems, and searches in queries; neither belongs into a log."""
    stream, handler = lines
    handler.setFormatter(JsonFormatter())
    response = Client().post("/api/v1/cti/a-secret-token?x=+491701234567", headers={"X-Request-ID": "proxy-12345"})
    assert response["X-Request-ID"] == "proxy-12345"
    entry = json.loads(stream.getvalue().splitlines()[-1])
    assert entry["request_id"] == "proxy-12345"
    assert "cti" in entry["message"]
    assert "a-secret-token" not in stream.getvalue()
    assert "1234567" not in stream.getvalue()


def test_request_id_with_foreign_signs_is_replaced(client: Client, db: None) -> None:
    """Whoever sends the header must not be able to write lines of their own."""
    response = client.get("/health/live", headers={"X-Request-ID": 'x" level=ERROR'})
    assert len(response["X-Request-ID"]) == 36
