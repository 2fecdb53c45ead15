"""Eight buyers race for 40 units: Vendure alone, with Tidegate connected, and with a dripped shelf.

Always a real Vendure, PostgreSQL and `tidegate serve`; both tables are printed. Never: a sale that
Vendure made is left out of the count.
"""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from beside_vendure import RACE_STOCK as STOCK
from beside_vendure import RACES_LONG, STOCK_BY_SKU, Beside, Race, race_skus
from vendure_shop import VendureShop, until

# One unit at a time, and never the last seven: seven others may be past Vendure's check by then.
DRIP = {"ceiling": 1, "safety": 7, "lists": False}
Record = Callable[[str, object], None]


class Result(NamedTuple):
    """One race: what was sold, what left, and who was disappointed."""

    run: int
    sold: int
    released: int
    told_no: int
    left: int
    seconds: float


def table(title: str, results: list[Result]) -> str:
    lines = [title, "run  sold  released  told no after  left  seconds"]
    lines += [
        f"{r.run:3}  {r.sold:4}  {r.released:8}  {r.told_no:13}  {r.left:4}  {r.seconds:7.1f}"
        for r in results
    ]
    sold = sum(r.sold for r in results)
    told_no = sum(r.told_no for r in results)
    return "\n".join([*lines, f"all  {sold:4}  told no after ordering: {told_no} of {sold}"])


def alone(vendure: VendureShop, sku: str, run: int) -> Result:
    """As a merchant without Tidegate: everything that was paid goes out as long as it lasts."""
    race = Race(vendure, vendure.put_variant(sku, STOCK), sku).run()
    sold = vendure.sold(sku)
    assert sold == len(race.codes)
    return Result(run, sold, sold, max(0, sold - STOCK), max(0, STOCK - sold), race.seconds)


def connected(vendure: VendureShop, beside: Beside, sku: str, run: int, **terms: object) -> Result:
    """The same race; what is released is what Vendure has fulfilments for."""
    stock = STOCK_BY_SKU[sku]
    variant = vendure.put_variant(sku, stock)
    beside.offer(sku, dict(terms) or None)
    shown = min(stock, int(str(terms.get("ceiling", stock))))
    until(lambda: beside.ask("SELECT 1 FROM offer WHERE sku = ? AND shown = ? AND pushing IS NULL",
                             sku, shown) != [], "shown")  # fmt: skip
    patience, pause_s = (8, 0.5) if terms else (3, 0.0)
    race = Race(vendure, variant, sku, patience, pause_s).run()
    beside.settle(sku, race.codes)
    sold, released = vendure.sold(sku), vendure.handed_over(sku)
    assert sold == len(race.codes)
    kept = beside.orders(sku, "state <> 'released'")
    assert len(kept) == sold - released, "every order is released or listed as kept"
    until(lambda: beside.debts(sku) == sorted(kept), "every excess order is listed as a debt")
    if kept:
        assert beside.hold(sku, kept).results == {"on_hold": len(kept)}
        assert sorted(beside.orders(sku, "state = 'on_hold'")) == sorted(kept)
    assert vendure.handed_over(sku) == released
    beside.offer(sku)  # as usual again: on and off the shelf by itself
    return Result(run, sold, released, len(kept), stock - released, race.seconds)


def races(vendure: VendureShop, beside: Beside, runs: int, record: Record, of: str = "") -> None:
    by_itself = [alone(vendure, f"{of}alone-{run}", run) for run in range(1, runs + 1)]
    whole = [connected(vendure, beside, sku, run)
             for run, sku in enumerate(race_skus(f"{of}whole", runs), start=1)]  # fmt: skip
    drips = race_skus(f"{of}drip", runs)
    dripped = [connected(vendure, beside, sku, run, **DRIP)
               for run, sku in enumerate(drips, start=1)]  # fmt: skip
    for text in (
        table("Vendure alone, 40 units, 8 buyers at a time", by_itself),
        table("with Tidegate connected, 40 units on the shelf", whole),
        table(
            f"with Tidegate connected, {STOCK_BY_SKU[drips[0]]} units of per-channel stock dripped",
            dripped,
        ),
    ):
        print(f"\n{text}")
        record("figure", text)
    assert any(result.sold > STOCK for result in by_itself), "there is something to make safe"
    assert [result for result in (*whole, *dripped) if result.left < 0] == []
    told_no = sum(result.told_no for result in dripped)
    assert told_no * 50 < sum(result.sold for result in dripped)


def test_a_race_alone_and_connected(
    vendure: VendureShop, beside: Beside, record_property: Record
) -> None:
    races(vendure, beside, 1, record_property, "one-")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_twenty_races_alone_and_connected(
    vendure: VendureShop, beside: Beside, record_property: Record
) -> None:
    races(vendure, beside, RACES_LONG, record_property)
