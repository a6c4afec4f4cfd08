"""A signed test call through a connector's own address, step by step; nothing of it stays.

Everything happens in one transaction that is taken back: no figure counts the call and no desk rings.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from django.db import transaction
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import resolve
from django.utils import timezone
from django.utils.translation import gettext as _

from callcenter.accounts.models import User
from callcenter.audit.services import record
from callcenter.calls.addresses import address_of
from callcenter.calls.asterisk.intake import Intake
from callcenter.calls.models import Call, Connector, Dialect, TelephonyEvent
from callcenter.calls.presence import ready_agents
from callcenter.calls.services.connectors import secrets_of
from callcenter.calls.signals import call_changed
from tenants.ids import new_id
from tenants.models import Line
from tenants.scope import all_cities

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Step:
    """One stage of the way; ``ok`` None: not reached, because an earlier one failed."""

    name: str
    ok: bool | None
    detail: str = ""


def run_test_call(*, user: User, connector: Connector, line: Line) -> list[Step]:
    """Ring once on this line and tell how far the event came; keeps an audit entry and nothing else."""
    call_id, told = f"test-{new_id()}", []

    def listen(sender: object, call: Call, kind: str, **said: object) -> None:
        told.append(kind)

    call_changed.connect(listen, weak=False)
    try:
        with all_cities("a test call decides its city like a real one"), transaction.atomic():
            steps = _walk(connector, line, call_id, told)
            transaction.set_rollback(True)
    finally:
        call_changed.disconnect(listen)
    failed = next((number for number, step in enumerate(steps, 1) if not step.ok), 0)
    record(
        action="connector.tested",
        actor_id=user.pk,
        object_type="connector",
        object_id=connector.pk,
        data={"failed_step": failed},
    )
    return steps


def _walk(connector: Connector, line: Line, call_id: str, told: list[str]) -> list[Step]:
    status, detail = _ring(connector, line, call_id)
    event = TelephonyEvent.objects.select_related("call__line").filter(connector=connector, connector_call_id=call_id)
    stored = event.first()
    call = stored.call if stored else None
    received = status == 200
    found = None if call is None else call.line_id == line.pk
    there = _("%(dialled)s gehört zu %(line)s.") % {"dialled": line.number, "line": line}
    elsewhere = _("Die gewählte Nummer führt zu: %(line)s.") % {
        "line": call.line if call and call.line else _("keiner Leitung")
    }
    desks = len(ready_agents(line.tenant_id))
    ready = (
        _("Bereit für diese Stadt: %(n)s") % {"n": desks}
        if desks
        else _("Niemand ist für diese Stadt bereit. Melden Sie jemanden an und wiederholen Sie den Testanruf.")
    )
    return [
        Step(_("Angenommen"), received, detail),
        Step(_("Gespeichert"), stored is not None if received else None),
        Step(_("Leitung gefunden"), found, there if found else elsewhere if call else ""),
        Step(_("Zum Anruf geworden"), call.state == "offered" if call else None),
        Step(_("An die Plätze gemeldet"), bool(told and desks) if call else None, ready if call else ""),
    ]


def _ring(connector: Connector, line: Line, call_id: str) -> tuple[int, str]:
    """(status, what the door said) of one ring in the connector's own words."""
    if connector.dialect == Dialect.AMI:
        # The client's socket is not part of this way: the event enters where the client hands it on.
        context = Intake(connector).mapped.contexts[0]
        told = {"Event": "Newchannel", "Uniqueid": call_id, "Linkedid": call_id, "Context": context}
        taken = Intake(connector).take(told | {"Exten": line.number})
        return (200, "") if taken else (422, _("Das Ereignis sagt nichts über einen Anruf."))
    secrets = secrets_of(connector)
    if not secrets:
        return 401, _("Diese Anbindung hat kein lesbares Geheimnis. Erzeugen Sie ein neues.")
    response = _post(connector, secrets[0], _said(connector, line, call_id))
    detail = "" if response.status_code == 200 else response.content.decode(errors="replace")[:200]
    return response.status_code, f"{response.status_code} {detail}".strip()


def _said(connector: Connector, line: Line, call_id: str) -> dict[str, str]:
    sides = {"direction": "in", "from": "anonymous", "to": line.number, "call_id": call_id}
    match connector.dialect:
        case Dialect.NATIVE:
            return {"event": "offered", "at": timezone.now().isoformat(), **sides}
        case Dialect.PLACETEL:
            return {"event": "IncomingCall", **sides}
        case _:
            return {"event": "newCall", **sides}


def _post(connector: Connector, secret: str, said: dict[str, str]) -> HttpResponse:
    path = urlsplit(address_of(connector, secret)).path
    native = connector.dialect == Dialect.NATIVE
    body = (json.dumps(said) if native else urlencode(said)).encode()
    headers = {}
    if native:
        moment = str(int(timezone.now().timestamp()))
        headers["X-Callcenter-Signature"] = f"t={moment},v1={_hmac(secret, f'{moment}.'.encode() + body)}"
    elif connector.dialect == Dialect.PLACETEL:
        headers["X-PLACETEL-SIGNATURE"] = _hmac(secret, body)
    request = RequestFactory().generic("POST", path, body, "application/json" if native else FORM, headers=headers)
    request.META["REMOTE_ADDR"] = _allowed_address(connector)
    view = resolve(path)
    response: HttpResponse = view.func(request, *view.args, **view.kwargs)
    return response


def _hmac(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def _allowed_address(connector: Connector) -> str:
    """An address the connector admits: the test stands in for the PBX."""
    first = connector.networks[0] if connector.networks else "127.0.0.1"
    return str(ipaddress.ip_network(first, strict=False).network_address)
