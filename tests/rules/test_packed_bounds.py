"""Every field of the packed door at its bound and past it: decided, or refused by its row."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tidegate.packed import wire
from tidegate.record.lines import (
    ALL_LINES,
    CONTINUES,
    FACT,
    MONEY_FEN_MAX,
    PAID,
    PAY,
    QUANTITY_MAX,
)

spec = importlib.util.spec_from_file_location(
    "packed_front", Path(__file__).with_name("packed_front.py")
)
assert spec is not None
assert spec.loader is not None
made: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
Front, asked, scene = made.Front, made.asked, made.scene
NOW_MS, folded = made.NOW_MS, made.folded

pytestmark = pytest.mark.timeout(60)
U64 = 2**64 - 1


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("quantity", (1, QUANTITY_MAX), (0, -1, -5, QUANTITY_MAX + 1, -(2**31), 2**31 - 1)),
        ("receivable_fen", (0, MONEY_FEN_MAX), (-1, MONEY_FEN_MAX + 1, -(2**63), 2**63 - 1)),
        ("platform_fen", (0, 1_000), (-1, 1_001, -(2**31), 2**31 - 1)),
        ("mismatch_fen", (-(2**31), 2**31 - 1), ()),
        ("pricing_version", (0, 2**32 - 1), ()),
        ("hold_ttl_s", (0, 2**32 - 1), ()),
        ("sku", (0, 1, 2**32 - 1), ()),
        ("promotion", (0, 1, 2**16 - 1), ()),
        ("exception", (0, 1, 2**16 - 1), ()),
        ("gift_of", (0, 1, 64), (65, 255)),
        ("channel", (0, 1, 254), (255,)),
        ("verified", (0, 15), (16, 255)),
        ("flags", (0, 2, 4, 6), (8, 16, 128)),
        ("placed_at_ms", (0, NOW_MS + 300_000), (-1, NOW_MS + 300_001, 2**63 - 1, -(2**63))),
        ("key0", (0, U64), ()),
        ("key3", (0, U64), ()),
        ("id_hi", (0, U64), ()),
        ("id_lo", (0, U64), ()),
    ],
)
def test_every_field_of_a_line_at_and_past_its_bound(
    tmp_path: Path, field: str, good: tuple[int, ...], bad: tuple[int, ...]
) -> None:
    """At its bound it is decided, whatever is decided; past it the row is named."""

    async def play(front: Front) -> None:
        client = await front.client()
        for number, value in enumerate(good):
            rows = front.house.rows(["a", f"row {number}"])
            rows[field][1] = value
            answer = await asked(client, rows)
            assert (answer.status, len(answer.outcomes)) == (wire.DECIDED, 2), answer.text
        decided = front.house.desk.status().decided
        for value in bad:
            rows = front.house.rows(["x", "y", "z"])
            rows[field][2] = value
            answer = await asked(client, rows)
            assert answer.status == wire.REFUSED
            assert answer.text.startswith("row 2: ") or answer.text == "unknown flags"
            assert field in answer.text or field == "flags"
        assert front.house.desk.status().decided == decided
        assert folded(front.house.store).digest() == front.house.desk.machine.digest()
        client.close()

    scene(tmp_path, play)


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("kind", (1, 8), (0, 9, 255)),
        ("quantity", (0, QUANTITY_MAX), (-1, QUANTITY_MAX + 1, -(2**31))),
        ("amount_fen", (0, 64 * MONEY_FEN_MAX), (-1, 64 * MONEY_FEN_MAX + 1, -(2**63))),
        ("line", (0, 63, ALL_LINES), (64, ALL_LINES - 1)),
        ("flags", (0,), (1, 255)),
        ("order_hi", (0, U64), ()),
        ("id_lo", (0, U64), ()),
    ],
)
def test_every_field_of_an_operation_at_and_past_its_bound(
    tmp_path: Path, field: str, good: tuple[int, ...], bad: tuple[int, ...]
) -> None:
    async def play(front: Front) -> None:
        client = await front.client()
        await asked(client, front.house.rows(["1"]))
        for number, value in enumerate(good):
            row = front.house.operation(f"good {number}", "1", PAY)
            row[field] = value
            assert (await asked(client, row)).status == wire.DECIDED
        for value in bad:
            row = front.house.operation("bad", "1", PAY)
            row[field] = value
            answer = await asked(client, row)
            assert (answer.status, answer.text) == (
                wire.REFUSED, f"row 0: {field} is out of bounds",
            )  # fmt: skip
        client.close()

    scene(tmp_path, play)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"flags": (CONTINUES, 0)}, "the first row continues an order that is not there"),
        ({"flags": (0, CONTINUES), "id_lo": (1, 2)}, "lines of one order differ in id_lo"),
        ({"flags": (0, CONTINUES), "id_hi": (1, 2)}, "lines of one order differ in id_hi"),
        ({"flags": (0, CONTINUES), "channel": (0, 1)}, "lines of one order differ in channel"),
        ({"flags": (0, CONTINUES | PAID)}, "lines of one order differ in flags"),
        ({"flags": (FACT, CONTINUES)}, "lines of one order differ in flags"),
    ],
)
def test_lines_of_one_order_agree(
    tmp_path: Path, change: dict[str, tuple[int, int]], why: str
) -> None:
    async def play(front: Front) -> None:
        client = await front.client()
        rows = front.house.rows(["1", "1"])
        for field, values in change.items():
            rows[field] = values
        answer = await asked(client, rows)
        assert (answer.status, answer.text) == (wire.REFUSED, why)
        client.close()

    scene(tmp_path, play)


def test_an_order_has_64_lines_at_most(tmp_path: Path) -> None:
    async def play(front: Front) -> None:
        client = await front.client()
        for lines, status in ((64, wire.DECIDED), (65, wire.REFUSED)):
            rows = front.house.rows(["1"] * lines, flags=PAID | CONTINUES)
            rows["flags"][0] = PAID
            answer = await asked(client, rows)
            assert answer.status == status
        assert answer.text == "an order has more than 64 lines"
        client.close()

    scene(tmp_path, play)
