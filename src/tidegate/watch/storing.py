"""The watch's memory as bytes: saved with the sequence it is as of, loaded to go on from there.

Always whole or not at all: a digest over everything is checked before anything is believed. Never
a pickle, and never a state of another version: then the watch begins anew and says so.
"""

import hashlib
import io
import zlib

import msgspec
import numpy as np

from tidegate.watch import layout as lo
from tidegate.watch.watching import Names

MAGIC = b"TGWS"
DIGEST_BYTES = 32
SCRATCH = ("steps", "alarms")


class StateUnreadable(Exception):
    """These bytes are no saved state of this version."""


class Saved(msgspec.Struct):
    """What stands beside the tables: which version, as of which entry, the codes."""

    version: int
    seq: int
    head_hash: str
    names: Names


def save(state: lo.State, names: Names, seq: int, head_hash: str) -> bytes:
    """The state as of entry `seq` whose hash is `head_hash`. About a tenth of it in memory."""
    tables = io.BytesIO()
    kept = {name: table for name, table in state._asdict().items() if name not in SCRATCH}
    np.savez(tables, **kept)
    head = msgspec.json.encode(Saved(lo.STATE_VERSION, seq, head_hash, names))
    body = len(head).to_bytes(4, "little") + head + zlib.compress(tables.getvalue(), 1)
    return MAGIC + hashlib.sha256(body).digest() + body


def load(data: bytes) -> tuple[lo.State, Saved]:
    """A saved state. Raises StateUnreadable."""
    start = len(MAGIC) + DIGEST_BYTES
    body = data[start:]
    if data[: len(MAGIC)] != MAGIC or hashlib.sha256(body).digest() != data[len(MAGIC) : start]:
        raise StateUnreadable("the bytes are no saved state, or not all of one")
    size = int.from_bytes(body[:4], "little")
    saved = msgspec.json.decode(body[4 : 4 + size], type=Saved)
    if saved.version != lo.STATE_VERSION:
        raise StateUnreadable(f"version {saved.version}; this release reads {lo.STATE_VERSION}")
    tables = np.load(io.BytesIO(zlib.decompress(body[4 + size :])), allow_pickle=False)
    empty = lo.new_state(lo.Capacity(16, 16, 16))
    scratch = {name: getattr(empty, name) for name in SCRATCH}
    return lo.State(**{name: tables[name] for name in tables.files}, **scratch), saved
