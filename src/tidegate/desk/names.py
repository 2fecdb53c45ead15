"""Keyed 128-bit hashes of the ids that the outside uses: the journal never sees an id itself.

Orders, operations and commands have name spaces of their own, so no id of one kind is ever taken
for another's. The key is a shop's secret; without it a hash says nothing about an id.
"""

import hashlib

OPERATIONS = "\0operation"
COMMANDS = "\0command"


def id_hash(key: bytes, space: str, name: str) -> tuple[int, int]:
    """The two 64-bit halves of BLAKE2b-128 over (space, name); an order's space is its channel."""
    digest = hashlib.blake2b(f"{space}\0{name}".encode(), digest_size=16, key=key).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")
