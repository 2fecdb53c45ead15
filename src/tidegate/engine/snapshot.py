"""A snapshot: the state after one entry, as a file that loads at the speed of the disk.

Head (JSON, one line, padded to 4,096 bytes at least): format, engine version, sequence and chain
hash of the entry, digest, and the parts in order; then each part's bytes, padded to 64. A snapshot
is never the truth: it saves folding, and its digest stands in the journal (`Note`).
"""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tidegate.engine import layout as lo
from tidegate.engine.digest import as_bytes, digest_of
from tidegate.engine.machine import Machine
from tidegate.engine.state import target_of
from tidegate.record.lines import Array

FORMAT = f"tidegate-snapshot-{lo.LAYOUT_VERSION}"
HEAD_BYTES = 4_096
SUFFIX = ".snapshot"


class SnapshotRefused(ValueError):
    """A snapshot that cannot be used; the message says why. Fold the journal instead."""


class SnapshotHead(NamedTuple):
    """What a snapshot says of itself."""

    seq: int
    chain_hash: str
    digest: str
    parts: list[tuple[str, int]]
    head_bytes: int


def snapshot_path(folder: Path, seq: int) -> Path:
    """Where the snapshot after an entry lies."""
    return folder / f"{seq:020d}{SUFFIX}"


def list_snapshots(folder: Path) -> list[Path]:
    """Complete snapshots, oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []


def write_snapshot(machine: Machine, folder: Path, seq: int, chain_hash: bytes) -> tuple[Path, str]:
    """Write the state after entry `seq`; its path and digest come back.

    The file appears under its name only when it is whole and synced. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = machine.parts()
    digest = digest_of(parts)
    head: dict[str, Any] = {
        "format": FORMAT, "engine": lo.ENGINE_VERSION, "seq": seq, "chain": chain_hash.hex(),
        "digest": digest, "parts": [[name, int(rows.nbytes)] for name, rows in parts],
    }  # fmt: skip
    text = json.dumps(head).encode()
    size = -(-(len(text) + 1) // HEAD_BYTES) * HEAD_BYTES
    path = snapshot_path(folder, seq)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(text.ljust(size - 1) + b"\n")
        for _, rows in parts:
            data = as_bytes(rows)
            file.write(data.data)
            file.write(bytes(-len(data) % 64))
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return path, digest


def read_snapshot_head(path: Path) -> SnapshotHead:
    """The head of a snapshot. Raises SnapshotRefused."""
    try:
        with path.open("rb") as file:
            line = file.readline(16 << 20)
        head = json.loads(line)
        if head["format"] != FORMAT or head["engine"] > lo.ENGINE_VERSION:
            raise SnapshotRefused(f"{path} was written by another release")
        parts = [(str(name), int(size)) for name, size in head["parts"]]
        return SnapshotHead(head["seq"], head["chain"], head["digest"], parts, len(line))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SnapshotRefused(f"{path}: {error}") from error


def load_snapshot(machine: Machine, path: Path, expected_digest: str = "") -> SnapshotHead:
    """Fill an empty machine from a snapshot and check its digest.

    `expected_digest` is the journalled one, when there is one. Raises SnapshotRefused; the machine
    must then be thrown away.
    """
    head = read_snapshot_head(path)
    if expected_digest and head.digest != expected_digest:
        raise SnapshotRefused(f"{path}: its digest is not the one in the journal")
    with path.open("rb") as file:
        file.seek(head.head_bytes)
        for name, size in head.parts:
            if name == "catalogue":
                machine.load_catalogue(file.read(size))
            elif size:
                place = destination(machine, name, size, path)
                if file.readinto(place.data) != size:
                    raise SnapshotRefused(f"{path} is cut short")
            file.seek(-size % 64, os.SEEK_CUR)
    if machine.digest() != head.digest:
        raise SnapshotRefused(f"{path}: its bytes do not have its digest")
    return head


def destination(machine: Machine, name: str, size: int, path: Path) -> Array:
    """The bytes of the state that a part fills."""
    rows, first = target_of(machine.state, name)
    if size % rows.itemsize or first + size // rows.itemsize > len(rows):
        raise SnapshotRefused(f"{path}: {name} does not fit; raise the shop's capacity")
    data: Array = rows[first : first + size // rows.itemsize].view(np.uint8)
    return data
