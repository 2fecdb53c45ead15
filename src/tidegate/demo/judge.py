"""The separate judge: a naive audit from the answers that the load processes wrote down.

`python -m tidegate.demo.judge CASE.json`. Always holds: it believes only the crowd and the answers
(and, to compare, the stock the server says is left); it runs in a process of its own. Never here:
anything of the server's code, or an effort to be clever.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from tidegate.demo.answers import REPEATED_LATER, Heard, read_heard
from tidegate.demo.bodies import Bodies, Terms
from tidegate.demo.crowd import (
    DOUBLE_CLICK,
    LIMIT_PER_ACCOUNT,
    LIMIT_PER_PHONE,
    PRODUCTS,
    Crowd,
    load_crowd,
)

Id = tuple[int, int]  # (order, try): one id in the shop
SAME_FIELDS = ("reason", "rule", "has")  # what a repeat must say like the first answer


class Case(msgspec.Struct, kw_only=True):
    """What the judge is shown."""

    crowd_file: str
    own_answers: list[str] = []
    kill_ms: int = 0  # CLOCK_MONOTONIC at the kill
    own_available: list[int] = []  # what the server says is left, a product
    approved_units: list[int] = []  # boxes that two people allowed to go below the floor
    sales_answers: list[str] = []
    release_answers: list[str] = []


class OwnShop(msgspec.Struct, kw_only=True):
    """The own shop's night, counted from answers."""

    answers: int = 0
    ids: int = 0
    accepted_orders: int = 0
    accepted_units: int = 0
    accepted_units_by_sku: list[int] = []
    largest_accepted_units: int = 0
    refused_ids: int = 0
    refused_by_reason: dict[str, int] = {}
    oversold_units: int = 0
    over_approval_units: int = 0
    buyers_over_limit: int = 0
    phones_over_limit: int = 0
    double_clicks: int = 0
    double_clicks_accepted: int = 0  # double-clicked ids that were accepted
    ids_charged_twice: int = 0
    answers_that_differ: int = 0
    acknowledged_before_kill: int = 0
    asked_again_after_kill: int = 0
    acknowledged_but_lost: int = 0
    units_server_differs: int = 0  # stock - accepted units, against what the server says is left
    unexpected_answers: int = 0
    unexpected_example: str = ""


class MarketplaceShop(msgspec.Struct, kw_only=True):
    """The marketplace shop's night, counted from answers."""

    answers: int = 0
    sales: int = 0
    units: int = 0
    judged_by_reason: dict[str, int] = {}
    judged_clean: int = 0
    buyers_over_limit: int = 0
    debt_units: int = 0  # as the answers say, summed
    debt_units_naive: int = 0  # units sold minus stock, a product, where positive
    answers_that_differ: int = 0
    released_orders: int = 0
    released_units: int = 0
    released_over_stock_units: int = 0
    released_buyers_over_limit: int = 0
    held_by_reason: dict[str, int] = {}
    unexpected_answers: int = 0
    unexpected_example: str = ""


class Verdict(msgspec.Struct, kw_only=True):
    """Both shops."""

    own: OwnShop
    marketplace: MarketplaceShop

    def faults(self) -> list[str]:
        """Names of the figures that must be zero and are not."""
        own, market = self.own, self.marketplace
        must_be_zero = {
            "own.oversold_units": own.oversold_units,
            "own.over_approval_units": own.over_approval_units,
            "own.buyers_over_limit": own.buyers_over_limit,
            "own.phones_over_limit": own.phones_over_limit,
            "own.ids_charged_twice": own.ids_charged_twice,
            "own.answers_that_differ": own.answers_that_differ,
            "own.acknowledged_but_lost": own.acknowledged_but_lost,
            "own.units_server_differs": own.units_server_differs,
            "own.unexpected_answers": own.unexpected_answers,
            "marketplace.debt differs": abs(market.debt_units - market.debt_units_naive),
            "marketplace.answers_that_differ": market.answers_that_differ,
            "marketplace.released_over_stock_units": market.released_over_stock_units,
            "marketplace.released_buyers_over_limit": market.released_buyers_over_limit,
            "marketplace.unexpected_answers": market.unexpected_answers,
        }
        return [name for name, value in must_be_zero.items() if value]


class _Bought:
    """Units a product, a buyer and a phone number."""

    def __init__(self, crowd: Crowd) -> None:
        self._bodies = Bodies(crowd.orders, Terms(channel="", midnight_ms=0))
        self._buyer = crowd.orders["buyer"].tolist()
        self._phone = crowd.orders["phone"].tolist()
        self.by_sku = [0] * len(PRODUCTS)
        self.by_buyer: Counter[tuple[int, int]] = Counter()
        self.by_phone: Counter[tuple[int, int]] = Counter()
        self.largest = 0

    def add(self, order: int, try_number: int) -> None:
        """Count one order once."""
        lines = self._bodies.lines(order, try_number)
        self.largest = max(self.largest, sum(units for _, units in lines))
        for sku, units in lines:
            self.by_sku[sku] += units
            self.by_buyer[self._buyer[order], sku] += units
            self.by_phone[self._phone[order], sku] += units

    def over(self, have: Iterable[int]) -> int:
        """Units beyond what there is, product by product."""
        return sum(max(0, sold - there) for sold, there in zip(self.by_sku, have, strict=True))

    def buyers_over_limit(self) -> int:
        return len({buyer for (buyer, _), n in self.by_buyer.items() if n > LIMIT_PER_ACCOUNT})

    def phones_over_limit(self) -> int:
        return len({phone for (phone, _), n in self.by_phone.items() if n > LIMIT_PER_PHONE})


def _all(files: Iterable[str]) -> Iterator[Heard]:
    return chain.from_iterable(read_heard(Path(file)) for file in files)


def _said(heard: Heard) -> dict[str, Any]:
    """The answer's JSON object; what is none counts as an object that says nothing."""
    try:
        said = msgspec.json.decode(heard.body)
    except msgspec.DecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def judge_own_shop(crowd: Crowd, case: Case) -> OwnShop:
    """Count the own shop: every id once, every answer of an id against its first."""
    first: dict[Id, tuple[bool, tuple[Any, ...]]] = {}
    charged: Counter[Id] = Counter()
    acknowledged: set[Id] = set()
    result, bought, reasons = OwnShop(), _Bought(crowd), Counter[str]()
    clicked: set[Id] = set()
    for heard in _all(case.own_answers):
        result.answers += 1
        if heard.status not in (200, 201, 409):
            result.unexpected_answers += 1
            result.unexpected_example = result.unexpected_example or _quote(heard)
            continue
        said = _said(heard)
        name, accepted = (heard.order, heard.try_number), heard.status != 409
        if heard.kind == DOUBLE_CLICK:
            result.double_clicks += 1
            clicked.add(name)
        charged[name] += heard.status == 201
        meaning = (accepted, tuple(said.get(field) for field in SAME_FIELDS))
        if heard.kind == REPEATED_LATER:
            result.asked_again_after_kill += 1
            result.acknowledged_but_lost += name in acknowledged and not accepted
        elif accepted and heard.heard_ms < case.kill_ms:
            acknowledged.add(name)
        if name not in first:
            first[name] = meaning
            if accepted:
                bought.add(*name)
            else:
                reasons[str(said.get("reason"))] += 1
        elif first[name] != meaning:
            result.answers_that_differ += 1
    accepted_ids = {name for name, (accepted, _) in first.items() if accepted}
    result.ids = len(first)
    result.accepted_orders = len(accepted_ids)
    result.refused_ids = len(first) - len(accepted_ids)
    result.refused_by_reason = dict(reasons.most_common())
    result.double_clicks_accepted = len(clicked & accepted_ids)
    result.ids_charged_twice = sum(times > 1 for times in charged.values())
    result.acknowledged_before_kill = len(acknowledged)
    _count_units(result, bought, crowd, case)
    return result


def _count_units(result: OwnShop, bought: _Bought, crowd: Crowd, case: Case) -> None:
    """Units against stock, approvals, limits and what the server says is left."""
    stock = crowd.stock_units
    result.accepted_units = sum(bought.by_sku)
    result.accepted_units_by_sku = bought.by_sku
    result.largest_accepted_units = bought.largest
    result.oversold_units = bought.over(stock)
    result.over_approval_units = bought.over(case.approved_units or stock)
    result.buyers_over_limit = bought.buyers_over_limit()
    result.phones_over_limit = bought.phones_over_limit()
    if case.own_available:
        result.units_server_differs = sum(
            abs(there - sold - left)
            for there, sold, left in zip(stock, bought.by_sku, case.own_available, strict=True)
        )


def judge_marketplace(crowd: Crowd, case: Case) -> MarketplaceShop:
    """Count the marketplace shop: facts, judgements, debt and what was released."""
    result, bought, reasons = MarketplaceShop(), _Bought(crowd), Counter[str]()
    first: dict[int, tuple[str, ...]] = {}
    short: dict[int, int] = {}  # a repeat tells no units, so the most that was told counts
    for heard in _all(case.sales_answers):
        result.answers += 1
        said = _said(heard)
        judgement = said.get("judgement")
        if heard.status != 200 or not isinstance(judgement, list):
            result.unexpected_answers += 1
            result.unexpected_example = result.unexpected_example or _quote(heard)
            continue
        meaning = tuple(map(str, judgement))
        short[heard.order] = max(short.get(heard.order, 0), int(said.get("short") or 0))
        if heard.order in first:
            result.answers_that_differ += first[heard.order] != meaning
            continue
        first[heard.order] = meaning
        bought.add(heard.order, heard.try_number)
        reasons.update(meaning)
        result.judged_clean += not meaning
    result.debt_units = sum(short.values())
    result.sales = len(first)
    result.units = sum(bought.by_sku)
    result.judged_by_reason = dict(reasons.most_common())
    result.buyers_over_limit = bought.buyers_over_limit()
    result.debt_units_naive = bought.over(crowd.stock_units)
    _count_releases(result, crowd, case)
    return result


def _count_releases(result: MarketplaceShop, crowd: Crowd, case: Case) -> None:
    """What the gate let go; an order asked for twice counts as released if it ever was."""
    released: set[int] = set()
    held: dict[int, str] = {}
    for heard in _all(case.release_answers):
        if heard.status in (200, 201):
            released.add(heard.order)
            held.pop(heard.order, None)
        elif heard.status == 409:
            held[heard.order] = str(_said(heard).get("reason"))
        else:
            result.unexpected_answers += 1
            result.unexpected_example = result.unexpected_example or _quote(heard)
    bought = _Bought(crowd)
    for order in released:
        bought.add(order, 1)
    result.released_orders = len(released)
    result.released_units = sum(bought.by_sku)
    result.released_over_stock_units = bought.over(crowd.stock_units)
    result.released_buyers_over_limit = bought.buyers_over_limit()
    result.held_by_reason = dict(Counter(held.values()).most_common())


def _quote(heard: Heard) -> str:
    return f"{heard.status} {heard.body[:200].decode('utf-8', 'replace')}"


def main(arguments: list[str]) -> int:
    """The process: the verdict as JSON on standard output; 0 without faults, 1 with."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tidegate.demo.judge CASE.json\n")
        return 2
    case = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Case)
    crowd = load_crowd(Path(case.crowd_file))
    verdict = Verdict(own=judge_own_shop(crowd, case), marketplace=judge_marketplace(crowd, case))
    sys.stdout.buffer.write(msgspec.json.encode(verdict) + b"\n")
    return 1 if verdict.faults() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
