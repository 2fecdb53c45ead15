"""A marketplace that sells on its own beside the night, and its warehouse, behind real HTTP.

Always: both keep true books of what they did, and the server is told over the wire alone. Never
here: anything of the server; a second of ours is TIMES seconds of the marketplace's.
"""

import time
from collections import Counter
from typing import Final

from tidegate.testing.bridge_peer import Peer
from tidegate.testing.live_market import LiveMarket
from tidegate.testing.outside import Faults, Stores

SHOP: Final = "bazaar"
CHANNEL: Final = "bazaar"
TIMES: Final = 20  # two minutes of the marketplace's are six seconds of ours
GRANTED: Final = {"lantern": 400, "teapot": 200}
TYPED_WRONG: Final = "teapot"  # somebody over there typed ten times as many
TYPED_UNITS: Final = 2_000
PRICE_FEN: Final = 1_000
TICK_S: Final = 0.02


class Outside:
    """The marketplace and its warehouse, at one address."""

    def __init__(self, seed: int) -> None:
        self.market = LiveMarket(CHANNEL, seed, Faults(page=500))
        self.stores = Stores(seed)
        self.peer = Peer(self.market, self.stores, b"")

    def sell_for(self, seconds: float) -> list[dict[str, int]]:
        """Buyers come for both items, more than there is stock; what was shown each second."""
        began_s = time.monotonic()
        shown = [self.shown()]
        places = dict.fromkeys(GRANTED, 0)
        while (passed_s := time.monotonic() - began_s) < seconds:
            for item, units in GRANTED.items():
                wanted = int(units * 1.6 * passed_s / seconds)
                while places[item] < wanted:
                    places[item] += 1
                    self.market.buy(item, 1, PRICE_FEN, f"{item} buyer {places[item]}")
            if passed_s >= len(shown):
                shown.append(self.shown())
            time.sleep(TICK_S)
        return [*shown, self.shown()]

    def shown(self) -> dict[str, int]:
        """What buyers see now."""
        return {
            item: 0 if item in self.market.off_shelf else self.market.stock.get(item, 0)
            for item in GRANTED
        }

    def at_warehouse(self) -> Counter[str]:
        """Units that the warehouse was given and has not stopped: its own books."""
        found: Counter[str] = Counter()
        for number in set(self.stores.arrived):
            if self.stores.there[number] != "held":
                for line in self.market.orders[number].lines:
                    found[line.item] += line.quantity
        return found
