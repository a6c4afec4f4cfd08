"""A refused request taken again, after its reason is gone."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from callcenter.accounts.models import User
from callcenter.audit.services import record
from callcenter.calls.asterisk.intake import mapped_for
from callcenter.calls.asterisk.translate import translate
from callcenter.calls.bodies import UnreadableBody, read_fields, read_json
from callcenter.calls.dialects import parse_cti, parse_native, parse_placetel
from callcenter.calls.events import BadEvent, ParsedEvent, body_hash
from callcenter.calls.models import Connector, Dialect, RequestLog
from callcenter.calls.sealing import unseal_bytes
from callcenter.calls.services.ingest import Ingested, ingest
from callcenter.calls.services.refusals import Refused


def parse_body(connector: Connector, path: str, content_type: str, body: bytes) -> tuple[ParsedEvent, str]:
    """(event, hash over its fields) of a stored body. Raises BadEvent or UnreadableBody."""
    if connector.dialect == Dialect.AMI:
        told = {str(name): str(value) for name, value in read_json(body).items()}
        event = translate(told, mapped_for(connector))
        if event is None:
            raise BadEvent("the event says nothing about a call")
        return event, body_hash(dict(told))
    if connector.dialect == Dialect.NATIVE:
        said = read_json(body)
        return parse_native(said), body_hash(said)
    fields = read_fields(content_type, body)
    if connector.dialect == Dialect.PLACETEL:
        return parse_placetel(fields), body_hash(fields)
    if connector.dialect == Dialect.SIPGATE:
        return parse_cti(fields, path), body_hash(fields | {"/": [path]})
    return parse_cti(fields), body_hash(fields)


@transaction.atomic
def replay(*, user: User, log: RequestLog) -> Ingested:
    """Take the request as if it came now; its log entry goes. Raises Refused with the reason."""
    body = unseal_bytes(log.body)
    try:
        event, digest = parse_body(log.connector, log.path, log.content_type, body)
        taken = ingest(connector=log.connector, event=event, raw=body, received_at=timezone.now(), body_hash=digest)
    except (BadEvent, UnreadableBody) as error:
        raise Refused(_("Auch jetzt nicht angenommen: %(error)s") % {"error": error}) from None
    record(
        action="request.replayed", actor_id=user.pk, object_type="call", object_id=taken.call.pk, data={"log": log.pk}
    )
    log.delete()
    return taken
