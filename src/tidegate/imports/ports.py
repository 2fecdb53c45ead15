"""What an import needs of a shop's desk, and nothing more.

The desk behind it decides synchronously at the time it is given. Times never go back: `now_ms` is
at least that of the call before. An answer may run ahead of its record until `sync()` returned; an
import tells nobody of an answer before that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SkuDefinition:
    """One item as a file describes it; None where the file says nothing."""

    code: str
    name: str = ""
    list_price_fen: int | None = None
    cost_fen: int | None = None
    red_line_fen: int | None = None


@dataclass(frozen=True)
class StockChange:
    """Units received (positive) or written off (negative), under a command id of its own."""

    command_id: str
    sku: int
    units: int


@dataclass(frozen=True)
class StockCount:
    """What was counted on the shelf, under a command id of its own."""

    command_id: str
    sku: int
    units: int


class DeskPort(Protocol):
    """One shop's desk, seen by an import."""

    def now_ms(self) -> int:
        """The time of the shop's last record; 0 for a shop without any."""

    def channel_number(self, channel: str) -> int:
        """The channel's dense number; defined now where the shop did not know it."""

    def sku_numbers(self, codes: Sequence[str]) -> NDArray[np.uint32]:
        """Dense numbers from the catalogue, NO_SKU where a code is unknown."""

    def define_skus(self, skus: Sequence[SkuDefinition], now_ms: int) -> NDArray[np.uint8]:
        """Put items into the catalogue or change them; a Reason for each."""

    def change_stock(self, changes: Sequence[StockChange], now_ms: int) -> NDArray[np.uint8]:
        """Receipts and write-offs; a Reason for each."""

    def count_stock(self, counts: Sequence[StockCount], now_ms: int) -> NDArray[np.uint8]:
        """Counts; a Reason for each."""

    def order_keys(self, channel: str, ids: Sequence[str]) -> NDArray[np.uint64]:
        """The keyed 128-bit hashes of these ids, shape (n, 2)."""

    def command_keys(self, ids: Sequence[str]) -> NDArray[np.uint64]:
        """The keyed 128-bit hashes of commands' own ids, shape (n, 2)."""

    def account_tokens(self, accounts: Sequence[str]) -> NDArray[np.uint64]:
        """Random tokens of these buyers' accounts, durable before they are returned."""

    def place_rows(self, rows: NDArray[np.void], now_ms: int) -> NDArray[np.void]:
        """Decide orders (LINE rows); an OUTCOME row for each ORDER."""

    def operate(self, rows: NDArray[np.void], now_ms: int) -> NDArray[np.void]:
        """Decide operations (OPERATION rows); an OUTCOME row for each."""

    def sync(self) -> None:
        """Return once everything that was answered so far is durable."""
