"""One way to write a value as JSON, so that equal values have equal bytes and equal hashes.

What comes out is RFC 8785 (JSON canonicalization scheme) for the values that we let in: objects
with ASCII names, lists, text, whole numbers that every reader holds exactly, true, false, null.
This module never writes a fraction: what is measured in parts is written in smaller units.
"""

from hashlib import sha256
from typing import Any

import msgspec

INTEGER_MAX = 2**53 - 1  # beyond, a reader in JavaScript sees another number
_encode = msgspec.json.Encoder(order="sorted").encode


class NotCanonical(ValueError):
    """A value that has no one way to be written here; a bug of whoever made it."""


def canonical(value: Any) -> bytes:  # noqa: ANN401  any JSON value
    """The one spelling of a value. Structs are written as their fields."""
    plain = msgspec.to_builtins(value)
    _require_plain(plain)
    return _encode(plain)


def digest_of(value: Any) -> str:  # noqa: ANN401  any JSON value
    """SHA-256 of the one spelling, as 64 hexadecimal digits."""
    return sha256(canonical(value)).hexdigest()


def _require_plain(value: Any) -> None:  # noqa: ANN401  any JSON value
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if kind is int:
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise NotCanonical("a whole number beyond 2**53 is written as text")
    elif kind is dict:
        for name, inner in value.items():
            if not (type(name) is str and name.isascii()):
                raise NotCanonical("names of fields are ASCII")
            _require_plain(inner)
    elif kind is list:
        for inner in value:
            _require_plain(inner)
    else:
        raise NotCanonical(f"{kind.__name__} has no one spelling in JSON")
