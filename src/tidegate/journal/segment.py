"""A run of entries as one file, for archives, backups and outsiders.

Always: a file under its final name is whole, synced, and checks by itself (chain and SHA-256).
Never: a segment is changed after that; an unfinished one has another name and is begun again.

    "tidegate segment v1" LF
    JSON {"stream", "seq", "epoch", "hash"} LF        the head before the first entry
    per entry: seq u64, epoch u64, kind u8, prev_hash 32, hash 32, size u32, payload
    per entry: its offset u64
    count u32, offset of the offsets u64, SHA-256 of all before this line's hash      big endian
"""

import json
import os
import re
import struct
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tidegate.journal.chain import Chain
from tidegate.journal.protocol import (
    HASH_BYTES,
    PAYLOAD_BYTES_MAX,
    ArchiveMissing,
    Corrupt,
    Entry,
    Head,
)
from tidegate.storage.sqlite_schema import sync_directory

MAGIC = b"tidegate segment v1\n"
HEADER_BYTES_MAX = 1000
UNFINISHED = ".unfinished"
_NAME = re.compile(r"(\d{16})-(\d{16})\.segment")
_ENTRY = struct.Struct(">QQB32s32sI")
_OFFSET = struct.Struct(">Q")
_END = struct.Struct(">IQ32s")
_CHUNK_BYTES = 1 << 20


class Segment(NamedTuple):
    """A finished segment file and the sequences in it."""

    path: Path
    first_seq: int
    last_seq: int


def name_of(first_seq: int, last_seq: int) -> str:
    """The name of a segment's file; in order of names is in order of sequence."""
    return f"{first_seq:016d}-{last_seq:016d}.segment"


def segments_in(directory: Path) -> list[Segment]:
    """The finished segments of a directory in order. Raises ArchiveMissing for one in between."""
    if not directory.is_dir():
        return []
    found = []
    for path in sorted(directory.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match:
            found.append(Segment(path, int(match[1]), int(match[2])))
    for before, segment in pairwise(found):
        if segment.first_seq != before.last_seq + 1:
            raise ArchiveMissing(str(directory), before.last_seq + 1, segment.first_seq - 1)
    return found


class _Hashing:
    """A file that is written once through, with its hash."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = sha256()
        self.offset = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.hash.update(data)
        self.offset += len(data)


def write_segment(directory: Path, stream: str, base: Head, entries: Iterable[Entry]) -> Segment:
    """Write entries that continue `base` as one finished, synced segment. Raises Corrupt.

    At least one entry; the caller bounds their number.
    """
    chain = Chain(stream)
    head = base
    offsets = []
    unfinished = directory / f"{base.seq + 1:016d}{UNFINISHED}"
    with unfinished.open("wb") as file:
        out = _Hashing(file)
        out.write(MAGIC + _header(stream, base))
        for entry in entries:
            head = chain.check((entry,), head)
            offsets.append(out.offset)
            out.write(_ENTRY.pack(*entry[:5], len(entry.payload)) + entry.payload)
        index_at = out.offset
        out.write(b"".join(map(_OFFSET.pack, offsets)))
        out.write(_END.pack(len(offsets), index_at, bytes(HASH_BYTES))[:-HASH_BYTES])
        file.write(out.hash.digest())
        file.flush()
        os.fsync(file.fileno())
    assert offsets, "a segment has at least one entry"
    segment = Segment(directory / name_of(base.seq + 1, head.seq), base.seq + 1, head.seq)
    unfinished.rename(segment.path)
    sync_directory(directory)
    return segment


class SegmentFile:
    """A finished segment open for reading. Raises Corrupt for a file that is not one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        try:
            self.stream, self.base = self._read_header()
            self._end = os.fstat(self._file.fileno()).st_size - _END.size
            if self._end < self._file.tell():
                self._refuse("it is cut short")
            self._file.seek(self._end)
            self.count, self._index_at, self._hash = _END.unpack(self._file.read(_END.size))
            if self._index_at + self.count * _OFFSET.size != self._end or not self.count:
                self._refuse("its end is damaged")
        except BaseException:
            self._file.close()
            raise

    def entries(self, from_seq: int = 0) -> Iterator[Entry]:
        """Entries from `from_seq` on, not re-hashed."""
        skip = max(0, from_seq - self.base.seq - 1)
        if skip >= self.count:
            return
        self._file.seek(self._index_at + skip * _OFFSET.size)
        offset = int(_OFFSET.unpack(self._file.read(_OFFSET.size))[0])
        if offset >= self._index_at:
            self._refuse("its index is damaged")
        self._file.seek(offset)
        for _ in range(skip, self.count):
            seq, epoch, kind, prev_hash, entry_hash, size = _ENTRY.unpack(
                self._exactly(_ENTRY.size)
            )
            if size > PAYLOAD_BYTES_MAX:
                self._refuse("an entry's size is damaged")
            yield Entry(seq, epoch, kind, prev_hash, entry_hash, self._exactly(size))

    def check(self) -> Head:
        """Re-hash everything; the head after the last entry. Raises Corrupt."""
        self._file.seek(0)
        hashed = sha256()
        left = self._end + _END.size - HASH_BYTES
        while left:
            chunk = self._exactly(min(left, _CHUNK_BYTES))
            hashed.update(chunk)
            left -= len(chunk)
        if hashed.digest() != self._hash:
            self._refuse("its hash is another")
        head = Chain(self.stream).check(self.entries(), self.base)
        if head.seq != self.base.seq + self.count:
            self._refuse("entries are missing")
        return head

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _read_header(self) -> tuple[str, Head]:
        if self._file.read(len(MAGIC)) != MAGIC:
            self._refuse("it is no segment")
        line = self._file.readline(HEADER_BYTES_MAX)
        try:
            found = json.loads(line)
            base = Head(found["seq"], found["epoch"], bytes.fromhex(found["hash"]))
            if line != _header(found["stream"], base):
                self._refuse("its header is damaged")
            return found["stream"], base
        except (ValueError, KeyError, TypeError) as error:
            raise Corrupt(f"segment {self._path}: its header is damaged") from error

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            self._refuse("it is cut short")
        return data

    def _refuse(self, why: str) -> None:
        raise Corrupt(f"segment {self._path}: {why}. Restore it from a backup")


def check_segment(segment: Segment, stream: str, after: Head) -> Head:
    """The head at the end of a segment that must continue `after`. Raises Corrupt."""
    file = SegmentFile(segment.path)
    try:
        if file.stream != stream or file.base != after:
            raise Corrupt(f"segment {segment.path} does not continue entry {after.seq} of {stream}")
        head = file.check()
    finally:
        file.close()
    if head.seq != segment.last_seq:
        raise Corrupt(f"segment {segment.path} ends with {head.seq}, not as its name says")
    return head


def _header(stream: str, base: Head) -> bytes:
    fields = {"stream": stream, "seq": base.seq, "epoch": base.epoch, "hash": base.hash.hex()}
    return json.dumps(fields).encode() + b"\n"
