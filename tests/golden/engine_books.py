"""Golden journals of the engine: entries as a release wrote them, and the books they lead to.

    python tests/golden/engine_books.py NAME      write NAME.bin from this release; never over one
    python tests/golden/engine_books.py --digest  write the digests anew after a change of layout

`NAME.bin` is each entry behind its length (u32, little endian), the whole compressed. Its books are
said in codes and sums, so that no change inside the engine may change them; the digest is of the
engine's memory and may change with its layout, never the books. A released file is kept for ever.
"""

import hashlib
import json
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

from tidegate.engine import layout as lo
from tidegate.engine.machine import Machine
from tidegate.record import entry as en
from tidegate.testing.scene import SEED, TINY
from tidegate.testing.story import told

FOLDER = Path(__file__).parent
EXPECTED = FOLDER / "engine.json"
STORY_SEED, STORY_STEPS = 20261026, 300


def packed(entries: list[bytes]) -> bytes:
    """Entries as a golden file holds them."""
    return zlib.compress(b"".join(struct.pack("<I", len(e)) + e for e in entries), 9)


def entries_of(path: Path) -> list[bytes]:
    """The entries of a golden file."""
    data, entries, place = zlib.decompress(path.read_bytes()), [], 0
    while place < len(data):
        (size,) = struct.unpack_from("<I", data, place)
        entries.append(data[place + 4 : place + 4 + size])
        place += 4 + size
    return entries


def folded(entries: list[bytes]) -> Machine:
    """A machine that folded them."""
    machine = Machine(SEED, TINY)
    for payload in entries:
        machine.fold(payload)
    return machine


def books(machine: Machine) -> dict[str, Any]:
    """What the entries led to, in codes: stock, limits, budgets, orders by state, exceptions."""
    s, names = machine.state, machine.catalogue
    rules = {number: code for code, number in names.rules.items()}
    counted: dict[str, int] = {}
    for row in s.counters[: s.scalars[lo.COUNTER_COUNT]]:
        rule, kind = rules[int(row["rule_kind"]) >> 2], int(row["rule_kind"]) & 3
        token = int(s.keys[int(row["key"])]["token"])
        counted[f"{rule} {kind} {token} in {int(row['window'])}"] = int(row["value"])
    states = dict.fromkeys(lo.STATE_NAMES, 0)
    for number in range(int(s.scalars[lo.ORDER_BASE]), int(s.scalars[lo.ORDER_COUNT])):
        states[lo.STATE_NAMES[int(s.orders[number % len(s.orders)]["state"])]] += 1
    return {
        "cells": {
            f"{pool} {sku}": {field: int(cell[field]) for field in cell.dtype.names}
            for pool, p in names.pools.items()
            for sku, k in names.skus.items()
            for cell in [s.cells[p, k]]
        },
        "counted": counted,
        "used": {code: int(s.rules[number]["used"]) for code, number in names.rules.items()},
        "states": states,
        "left": {c: int(s.exceptions[n]["units_left"]) for c, n in names.exceptions.items()},
        "refusals": int(s.scalars[lo.REFUSAL_COUNT]),
    }


def books_hash(machine: Machine) -> str:
    """A hash of the books."""
    return hashlib.sha256(json.dumps(books(machine), sort_keys=True).encode()).hexdigest()


def description(entries: list[bytes]) -> dict[str, Any]:
    """What `engine.json` says of a golden file."""
    machine, head = folded(entries), en.read_head(en.aligned(entries[0]))
    return {
        "codec": head.codec_version, "engine": head.engine_version, "entries": len(entries),
        "books": books_hash(machine), "digest": machine.digest(),
    }  # fmt: skip


def main(argument: str) -> None:
    """Write a golden file, or the digests anew."""
    expected = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    if argument == "--digest":
        for name, said in expected.items():
            said["digest"] = folded(entries_of(FOLDER / f"{name}.bin")).digest()
    else:
        path = FOLDER / f"{argument}.bin"
        assert not path.exists(), "a golden file is never written again"
        entries = told(STORY_SEED, STORY_STEPS).scene.entries
        path.write_bytes(packed(entries))
        expected[argument] = description(entries)
    EXPECTED.write_text(json.dumps(expected, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
