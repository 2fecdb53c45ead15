"""The two shops of the night: a store made, a server started, goods, limits, people and keys.

Always holds: everything is done by the command line and the HTTP API, as a merchant would. Never
here: an order.
"""

import time
from pathlib import Path
from typing import Final

from tidegate.demo.crowd import LIMIT_PER_ACCOUNT, LIMIT_PER_PHONE, PRODUCTS, Crowd
from tidegate.demo.result import GuardSaid
from tidegate.demo.server import HOST, Server, free_port
from tidegate.demo.shop_api import CallRefused, ShopApi, command_line
from tidegate.demo.watch_act import CHANNEL as WATCHED_CHANNEL
from tidegate.demo.watch_act import SHOPS as WATCHED
from tidegate.demo.watch_act import calendar

OWN: Final = "own"
MARKETPLACE: Final = "marketplace"
CHANNELS: Final = {OWN: "web", MARKETPLACE: "market"}
PROMOTION: Final = "midnight"
FIRST_PERSON: Final = "night manager"  # an office, not a person: the demo invents nobody
SECOND_PERSON: Final = "deputy manager"
APPROVAL_S: Final = 3_600
ANNOUNCED_PRICE: Final = 0.03  # so that the watch leaves the night to the guards
PRICE_ONLY_UNITS: Final = 1_000_000  # the marketplace's approval is for the price, not for a number
ORDER_UNITS_MAX: Final = 1_000_000  # the purchase limit is to refuse the giant, not a bound


def approved_units(crowd: Crowd) -> tuple[int, ...]:
    """Boxes that two people let go at the wrong price in the own shop: 110 % or 90 % of stock."""
    half = len(PRODUCTS) // 2
    return tuple(
        max(1, stock * (110 if place < half else 90) // 100)
        for place, stock in enumerate(crowd.stock_units)
    )


def wrong_discount(now_ms: int) -> dict[str, object]:
    """One setting, and every product costs a twenty-sixth."""
    prices = {product.code: product.wrong_price_fen for product in PRODUCTS}
    return {
        "code": PROMOTION,
        "name": "midnight promotion",
        "level": "item",
        "effect": {"kind": "fixed_price", "prices_fen": prices},
        "scope": {"all": True},
        "start_ms": now_ms,
        "end_ms": now_ms + APPROVAL_S * 1000,
    }


class Shops:
    """The store and its server."""

    def __init__(self, folder: Path, crowd: Crowd) -> None:
        self._folder = folder
        self.store = folder / "store"
        self._crowd = crowd
        self._keys: dict[str, str] = {}
        self._people: list[str] = []  # keys of the two who approve
        self._exceptions: dict[str, tuple[str, ...]] = {}
        self._checks: dict[str, str] = {}  # digest of what the guard was asked, by shop
        port = free_port()
        arguments = ("serve", "--store", str(self.store), "--host", HOST, "--port", str(port))
        self.server = Server(arguments, port, folder / "server.log")

    def exceptions(self, shop: str) -> tuple[str, ...]:
        """The approved exception of each product; () before two people have approved."""
        return self._exceptions.get(shop, ())

    def channel(self, shop: str) -> str:
        """The channel that a shop sells through."""
        return CHANNELS.get(shop, WATCHED_CHANNEL)

    def channel_key(self, shop: str) -> str:
        """The key of that channel's client."""
        return self._keys[shop]

    @property
    def person_key(self) -> str:
        """The key of the first of the two people."""
        return self._people[0]

    @property
    def person_api(self) -> ShopApi:
        """Calls with that key."""
        return self._api(self.person_key)

    def make_store(self) -> None:
        """A store with two shops, two people who approve, and a key a channel."""

        def tidegate(*arguments: str) -> dict[str, str]:
            return command_line(*arguments, "--store", str(self.store))

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
        tidegate("shop", "create", *WATCHED)
        self._keys |= dict.fromkeys(WATCHED, self.person_key)

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
        api.call("POST", f"{path}/calendar", calendar(ANNOUNCED_PRICE, APPROVAL_S))
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

    def ask_the_guard(self, shop: str) -> GuardSaid:
        """Draft the wrong discount and have it checked. Raises CallRefused unless it is refused."""
        api, path = self._api(self.person_key), f"/v1/shops/{shop}/drafts/{PROMOTION}"
        api.call("PUT", path, {"promotion": wrong_discount(int(time.time() * 1000))})
        started_s = time.monotonic()
        found = api.call("POST", f"{path}/check", {})
        took_s = time.monotonic() - started_s
        self._checks[shop] = found["digest"]
        said, word = found["checked"], {"digest": found["digest"]}
        if said["verdict"] != "below_floor":
            raise CallRefused(f"POST {path}/check: {said['verdict']}, where every price is wrong")
        self._is_refused(api, f"{path}/publish", word, "what is below the floor was published")
        return GuardSaid(
            verdict=said["verdict"],
            seconds=round(took_s, 3),
            below=said["below"],
            receipt=said["counterexample"]["receipt"],
            floor_fen=said["counterexample"]["floor_fen"],
            receivable_fen=said["counterexample"]["receivable_fen"],
        )

    def approve(self) -> None:
        """One person forces the wrong discount through, another approves; their keys differ, and so
        do they. Raises CallRefused, also where one person's word would have been enough.
        """
        self.ask_the_guard(MARKETPLACE)
        for shop in (OWN, MARKETPLACE):
            units = approved_units(self._crowd)
            if shop == MARKETPLACE:
                units = (PRICE_ONLY_UNITS,) * len(PRODUCTS)
            self._force(shop, units)

    def _force(self, shop: str, units: tuple[int, ...]) -> None:
        path = f"/v1/shops/{shop}"
        one, other = (self._api(key) for key in self._people)
        codes = [product.code for product in PRODUCTS]
        wish = {
            "digest": self._checks[shop],
            "reason": "the shop honours the price of that night",
            "units": 1,
            "units_by_sku": dict(zip(codes, units, strict=True)),
            "expires_at": int((time.time() + APPROVAL_S) * 1000),
        }
        proposed = one.call("POST", f"{path}/drafts/{PROMOTION}/force", wish)
        allowed = proposed["content"]["publication"]["exceptions"]
        by_sku = {row["skus"][0]: row["code"] for row in allowed}
        self._exceptions[shop] = tuple(by_sku[code] for code in codes)
        word = {"digest": proposed["digest"], "reason": "seen what it costs, and agreed"}
        approve = f"{path}/proposals/{proposed['proposal']}/approve"
        self._is_refused(one, approve, word, "one person approved alone what takes two")
        other.call("POST", approve, word)

    @staticmethod
    def _is_refused(api: ShopApi, path: str, body: object, otherwise: str) -> None:
        """A call that must not be done."""
        try:
            api.call("POST", path, body)
        except CallRefused:
            return
        raise CallRefused(f"POST {path}: {otherwise}")

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
