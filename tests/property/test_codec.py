"""The codecs: whatever rows hold comes back to the last bit, and no bytes whatever can do more
harm than an exception with a name.

The kernels run without bounds checks; the interpreter does check, so the same damage is read once
compiled and once uncompiled (`test_codec_uncompiled`), where a read past an array is an error.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.domain import jit
from tidegate.engine.machine import Machine
from tidegate.record import columns as co
from tidegate.record import entry as en
from tidegate.record import facts as f
from tidegate.record.corrupt import ColumnCorrupt, EntryCorrupt, EntryTooNew
from tidegate.record.lines import LINE, OPERATION, OUTCOME
from tidegate.testing.scene import SEED, TINY
from tidegate.testing.story import told

NAMED = (EntryCorrupt, EntryTooNew)
PACKERS = {
    "line": (LINE, co.line_packer), "operation": (OPERATION, co.operation_packer),
    "outcome": (OUTCOME, co.outcome_packer),
}  # fmt: skip
QUICK = settings(max_examples=60 if jit.UNCOMPILED else 200, deadline=None, database=None)


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, np.ndarray]:
    """Rows of one type: any bytes, or one row again and again with a few bytes changed."""
    name = draw(st.sampled_from(sorted(PACKERS)))
    dtype = PACKERS[name][0]
    count = draw(st.integers(0, 12))
    if draw(st.booleans()):
        data = draw(st.binary(min_size=count * dtype.itemsize, max_size=count * dtype.itemsize))
        return name, np.frombuffer(bytearray(data), dtype)
    row = draw(st.binary(min_size=dtype.itemsize, max_size=dtype.itemsize))
    data = np.frombuffer(bytearray(row * count), np.uint8)
    places = st.integers(0, max(0, len(data) - 1))
    for place in draw(st.lists(places, max_size=5)) if count else []:
        data[place] ^= draw(st.integers(1, 255))
    return name, data.view(dtype)


def packed(name: str, rows: np.ndarray) -> np.ndarray:
    """Pack rows between guard bytes, which nothing may touch."""
    packer = PACKERS[name][1]()
    out = np.full(packer.bound(len(rows)) + 64, 0xA5, np.uint8)
    size = packer.pack_into(rows, out)
    assert size <= packer.bound(len(rows))
    assert size % 8 == 0
    assert (out[packer.bound(len(rows)) :] == 0xA5).all()
    return out[:size]


@QUICK
@given(tables())
def test_rows_come_back_to_the_last_bit(table: tuple[str, np.ndarray]) -> None:
    name, rows = table
    data = packed(name, rows)
    back, size = PACKERS[name][1]().unpack(data)
    assert back.tobytes() == rows.tobytes()
    assert size == len(data)


@QUICK
@given(tables())
def test_a_table_that_is_cut_short_is_noticed(table: tuple[str, np.ndarray]) -> None:
    name, rows = table
    data = packed(name, rows)
    for size in range(0, len(data), max(1, len(data) // 37)):
        with pytest.raises(ColumnCorrupt):
            PACKERS[name][1]().unpack(data[:size].copy())


@QUICK
@given(tables(), st.data())
def test_a_damaged_table_is_read_or_refused(
    table: tuple[str, np.ndarray], data: st.DataObject
) -> None:
    name, rows = table
    damaged = packed(name, rows).copy()
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(damaged) - 1, 400)))
        damaged[place] = data.draw(st.sampled_from((0, 1, 3, 8, 9, 127, 128, 255)))
    try:
        back, size = PACKERS[name][1]().unpack(damaged)
    except ColumnCorrupt:
        return
    assert len(back) <= co.ROWS_MAX
    assert size <= len(damaged)


def test_packing_keeps_nothing_of_the_rows_before() -> None:
    packer = co.line_packer()
    out = np.zeros(packer.bound(50), np.uint8)
    noise = np.frombuffer(np.random.default_rng(1).bytes(50 * LINE.itemsize), LINE)
    plain = np.zeros(3, LINE)
    fresh = out[: co.line_packer().pack_into(plain, out)].tobytes()
    packer.pack_into(noise, out)
    again = out[: packer.pack_into(plain, out)].tobytes()
    assert again == fresh


def test_what_a_decision_takes() -> None:
    """Orders that differ as real ones do take at most 40 bytes, outcome included."""
    rows = np.zeros(10_000, LINE)
    random = np.random.default_rng(2)
    for name in ("id_hi", "id_lo", "key0"):
        rows[name] = random.integers(1, 2**63, len(rows), np.uint64)
    rows["placed_at_ms"] = 1_792_944_000_000 + np.arange(len(rows)) // 100
    rows["quantity"] = random.integers(1, 4, len(rows))
    rows["receivable_fen"] = rows["quantity"] * 3_990
    rows["sku"] = random.integers(0, 10_000, len(rows))
    outcomes = np.zeros(len(rows), OUTCOME)
    outcomes["reason"] = random.integers(0, 18, len(rows))
    writer = en.EntryWriter()
    writer.orders(rows, outcomes)
    size = len(writer.take(0, 0, 1))
    print(f"{size / len(rows):.1f} bytes a decision")
    assert size <= 40 * len(rows)


# -- entries -------------------------------------------------------------------------------------

ENTRIES = told(5, 150).scene.entries
KINDS = {frame.kind: entry for entry in ENTRIES for frame in en.read_frames(en.aligned(entry))}
SAMPLES = [*KINDS.values(), *ENTRIES[40:80]]


def read_all(payload: bytes) -> None:
    """Read an entry to its last row, as a fold would."""
    for frame in en.read_frames(en.aligned(payload)):
        if frame.kind == en.ORDERS:
            en.read_orders(frame.body)
        elif frame.kind == en.OPERATIONS:
            en.read_operations(frame.body)
        elif frame.kind == en.EXPIRED:
            en.read_expired(frame.body)
        elif frame.kind == en.COMMAND:
            f.decode_envelope(frame.body.tobytes())
        elif frame.kind == en.NOTE:
            f.decode_note(frame.body.tobytes())


def test_entries_of_every_kind_are_at_hand() -> None:
    assert {en.ORDERS, en.OPERATIONS, en.EXPIRED, en.COMMAND} <= set(KINDS)
    for payload in SAMPLES:
        read_all(payload)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_entry_cut_at_any_byte_is_refused(kind: int) -> None:
    payload = KINDS[kind]
    for size in range(len(payload)):
        with pytest.raises(EntryCorrupt):
            read_all(payload[:size])
    with pytest.raises(EntryCorrupt):
        read_all(payload + bytes(8))


def damaged(data: st.DataObject) -> bytes:
    """An entry with a few bytes changed, moved or torn out."""
    payload = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(payload) - 1))
        match data.draw(st.sampled_from(("set", "flip", "cut", "double"))):
            case "set":
                payload[place] = data.draw(st.sampled_from((0, 1, 8, 127, 128, 255)))
            case "flip":
                payload[place] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del payload[place : place + data.draw(st.sampled_from((1, 8, 16)))]
                payload = payload or bytearray(1)
            case _:
                payload[place:place] = payload[place : place + 8]
    return bytes(payload)


@QUICK
@given(st.data())
def test_a_damaged_entry_is_read_or_refused_by_name(data: st.DataObject) -> None:
    try:
        read_all(damaged(data))
    except NAMED:
        return


@QUICK
@given(st.binary(max_size=400))
def test_bytes_that_never_were_an_entry_are_refused(payload: bytes) -> None:
    with pytest.raises(NAMED):
        read_all(payload)
    with pytest.raises(NAMED):
        read_all(KINDS[en.COMMAND][:40] + payload + b"x")


@QUICK
@given(st.data())
def test_folding_a_damaged_entry_ends_or_raises_by_name(data: st.DataObject) -> None:
    """The journal's chain finds damage first; should it not, memory is still safe."""
    machine = Machine(SEED, TINY)
    for payload in ENTRIES[:60]:
        machine.fold(payload)
    try:
        for _ in range(3):
            machine.fold(damaged(data))
        machine.expire()
        machine.finish()
    except NAMED:
        return


def test_an_entry_of_a_later_release_is_told_apart() -> None:
    payload = bytearray(KINDS[en.COMMAND])
    payload[4] = 2
    with pytest.raises(EntryTooNew, match="codec version 2"):
        read_all(bytes(payload))
    payload[4] = 0
    with pytest.raises(EntryCorrupt):
        read_all(bytes(payload))
    writer = en.EntryWriter()
    writer.raw(77, b"later")
    with pytest.raises(EntryTooNew, match="frame type 77"):
        Machine(SEED, TINY).fold(writer.take(1, 1, 1))


def test_an_entry_of_another_shop_is_noticed() -> None:
    """Operations name orders that this machine has never seen."""
    story = told(6, 200)
    stranger = Machine(SEED, TINY)

    def fold_all() -> None:
        for payload in story.scene.entries[100:]:
            stranger.fold(payload)

    with pytest.raises(EntryCorrupt, match="is not there"):
        fold_all()


BIG = 1 << 31
OUTSIDE = (
    f.SkuPut(BIG, "x", 1, 1, 0, 0, 1, 0, 1, []),
    f.SkuPut(-1, "x", 1, 1, 0, 0, 1, 0, 1, []),
    f.SkuPut(1, "x", 1, 1, 0, -1, 1, 0, 1, []),
    f.SkuPut(1, "x", 1 << 63, 1, 0, 0, 1, 0, 1, []),
    f.SkuPut(1, "x", 1, 1, 0, 0, 1, 0, 1, [(BIG, 1)]),
    f.SkuPut(1, "x", 1, 1, 0, 0, 1, 0, 1, [(1, 1)] * 9),
    f.CodePut("pool", 16, "x"),
    f.CodePut("channel", 256, "x"),
    f.CodePut("channel", 0, "x", pool=16),
    f.CodePut("promotion", 1 << 16, "x"),
    f.GroupPut(1, "x", [BIG], []),
    f.GroupPut(1, "x", [], [("sku", BIG, [])]),
    f.GroupPut(1, "x", [], [("moon", 0, [])]),
    f.GroupPut(1, "x", [], [("sku", 0, [BIG])]),
    f.GroupPut(1, "x", [], [("sku", 0, [1] * 9)]),
    f.RulePut(BIG, "x", "shop", 0, 0, 0, [1, 1, 1, 1], 1, True, []),
    f.RulePut(1, "x", "shop", 0, 5, 0, [1, 1, 1, 1], 1, True, []),
    f.RulePut(1, "x", "shop", 0, 0, 6, [1, 1, 1, 1], 1, True, []),
    f.RulePut(1, "x", "shop", 0, 0, 0, [1], 1, True, []),
    f.StockChanged("received", BIG, 0, 1, 1, 0, 0),
    f.StockChanged("received", 0, 16, 1, 1, 0, 0),
    f.StockChanged("moved", 0, 0, 1, 1, 0, 0, 16),
    f.FlagSet("sku", BIG, 1),
    f.FlagSet("moon", 0, 1),
    f.FlagSet("sku", 0, 999),
    f.ExceptionPut(1 << 16, "x", [], 1, 1, 1, 0, True),
    f.ExceptionPut(1, "x", [BIG], 1, 1, 1, 0, True),
    f.PolicySet({"moon": 1}, "Asia/Shanghai"),
)


@pytest.mark.parametrize("fact", OUTSIDE, ids=repr)
def test_a_recorded_number_outside_its_table_is_refused(fact: f.Fact) -> None:
    writer = en.EntryWriter()
    writer.raw(en.COMMAND, f.encode(f.Envelope(1, 1, 1, 1, 0, 0, fact)))
    with pytest.raises(EntryCorrupt):
        Machine(SEED, TINY).fold(writer.take(1, 1, 1))


@pytest.mark.skipif(jit.UNCOMPILED, reason="this is the uncompiled run")
def test_codec_uncompiled() -> None:
    """The tests above once more in the interpreter, where every index is checked."""
    source = str(Path(jit.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", __file__],
        env={**os.environ, "TIDEGATE_UNCOMPILED": "1", "PYTHONPATH": source},
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4_000:]
