"""A served shop's desk as channels see it: synchronous, from threads of their own.

Always: every call is made on the desk's loop and answered when it is durable. Never: a channel's
thread touches the machine or the identity table by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import numpy as np

from tidegate.channels.asking import SPACE
from tidegate.channels.ports import Free, Key
from tidegate.desk.answers import CommandAnswer, DeskUnready, ManyDecided
from tidegate.desk.desk import Desk
from tidegate.desk.order_states import order_states
from tidegate.engine.layout import INCIDENT, PAUSED, SHOP_FLAGS
from tidegate.people.normalise import IdentityMalformed, normalise
from tidegate.record.facts import Command
from tidegate.record.lines import NO_SKU, Array

ANSWER_S = 60.0
STOPS = PAUSED | INCIDENT  # an alarm keeps orders from release; shelves are another matter
DURABLE_LOOK_S = 0.001
T = TypeVar("T")
Exchanged = Callable[[Sequence[tuple[int, str]]], Awaitable[list[int]]]
EXCHANGE_MAX = 4096


class ServedShop:
    """See `channels.ports.Shop`."""

    def __init__(
        self, desk: Desk, exchanged: Exchanged, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        """`exchanged` gives durable tokens of keys; `loop`: the desk's, None until `begin`."""
        self._desk = desk
        self._exchanged = exchanged
        self._loop = loop
        self.order_key = desk.order_key

    def begin(self) -> None:
        """The desk's loop is this one; before it every call says that the shop is being opened."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()

    def now_ms(self) -> int:
        """The shop's time."""
        return self._desk.status().now_ms

    def channel_number(self, code: str) -> int | None:
        """None where the shop has no such channel."""
        return self._desk.catalogue.channel_number(code)

    def sku_number(self, code: str) -> int:
        """NO_SKU where there is none."""
        return self._desk.catalogue.sku_number(code)

    def sku_codes(self, numbers: Sequence[int]) -> list[str]:
        """The codes back; "" for a number that stands for none."""
        codes = self._desk.catalogue.sku_codes
        return [codes[number] if number < len(codes) else "" for number in numbers]

    def promotion_number(self, code: str) -> int:
        """A number that no guard lets through where there is none."""
        return self._desk.catalogue.promotion_number(code)

    def exception_number(self, code: str) -> int:
        """A number that was never given where there is none."""
        return self._desk.catalogue.exception_number(code)

    def tokens(self, keys: Sequence[tuple[int, str]]) -> list[int]:
        """Durable tokens; 0 for a value that identifies nobody (`张**`)."""
        identifies = [_identifies(*key) for key in keys]
        usable = [key for key, does in zip(keys, identifies, strict=True) if does]
        found: list[int] = []
        for at in range(0, len(usable), EXCHANGE_MAX):
            found += self.on_loop(self._exchange(usable[at : at + EXCHANGE_MAX]))
        tokens = iter(found)
        return [next(tokens) if does else 0 for does in identifies]

    def place_rows(self, rows: Array) -> ManyDecided:
        """Record and judge facts."""
        return self.on_loop(self._placed(rows))

    def operate(self, rows: Array) -> ManyDecided:
        """Decide operations."""
        return self.on_loop(self._operated(rows))

    def states(self, keys: Sequence[Key]) -> list[str]:
        """How orders stand."""
        return self.on_loop(self._states(keys))

    def free(self, channel: str, skus: Sequence[str]) -> list[Free]:
        """What the channel's pool has, as of a durable record."""
        wanted = tuple(skus)
        return self.on_loop(self._durably(lambda: self._cells(channel, wanted)))

    def available(self, channel: str, skus: Sequence[str]) -> list[int]:
        """Units that the channel could sell now, as of a durable record; 0 while stopped."""
        wanted = tuple(skus)
        return self.on_loop(self._durably(lambda: self._available(channel, wanted)))

    def command(self, command: Command, command_id: str, actor: int) -> int:
        """Decide a command, once under its id; its reason."""
        answer = self.on_loop(self._commanded(command, f"{SPACE}\0{command_id}", actor))
        return int(answer.reason)

    def pool_of(self, channel: str) -> str:
        """The pool that a channel sells from."""
        catalogue = self._desk.catalogue
        number = catalogue.channel_number(channel)
        if number is None:
            return ""
        pool = int(self._desk.machine.state.channels[number]["pool"])
        return next(code for code, at in catalogue.pools.items() if at == pool)

    # -- on the loop -----------------------------------------------------------------------------

    def on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine on the desk's loop comes to. Raises DeskUnready where it does not."""
        if self._loop is None:
            work.close()
            raise DeskUnready("the shop is being opened")
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_S)
        except TimeoutError:
            raise DeskUnready("the desk did not answer") from None

    async def _exchange(self, keys: Sequence[tuple[int, str]]) -> list[int]:
        return await self._exchanged(keys)

    async def _placed(self, rows: Array) -> ManyDecided:
        return await self._desk.place_rows(rows)

    async def _operated(self, rows: Array) -> ManyDecided:
        return await self._desk.operate(rows)

    async def _commanded(self, command: Command, name: str, actor: int) -> CommandAnswer:
        return await self._desk.command(command, name, actor)

    async def _states(self, keys: Sequence[Key]) -> list[str]:
        return order_states(self._desk.machine, keys)

    async def _durably(self, look: Callable[[], T]) -> T:
        """What is seen, once everything that led to it is durable."""
        while True:
            epoch, seq = self._desk.status().epoch, self._desk.decided_seq
            found = look()
            while not self._is_stored(seq, epoch):  # noqa: ASYNC110 -- an event would cost orders
                await asyncio.sleep(DURABLE_LOOK_S)
            if self._desk.status().epoch == epoch:
                return found

    def _is_stored(self, seq: int, epoch: int) -> bool:
        """Whether an entry is durable, or was thrown away with what was built on it."""
        status = self._desk.status()
        return status.seq >= seq or status.epoch != epoch

    def _cells(self, channel: str, skus: Sequence[str]) -> list[Free]:
        machine, catalogue = self._desk.machine, self._desk.catalogue
        number = catalogue.channel_number(channel)
        if number is None:
            return [Free(0, 0)] * len(skus)
        pool = int(machine.state.channels[number]["pool"])
        found = []
        for sku in map(catalogue.sku_number, skus):
            if sku == NO_SKU:
                found.append(Free(0, 0))
            elif catalogue.parts.get(sku):
                found.append(Free(machine.available(sku, pool), 0))
            else:
                cell = machine.state.cells[pool, sku]
                promised = cell["pre_held"] + cell["committed"] + cell["recalling"]
                found.append(Free(int(cell["on_hand"]), int(promised)))
        return found

    def _available(self, channel: str, skus: Sequence[str]) -> list[int]:
        """In columns: two thousand SKUs must not keep orders waiting."""
        machine, catalogue = self._desk.machine, self._desk.catalogue
        state, number = machine.state, catalogue.channel_number(channel)
        if number is None or int(state.scalars[SHOP_FLAGS]) & STOPS:
            return [0] * len(skus)
        pool = int(state.channels[number]["pool"])
        codes = np.array([catalogue.sku_number(sku) for sku in skus], np.int64)
        known = codes != NO_SKU
        numbers = np.where(known, codes, 0)
        cells, rows = state.cells[pool, numbers], state.skus[numbers]
        units = cells["on_hand"] - cells["pre_held"] - cells["committed"]
        units = units - cells["debt"] - cells["recalling"] - rows["safety_stock"]
        stopped = rows["flags"] & STOPS != 0
        units = np.where(known & ~stopped, np.maximum(units, 0), 0)
        for place in np.flatnonzero(known & (rows["recipe"] != 0)).tolist():
            units[place] = 0 if stopped[place] else machine.available(int(codes[place]), pool)
        found: list[int] = units.tolist()
        return found


def _identifies(kind: int, value: str) -> bool:
    try:
        normalise(kind, value)
    except IdentityMalformed:
        return False
    return True
