"""How fast channels are: stock to five channels at once, and a backlog after an outage.

Always the real desk, ledger and port on this machine; the marketplaces are models in this process.
Both times are printed; what is judged is the processor's, since others use the machine too.
"""

import importlib.util
import threading
import time
from pathlib import Path

import pytest

from tidegate.channels.capabilities import capabilities_of
from tidegate.channels.feeds import Feed, FeedTerms
from tidegate.channels.intake import PIECE_MAX, Intake, Taken
from tidegate.channels.stock_out import StockOut, put_offers
from tidegate.record import facts as f
from tidegate.testing.outside import Marketplace

RULES = Path(__file__).resolve().parents[1] / "rules"
spec = importlib.util.spec_from_file_location("channels_house", RULES / "channels_house.py")
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)

CHANNELS, SKUS = 5, 2_000
REACHED_S = 1.0
BACKLOG = 100_000
JUDGED_S = 10.0


def test_a_change_of_2000_skus_reaches_5_channels_within_a_second(tmp_path: Path) -> None:
    house = made.ChannelHouse(tmp_path, units=0)
    skus = [f"S{n}" for n in range(SKUS)]
    for sku in skus:
        house.say(f.PutSku(sku, 1_000, 500))
    outs, markets = [], []
    for n in range(CHANNELS):
        name = f"channel-{n}"
        house.say(f.PutPool(name))
        house.say(f.PutChannel(name, "marketplace", name))
        market = Marketplace(name, n)
        intake = Intake(name, house.ledger, house.asking, capabilities_of("webhook"))
        feed = Feed(intake, house.ledger, market, FeedTerms())
        market.now_ms = made.NOW_MS
        feed.turn(made.NOW_MS)
        put_offers(house.ledger, name, [(sku, sku, None) for sku in skus])
        outs.append(StockOut(name, house.ledger, house.shop, market, feed,
                             capabilities_of("webhook")))  # fmt: skip
        markets.append(market)
        outs[-1].turn(made.NOW_MS - 1)  # the first reading
        for sku in skus:
            house.say(f.ReceiveStock(sku, 3, name))
    began_s, spent_s = time.monotonic(), time.process_time()  # every SKU of each has changed
    threads = [threading.Thread(target=out.turn, args=(made.NOW_MS,)) for out in outs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took_s, spent_s = time.monotonic() - began_s, time.process_time() - spent_s
    print(f"{CHANNELS} x {SKUS} SKUs changed and shown in {took_s:.3f} s, {spent_s:.3f} s of cpu")
    assert [market.stock for market in markets] == [dict.fromkeys(skus, 3)] * CHANNELS
    assert spent_s <= REACHED_S
    house.close()


@pytest.mark.long
def test_100_000_orders_after_an_outage_are_judged_in_ten_seconds(tmp_path: Path) -> None:
    backlog(tmp_path, BACKLOG, JUDGED_S)


def test_a_backlog_is_judged_at_ten_thousand_a_second(tmp_path: Path) -> None:
    backlog(tmp_path, BACKLOG // 10, JUDGED_S / 10)


def backlog(folder: Path, count: int, within_s: float) -> None:
    """So many orders at once, each with an account of its own, from a page to the judgement."""
    house = made.ChannelHouse(folder, units=count // 2, capacity=made.desk_house.LARGE)
    house.say(f.PutRule("limit", "sku", "A", limits={"account": 2}))
    orders = [made.order(f"{n}", 1, account=f"buyer {n}") for n in range(count)]
    began_s, spent_s = time.monotonic(), time.process_time()
    taken = Taken()
    for at in range(0, count, PIECE_MAX):
        taken = taken.plus(house.intake.take(orders[at : at + PIECE_MAX]))
    took_s = time.monotonic() - began_s
    spent_s = time.process_time() - spent_s
    print(f"{count:,} orders recorded and judged in {took_s:.2f} s, {spent_s:.2f} s of processor")
    assert taken == Taken(heard=count, recorded=count)
    assert house.cell() == {"on_hand": count // 2, "committed": count // 2, "debt": count // 2}
    assert spent_s <= within_s
    house.close()
