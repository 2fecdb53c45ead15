"""What the order path reads of a request's headers, and whether a request is plain enough for it.

A header that must stand once and stands twice is never guessed at.
"""

from collections.abc import Iterable
from typing import NamedTuple

from tidegate.http.errors import MALFORMED, Problem

Headers = Iterable[tuple[bytes, bytes]]  # names in lower case


class OrderHeaders(NamedTuple):
    """b"" = not given."""

    authorization: bytes
    content_type: bytes
    idempotency_key: bytes
    accept_language: bytes


# A body that needs more than its length to be read, or an answer before it is read.
_NOT_PLAIN = frozenset((b"transfer-encoding", b"upgrade", b"content-encoding", b"expect"))


def plain_order_headers(headers: Headers, body_bytes_max: int) -> OrderHeaders | None:
    """The headers of a request whose body is `Content-Length` bytes within the bound, else None."""
    length = -1
    authorization = content_type = idempotency_key = accept_language = b""
    for name, value in headers:
        if name == b"content-length":
            length = int(value)
        elif name == b"authorization":
            if authorization:
                return None
            authorization = value
        elif name == b"content-type":
            if content_type:
                return None
            content_type = value
        elif name == b"idempotency-key":
            if idempotency_key:
                return None
            idempotency_key = value
        elif name == b"accept-language":
            accept_language = value
        elif name in _NOT_PLAIN:
            return None
    if not 0 <= length <= body_bytes_max:
        return None
    return OrderHeaders(authorization, content_type, idempotency_key, accept_language)


def order_headers(headers: Headers) -> OrderHeaders:
    """The same of any request. Raises Problem where one of them stands twice."""
    found = {
        b"authorization": b"",
        b"content-type": b"",
        b"idempotency-key": b"",
        b"accept-language": b"",
    }
    for name, value in headers:
        if name in found:
            if found[name] and name != b"accept-language":
                raise Problem(MALFORMED, f"{name.decode()} is given twice")
            found[name] = value
    return OrderHeaders(*found.values())
