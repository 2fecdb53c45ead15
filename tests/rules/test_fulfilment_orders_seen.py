"""Orders as the workflows see them, word for word what the engine's own getters say."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tidegate.channels.fulfilment.ports import OrderNow
from tidegate.engine import blocks as bk
from tidegate.engine.charges import floor_of
from tidegate.engine.tables import find_id, hash_id
from tidegate.record import facts as f
from tidegate.record.lines import CANCEL, PAID, RETURN, SHIP

spec = importlib.util.spec_from_file_location(
    "fulfilment_house", Path(__file__).with_name("fulfilment_house.py")
)
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
House = made.FulfilmentHouse
order, TMALL = made.order, made.TMALL


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = made.FulfilmentHouse(tmp_path, units=10)
    opened.say(f.ReceiveStock("A", 5_000))
    yield opened
    opened.close()


def seen(house: House, number: str, channel: str = "web") -> OrderNow:
    found = house.desk_now([house.shop.order_key(channel, number)])[0]
    assert found is not None
    return found


def by_the_engine(house: House, number: str, channel: str = "web") -> tuple[int, list[tuple]]:
    """What the order owes, and each line: money, gift, short, four counts, units open."""
    state = house.house.desk.machine.state
    high, low = (np.uint64(part) for part in house.shop.order_key(channel, number))
    row = find_id(state, high, low, np.uint64(hash_id(state, high, low)))
    block = int(state.orders[int(row)]["block"])
    flags, place, lines = bk.block_flags(state, block), bk.first_line(state, block), []
    for _ in range(bk.block_lines(state, block)):
        counts = [bk.line_units(state, place, flags, n) for n in range(4)]
        lines.append((
            bk.line_money(state, place), bk.line_gift_of(state, place),
            bk.line_short(state, place, flags), *counts, bk.line_open(state, place, flags),
        ))  # fmt: skip
        place = bk.next_line(state, place, flags)
    return bk.payable_left(state, block), lines


def same(house: House, number: str, channel: str = "web") -> OrderNow:
    now = seen(house, number, channel)
    lines = [
        (n.receivable_fen, n.gift_of, n.short, n.ordered, n.cancelled, n.shipped, n.returned,
         n.open)
        for n in now.lines
    ]  # fmt: skip
    assert (now.payable_fen, lines) == by_the_engine(house, number, channel)
    return now


def test_many_units_bundles_rules_and_everything_that_happened_to_them(house: House) -> None:
    house.say(f.PutRule("shop", "shop", limits={"account": 100_000}))
    house.say(f.PutRule("budget", "sku", "A", basis="money", budget=2**40))
    lines = (("A", 700, 700_001), ("AB", 3, 12_000), ("B", 1, 2_001))
    assert house.place("1", *lines, flags=PAID, account=5) == 0
    assert house.operate("c", "1", CANCEL, 0, 301) == 0
    assert house.operate("s", "1", SHIP, 0, 100) == 0
    assert house.operate("s2", "1", SHIP, 1, 2) == 0
    assert house.operate("r", "1", RETURN, 1, 1) == 0
    now = same(house, "1")
    assert (now.state, now.is_fact) == ("committed", False)
    assert [line.parts for line in now.lines] == [
        (("A", 1),), (("A", 2), ("B", 1)), (("B", 1),),
    ]  # fmt: skip
    assert [(line.sku, line.pool) for line in now.lines] == [
        ("A", "shared"), ("AB", "shared"), ("B", "shared"),
    ]  # fmt: skip
    assert [line.floor_fen for line in now.lines] == [500, 1_900, 900]


def test_a_fact_beyond_stock_with_a_platforms_share(house: House) -> None:
    house.intake.take([order("1", 14, fen=14_000, charged_fen=11_001, platform_fen=2_999)])
    now = same(house, "1", TMALL)
    assert (now.is_fact, now.payable_fen, now.lines[0].short) == (True, 11_001, 4)
    assert now.lines[0].pool == TMALL


def test_what_is_gone_has_no_lines_and_what_never_was_is_none(house: House) -> None:
    house.paid("1", ("A", 1, 1_000))
    assert house.operate("c", "1", CANCEL) == 0
    assert seen(house, "1").lines == ()
    assert house.place("2", ("A", 1, 1)) != 0
    keys = [house.shop.order_key("web", name) for name in ("2", "never")]
    assert house.desk_now(keys) == [None, None]


def test_floors_are_the_guards_own(house: House) -> None:
    house.say(f.PutSku("N", 300))
    house.say(f.PutSku("R", 300, 100, red_line_fen=250))
    house.say(f.PutSku("NB", 900, parts={"N": 1, "B": 1}))
    house.say(f.PutSku("RB", 900, red_line_fen=5_000, parts={"R": 2, "B": 1}))
    machine = house.house.desk.machine
    codes = ["A", "B", "AB", "N", "R", "NB", "RB"]
    expected = {c: int(floor_of(machine.state, machine.catalogue.skus[c])) for c in codes}
    assert house.floors([*codes, "unknown"]) == expected
    assert expected == {
        "A": 500, "B": 900, "AB": 1_900, "N": -1, "R": 250, "NB": -1, "RB": 5_000,
    }  # fmt: skip
