"""What waits at the desk: bounded, shared fairly among channels, with a reserved lane at its head.

The lane is for pauses and other commands of operators, so a crowd can't keep a stop from coming
through. Nothing is decided here, and nothing that was taken in is ever dropped.
"""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tidegate.desk.answers import DeskBusy
from tidegate.record.facts import Command
from tidegate.record.lines import LINE, Array, LinesMalformed, require_orders

LINES_MAX = 1 << 16  # that may wait
BATCH_LINES_MAX = 1 << 14  # of orders that one batch takes, and as many operations
LANE_MAX = 1 << 12
FAIR_FROM = LINES_MAX // 2  # from here on a channel only gets its share

Done = Callable[[Any, BaseException | None], None]

CHANNEL_AT = LINE.fields["channel"][1]  # type: ignore[index]


class Asked(NamedTuple):
    """Rows that somebody waits for: of one order (bytes) or of many (an array)."""

    rows: Any
    size: int  # in rows
    channel: int
    done: Done


class AskedCommand(NamedTuple):
    """A command that somebody waits for."""

    id_hi: int
    id_lo: int
    command: Command
    actor: int
    approver: int
    done: Done


class Batch(NamedTuple):
    """What one batch takes: commands first, then orders, then operations."""

    commands: list[AskedCommand]
    orders: list[Asked]
    operations: list[Asked]


class Inbox:
    """Orders, operations and commands in the order in which they came."""

    def __init__(self) -> None:
        self.lines = 0
        self._orders: list[Asked] = []
        self._operations: list[Asked] = []
        self._lane: list[AskedCommand] = []
        self._by_channel = [0] * 256

    def __len__(self) -> int:
        return len(self._orders) + len(self._operations) + len(self._lane)

    def add_order(self, lines: bytes, done: Done) -> None:
        """Take in one order: n × 96 bytes. Raises DeskBusy."""
        count = len(lines) // LINE.itemsize
        channel = lines[CHANNEL_AT]
        if self.lines + count > FAIR_FROM:
            self._require_share(count, channel)
        self.lines += count
        self._by_channel[channel] += count
        self._orders.append(Asked(lines, count, channel, done))

    def add_rows(self, rows: Array, done: Done) -> None:
        """Take in many orders at once; all lines count for the first one's channel.

        Raises DeskBusy, and LinesMalformed before rows that are no orders meet anybody else's.
        """
        if not len(rows):
            raise LinesMalformed("there is no order")
        require_orders(rows)
        channel = int(rows["channel"][0])
        self._require_share(len(rows), channel)
        self.lines += len(rows)
        self._by_channel[channel] += len(rows)
        self._orders.append(Asked(rows, len(rows), channel, done))

    def add_operations(self, rows: Array, done: Done) -> None:
        """Take in operations. They count as lines; what frees stock is not kept waiting longer."""
        if self.lines + len(rows) > LINES_MAX:
            raise DeskBusy(1.0)
        self.lines += len(rows)
        self._operations.append(Asked(rows, len(rows), 0, done))

    def add_command(self, asked: AskedCommand) -> None:
        """Take in a command on the reserved lane."""
        if len(self._lane) >= LANE_MAX:
            raise DeskBusy(1.0, "too many commands wait")
        self._lane.append(asked)

    def take(self) -> Batch:
        """What the next batch decides: all commands, and as many rows as a batch takes.

        Orders and operations have room of their own, so that neither keeps the other waiting.
        """
        lane, self._lane = self._lane, []
        operations, orders = cut(self._operations), cut(self._orders)
        for asked in orders:
            self._by_channel[asked.channel] -= asked.size
            self.lines -= asked.size
        for asked in operations:
            self.lines -= asked.size
        self._orders = self._orders[len(orders) :]
        self._operations = self._operations[len(operations) :]
        return Batch(lane, orders, operations)

    def _require_share(self, count: int, channel: int) -> None:
        if self.lines + count > LINES_MAX:
            raise DeskBusy(1.0)
        if self.lines + count <= FAIR_FROM:
            return
        waiting = sum(1 for lines in self._by_channel if lines)
        others = waiting - (1 if self._by_channel[channel] else 0)
        if others and self._by_channel[channel] + count > LINES_MAX // (others + 1):
            raise DeskBusy(1.0, "this channel's share of the inbox is full")


def cut(waiting: list[Asked]) -> list[Asked]:
    """The first of what waits, as much as a batch takes; at least one, however large it is."""
    room = BATCH_LINES_MAX
    for taken, asked in enumerate(waiting):
        if asked.size > room and taken:
            return waiting[:taken]
        room -= asked.size
    return waiting


def lines_of(orders: list[Asked]) -> Array:
    """All lines of a batch's orders as LINE rows."""
    if all(type(asked.rows) is bytes for asked in orders):
        # A bytearray: rows that cannot be written would be copied once more by the machine.
        return np.frombuffer(bytearray().join([asked.rows for asked in orders]), LINE)
    return np.concatenate(
        [
            np.frombuffer(asked.rows, LINE) if type(asked.rows) is bytes else asked.rows
            for asked in orders
        ],
    )


def promised(loop: asyncio.AbstractEventLoop, ask: Callable[[Done], None]) -> "asyncio.Future[Any]":
    """What `ask` will be told, as a future. Raises what `ask` raises."""
    future: asyncio.Future[Any] = loop.create_future()

    def done(result: object, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    ask(done)
    return future
