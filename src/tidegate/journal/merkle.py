"""Hashes of RFC 9162 Merkle trees (section 2.1.1), over many leaves at a time.

Always: the same as the RFC's recursive definition. Never: leaf and inner hashes can be mistaken for
one another (0x00 and 0x01 before what is hashed). Nodes stand side by side in one bytes object.
"""

from collections.abc import Sequence
from hashlib import sha256, shake_256
from hmac import digest as hmac_digest

NODE = 32
SALT_BYTES = 32
EMPTY_ROOT = sha256().digest()
_SALT_DOMAIN = b"tidegate salt v1\0"


def salts(key: bytes, seq: int, count: int) -> bytes:
    """The salts of the events of entry `seq`, side by side.

    SHAKE-256 keyed by HMAC-SHA256(key, seq): showing one salt tells nothing of the others, and one
    call makes a batch's (an HMAC for each took longer than all the rest, ADR 0027).
    """
    seed = hmac_digest(key, _SALT_DOMAIN + seq.to_bytes(8, "big"), "sha256")
    return shake_256(seed).digest(SALT_BYTES * count)


def leaf(salt: bytes, event: bytes) -> bytes:
    """The leaf of one event, as an outsider computes it from what it is shown."""
    return sha256(b"\0" + salt + event).digest()


def leaves(salted: bytes, events: Sequence[bytes]) -> bytes:
    """The leaves of `events` with their `salts`."""
    hashed = sha256
    starts = range(0, SALT_BYTES * len(events), SALT_BYTES)
    return b"".join(
        [
            hashed(b"\0" + salted[start : start + SALT_BYTES] + event).digest()
            for start, event in zip(starts, events, strict=True)
        ]
    )


def parents(nodes: bytes) -> bytes:
    """The level above: an even number of nodes, hashed in pairs."""
    hashed = sha256
    return b"".join(
        [
            hashed(b"\1" + nodes[start : start + 2 * NODE]).digest()
            for start in range(0, len(nodes), 2 * NODE)
        ]
    )


def root(nodes: bytes) -> bytes:
    """The root over `nodes`. Carrying a last odd one up as it is amounts to the RFC's split."""
    if not nodes:
        return EMPTY_ROOT
    while len(nodes) > NODE:
        odd = nodes[len(nodes) - len(nodes) % (2 * NODE) :]
        nodes = parents(nodes[: len(nodes) - len(odd)]) + odd
    return nodes


def split(count: int) -> int:
    """The largest power of two below `count`: how many of `count` leaves go left."""
    return 1 << ((count - 1).bit_length() - 1)
