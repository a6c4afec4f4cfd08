"""Telephone systems that may send events, and whom they turn away."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Iterable
from datetime import timedelta

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from callcenter.accounts.models import User
from callcenter.audit.services import record
from callcenter.calls.models import BlockedCaller, CallerIdRule, Connector, Dialect, RequestLog
from callcenter.calls.sealing import keyed_hash, seal, unseal
from callcenter.calls.services.refusals import Refused
from tenants.numbers import to_e164

ROTATION = timedelta(days=7)  # how long the old secret counts on
LOGGED_BYTES = 20_000  # of a refused request


def token_hash(token: str) -> str:
    """Tokens are random and long, so a plain SHA-256 keeps them."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


@transaction.atomic
def add_connector(*, name: str, dialect: str = Dialect.GENERIC, actor_id: int | None = None) -> tuple[Connector, str]:
    """A new connector and its secret, which is shown this once. Raises Refused when the name is taken."""
    name = name.strip()
    if not name or len(name) > 80:
        raise Refused(_("Bitte geben Sie einen Namen mit höchstens 80 Zeichen an."))
    if Connector.objects.filter(name__iexact=name).exists():
        raise Refused(_("Eine Anbindung mit diesem Namen gibt es schon. Wählen Sie einen anderen."))
    token = secrets.token_urlsafe(32)
    connector = Connector.objects.create(name=name, dialect=dialect, token_hash=token_hash(token), secret=seal(token))
    record(action="connector.added", actor_id=actor_id, object_type="connector", object_id=connector.pk)
    return connector, token


@transaction.atomic
def rotate_secret(*, user: User, connector: Connector) -> str:
    """A new secret; the old one counts on for a week, so that nothing is lost while the change is made."""
    token = secrets.token_urlsafe(32)
    connector.previous_token_hash, connector.previous_secret = connector.token_hash, connector.secret
    connector.previous_until = timezone.now() + ROTATION
    connector.token_hash, connector.secret = token_hash(token), seal(token)
    connector.save()
    record(action="connector.rotated", actor_id=user.pk, object_type="connector", object_id=connector.pk)
    return token


@transaction.atomic
def finish_rotation(*, user: User, connector: Connector) -> None:
    """Refuse the old secret from now on."""
    connector.previous_token_hash, connector.previous_secret, connector.previous_until = "", b"", None
    connector.save()
    record(action="connector.rotation_finished", actor_id=user.pk, object_type="connector", object_id=connector.pk)


@transaction.atomic
def save_connector(
    *, user: User, connector: Connector, name: str, is_active: bool, networks: Iterable[str], public_key: str = ""
) -> Connector:
    """Change name, state, allowed networks (addresses or CIDR) and the sender's public key (PEM). Raises Refused."""
    if Connector.objects.filter(name__iexact=name.strip()).exclude(pk=connector.pk).exists():
        raise Refused(_("Eine Anbindung mit diesem Namen gibt es schon. Wählen Sie einen anderen."))
    connector.name, connector.is_active = name.strip(), is_active
    connector.networks, connector.public_key = _networks(networks), _public_key(public_key)
    connector.save()
    record(action="connector.changed", actor_id=user.pk, object_type="connector", object_id=connector.pk)
    return connector


@transaction.atomic
def save_ami(
    *, user: User, connector: Connector, host: str, port: int, account: str, secret: str, contexts: str, lines: str
) -> Connector:
    """Where the PBX's manager interface is; an empty ``secret`` keeps the one there is. Raises Refused.

    ``contexts`` and ``lines`` are one per line; a line of ``lines`` reads ``queue or DID = line's number``.
    """
    if connector.dialect != Dialect.AMI:
        raise Refused(_("Nur eine Anbindung an Asterisk hat diese Angaben."))
    if not secret and not connector.ami_secret:
        raise Refused(_("Bitte geben Sie das Kennwort aus manager.conf an."))
    mapping = {}
    for text in filter(None, (line.strip() for line in lines.splitlines())):
        word, equals, number = (part.strip() for part in text.partition("="))
        if not (word and equals and number):
            raise Refused(
                _("„%(text)s“ ist keine Zuordnung. Schreiben Sie zum Beispiel buergerservice = 0203 2830.")
                % {"text": text}
            )
        mapping[word] = number
    connector.ami = {
        "host": host.strip(),
        "port": port,
        "user": account.strip(),
        "contexts": contexts.split(),
        "lines": mapping,
    }
    if secret:
        connector.ami_secret = seal(secret)
    connector.save()
    record(action="connector.changed", actor_id=user.pk, object_type="connector", object_id=connector.pk)
    return connector


def _networks(texts: Iterable[str]) -> list[str]:
    plain = [text.strip() for text in texts if text.strip()]
    for text in plain:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise Refused(
                _("„%(text)s“ ist kein Netz. Schreiben Sie zum Beispiel 192.0.2.0/24.") % {"text": text}
            ) from None
    return plain


def _public_key(pem: str) -> str:
    if not pem.strip():
        return ""
    try:
        key = load_pem_public_key(pem.strip().encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey):
        raise Refused(_("Das ist kein öffentlicher RSA-Schlüssel im PEM-Format."))
    return pem.strip()


@transaction.atomic
def block_caller(*, user: User, number: str, reason: str) -> BlockedCaller:
    """Turn this number away from now on. Raises Refused when it is no telephone number."""
    plain = to_e164(number)
    if not plain:
        raise Refused(_("Das ist keine Telefonnummer. Schreiben Sie sie mit Vorwahl, zum Beispiel 0203 12345."))
    blocked, _made = BlockedCaller.objects.update_or_create(
        keyed_hash=keyed_hash(plain), defaults={"last_digits": plain[-4:], "reason": reason.strip()[:200]}
    )
    record(action="caller.blocked", actor_id=user.pk, object_type="blocked_caller", object_id=blocked.pk)
    return blocked


@transaction.atomic
def unblock_caller(*, user: User, blocked: BlockedCaller) -> None:
    """Let the number through again."""
    record(action="caller.unblocked", actor_id=user.pk, object_type="blocked_caller", object_id=blocked.pk)
    blocked.delete()


@transaction.atomic
def save_caller_id_rule(*, user: User, connector: Connector, prefix: str, caller_id: str) -> CallerIdRule:
    """Show ``caller_id`` when a number that begins with ``prefix`` (empty: any) is dialled. Raises Refused."""
    shown = to_e164(caller_id)
    if not shown:
        raise Refused(_("Das ist keine Telefonnummer. Schreiben Sie sie mit Vorwahl, zum Beispiel 0203 2830."))
    begins = _prefix(prefix)
    rule, _made = CallerIdRule.objects.update_or_create(
        connector=connector, prefix=begins, defaults={"caller_id": shown}
    )
    record(action="caller_id_rule.saved", actor_id=user.pk, object_type="connector", object_id=connector.pk)
    return rule


def _prefix(written: str) -> str:
    """``02064`` and ``+49 2064`` are one beginning: +492064."""
    digits = re.sub(r"[\s/().-]", "", written)
    if not digits:
        return ""
    if not re.fullmatch(r"\+?\d{1,15}", digits):
        raise Refused(_("Der Anfang besteht aus Ziffern, zum Beispiel 02064 oder +49."))
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    return f"+49{digits[1:]}" if digits.startswith("0") else digits if digits.startswith("+") else f"+49{digits}"


@transaction.atomic
def delete_caller_id_rule(*, user: User, rule: CallerIdRule) -> None:
    """Outbound calls show the PBX's own number again."""
    record(action="caller_id_rule.deleted", actor_id=user.pk, object_type="connector", object_id=rule.connector_id)
    rule.delete()


# --- at the door: used by the webhooks ----------------------------------------------------------


def connector_by_token(token: str) -> Connector | None:
    """Whose token this is; after a rotation the old one counts until its time."""
    digest = token_hash(token)
    old = Q(previous_token_hash=digest, previous_until__gt=timezone.now())
    return Connector.objects.filter(Q(token_hash=digest) | old).first()


def secrets_of(connector: Connector) -> list[str]:
    """The signing secrets that count now."""
    sealed = [connector.secret]
    if connector.previous_until and connector.previous_until > timezone.now():
        sealed.append(connector.previous_secret)
    return [secret for one in sealed if (secret := unseal(one))]


@transaction.atomic
def log_refusal(
    *, connector: Connector, status: int, reason: str, path: str, remote: str, content_type: str, body: bytes
) -> RequestLog:
    """Keep a refused request of a known sender, so that it can be looked at and replayed; the newest 500 stay."""
    log = RequestLog.objects.create(
        connector=connector,
        at=timezone.now(),
        status=status,
        path=path[:40],
        reason=reason[:200],
        remote=remote[:45],
        content_type=content_type[:120],
        body=seal(body[:LOGGED_BYTES]),
    )
    RequestLog.objects.filter(connector=connector, pk__lte=log.pk - 500).delete()
    return log
