"""Asking the desk, patiently: busy, unready and undecided are asked again with the same ids.

Always: what was asked counts once, however often it is asked. Never: waits for ever; after
PATIENCE the caller hears so, and its intention stands in the ledger.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from tidegate.channels.ports import Key, Shop
from tidegate.desk.answers import DeskBusy, DeskUnready, ManyDecided, Undecided
from tidegate.record.facts import Command
from tidegate.record.lines import ALL_LINES, OPERATION, Array

PATIENCE = 40
PAUSE_S = 0.25
OPERATIONS_MAX = 4096  # of one call: a batch of the desk takes four times as many lines
SPACE = "\0channels"  # no client's id can be in it

T = TypeVar("T")
Sleep = Callable[[float], None]


class Asking:
    """The desk as channels ask it."""

    def __init__(self, shop: Shop, sleep: Sleep) -> None:
        self.shop = shop
        self._sleep = sleep

    def place(self, rows: Array) -> Array:
        """One OUTCOME an order. Raises DeskBusy, DeskUnready or Undecided after a while."""
        return self.placed(rows).outcomes

    def placed(self, rows: Array) -> ManyDecided:
        """The same, with where the decisions stand on record."""
        return self._patiently(lambda: self.shop.place_rows(rows))

    def command(self, command: Command, command_id: str, actor: int = 0) -> int:
        """The reason of a command, once under its id. `actor` 0: nobody but Tidegate."""
        return self._patiently(lambda: self.shop.command(command, command_id, actor))

    def operate(self, rows: Array) -> Array:
        """One OUTCOME an operation, in pieces that the desk takes."""
        parts = [
            self._patiently(partial(self._operated, rows[at : at + OPERATIONS_MAX]))
            for at in range(0, len(rows), OPERATIONS_MAX)
        ]
        return np.concatenate(parts)

    def operation(
        self,
        name: str,
        order: Key,
        kind: int,
        *,
        amount_fen: int = 0,
        flags: int = 0,
        exception: int = 0,
    ) -> Array:
        """One operation on a whole order, as a row; `name` is its id among channels'.

        `exception`: of a release that a person decided, the number of the one that it draws on.
        """
        row = np.zeros(1, OPERATION)
        row["id_hi"], row["id_lo"] = self.shop.order_key(SPACE, name)
        row["order_hi"], row["order_lo"] = order
        row["line"], row["kind"], row["flags"] = ALL_LINES, kind, flags
        row["amount_fen"], row["quantity"] = amount_fen, exception
        return row

    def _operated(self, rows: Array) -> Array:
        return self.shop.operate(rows).outcomes

    def _patiently(self, ask: Callable[[], T]) -> T:
        for _ in range(PATIENCE):
            try:
                return ask()
            except DeskBusy as busy:
                self._sleep(min(busy.retry_after_s, PAUSE_S))
            except (DeskUnready, Undecided):
                self._sleep(PAUSE_S)
        return ask()


def together(rows: Sequence[Array]) -> Array:
    """Operations as one array."""
    return np.concatenate(rows) if rows else np.zeros(0, OPERATION)
