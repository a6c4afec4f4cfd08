"""Caller numbers at rest: encrypted to be read back, and a keyed hash to find repeat callers.

Both keys come from ``settings.NUMBER_KEY``; whoever loses it loses the numbers, as is meant. While a key is
being replaced, what ``settings.NUMBER_KEY_PREVIOUS`` sealed is still read (``manage.py rotate_number_key``).
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


def _key(purpose: str, secret: str) -> bytes:
    return hashlib.sha256(f"{purpose}:{secret}".encode()).digest()


def _secrets() -> list[str]:
    """The key in force, and the one it replaces."""
    return [secret for secret in (settings.NUMBER_KEY, settings.NUMBER_KEY_PREVIOUS) if secret]


@lru_cache(maxsize=4)
def _fernet(*secrets: str) -> MultiFernet:
    return MultiFernet([Fernet(urlsafe_b64encode(_key("seal", secret))) for secret in secrets])


def seal(text: str | bytes) -> bytes:
    """Encrypt with the key in force; empty stays empty."""
    data = text.encode() if isinstance(text, str) else text
    return _fernet(*_secrets()).encrypt(data) if data else b""


def unseal_bytes(data: bytes | memoryview) -> bytes:
    """Decrypt; empty when there is nothing, or when its key is gone."""
    if not data:
        return b""
    try:
        return _fernet(*_secrets()).decrypt(bytes(data))
    except InvalidToken:
        return b""


def is_current(data: bytes | memoryview) -> bool:
    """Whether the key in force alone reads it (or there is nothing to read)."""
    if not data:
        return True
    try:
        _fernet(settings.NUMBER_KEY).decrypt(bytes(data))
    except InvalidToken:
        return False
    return True


def unseal(data: bytes | memoryview) -> str:
    """Decrypt to text; empty when there is nothing, or when the key was replaced."""
    return unseal_bytes(data).decode(errors="replace")


def keyed_hash(number: str, secret: str = "") -> str:
    """HMAC-SHA256 of a normalised number, in hex: equal numbers, equal hashes, nothing to look up in a table."""
    return hmac.new(_key("match", secret or settings.NUMBER_KEY), number.encode(), hashlib.sha256).hexdigest()


def keyed_hashes(number: str) -> list[str]:
    """What the number may be found under while a key is being replaced."""
    return [keyed_hash(number, secret) for secret in _secrets()]
