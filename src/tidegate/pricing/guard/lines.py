"""A line of a box: between how many units, at what prices, touched by what, for certain or maybe.

Always an enclosure: whatever basket of the box is priced, the line's true numbers lie within these.
`lower` bounds are rounded down, upper ones up. Nothing here knows a rule.
"""

from typing import NamedTuple

from tidegate.pricing.effects import BP
from tidegate.pricing.rule import Lower

S = BP << 10  # prices by unit and ratios are whole numbers of 1/S; a rate is one exactly


class BoxLine:
    """One SKU of a box, or many others of a large shop as one (`is_rest`, see `rest_line`)."""

    __slots__ = (
        "amount_hi",
        "amount_lo",
        "grain_fen",
        "is_rest",
        "keep_level",
        "keep_list",
        "leaks",
        "level_hi",
        "level_lo",
        "list_hi",
        "list_lo",
        "list_unit_fen",
        "mask",
        "mask_sure",
        "maybe",
        "mean_hi",
        "mean_lo",
        "owed_lo",
        "sku",
        "skus",
        "surely",
        "unit_hi",
        "unit_lo",
        "units_hi",
        "units_lo",
    )

    def __init__(self, sku: int, mask: int, list_unit_fen: int, units: tuple[int, int]) -> None:
        self.sku = sku
        self.is_rest = False
        self.skus = 1
        self.leaks = 0  # of a rest: promotions in it that the target does not know
        self.mask = mask  # promotions that reach it
        self.mask_sure = mask  # of these, those that reach all of it
        self.list_unit_fen = list_unit_fen
        self.units_lo, self.units_hi = units
        self.unit_lo = self.unit_hi = list_unit_fen  # of every single unit
        self.mean_lo = self.owed_lo = list_unit_fen * S  # mean of the units; merchant's receivable
        self.mean_hi = self.mean_lo  # kept once sums begin
        self.grain_fen = 0  # of sums: the line costs just so much by unit, in the whole box; or 0
        self.surely = self.maybe = 0  # masks of the promotions that touched it
        self.list_lo = self.units_lo * list_unit_fen
        self.list_hi = self.units_hi * list_unit_fen
        self.amount_lo = self.level_lo = self.list_lo  # of the whole line, once sums begin
        self.amount_hi = self.level_hi = self.list_hi
        self.keep_level = self.keep_list = S  # amount over level_fen, over list_fen: at least

    def at(self, lower: Lower, unit_fen: int) -> int:
        """A unit's price after a rule, as `price` has it: never above, never below nothing."""
        return max(0, min(unit_fen, lower(unit_fen, self.list_unit_fen, self.sku)))

    def whole(self, lower: Lower, *, sure: bool, loss_of: "Loss", mean_bp: int) -> None:
        """Every unit at a lower price, for certain or maybe.

        `mean_bp`: what is paid of every unit, up to half a fen; -1 where it is no such rate. No
        rule takes more off a cheaper unit, so no unit loses more than the dearest one does.
        """
        if self.is_rest:
            return
        off_hi = self.unit_hi - self.at(lower, self.unit_hi)
        lo = self.at(lower, self.unit_lo)
        if mean_bp >= 0:
            mean_lo = self.mean_lo * mean_bp // BP - S // 2
        else:
            mean_lo = self.mean_lo - off_hi * S
        self.unit_lo = lo
        self.mean_lo = max(mean_lo, lo * S)
        self.owed_lo = max(self.owed_lo - loss_of(off_hi) * S, self.mean_lo)
        if sure:
            self.unit_hi -= off_hi

    def some(self, lower: Lower, part: tuple[int, int], loss_of: "Loss") -> None:
        """Maybe some units at a lower price, at most `part` (over, under) of the line's."""
        if self.is_rest:
            return
        over, under = part
        off_hi = self.unit_hi - self.at(lower, self.unit_hi)
        self.unit_lo = self.at(lower, self.unit_lo)
        if over < under:
            self.mean_lo -= -(-off_hi * S * over // under)
            self.owed_lo -= -(-loss_of(off_hi) * S * over // under)
        else:
            self.mean_lo = self.unit_lo * S
            self.owed_lo -= loss_of(off_hi) * S
        self.mean_lo = max(self.mean_lo, self.unit_lo * S)
        self.owed_lo = max(self.owed_lo, self.mean_lo)

    def sum_up(self) -> None:
        """From unit prices to amounts."""
        self.mean_hi = self.unit_hi * S
        self.grain_fen = self.unit_hi if self.unit_lo == self.unit_hi else 0
        if not self.is_rest:
            self.amount_lo = self.units_lo * self.mean_lo // S
            self.amount_hi = self.units_hi * self.unit_hi
            listed = self.list_unit_fen
            self.keep_list = self.keep_level = self.mean_lo // listed if listed else S

    def leak(self, places_before: int) -> None:
        """Promotions that only a rest knows may have taken anything off it by now."""
        if self.leaks & places_before:
            self.leaks &= ~places_before
            self.amount_lo = self.keep_level = self.keep_list = 0

    def start_level(self) -> None:
        """What the line costs when a level begins."""
        self.level_lo, self.level_hi = self.amount_lo, self.amount_hi
        self.keep_level = S


class Rest(NamedTuple):
    """Many SKUs as one line: what is known of all of them."""

    mask: int  # promotions of the target's that reach any of them
    mask_sure: int  # those that reach all of them
    foreign: int  # promotions that reach any of them and not the target
    foreign_sums: int  # of these, those that take money off a sum
    cheapest_fen: int  # list price
    dearest_fen: int
    unit_fen: int  # no line costs less by unit after the unit phase
    keep: int  # nor less than so many 1/S of its list price
    skus: int  # at most


def rest_line(rest: Rest, amount: tuple[int, int], pieces: tuple[int, int]) -> BoxLine:
    """A rest that costs between two amounts when sums begin, and has so many units."""
    line = BoxLine(-1, rest.mask, rest.cheapest_fen, pieces)
    line.is_rest = True
    line.skus = rest.skus
    line.mask_sure = rest.mask_sure
    line.maybe = rest.foreign
    line.leaks = rest.foreign_sums
    line.unit_lo, line.unit_hi = 0, rest.dearest_fen
    line.amount_lo = max(amount[0], pieces[0] * rest.unit_fen)
    line.amount_hi = min(amount[1], pieces[1] * rest.dearest_fen)
    line.list_lo = max(pieces[0] * rest.cheapest_fen, line.amount_lo)
    line.list_hi = pieces[1] * rest.dearest_fen
    line.level_lo, line.level_hi = line.list_lo, line.list_hi
    line.keep_list = line.keep_level = rest.keep
    return line


class Loss:
    """What the shop bears of a discount on one unit (R2: a broken fen is the shop's)."""

    def __init__(self, platform_bp: int) -> None:
        self.platform_bp = platform_bp

    def __call__(self, off_fen: int) -> int:
        """The shop's part; never falls when the discount rises."""
        return off_fen - off_fen * self.platform_bp // BP
