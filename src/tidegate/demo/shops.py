"""The two shops of the night: a store made, a server started, goods, limits, people and keys.

Always holds: everything is done by the command line and the HTTP API, as a merchant would. Never
here: an order.
"""

import time
from pathlib import Path
from typing import Final

from tidegate.demo.crowd import LIMIT_PER_ACCOUNT, LIMIT_PER_PHONE, PRODUCTS, Crowd
from tidegate.demo.server import HOST, Server, free_port
from tidegate.demo.shop_api import CallRefused, ShopApi, command_line

OWN: Final = "own"
MARKETPLACE: Final = "marketplace"
CHANNELS: Final = {OWN: "web", MARKETPLACE: "market"}
PROMOTION: Final = "midnight"
FIRST_PERSON: Final = "night manager"  # an office, not a person: the demo invents nobody
SECOND_PERSON: Final = "deputy manager"
APPROVAL_S: Final = 3_600
PRICE_ONLY_UNITS: Final = 1_000_000  # the marketplace's approval is for the price, not for a number
ORDER_UNITS_MAX: Final = 1_000_000  # the purchase limit is to refuse the giant, not a bound


def approved_units(crowd: Crowd) -> tuple[int, ...]:
    """Boxes that two people let go at the wrong price in the own shop: 110 % or 90 % of stock."""
    half = len(PRODUCTS) // 2
    return tuple(
        max(1, stock * (110 if place < half else 90) // 100)
        for place, stock in enumerate(crowd.stock_units)
    )


class Shops:
    """The store and its server."""

    def __init__(self, folder: Path, crowd: Crowd) -> None:
        self._folder = folder
        self._store = folder / "store"
        self._crowd = crowd
        self._keys: dict[str, str] = {}
        self._people: list[str] = []  # keys of the two who approve
        port = free_port()
        arguments = ("serve", "--store", str(self._store), "--host", HOST, "--port", str(port))
        self.server = Server(arguments, port, folder / "server.log")

    @property
    def exceptions(self) -> tuple[str, ...]:
        """The approved exception of each product."""
        return tuple(f"wrong-price-{product.code}" for product in PRODUCTS)

    def channel(self, shop: str) -> str:
        """The channel that a shop sells through."""
        return CHANNELS[shop]

    def channel_key(self, shop: str) -> str:
        """The key of that channel's client."""
        return self._keys[shop]

    @property
    def person_key(self) -> str:
        """The key of the first of the two people."""
        return self._people[0]

    def make_store(self) -> None:
        """A store with two shops, two people who approve, and a key a channel."""

        def tidegate(*arguments: str) -> dict[str, str]:
            return command_line(*arguments, "--store", str(self._store))

        first = tidegate("init", "--administrator", FIRST_PERSON)
        by = ("--as", FIRST_PERSON)
        roles = ("--role", "operator", "--role", "approver")
        tidegate("operator", "add", SECOND_PERSON, *by, *roles)
        second = tidegate("key", "issue", SECOND_PERSON, *by)
        self._people = [first["key"], second["key"]]
        for shop, channel in CHANNELS.items():
            tidegate("shop", "create", shop)
            tidegate("operator", "machine", f"{channel} client", *by)
            scope = "orders:write" if shop == OWN else "sales:write"
            rights = ("--scope", scope, "--shop", shop, "--channel", channel)
            issued = tidegate("key", "issue", f"{channel} client", *by, *rights)
            self._keys[shop] = issued["key"]

    def open_both(self) -> None:
        """Catalogue with costs, stock, limits, a promotion and a channel in both shops."""
        for shop in (OWN, MARKETPLACE):
            self._open(shop)

    def _api(self, key: str) -> ShopApi:
        return ShopApi(self.server.port, key)

    def _open(self, shop: str) -> None:
        api, path = self._api(self.person_key), f"/v1/shops/{shop}"
        api.call("PUT", f"{path}/policy", {"id": "policy", "quantity_max_order": ORDER_UNITS_MAX})
        kind = "own" if shop == OWN else "marketplace"
        api.call("PUT", f"{path}/channels/{CHANNELS[shop]}", {"kind": kind})
        api.call("PUT", f"{path}/promotions/{PROMOTION}", {})
        for product, units in zip(PRODUCTS, self._crowd.stock_units, strict=True):
            code = product.code
            prices = {
                "list_price_fen": product.list_price_fen,
                "cost_floor_fen": product.cost_fen,
            }
            api.call("PUT", f"{path}/skus/{code}", prices)
            receipt = {"id": f"stock-{code}", "sku": code, "quantity": units}
            api.call("POST", f"{path}/stock/receipts", receipt)
            limit = {
                "scope": "sku",
                "target": code,
                "limits": {"account": LIMIT_PER_ACCOUNT, "phone": LIMIT_PER_PHONE},
            }
            api.call("PUT", f"{path}/rules/limit-{code}", limit)

    def approve(self) -> None:
        """One person proposes each exception, another approves it; their keys differ, and so do
        they. Raises CallRefused, also where one person's word would have been enough.
        """
        for shop in (OWN, MARKETPLACE):
            units = approved_units(self._crowd)
            if shop == MARKETPLACE:
                units = (PRICE_ONLY_UNITS,) * len(PRODUCTS)
            for place, code in enumerate(self.exceptions):
                self._approve_one(shop, place, code, units[place])

    def _approve_one(self, shop: str, place: int, code: str, units: int) -> None:
        product, path = PRODUCTS[place], f"/v1/shops/{shop}"
        one, other = (self._api(key) for key in self._people)
        wish = {
            "code": code,
            "skus": [product.code],
            "floor_fen": product.wrong_price_fen,
            "units": units,
            "expires_at": int((time.time() + APPROVAL_S) * 1000),
            "note": "the shop honours the price of that night",
        }
        proposed = one.call("POST", f"{path}/exceptions", wish)
        word = {"digest": proposed["digest"]}
        approve = f"{path}/proposals/{proposed['proposal']}/approve"
        if place == 0:
            self._own_word_is_refused(one, approve, word)
        other.call("POST", approve, word)

    def _own_word_is_refused(self, one: ShopApi, path: str, word: dict[str, str]) -> None:
        """The proposer's own approval must not count."""
        try:
            one.call("POST", path, word)
        except CallRefused:
            return
        raise CallRefused(f"POST {path}: one person approved alone what takes two")

    def available(self, shop: str) -> list[int]:
        """What the server says is left of each product."""
        api, channel = self._api(self.person_key), CHANNELS[shop]
        return [
            int(
                api.call("GET", f"/v1/shops/{shop}/availability/{p.code}?channel={channel}")[
                    "available"
                ]
            )
            for p in PRODUCTS
        ]

    def close(self) -> None:
        """Stop the server."""
        self.server.stop()
