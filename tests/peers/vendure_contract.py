"""A real Vendure in the words of the models of tidegate.testing.outside, for the adapters' suite.

Always: what is really there comes from Vendure's own database, and what people do goes over its
own APIs. Never: asks the adapter.
"""

from collections.abc import Callable, Iterator, MutableMapping

from vendure_shop import Buyer, VendureShop

from tidegate.channels.feed_order import FeedLine, FeedOrder, FeedPage
from tidegate.channels.ports import OrderSource

ITEMS = {"A": 50, "B": 5}


class Faults:
    """A lost question is a Vendure that is frozen."""

    def __init__(self, shop: VendureShop) -> None:
        self._shop = shop
        self.refused_reduction = 0.0  # who asks may not end promotions anyway

    @property
    def lost_question(self) -> float:
        return 1.0

    @lost_question.setter
    def lost_question(self, _: float) -> None:
        self._shop.freeze()


class RealMarket:
    """The shop's buyers and shelf."""

    def __init__(self, shop: VendureShop) -> None:
        self._shop = shop
        self.faults = Faults(shop)
        self._buyers = 0
        for item, units in ITEMS.items():
            shop.delete_variant(item)
            shop.put_variant(item, units)

    def buy(self, item: str, units: int, price_fen: int) -> FeedOrder | None:
        variant = self._shop.update_variant(item, price=price_fen)
        self._buyers += 1
        code = Buyer(self._shop, f"{item}{self._buyers}").buy(variant, units)
        fen = units * price_fen
        return FeedOrder(code, 0, 0, "paid", fen, [FeedLine(item, units, fen)]) if code else None

    def change(self, number: str, status: str) -> None:
        assert status == "cancelled"
        self._shop.cancel(number)

    @property
    def stock(self) -> dict[str, int]:
        return {
            sku: on_hand - allocated - threshold
            for sku, on_hand, allocated, threshold in self._shop.sql(
                'SELECT v.sku, s."stockOnHand", s."stockAllocated", v."outOfStockThreshold"'
                ' FROM product_variant v JOIN stock_level s ON s."productVariantId" = v.id'
                ' WHERE v."deletedAt" IS NULL AND v.sku = ANY(%s)', list(ITEMS),
            )
        }  # fmt: skip

    @property
    def off_shelf(self) -> set[str]:
        found = self._shop.sql(
            'SELECT sku FROM product_variant WHERE NOT enabled AND "deletedAt" IS NULL'
            " AND sku = ANY(%s)", list(ITEMS),
        )  # fmt: skip
        return {sku for (sku,) in found}


class There(MutableMapping[str, str]):
    """Fulfilments by order; "gone" is shipped by a person."""

    def __init__(self, shop: VendureShop) -> None:
        self._shop = shop

    def __setitem__(self, number: str, state: str) -> None:
        assert state == "gone"
        self._shop.ship(number)

    def __getitem__(self, number: str) -> str:
        raise KeyError(number)

    def __delitem__(self, number: str) -> None:
        raise KeyError(number)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class RealStores:
    """The shop's fulfilments, from a moment on."""

    lost_question = 0.0

    def __init__(self, shop: VendureShop) -> None:
        self._shop = shop
        self._first = shop.sql("SELECT coalesce(max(id), 0) FROM fulfillment")[0][0]
        self.there = There(shop)

    @property
    def arrived(self) -> list[str]:
        return [code for (code,) in self._shop.sql(
            'SELECT r.code FROM fulfillment f JOIN order_fulfillments_fulfillment o'
            ' ON o."fulfillmentId" = f.id JOIN "order" r ON r.id = o."orderId"'
            " WHERE f.id > %s ORDER BY f.id", self._first,
        )]  # fmt: skip


class Since:
    """A feed from a moment on: other tests have sold things too."""

    def __init__(self, source: OrderSource, now_ms: Callable[[], int]) -> None:
        self._source, self._since_ms = source, now_ms()

    def fetch(self, since_ms: int, until_ms: int, page: str) -> FeedPage:
        return self._source.fetch(max(since_ms, self._since_ms), until_ms, page)
