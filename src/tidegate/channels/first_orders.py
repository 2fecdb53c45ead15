"""The first paid orders after a promotion began, against what the shop's price engine says.

Always the first few on each channel, by what the merchant receives for the whole order. Never: an
order is changed, held or released here; an alarm and its flag do that.
"""

import json
from typing import Any

from tidegate.channels.alarms import FIRST_ORDER, Alarms
from tidegate.channels.ledger import Ledger
from tidegate.channels.ports import OurPrices, PromotionStart

ORDERS_MAX = 5  # of a channel, after each start
LOOK_MS = 3_600_000  # how long after a start first orders are waited for


class FirstOrders:
    """One channel's first orders. Called from one thread at a time."""

    def __init__(self, channel: str, ledger: Ledger, ours: OurPrices) -> None:
        self.channel = channel
        self._ledger = ledger
        self._ours = ours
        self._alarms = Alarms(ledger)

    def turn(self, now_ms: int) -> int:
        """Compare what is new; how many orders it was."""
        return sum(
            self._after(start, now_ms) for start in self._ours.starts(now_ms - LOOK_MS, now_ms)
        )

    def _after(self, start: PromotionStart, now_ms: int) -> int:
        name = (self.channel, start.promotion, start.start_ms)
        with self._ledger.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO price_start (channel, promotion, start_ms) VALUES (?, ?, ?)",
                name,
            )
        row = self._ledger.one(
            "SELECT compared FROM price_start WHERE channel = ? AND promotion = ? AND start_ms = ?",
            name,
        )
        assert row is not None
        compared: list[int] = json.loads(row[0])
        if len(compared) >= ORDERS_MAX:
            return 0
        orders = self._paid_since(start, compared)
        for _, lines, amounts, placed_ms in orders:
            self._compare(start, json.loads(lines), json.loads(amounts), placed_ms, now_ms)
        if orders:
            with self._ledger.writing() as connection:
                connection.execute(
                    "UPDATE price_start SET compared = ?"
                    " WHERE channel = ? AND promotion = ? AND start_ms = ?",
                    (json.dumps([*compared, *[order[0] for order in orders]]), *name),
                )
        return len(orders)

    def _paid_since(self, start: PromotionStart, compared: list[int]) -> list[tuple[Any, ...]]:
        return self._ledger.ask(
            "SELECT id, lines, amounts, placed_ms FROM orders WHERE"
            " state IN ('recorded', 'waiting', 'released', 'on_hold') AND placed_ms >= ?"
            " AND channel = ? AND status IN ('paid', 'shipped') AND amounts <> '[]'"
            " AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY placed_ms, id LIMIT ?",
            (start.start_ms, self.channel, json.dumps(compared), ORDERS_MAX - len(compared)),
        )

    def _compare(
        self,
        start: PromotionStart,
        lines: list[tuple[str, int]],
        amounts: list[int],
        placed_ms: int,
        now_ms: int,
    ) -> None:
        wanted_fen = self._ours.receivable_fen(self.channel, [(s, n) for s, n in lines], placed_ms)
        got_fen = sum(amounts)
        if wanted_fen is None or got_fen == wanted_fen:
            return
        sku = lines[0][0]
        # Less than it should be: nothing of the kind leaves before a person has looked. More than
        # it should be harms a buyer, not the goods: said, and not kept from the warehouse.
        self._alarms.raise_one(
            self.channel, FIRST_ORDER, now_ms, sku=sku, promotion=start.promotion,
            figures={"read_fen": got_fen, "price_fen": wanted_fen, "lines": len(lines)},
            flags=("sku", sku) if got_fen < wanted_fen else ("", ""),
        )  # fmt: skip
