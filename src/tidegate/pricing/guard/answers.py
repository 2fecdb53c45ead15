"""What the guard answers: proved, below the floor, or unknown, which counts as below.

Always with what it rests on: a certified lowest price for every SKU, or a basket that `price` has
priced to the fen, or what remained. Nothing here decides anything.
"""

from typing import Literal

import msgspec

from tidegate.pricing.promotion import Basket, Buyer, Room
from tidegate.pricing.result import Priced


class Lowest(msgspec.Struct, frozen=True, array_like=True):
    """No basket gives less than this for one unit of a SKU: whole fen, rounded down.

    `is_reached`: a basket is known whose figure by unit, rounded down, is just this.
    """

    fen: int
    is_reached: bool


class Counterexample(msgspec.Struct, frozen=True):
    """A basket that goes below a floor, with all that `price` needs to see it."""

    sku: str
    basket: Basket
    buyer: Buyer
    time_ms: int
    choices: tuple[str, ...]
    run_out: dict[str, Room]
    priced: Priced  # with a trace
    figure_fen: int  # of the SKU's line: receivable less gifts and waived fees
    floor_fen: int  # of all the line's units
    needed: tuple[str, ...]  # promotions without each of which this basket were not below
    is_smallest: bool  # proven: no basket of fewer units is below any floor
    one_unit_fen: int | None = None  # the SKU's lowest, one unit alone, where that looks safe


class Proved(msgspec.Struct, frozen=True):
    """Every basket, buyer, choice and moment is at or above the floors."""

    kind: Literal["proved"] = "proved"
    lowest: tuple[Lowest, ...] = ()  # by SKU number


class BelowFloor(msgspec.Struct, frozen=True):
    """A basket is below a floor."""

    counterexample: Counterexample
    below: tuple[int, ...] = ()  # SKU numbers found below, that one's among them
    open: tuple[int, ...] = ()  # SKU numbers that were neither found below nor proven
    lowest: tuple[Lowest, ...] = ()
    kind: Literal["below_floor"] = "below_floor"


class Unknown(msgspec.Struct, frozen=True):
    """Neither could be shown in the time given. Counts as below."""

    open: tuple[int, ...] = ()  # SKU numbers that remain
    lowest: tuple[Lowest, ...] = ()  # certified all the same
    kind: Literal["unknown"] = "unknown"


Answer = Proved | BelowFloor | Unknown
EXIT_CODES = {"proved": 0, "below_floor": 1, "unknown": 2}
