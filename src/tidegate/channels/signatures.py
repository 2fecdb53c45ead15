"""Signed requests between a channel and us, both ways: HMAC-SHA256, a replay window, a bound.

Always: time, nonce, method, path and body are signed; a nonce counts once, durably. Never: says
more than that a request is not to be trusted, or compares in a time that tells.
"""

import hmac
from collections.abc import Mapping
from typing import NamedTuple

from tidegate.channels.ledger import Ledger
from tidegate.domain.signed_requests import (
    KEY_BYTES_MIN,
    NONCE,
    SIGNATURE,
    TIME,
    signature,
    signed,
)

__all__ = ["NONCE", "SIGNATURE", "TIME", "Request", "Seal", "Untrusted", "signature", "signed"]

WINDOW_MS = 300_000
BODY_BYTES_MAX = 1 << 20
NONCE_CHARS = (8, 64)


class Untrusted(Exception):
    """The request is not signed by who holds the key, or not for the first time, or too large."""


class Request(NamedTuple):
    """What was sent; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Seal:
    """Tells whether requests come from who holds one key."""

    def __init__(self, key: bytes, ledger: Ledger) -> None:
        assert len(key) >= KEY_BYTES_MIN, "a channel's key has at least 16 bytes"
        self._key = key
        self._ledger = ledger

    def require(self, request: Request, now_ms: int) -> None:
        """Raise Untrusted unless it is signed, new, and no larger than BODY_BYTES_MAX."""
        if len(request.body) > BODY_BYTES_MAX:
            raise Untrusted(f"at most {BODY_BYTES_MAX} bytes")
        told, nonce = request.headers.get(TIME, ""), request.headers.get(NONCE, "")
        if not (told.isascii() and told.isdigit() and len(told) <= 16):
            raise Untrusted(f"{TIME}: UTC milliseconds")
        if not (nonce.isascii() and nonce.isalnum()
                and NONCE_CHARS[0] <= len(nonce) <= NONCE_CHARS[1]):  # fmt: skip
            raise Untrusted(f"{NONCE}: {NONCE_CHARS[0]} to {NONCE_CHARS[1]} letters and digits")
        if abs(now_ms - int(told)) > WINDOW_MS:
            raise Untrusted(f"{TIME} is more than {WINDOW_MS // 1000} s off: set the clock right")
        expected = signature(
            self._key, int(told), nonce, request.method, request.path, request.body
        )
        given = request.headers.get(SIGNATURE, "").encode("utf-8", "replace")
        if not hmac.compare_digest(expected.encode(), given):
            raise Untrusted(f"{SIGNATURE} is not right")
        self._require_new(nonce, now_ms)

    def _require_new(self, nonce: str, now_ms: int) -> None:
        with self._ledger.writing() as connection:
            connection.execute("DELETE FROM nonce WHERE until_ms < ?", (now_ms,))
            added = connection.execute(
                "INSERT OR IGNORE INTO nonce VALUES (?, ?)", (nonce, now_ms + 2 * WINDOW_MS)
            )
            if not added.rowcount:
                raise Untrusted("this request was made before")
