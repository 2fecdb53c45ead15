"""An observer of the marketplace shop: when a breaker would have opened, had there been one.

It stands in for the watch, which comes later, with one hard rule that anyone can check: the sale
that is judged below its floor for the third time in a row. Always holds: it only looks at answers
already given. Never here: a pause, or any other effect on the shop.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from tidegate.demo.answers import Heard, read_heard
from tidegate.demo.crowd import Crowd, order_units

BELOW_FLOOR = "price_below_floor"
IN_A_ROW = 3
RULE_TEXT = f"{BELOW_FLOOR} on {IN_A_ROW} paid orders in a row"


class Opening(msgspec.Struct, kw_only=True, frozen=True):
    """When the rule was met, and what came after it that night."""

    order: int
    at_ms: int  # since midnight
    orders_after: int
    units_after: int


class _Sale(msgspec.Struct):
    judgement: list[str] = []


def below_floor_orders(answers: Iterable[Heard]) -> set[int]:
    """The orders that the shop judged below floor."""
    return {
        heard.order
        for heard in answers
        if heard.status == 200
        and BELOW_FLOOR in msgspec.json.decode(heard.body, type=_Sale).judgement
    }


def would_open(crowd: Crowd, below_floor: set[int]) -> Opening | None:
    """The first moment at which the rule was met, in the order of arrival; None if it never was."""
    row = 0
    for order, at_ms in enumerate(crowd.orders["at_ms"].tolist()):
        row = row + 1 if order in below_floor else 0
        if row == IN_A_ROW:
            return Opening(
                order=order,
                at_ms=at_ms,
                orders_after=len(crowd.orders) - order - 1,
                units_after=int(order_units(crowd.orders)[order + 1 :].sum()),
            )
    return None


def observe(crowd: Crowd, files: Iterable[Path]) -> Opening | None:
    """The same from answer files."""
    below: set[int] = set()
    for file in files:
        below |= below_floor_orders(read_heard(file))
    return would_open(crowd, below)
