"""A shop for tests of imports: the real engine, entries kept in a list, keys that never change.

Always the same answers for the same file; never a disk or a clock.
"""

import hashlib
from collections.abc import Sequence

from tidegate.engine.layout import Capacity
from tidegate.engine.machine import Machine
from tidegate.imports.history_desk import HistoryDesk, ShopParts

SMALL = Capacity(
    orders=1 << 16, refusals=1 << 16, keys=1 << 12, counters=1 << 12, skus=1 << 13, rules=1 << 8
)
# The whole real file: 12,326 parts of orders with as many shipments, and its returns.
LARGE = Capacity(
    orders=1 << 18, refusals=1 << 16, keys=1 << 14, counters=1 << 12, skus=1 << 14, rules=1 << 8
)


class Shop:
    """An engine with the desk that imports see; `entries` is what a journal would hold."""

    def __init__(self, capacity: Capacity = SMALL) -> None:
        self.machine = Machine(b"a seed that only tests know......", capacity)
        self.entries: list[bytes] = []
        self.tokens: dict[str, int] = {}
        self.token_batches: list[int] = []
        self.desk = HistoryDesk(
            ShopParts(self.machine, self.entries.append, order_key, command_key, self._tokens)
        )

    def on_hand(self, code: str) -> int:
        """Physical units of an item in the shared pool."""
        return int(self.machine.state.cells[0, self.machine.catalogue.skus[code]]["on_hand"])

    def _tokens(self, accounts: Sequence[str]) -> list[int]:
        self.token_batches.append(len(accounts))
        return [self.tokens.setdefault(name, len(self.tokens) + 1) for name in accounts]


def order_key(channel: str, name: str) -> tuple[int, int]:
    """A 128-bit hash of an order's id."""
    return _hash(f"order\0{channel}\0{name}")


def command_key(name: str) -> tuple[int, int]:
    """A 128-bit hash of a command's id."""
    return _hash(f"command\0{name}")


def _hash(text: str) -> tuple[int, int]:
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")
