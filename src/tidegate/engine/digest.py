"""The digest of a state: SHA-256 over the digests of its parts' pieces, taken by two threads.

The same state always has the same digest, whoever computed it; it is journalled beside each
snapshot and checked when one is loaded. It begins with the layout's version, since the same books
have another digest once they lie otherwise in memory.
"""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tidegate.engine.layout import LAYOUT_VERSION
from tidegate.record.lines import Array

PIECE_BYTES = 16 << 20


def as_bytes(rows: Array) -> Array:
    """The bytes of contiguous rows, without a copy."""
    if rows.nbytes == 0:
        return np.zeros(0, np.uint8)
    return np.ascontiguousarray(rows).reshape(-1).view(np.uint8)


def _hash(piece: Array) -> bytes:
    return hashlib.sha256(piece.data).digest()


def digest_of(parts: Iterable[tuple[str, Array]]) -> str:
    """Layout, "-", hex SHA-256 over (name, length, piece digests …) of every part, in order."""
    total = hashlib.sha256()
    with ThreadPoolExecutor(2) as pool:
        named = []
        for name, rows in parts:
            data = as_bytes(rows)
            pieces = [data[i : i + PIECE_BYTES] for i in range(0, len(data), PIECE_BYTES)]
            named.append((name, len(data), pool.map(_hash, pieces)))
        for name, size, digests in named:
            total.update(f"{name} {size}\n".encode())
            for digest in digests:
                total.update(digest)
    return f"{LAYOUT_VERSION}-{total.hexdigest()}"


def same_layout(digest: str) -> bool:
    """Whether a digest was taken of a state that lies in memory as ours does."""
    return digest.partition("-")[0] == str(LAYOUT_VERSION)
