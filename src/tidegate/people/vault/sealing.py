"""Sealing one value so that it opens in its own place only, and wrapping the keys that do it.

AES-256-GCM with a nonce of its own each time; what stands around the value (shop, person, field,
item, purposes with their last days, version, class, key) is authenticated with it, so a value that
was moved to another row, or given another purpose or a longer life, does not open.
This module keeps no key and never says why a value did not open beyond that it did not.
"""

import struct
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
AES_256_GCM = 1  # the first byte of everything sealed: another algorithm gets another number
SEALED_BYTES_MIN = 1 + NONCE_BYTES + TAG_BYTES
WRAPPED_BYTES = SEALED_BYTES_MIN + KEY_BYTES

_CELL = b"tidegate vault cell v1\0"
_KEY = b"tidegate vault key v1\0"


class Tampered(Exception):
    """A sealed value does not belong where it stands, or is damaged."""


class CellPlace(NamedTuple):
    """Where a value stands and what it is for: authenticated, not encrypted."""

    shop: str
    person: int
    field: str
    item: str
    purposes: str
    version: int
    data_class: int
    key_number: int

    def bound(self) -> bytes:
        """The bytes that a value is bound to; every text carries its length."""
        texts = (self.shop, self.field, self.item, self.purposes)
        return (
            _CELL
            + _numbers(self.person, self.version, self.data_class, self.key_number)
            + (b"".join(_text(text) for text in texts))
        )


class KeyPlace(NamedTuple):
    """Which key it is."""

    shop: str
    person: int
    data_class: int
    key_number: int

    def bound(self) -> bytes:
        """The bytes that a wrapped key is bound to."""
        numbers = _numbers(self.person, self.data_class, self.key_number, 0)
        return _KEY + numbers + _text(self.shop)


def _numbers(*values: int) -> bytes:
    return struct.pack(">QQQQ", *values)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">I", len(encoded)) + encoded


def seal(key: bytes, content: bytes, bound: bytes, nonce: bytes) -> bytes:
    """Algorithm, nonce, ciphertext, tag. A nonce serves once: the caller draws it at random."""
    assert len(key) == KEY_BYTES
    assert len(nonce) == NONCE_BYTES
    return bytes([AES_256_GCM]) + nonce + AESGCM(key).encrypt(nonce, content, bound)


def unseal(key: bytes, sealed: bytes, bound: bytes) -> bytes:
    """What was sealed. Raises Tampered for anything that is not exactly what was sealed there."""
    if len(sealed) < SEALED_BYTES_MIN or sealed[0] != AES_256_GCM:
        raise Tampered("it is cut short, or sealed in a way that this release does not know")
    nonce = sealed[1 : 1 + NONCE_BYTES]
    try:
        return AESGCM(key).decrypt(nonce, sealed[1 + NONCE_BYTES :], bound)
    except InvalidTag:
        raise Tampered("it was changed, moved, or sealed under another key") from None
