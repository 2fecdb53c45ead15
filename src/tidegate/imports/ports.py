"""What an import needs of a shop's desk, and nothing more.

The desk behind it decides synchronously at the time it is given. Times never go back: `now_ms` is
at least that of the call before. An answer may run ahead of its record until `sync()` returned; an
import tells nobody of an answer before that.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tidegate.record.facts import Command


class NamedCommand(NamedTuple):
    """A command under an id of its own: sent again, it changes nothing and gets the same answer."""

    id: str
    command: Command


class DeskPort(Protocol):
    """One shop's desk, seen by an import."""

    def now_ms(self) -> int:
        """The time of the shop's last record; 0 for a shop without any."""

    def zone_name(self) -> str:
        """The shop's time zone."""

    def channel_number(self, channel: str) -> int | None:
        """The channel's dense number; None where the shop does not know it."""

    def sku_numbers(self, codes: Sequence[str]) -> NDArray[np.uint32]:
        """Dense numbers from the catalogue, NO_SKU where a code is unknown."""

    def order_keys(self, channel: str, ids: Sequence[str]) -> NDArray[np.uint64]:
        """The keyed 128-bit hashes of these orders' ids, shape (n, 2)."""

    def command_keys(self, ids: Sequence[str]) -> NDArray[np.uint64]:
        """The keyed 128-bit hashes of operations' own ids, shape (n, 2)."""

    def account_tokens(self, accounts: Sequence[str]) -> NDArray[np.uint64]:
        """Random tokens of these buyers' accounts, durable before they are returned."""

    def commands(self, asked: Sequence[NamedCommand], now_ms: int) -> NDArray[np.uint8]:
        """Decide commands in order; a Reason for each."""

    def place_rows(self, rows: NDArray[np.void], now_ms: int) -> NDArray[np.void]:
        """Decide orders (LINE rows); an OUTCOME row for each ORDER."""

    def operate(self, rows: NDArray[np.void], now_ms: int) -> NDArray[np.void]:
        """Decide operations (OPERATION rows); an OUTCOME row for each."""

    def sync(self) -> None:
        """Return once everything that was answered so far is durable."""
