"""From a body's bytes to a value with every bound checked, or to the problem that says why not.

Strict UTF-8 JSON, no key twice, no field unknown. Never repeats a value of the body, except the
parser's own words about a field.
"""

from functools import lru_cache
from typing import TypeVar

import msgspec

from tidegate.http.duplicate_keys import has_duplicate_keys, order_has_duplicate_keys
from tidegate.http.errors import (
    BODY_TOO_LARGE,
    MALFORMED,
    UNPROCESSABLE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from tidegate.http.schemas import Order

JSON = b"application/json"
NDJSON = b"application/x-ndjson"
ORDER_BYTES_MAX = 16_384
COMMAND_BYTES_MAX = 262_144
BATCH_BYTES_MAX = 8 << 20

T = TypeVar("T")

_decode_order = msgspec.json.Decoder(Order).decode


def require_media_type(header: bytes, wanted: bytes) -> None:
    """Raise Problem unless `Content-Type` is the wanted one, in UTF-8 where it says."""
    if header != wanted and not _is_media_type(header, wanted):
        name = wanted.decode()
        raise Problem(
            UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type must be {name}, in UTF-8",
            f"Content-Type 必须为 {name}（UTF-8）",
        )


@lru_cache(maxsize=256)
def _is_media_type(header: bytes, wanted: bytes) -> bool:
    media_type, _, parameters = header.decode("latin-1").lower().partition(";")
    if media_type.strip() != wanted.decode():
        return False
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in {"utf-8", "utf8"}:
            return False
    return True


def too_large(limit_bytes: int) -> Problem:
    """The problem of a body over its limit."""
    return Problem(
        BODY_TOO_LARGE,
        f"at most {limit_bytes} bytes here",
        f"此处最多 {limit_bytes} 字节",
        figures={"limit_bytes": limit_bytes},
    )


def decode_order(body: bytes) -> Order:
    """An order's body. Raises Problem."""
    try:
        order = _decode_order(body)
        doubled = order_has_duplicate_keys(body, order)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise undecodable(error) from None
    if doubled:
        raise doubled_key()
    return order


def decode(body: bytes, kind: type[T]) -> T:
    """Any other body. Raises Problem."""
    try:
        value = msgspec.json.decode(body, type=kind)
        doubled = has_duplicate_keys(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise undecodable(error) from None
    if doubled:
        raise doubled_key()
    return value


def undecodable(error: Exception) -> Problem:
    """The problem of a body that is no JSON, or not the JSON that belongs here."""
    if isinstance(error, msgspec.ValidationError):
        return Problem(UNPROCESSABLE, str(error))
    if isinstance(error, UnicodeDecodeError):
        return Problem(MALFORMED, "the body is not UTF-8", "请求体不是 UTF-8 编码")
    if isinstance(error, msgspec.DecodeError):
        return Problem(MALFORMED, str(error))
    return Problem(MALFORMED, "the body is not JSON", "请求体不是 JSON")


def doubled_key() -> Problem:
    """The problem of an object that names a key twice."""
    return Problem(MALFORMED, "an object names a key twice", "同一对象中有重复的键")
