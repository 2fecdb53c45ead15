"""The act of the stalled feed: a marketplace sells on, and nothing wrong leaves the warehouse.

Always holds: everything is set up by the command line and the HTTP API, and counted in the books of
the marketplace and the warehouse. Never here: a look into the server's files.
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tidegate.demo.bazaar import CHANNEL, GRANTED, SHOP, TIMES, TYPED_UNITS, TYPED_WRONG, Outside
from tidegate.demo.shop_api import CallRefused, ShopApi, command_line
from tidegate.demo.stage import Stage
from tidegate.demo.stalled_figures import StalledFeed
from tidegate.testing.bridge_peer import served

STALL_S: Final = 120 / TIMES
SETTINGS: Final = '{"poll_s": 1, "silent_s": 2, "overlap_s": 60}'  # forty seconds of its own time
DEADLINE_S: Final = 30.0
POLL_S: Final = 0.05
PATH: Final = f"/v1/shops/{SHOP}"


class Stalled:
    """The act, from its set-up to its figures."""

    def __init__(self, folder: Path, store: Path, seed: int) -> None:
        self._folder = folder
        self._store = store
        self._outside = Outside(seed)
        self._doors = contextlib.ExitStack()
        self._began_s = 0.0

    def make(self) -> None:
        """A shop of its own, connected to the marketplace; before the server is started."""
        address = self._doors.enter_context(served(self._outside.peer))
        command_line("shop", "create", SHOP, "--store", str(self._store))
        here = ("--shop", SHOP, "--store", str(self._store))
        told = command_line(
            "channel", "connect", CHANNEL, "--kind", "webhook", "--adapter", "bridge",
            "--address", address, "--settings", SETTINGS, *here,
        )  # fmt: skip
        self._outside.peer.key = bytes.fromhex(told["key"])
        offers = self._folder / "bazaar-offers.csv"
        offers.write_text("sku\n" + "\n".join(GRANTED) + "\n", "utf-8")
        offer = [sys.executable, "-m", "tidegate.cli.main", "channel", "offer", CHANNEL,
                 str(offers), *here]  # fmt: skip
        subprocess.run(offer, check=True, capture_output=True)

    def open(self, api: ShopApi) -> None:
        """Goods with a price and a floor, in a pool that only this channel sells from."""
        api.call("PUT", f"{PATH}/pools/{CHANNEL}", {})
        api.call("PUT", f"{PATH}/channels/{CHANNEL}", {"kind": "marketplace", "pool": CHANNEL})
        for sku, units in GRANTED.items():
            prices = {"list_price_fen": 1_000, "cost_floor_fen": 500}
            api.call("PUT", f"{PATH}/skus/{sku}", prices)
            receipt = {"id": f"stock-{sku}", "sku": sku, "quantity": units, "pool": CHANNEL}
            api.call("POST", f"{PATH}/stock/receipts", receipt)

    def play(self, api: ShopApi, stage: Stage) -> StalledFeed:
        """Two minutes of its time without a feed, then everything at once."""
        market = self._outside.market
        title = ("a marketplace sells on with a stalled feed", "平台订单同步中断，仍在售卖")
        with stage.act(*title):
            self._began_s = time.monotonic()
            _until(lambda: market.stock == GRANTED and not market.off_shelf, "it is shown")
            market.stall()
            market.stock[TYPED_WRONG] = TYPED_UNITS
            shown = self._outside.sell_for(STALL_S)
            market.go_on()
            self._until_judged(api)
            found = self._count(api, shown)
        lantern, teapot = (self._words(found, item) for item in GRANTED)
        stage.say(f"          {lantern}; {teapot}", "显示数量自动收缩")
        stage.say(
            f"          released {sum(found.released.values())} of {sum(found.stock.values())} in "
            f"stock; {found.held_orders} orders on hold, {found.debt_orders} debts for "
            f"{found.debt_units} units, each with an owner and a deadline",
            "放行不超库存，超出部分挂起并列为超卖",
        )
        return found

    def close(self) -> None:
        """The marketplace closes."""
        self._doors.close()

    # -- counting --------------------------------------------------------------------------------

    def _until_judged(self, api: ShopApi) -> None:
        """Every order is known, and is released and handed over or a listed debt that is held."""
        orders = self._outside.market.orders
        _until(lambda: sum(_states(api).values()) == len(orders), "all are known")
        _until(lambda: not {"asked", "recorded", "unpaid"} & set(_states(api)), "all are judged")
        waiting = _states(api).get("waiting", 0)
        _until(lambda: api.call("GET", f"{PATH}/debts")["open"]["orders"] >= waiting, "debts")
        numbers = [one["number"] for one in api.call("GET", f"{PATH}/debts")["debts"]]
        if numbers:
            api.call("POST", f"{PATH}/runs", {"id": "night", "kind": "hold", "numbers": numbers})
            _until(lambda: api.call("GET", f"{PATH}/runs/night")["open"] == 0, "they are held")
        released = _states(api).get("released", 0)
        _until(lambda: len(self._outside.stores.arrived) == released, "all are handed over")

    def _count(self, api: ShopApi, shown: list[dict[str, int]]) -> StalledFeed:
        market, states = self._outside.market, _states(api)
        sold = market.sold()
        owed = api.call("GET", f"{PATH}/debts")["open"]
        return StalledFeed(
            stock=dict(GRANTED),
            sold=dict(sold),
            told_no=market.told_no,
            shown=shown,
            released=dict(self._outside.at_warehouse()),
            held_orders=states.get("on_hold", 0),
            debt_orders=owed["orders"],
            debt_units=owed["units"],
            debt_units_naive=sum(max(0, sold[item] - units) for item, units in GRANTED.items()),
            late_orders=sum(states.values()) - states.get("released", 0) - states.get("on_hold", 0),
            seconds=round(time.monotonic() - self._began_s, 3),
        )

    @staticmethod
    def _words(found: StalledFeed, item: str) -> str:
        steps = " → ".join(f"{second[item]:,}" for second in found.shown)
        typed = " (typed wrong over there)" if item == TYPED_WRONG else ""
        return f"{item}{typed}: shown {steps}, sold {found.sold.get(item, 0)} of {GRANTED[item]}"


def _states(api: ShopApi) -> dict[str, int]:
    (found,) = api.call("GET", f"{PATH}/connections")["connections"]
    states: dict[str, int] = found["orders"]
    return states


def _until(condition: Callable[[], bool], what: str) -> None:
    """Poll with a deadline. Raises CallRefused."""
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end_s:
            raise CallRefused(f"stalled feed: not within {DEADLINE_S:g} s: {what}")
        time.sleep(POLL_S)
