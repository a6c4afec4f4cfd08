"""The addresses telephone systems post to. Answers in the words of each dialect; errors as ``{"error": …}``.

A request is answered with 200 only after its event is stored and folded.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import ipaddress
import logging
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, RawPostDataException, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from callcenter.accounts.access import public
from callcenter.calls.bodies import Fields, UnreadableBody, read_fields, read_json
from callcenter.calls.dialects import parse_cti, parse_native, parse_placetel
from callcenter.calls.events import OFFERED, BadEvent, ParsedEvent, body_hash
from callcenter.calls.models import Connector, Dialect
from callcenter.calls.services.connectors import connector_by_token, log_refusal, secrets_of
from callcenter.calls.services.ingest import Ingested, ingest
from callcenter.logs import call_id

log = logging.getLogger(__name__)

SIGNED_WITHIN = 300  # seconds
MAX_FIELDS = 20_000
SIGNATURE = re.compile(r"^t=(\d{1,12}),v1=([0-9a-f]{64})$")


@dataclass
class Refusal(Exception):
    """Answered with its status; ``connector`` is known unless the sender is not."""

    status: int
    error: str
    connector: Connector | None = None


def _post(handler: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """What every address shares: POST only, own transaction, refusals and a database that is away."""

    @public("telephone systems authenticate by the token in the path or by a signature")
    @csrf_exempt
    @transaction.non_atomic_requests
    @functools.wraps(handler)
    def view(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        response = _answer(handler, request, *args, **kwargs)
        # Django would log the path of an error, and the path holds the secret.
        response._has_been_logged = True  # type: ignore[attr-defined]
        return response

    return view


def _answer(handler: Callable[..., HttpResponse], request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
    if request.method != "POST":
        return JsonResponse({"error": "use POST"}, status=405, headers={"Allow": "POST"})
    try:
        try:
            return handler(request, *args, **kwargs)
        except (OperationalError, InterfaceError):
            if connection.vendor != "postgresql" or connection.is_usable():
                raise
            # The connection was cut, as by a restart of the server. Taking an event twice adds nothing.
            connection.close()
            return handler(request, *args, **kwargs)
    except Refusal as refusal:
        return _refused(request, refusal)
    except RequestDataTooBig:
        return JsonResponse({"error": "body is too large"}, status=413)
    except (BadRequest, SuspiciousOperation, MultiPartParserError, UnreadablePostError):
        return JsonResponse({"error": "body cannot be read"}, status=400)
    except DatabaseError:
        log.warning("an event could not be stored; its sender was told to send again", exc_info=True)
        return JsonResponse({"error": "database unavailable, send again"}, status=503, headers={"Retry-After": "2"})


def _refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    if refusal.connector is not None:
        try:
            body = request.body
        except (RawPostDataException, RequestDataTooBig, UnreadablePostError):
            body = b""
        log_refusal(
            connector=refusal.connector,
            status=refusal.status,
            reason=refusal.error,
            path=request.path.rsplit("/", 1)[-1] if refusal.connector.dialect == Dialect.SIPGATE else "",
            remote=request.META.get("REMOTE_ADDR", ""),
            content_type=request.headers.get("Content-Type", ""),
            body=body,
        )
    return JsonResponse({"error": refusal.error}, status=refusal.status)


# --- who sends ------------------------------------------------------------------------------------


def _authenticate(request: HttpRequest, token: str, *dialects: str) -> Connector:
    connector = connector_by_token(token)
    if connector is None:
        raise Refusal(401, "unknown token")
    _admit(request, connector, *dialects)
    return connector


def _admit(request: HttpRequest, connector: Connector, *dialects: str) -> None:
    if not connector.is_active:
        raise Refusal(422, "this connector is disabled", connector)
    if connector.dialect not in dialects:
        raise Refusal(422, f"this connector is configured for {connector.get_dialect_display()}", connector)
    remote = request.META.get("REMOTE_ADDR", "")
    if connector.networks and not _within(remote, connector.networks):
        raise Refusal(403, "this address may not send events", connector)


def _within(remote: str, networks: Sequence[str]) -> bool:
    try:
        address = ipaddress.ip_address(remote)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(text, strict=False) for text in networks)


def _matches(connector: Connector, message: bytes, given: str) -> bool:
    return any(
        hmac.compare_digest(hmac.new(secret.encode(), message, hashlib.sha256).hexdigest(), given.lower())
        for secret in secrets_of(connector)
        if given.isascii()
    )


def _check_rsa(connector: Connector, body: bytes, given: str) -> None:
    """sipgate: RSA-SHA256 (PKCS#1 v1.5) over the raw body, base64; checked when the key is configured."""
    if not connector.public_key:
        return
    try:
        key = load_pem_public_key(connector.public_key.encode())
        if not isinstance(key, RSAPublicKey):
            raise Refusal(422, "the configured public key is no RSA key", connector)
        key.verify(b64decode(given, validate=True), body, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, Base64Error, ValueError):
        raise Refusal(401, "signature missing or wrong") from None


# --- what was sent --------------------------------------------------------------------------------


def _take(
    connector: Connector, parse: Callable[[], ParsedEvent], body: bytes, values: Mapping[str, object]
) -> Ingested:
    try:
        event = parse()
        taken = ingest(
            connector=connector, event=event, raw=body, received_at=timezone.now(), body_hash=body_hash(values)
        )
    except BadEvent as error:
        raise Refusal(422, str(error), connector) from None
    call_id.set(str(taken.call.pk))
    return taken


def _fields_of(request: HttpRequest, connector: Connector) -> Fields:
    body = request.body  # before POST is parsed, so that both can be read
    try:
        return read_fields(request.headers.get("Content-Type", ""), body, lambda: request.POST.lists())
    except UnreadableBody as error:
        raise Refusal(error.status, str(error), connector) from None


# --- the addresses --------------------------------------------------------------------------------


@_post
def generic(request: HttpRequest, token: str) -> HttpResponse:
    """Generic CTI."""
    connector = _authenticate(request, token, Dialect.GENERIC)
    fields = _fields_of(request, connector)
    taken = _take(connector, lambda: parse_cti(fields), request.body, fields)
    if taken.reject:
        return JsonResponse({"action": "reject", "reason": "busy"})
    if taken.dial:
        return JsonResponse({"action": "dial", "caller_id": taken.dial[0], "number": taken.dial[1]})
    return JsonResponse({})


@_post
def sipgate(request: HttpRequest, token: str, direction: str) -> HttpResponse:
    """sipgate push API; answers and hangups come back to the same address."""
    connector = _authenticate(request, token, Dialect.SIPGATE)
    _check_rsa(connector, request.body, request.headers.get("X-Sipgate-Signature", ""))
    fields = _fields_of(request, connector)
    taken = _take(connector, lambda: parse_cti(fields, direction), request.body, fields | {"/": [direction]})
    back = settings.BASE_URL.rstrip("/") + reverse("calls:sipgate", args=[token, direction])
    return _xml(taken, back if taken.event.event == OFFERED else "")


@_post
def placetel(request: HttpRequest, token: str) -> HttpResponse:
    """Placetel's notifications."""
    connector = _authenticate(request, token, Dialect.PLACETEL)
    if not _matches(connector, request.body, request.headers.get("X-PLACETEL-SIGNATURE", "")):
        raise Refusal(401, "signature missing or wrong")
    fields = _fields_of(request, connector)
    return _xml(_take(connector, lambda: parse_placetel(fields), request.body, fields))


@_post
def native(request: HttpRequest, connector: str) -> HttpResponse:
    """The native signed event."""
    known = Connector.objects.filter(pk=connector).first() if connector.isdecimal() and len(connector) < 10 else None
    known = known or Connector.objects.filter(name__iexact=connector).first()
    signed = SIGNATURE.match(request.headers.get("X-Callcenter-Signature", ""))
    if known is None or signed is None:
        raise Refusal(401, "connector unknown, or signature missing or wrong")
    moment, given = signed.groups()
    if not _matches(known, f"{moment}.".encode() + request.body, given):
        raise Refusal(401, "connector unknown, or signature missing or wrong")
    if abs(timezone.now().timestamp() - int(moment)) > SIGNED_WITHIN:
        raise Refusal(401, "signature is more than five minutes off")
    _admit(request, known, Dialect.NATIVE)
    try:
        said = read_json(request.body)
    except UnreadableBody as error:
        raise Refusal(error.status, str(error), known) from None
    taken = _take(known, lambda: parse_native(said), request.body, said)
    return JsonResponse({"action": "reject", "reason": "busy"} if taken.reject else {})


def _xml(taken: Ingested, back: str = "") -> HttpResponse:
    inside = ""
    if taken.reject:
        inside = '<Reject reason="busy"/>'
    elif taken.dial:
        inside = f"<Dial callerId={quoteattr(taken.dial[0])}><Number>{escape(taken.dial[1])}</Number></Dial>"
    urls = f" onAnswer={quoteattr(back)} onHangup={quoteattr(back)}" if back else ""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Response{urls}>{inside}</Response>'
    return HttpResponse(text, content_type="application/xml")
