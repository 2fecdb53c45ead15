"""Keyed 128-bit hashes of the ids that the outside uses: the journal never sees an id itself.

Orders, operations and commands have name spaces of their own, so no id of one kind is ever taken
for another's. The key is a shop's secret; without it a hash says nothing about an id.
"""

import hashlib
import struct
from collections.abc import Callable

OPERATIONS = "\0operation"
COMMANDS = "\0command"


IdHash = Callable[[str, str], tuple[int, int]]

_halves = struct.Struct("<QQ").unpack


def id_hasher(key: bytes) -> IdHash:
    """The hash of names under one key; to mix the key in takes as long as to hash a name."""
    keyed = hashlib.blake2b(digest_size=16, key=key)

    def hashed(space: str, name: str) -> tuple[int, int]:
        state = keyed.copy()
        state.update(f"{space}\0{name}".encode())
        hi, lo = _halves(state.digest())
        return hi, lo

    return hashed


def id_hash(key: bytes, space: str, name: str) -> tuple[int, int]:
    """The two 64-bit halves of BLAKE2b-128 over (space, name); an order's space is its channel."""
    return id_hasher(key)(space, name)
