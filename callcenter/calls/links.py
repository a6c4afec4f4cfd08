"""Signed links through which an office answers a call-back without an account."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core import signing
from django.urls import reverse

from callcenter.calls.models import Handover

SALT = "calls.handover"
VALID_SECONDS = 14 * 24 * 3600


def office_link(handover: Handover) -> str:
    """The full address the office gets; valid for two weeks."""
    token = signing.dumps(handover.pk.hex, salt=SALT)
    return settings.BASE_URL.rstrip("/") + reverse("calls:answer", args=[token])


def handover_of(token: str) -> Handover | None:
    """The call-back a link means, or None when it is forged, too old or gone."""
    try:
        key = uuid.UUID(signing.loads(token, salt=SALT, max_age=VALID_SECONDS))
    except (signing.BadSignature, ValueError, TypeError):
        return None
    found = Handover.objects.beyond_scope("the signature names this one call-back")
    return found.select_related("tenant", "office", "contact__article").filter(pk=key).first()
