"""Ids that leave the system: UUIDv7, sortable by time, guessable by nobody."""

from __future__ import annotations

import uuid

import uuid_utils.compat


def new_id() -> uuid.UUID:
    """A new UUIDv7 (RFC 9562) as a standard library UUID."""
    return uuid_utils.compat.uuid7()
