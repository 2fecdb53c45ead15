"""Stopping and starting for people and for the watch: the desk first, the latch and channels after.

Always: a stop needs the desk alone; what else fails is told and stops nothing from being stopped.
Selling again goes through the breaker where it is open, and fails closed where it cannot be read.
Never: starts a sale by itself.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import structlog

from tidegate.desk.answers import CommandAnswer
from tidegate.record import facts as f
from tidegate.stopping.hands import NOTE_MAX, DeskGiven, Hands
from tidegate.watch.acting import InForce, is_so
from tidegate.watch.breaker import (
    CAPPED,
    CLOSED,
    PAUSE,
    RESUME,
    SHOP,
    TRICKLE,
    Action,
    Breaker,
    Person,
)
from tidegate.watch.latch import Latch
from tidegate.watch.watch_file import WatchFile, WatchUnavailable

StopChannels = Callable[[str, int], object]  # a reason and a token; may take its time, may raise

log = structlog.get_logger("tidegate.stopping")


class Stopped(NamedTuple):
    """What came of a stop: the desk's word, and what else could not be done."""

    answer: CommandAnswer
    remarks: list[str]


class Turned(NamedTuple):
    """What came of half opening or closing; `waits`: a second person must agree."""

    phase: str
    waits: bool
    in_force: bool


class Stopping:
    """One shop's. Lives on the desk's loop; the file is worked on beside it."""

    def __init__(
        self,
        desk: DeskGiven,
        path: Path,
        now_ms: Callable[[], int],
        stop_channels: StopChannels = lambda _reason, _actor: None,
    ) -> None:
        """`path` of watch.db. Nothing is opened yet."""
        self.hands = Hands(desk)
        self.stop_channels = stop_channels
        self._desk = desk
        self._path = path
        self._now_ms = now_ms
        self._file: WatchFile | None = None

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    # -- stopping ---------------------------------------------------------------------------------

    async def stop(self, command_id: str, person: Person) -> Stopped:
        """一键停售: the shop takes no order from now on, and its channels are stopped.

        Raises BreakerRefused without a reason, and what the desk raises; channels are stopped then
        all the same.
        """
        note = person.reason[:NOTE_MAX]
        remarks: list[str] = []
        try:
            answer = await self._desk.command(
                f.SetFlag(SHOP, "paused", True, "", note), command_id, person.token
            )
        finally:
            remarks += await self._stop_channels(note, person.token)
        remarks += await self._latched(person)
        return Stopped(answer, remarks)

    async def open(self, action: Action) -> InForce:
        """What the watch wants stopped. Raises NothingToStop and what the desk raises."""
        assert action.kind in {PAUSE, CAPPED}
        await self.hands.act(action)
        if action.target == SHOP and action.kind == PAUSE:
            await self._stop_channels(action.note, action.actor)
        return self.hands.in_force(action.target, action.code)

    async def _stop_channels(self, reason: str, actor: int) -> list[str]:
        try:
            await asyncio.to_thread(self.stop_channels, reason, actor)
        except Exception as error:  # the desk is stopped all the same
            log.exception("channels_not_stopped", shop=self._desk.shop)
            return [f"the channels could not be stopped: {error}; `tidegate channel stop` each"]
        return []

    async def _latched(self, person: Person) -> list[str]:
        """Latch what is in force already."""

        def stop(breaker: Breaker) -> tuple[Action, ...]:
            now_ms = self._now_ms()
            for action in breaker.stop_shop(person, now_ms):
                breaker.read_back(action, now_ms)
            return ()

        try:
            await asyncio.to_thread(self._latch_change, stop)
        except WatchUnavailable as error:
            log.exception("latch_not_written", shop=self._desk.shop)
            return [f"the shop is stopped, but the breaker's latch could not be written: {error}"]
        return []

    # -- selling again ----------------------------------------------------------------------------

    async def why_latched(self, target: str, code: str) -> str:
        """Why a plain resume must not be; "" where the breaker is closed. Fails closed."""
        try:
            breaker = await self.breaker()
        except WatchUnavailable as error:
            return f"whether the breaker is open cannot be read: {error}"
        phase = breaker.phase(target, code)
        if phase == CLOSED:
            return ""
        switch = breaker.switch(target, code)
        named = f" --{target} {code}" if target != SHOP else ""
        step = "close" if phase == "half_open" else "half-open"
        return (
            f"the breaker is {phase} ({switch.sentence}): `tidegate watch {step}{named}"
            " --reason WHY`"
        )

    async def half_open(self, target: str, code: str, person: Person) -> Turned:
        """Let a trickle through. Raises BreakerRefused, WatchUnavailable, what the desk raises."""
        return await self._turn(
            TRICKLE, target, code, lambda b: b.half_open(target, code, person, self._now_ms())
        )

    async def shut(self, target: str, code: str, person: Person) -> Turned:
        """End it. Raises BreakerRefused, WatchUnavailable, what the desk raises."""
        return await self._turn(
            RESUME, target, code, lambda b: b.close(target, code, person, self._now_ms())
        )

    async def _turn(
        self, kind: str, target: str, code: str, change: Callable[[Breaker], tuple[Action, ...]]
    ) -> Turned:
        """Decide it durably, then have it done; given again, what was decided is done again."""
        actions = await asyncio.to_thread(
            self._latch_change, lambda b: b.repeated(target, code, kind) or change(b)
        )
        for action in actions:
            await self._carry_out(action)
        breaker = await self.breaker()
        switch = breaker.switches.get(f"{target}:{code}")
        pending = switch is not None and switch.action is not None
        return Turned(breaker.phase(target, code), not actions, not pending)

    async def _carry_out(self, action: Action) -> None:
        now = self.hands.in_force(action.target, action.code)

        def prepare(breaker: Breaker) -> tuple[Action, ...]:
            if action.kind == TRICKLE and not now.capped(action.target):
                breaker.remember_bounds(action, (now.quantity_min, now.quantity_max))
            return ()

        await asyncio.to_thread(self._latch_change, prepare)
        bounds = (await self.breaker()).switch(action.target, action.code).bounds
        await self.hands.act(action, bounds)
        if is_so(action, self.hands.in_force(action.target, action.code)):

            def done(breaker: Breaker) -> tuple[Action, ...]:
                breaker.read_back(action, self._now_ms())
                return ()

            await asyncio.to_thread(self._latch_change, done)

    # -- the file ---------------------------------------------------------------------------------

    async def breaker(self) -> Breaker:
        """The breaker as it stands. Raises WatchUnavailable."""
        return await asyncio.to_thread(lambda: self._latch().breaker())

    def _latch_change(self, change: Callable[[Breaker], tuple[Action, ...]]) -> tuple[Action, ...]:
        return self._latch().change(change)

    def _latch(self) -> Latch:
        return Latch(self.watch_file())

    def watch_file(self) -> WatchFile:
        """The file, opened when it is first needed. Raises WatchUnavailable."""
        if self._file is None:
            self._file = WatchFile(self._path)
        return self._file
