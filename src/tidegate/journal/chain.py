"""The hash chain: each entry's hash covers the one before it, the stream's name and the payload.

Always: two journals with the same head hash hold the same entries. Never: a secret is needed to
check it, or a payload to check the links (its SHA-256 stands in for it).

    hash = SHA-256("tidegate journal entry v1" NUL || len(stream) u8 || stream
                   || seq u64 || epoch u64 || kind u8 || prev_hash 32
                   || len(payload) u32 || SHA-256(payload))          numbers big endian
"""

import re
import struct
from collections.abc import Iterable
from hashlib import sha256

from tidegate.journal.protocol import (
    BATCH,
    CLAIM,
    GENESIS,
    PAYLOAD_BYTES_MAX,
    STREAM_NAME_BYTES_MAX,
    Corrupt,
    Entry,
    Head,
    Payload,
    payload_bytes,
)

DOMAIN = b"tidegate journal entry v1\0"
_STREAM = re.compile(r"[a-z0-9][a-z0-9:._-]*")
_LINK = struct.Struct(">QQB32sI32s")


class Chain:
    """The hashes of one stream."""

    def __init__(self, stream: str) -> None:
        if len(stream) > STREAM_NAME_BYTES_MAX or not _STREAM.fullmatch(stream):
            raise ValueError(
                f"a stream's name is lower-case letters, digits and :._-, not {stream!r}"
            )
        self.stream = stream
        self._prefix = DOMAIN + bytes([len(stream)]) + stream.encode()

    def link(self, seq: int, epoch: int, kind: int, prev_hash: bytes, payload: Payload) -> bytes:
        """The hash of an entry. The payload is hashed in one go, outside the interpreter lock."""
        digest = sha256(payload).digest()
        packed = _LINK.pack(seq, epoch, kind, prev_hash, payload_bytes(payload), digest)
        return sha256(self._prefix + packed).digest()

    def check(self, entries: Iterable[Entry], after: Head) -> Head:
        """The head after `entries`, each re-hashed. Raises Corrupt at the first that is not so.

        `after` is the head they must continue; GENESIS for a journal from its start.
        """
        head = after
        for entry in entries:
            fault = self._fault(entry, head)
            if fault:
                raise Corrupt(f"{self.stream}: entry {entry.seq} after {head.seq}: {fault}")
            head = entry.head
        return head

    def _fault(self, entry: Entry, head: Head) -> str:
        if entry.seq != head.seq + 1:
            return "the sequence has a gap"
        if entry.prev_hash != head.hash:
            return "it does not continue the entry before it"
        if entry.kind not in {CLAIM, BATCH} or entry.epoch != head.epoch + (entry.kind == CLAIM):
            return "its kind and epoch do not follow"
        if entry.epoch == 0:
            return "nobody had claimed the journal"
        if not 0 < len(entry.payload) <= PAYLOAD_BYTES_MAX:
            return "its payload has a size that no journal takes"
        found = self.link(entry.seq, entry.epoch, entry.kind, entry.prev_hash, entry.payload)
        return "" if found == entry.hash else "its content does not match its hash"


def check_whole(stream: str, entries: Iterable[Entry]) -> Head:
    """The head of a journal given from its first entry on. Raises Corrupt."""
    return Chain(stream).check(entries, GENESIS)
