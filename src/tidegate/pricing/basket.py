"""A basket while it is being priced: lines of one SKU as one, each as lots of units at one price.

Always in the order of SKU codes inside, so that the order of a buyer's lines decides nothing. A lot
is (units, unit price in fen, taken): taken units already count in a group (bundle, N-th piece,
cheapest free, gift, add-on) and count in no other. Nothing here knows a promotion.
"""

from collections.abc import Iterable

Lot = tuple[int, int, bool]


class Working:
    """One SKU of the basket: its lots while units are priced, its amount from then on."""

    __slots__ = (
        "amount_fen",
        "code",
        "discounts",
        "level_fen",
        "list_fen",
        "list_unit_fen",
        "lots",
        "position",
        "quantity",
        "sku",
        "touched",
    )

    def __init__(self, sku: int, code: str, quantity: int, list_unit_fen: int) -> None:
        self.code = code
        self.sku = sku
        self.position = 0
        self.quantity = quantity
        self.list_unit_fen = list_unit_fen
        self.list_fen = list_unit_fen * quantity
        self.amount_fen = self.list_fen
        self.level_fen = self.list_fen  # at the start of the level
        self.lots: list[Lot] = [(quantity, list_unit_fen, False)]
        self.touched = 0  # mask of the promotions that touched this line
        self.discounts: list[tuple[int, int, int]] = []  # (place, discount, platform's part)


# (unit price, line's position, whether free, lot, units)
Units = tuple[int, int, bool, int, int]


def cheapest_first(lines: Iterable[Working], *, free_only: bool) -> list[Units]:
    """The lots of some lines by running unit price, then SKU code, then taken ones before free.

    `free_only` leaves out units that are taken. The reverse of it is what "dearest first" means.
    Units that are equal in all three are equal for every rule, so nothing else need be ordered.
    """
    units = [
        (lot[1], line.position, not lot[2], number, lot[0])
        for line in lines
        for number, lot in enumerate(line.lots)
        if not (free_only and lot[2])
    ]
    if len(units) > 1:
        units.sort()
    return units


def free_units(lines: Iterable[Working]) -> int:
    """How many units of some lines are not taken."""
    return sum(count for line in lines for count, _, taken in line.lots if not taken)
