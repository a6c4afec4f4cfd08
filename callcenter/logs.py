"""Log lines that can be followed and that tell no caller's number.

Every line carries the id of the request it belongs to (``-`` outside one): the proxy's
``X-Request-ID`` when it is well formed, else a new one; the answer carries it back. A job's lines carry
``job-`` and the task's id. Lines about a telephony event carry the id of its call. What looks like a
telephone number is masked in every line, whoever wrote it: exceptions and libraries too.

``callcenter.security`` tells of sign-ins, failed ones, and of who was refused what (docs/admin/operation.md).
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse

from tenants.ids import new_id

request_id: ContextVar[str] = ContextVar("request_id", default="-")
call_id: ContextVar[str] = ContextVar("call_id", default="-")

WELL_FORMED = re.compile(r"^[A-Za-z0-9._-]{8,64}$")
# +49 170 1234567, 0049-203-2830, (0203) 283-0, 02064/660: a plus or a zero, then six digits or more.
# Not inside words and longer numbers: UUIDs, hashes, amounts and times stay readable.
NUMBER = re.compile(r"(?:(?<![\w.:/-])|(?<=tel:)|(?<=sip:))(?:\+|%2B|00|0|\(0)(?:[ ()/-]{0,2}\d){6,14}(?![\w:.]*\d)")
MASK = "[number]"
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request_id", "call_id"}
REFUSALS = {401, 403, 429}

access_log = logging.getLogger("callcenter.requests")
security_log = logging.getLogger("callcenter.security")


def mask_numbers(text: str) -> str:
    return NUMBER.sub(MASK, text)


class HouseFilter(logging.Filter):
    """Puts the request's id on each record; sits on the handler, so that no logger is missed."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        record.call_id = call_id.get()
        return True


class LineFormatter(logging.Formatter):
    """One readable line; a traceback follows it."""

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s %(levelname)s %(name)s [%(request_id)s %(call_id)s] %(message)s",
            defaults={"request_id": "-", "call_id": "-"},
        )

    def format(self, record: logging.LogRecord) -> str:
        return mask_numbers(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``at`` (UTC), ``level``, ``logger``, both ids, ``message``, then any extra."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "request_id": getattr(record, "request_id", "-"),
            "call_id": getattr(record, "call_id", "-"),
            "message": record.getMessage(),
        }
        for name, value in vars(record).items():
            if name not in STANDARD:
                entry[name] = value if isinstance(value, int | float | bool | None) else str(value)
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(
            {name: mask_numbers(value) if isinstance(value, str) else value for name, value in entry.items()},
            ensure_ascii=False,
        )


class RequestLogMiddleware:
    """Gives the request its id and, at level INFO, writes one line when it is answered.

    The line names the address pattern, not the address: paths and queries can hold tokens and what was typed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        token = request_id.set(given if WELL_FORMED.match(given) else str(new_id()))
        call = call_id.set("-")
        started = time.perf_counter()
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = request_id.get()
            match = request.resolver_match
            route = match.route if match else "(no such address)"
            if response.status_code in REFUSALS:
                security_log.warning(
                    "refused %s %s %s to %s", request.method, route, response.status_code, who(request)
                )
            if access_log.isEnabledFor(logging.INFO):
                took = round((time.perf_counter() - started) * 1000, 1)
                access_log.info("%s %s %s", request.method, route, response.status_code, extra={"milliseconds": took})
            return response
        finally:
            call_id.reset(call)
            request_id.reset(token)


def who(request: HttpRequest | None) -> str:
    """The person (by id) and the address behind a request, for lines of ``callcenter.security``."""
    if request is None:
        return "a command"
    user_id = getattr(getattr(request, "user", None), "pk", None)
    return f"{f'user {user_id}' if user_id else 'nobody signed in'} at {request.META.get('REMOTE_ADDR') or '-'}"
