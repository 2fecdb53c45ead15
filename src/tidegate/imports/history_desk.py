"""A DeskPort over one shop's engine and journal, for history: it decides at the file's own times.

All decisions of one moment are one journal entry. Whoever opens it owns the shop meanwhile: no
server may run on that store. If an entry cannot be stored the import stops; what was decided since
is dropped with the process and asked again by the next run. Reads no clock.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tidegate.desk.clock import Calendar
from tidegate.imports.ports import NamedCommand
from tidegate.record.facts import Command

ROWS_PER_ENTRY_MAX = 16_384


class Names(Protocol):
    """What is read of a shop's catalogue."""

    zone: str

    def sku_number(self, code: str) -> int:
        """NO_SKU where there is none."""

    def channel_number(self, code: str) -> int | None:
        """None where there is none."""


class Verdict(Protocol):
    """What is read of a command's outcome."""

    @property
    def reason(self) -> int:
        """A Reason."""


class Engine(Protocol):
    """What is asked of a shop's engine."""

    @property
    def now_ms(self) -> int:
        """The moment of the last batch."""

    @property
    def catalogue(self) -> Names:
        """The shop's codes."""

    def begin(self, now_ms: int, local_day: int) -> None:
        """Set the moment of what follows."""

    def decide_orders(self, lines: NDArray[np.void]) -> NDArray[np.void]:
        """One OUTCOME an order."""

    def decide_operations(self, rows: NDArray[np.void]) -> NDArray[np.void]:
        """One OUTCOME an operation."""

    def decide_command(self, id_hi: int, id_lo: int, command: Command, actor: int) -> Verdict:
        """The verdict on a command."""

    def finish(self) -> bytes:
        """The entry of all that was decided since the last; empty when nothing was."""


@dataclass(frozen=True)
class ShopParts:
    """What a history desk stands on; put together by whoever opens the store.

    `append` returns once an entry is durable; `account_tokens` once the tokens are.
    """

    engine: Engine
    append: Callable[[bytes], None]
    order_key: Callable[[str, str], tuple[int, int]]
    command_key: Callable[[str], tuple[int, int]]
    account_tokens: Callable[[Sequence[str]], Sequence[int]]
    actor: int = 0


class HistoryDesk:
    """Decides synchronously; see DeskPort for what each call promises."""

    def __init__(self, parts: ShopParts) -> None:
        self._parts = parts
        self._engine = parts.engine
        self._moment_ms = -1
        self._rows_open = 0
        self._calendar = Calendar(parts.engine.catalogue.zone)

    def now_ms(self) -> int:
        """The time of the shop's last record."""
        return self._engine.now_ms

    def zone_name(self) -> str:
        """The shop's time zone."""
        return self._engine.catalogue.zone

    def channel_number(self, channel: str) -> int | None:
        """The channel's number, or None."""
        return self._engine.catalogue.channel_number(channel)

    def sku_numbers(self, codes: Sequence[str]) -> NDArray[np.uint32]:
        """Numbers from the catalogue."""
        number = self._engine.catalogue.sku_number
        return np.array([number(code) for code in codes], dtype=np.uint32)

    def order_keys(self, channel: str, ids: Sequence[str]) -> NDArray[np.uint64]:
        """Keyed hashes of orders' ids."""
        return _pairs([self._parts.order_key(channel, name) for name in ids])

    def command_keys(self, ids: Sequence[str]) -> NDArray[np.uint64]:
        """Keyed hashes of commands' ids."""
        return _pairs([self._parts.command_key(name) for name in ids])

    def account_tokens(self, accounts: Sequence[str]) -> NDArray[np.uint64]:
        """Durable tokens of accounts."""
        return np.array(self._parts.account_tokens(accounts), dtype=np.uint64)

    def commands(self, asked: Sequence[NamedCommand], now_ms: int) -> NDArray[np.uint8]:
        """Decide commands one by one."""
        self._at(now_ms, len(asked))
        reasons = np.zeros(len(asked), dtype=np.uint8)
        for place, (name, command) in enumerate(asked):
            hi, lo = self._parts.command_key(name)
            verdict = self._engine.decide_command(hi, lo, command, self._parts.actor)
            reasons[place] = verdict.reason
        return reasons

    def place_rows(self, rows: NDArray[np.void], now_ms: int) -> NDArray[np.void]:
        """Decide orders."""
        self._at(now_ms, len(rows))
        return self._engine.decide_orders(rows)

    def operate(self, rows: NDArray[np.void], now_ms: int) -> NDArray[np.void]:
        """Decide operations."""
        self._at(now_ms, len(rows))
        return self._engine.decide_operations(rows)

    def sync(self) -> None:
        """Store what is open."""
        entry = self._engine.finish()
        self._rows_open = 0
        if entry:
            self._parts.append(entry)

    def _at(self, now_ms: int, rows: int) -> None:
        """Begin a moment after storing the one before, or anew where an entry would grow large."""
        if now_ms != self._moment_ms or self._rows_open + rows > ROWS_PER_ENTRY_MAX:
            self.sync()
            self._moment_ms = now_ms
            self._engine.begin(now_ms, self._calendar.day(now_ms))
        self._rows_open += rows


def _pairs(hashes: Sequence[tuple[int, int]]) -> NDArray[np.uint64]:
    return np.array(hashes, dtype=np.uint64).reshape(-1, 2)
