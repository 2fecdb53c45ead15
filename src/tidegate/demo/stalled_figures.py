"""What the act of the stalled feed found, by the marketplace, the warehouse and the lists.

Always holds: counted when the act was over. Never here: counting.
"""

import msgspec


class StalledFeed(msgspec.Struct, kw_only=True, frozen=True):
    """What the marketplace, the warehouse and the server's lists say afterwards."""

    stock: dict[str, int]
    sold: dict[str, int]
    told_no: int
    shown: list[dict[str, int]]  # second by second while the feed stood still
    released: dict[str, int]
    held_orders: int
    debt_orders: int
    debt_units: int
    debt_units_naive: int
    late_orders: int  # neither released nor on hold at the end
    seconds: float

    def faults(self) -> list[str]:
        """Promises that were broken."""
        found = []
        if any(self.released.get(item, 0) > units for item, units in self.stock.items()):
            found.append("stalled feed: more released than there is")
        if self.debt_units != self.debt_units_naive:
            found.append("stalled feed: the debt on record is not what anybody counts")
        if self.held_orders != self.debt_orders or self.late_orders:
            found.append("stalled feed: an order is neither released nor on hold")
        return found
