"""Everything around an order of one shop, put together: presales, gifts, parcels, returns.

Always: calls take turns, so a workflow is never in two hands; `turn` goes on with whatever a killed
process left. Never: opens anything by itself, or decides what the desk decides.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from tidegate.channels.asking import Asking, Sleep
from tidegate.channels.fulfilment.gifts import Gifts
from tidegate.channels.fulfilment.once import Once
from tidegate.channels.fulfilment.parcel_store import Parcel
from tidegate.channels.fulfilment.parcels import Parcels
from tidegate.channels.fulfilment.ports import (
    FulfilmentShop,
    ItemSku,
    KeptBack,
    RecipientOf,
    TakeIn,
)
from tidegate.channels.fulfilment.presale import Presales
from tidegate.channels.fulfilment.presale_facts import PresaleFacts
from tidegate.channels.fulfilment.returns import Returns
from tidegate.channels.fulfilment.sourcing import Sourced
from tidegate.channels.fulfilment.warehouses import Warehouses
from tidegate.channels.ledger import Ledger

PRUNE_EVERY_MS = 60_000

T = TypeVar("T")


class Fulfilment:
    """One shop's workflows. Any thread may call `do` and `turn`."""

    def __init__(
        self,
        store: Ledger,
        shop: FulfilmentShop,
        sleep: Sleep,
        take_in: TakeIn,
        sku_of: ItemSku,
        recipient_of: RecipientOf,
        kept_back: KeptBack,
    ) -> None:
        self._store = store
        self._shop = shop
        self._turn_taking = threading.Lock()
        self._next_prune_ms = 0
        self._once = Once(store, Asking(shop, sleep))
        self.presales = Presales(store, shop, self._once)
        self.presale_facts = PresaleFacts(store, take_in)
        self.gifts = Gifts(store, shop, self._once, sku_of)
        self.parcels = Parcels(store, shop, self._once, recipient_of, kept_back)
        self.warehouses = Warehouses(store, shop)
        self.sourcing = Sourced(store, shop, self.warehouses, self.parcels.may_leave)
        self.returns = Returns(store, shop, self._once)

    def do(self, work: Callable[["Fulfilment"], T]) -> T:
        """Do something when it is its turn. Raises whatever the work raises."""
        with self._turn_taking:
            return work(self)

    def now_ms(self) -> int:
        """The shop's time."""
        return self._shop.now_ms()

    def release(self, parcel_id: str) -> Parcel:
        """Release a parcel, its gifts with it, and find who sends it where there are warehouses."""
        parcel = self.parcels.release(parcel_id)
        if parcel.reason == "gift_not_released":
            for number in {(part.channel, part.number) for part in
                           self.parcels.rows.parts(parcel_id)}:  # fmt: skip
                self.gifts.follow(*number)
            parcel = self.parcels.release(parcel_id)
        if parcel.state == "released" and self.warehouses.listed():
            parcel = self.sourcing.source(parcel_id)
        return parcel

    def turn(self) -> None:
        """What time brings, and what was cut off. What fails does not keep the others waiting."""
        faults: list[Exception] = []
        with self._turn_taking:
            now_ms = self._shop.now_ms()
            for turn in (
                self.presales.turn,
                self.gifts.turn,
                partial(self.parcels.turn, now_ms),
                partial(self.sourcing.turn, now_ms),
                self.returns.turn,
                partial(self._prune, now_ms),
            ):
                try:
                    turn()
                except Exception as error:  # noqa: BLE001 -- raised when the others had theirs
                    faults.append(error)
        if faults:
            raise faults[0]

    def _prune(self, now_ms: int) -> None:
        if now_ms >= self._next_prune_ms:
            self._next_prune_ms = now_ms + PRUNE_EVERY_MS
            self._once.prune(now_ms)

    def close(self) -> None:
        """Let go of the file; a call that is on ends first."""
        with self._turn_taking:
            self._store.close()
