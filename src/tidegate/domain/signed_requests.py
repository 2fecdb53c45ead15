"""How requests between us and others' servers are signed: HMAC-SHA256 over all that matters.

Time, nonce, method, path and body are signed, a line each, the same way in both directions.
This module never judges a request that came; whoever takes one in does.
"""

import hashlib
import hmac

TIME = "x-tidegate-time"
NONCE = "x-tidegate-nonce"
SIGNATURE = "x-tidegate-signature"
KEY_BYTES_MIN = 16


def signature(key: bytes, time_ms: int, nonce: str, method: str, path: str, body: bytes) -> str:
    """`v1=` and the hex digest over time, nonce, METHOD, path, SHA-256 of the body, a line each."""
    digest = hashlib.sha256(body).hexdigest()
    text = f"{time_ms}\n{nonce}\n{method.upper()}\n{path}\n{digest}"
    return "v1=" + hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def signed(
    key: bytes, now_ms: int, nonce: str, method: str, path: str, body: bytes
) -> dict[str, str]:
    """The headers of a request of ours."""
    assert len(key) >= KEY_BYTES_MIN, "a signing key has at least 16 bytes"
    return {
        TIME: str(now_ms),
        NONCE: nonce,
        SIGNATURE: signature(key, now_ms, nonce, method, path, body),
    }
