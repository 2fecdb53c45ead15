"""Looks after what is published: checks again when prices move, and before a window opens.

Always: what is no longer proved and has no exception is paused by the reserved lane, and said
loudly. Never: an order waits for it; a check that gives no answer counts as "not proved".
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec
import structlog

from tidegate.engine import layout as lo
from tidegate.pricing.promotion import Promotion
from tidegate.pricing.publishing import GOING_LIVE_LEAD_MS, PROVED, Checked, to_pause
from tidegate.pricing.standing import ShopPrices, standing_of
from tidegate.publishing.books import Key, exceptions_of, facts_of, key_of
from tidegate.publishing.bounds import COLLAR
from tidegate.publishing.checker import Checker
from tidegate.publishing.checking import CheckAsked
from tidegate.publishing.publication import summary
from tidegate.publishing.service import CHECK_BUDGET_S, Publishing
from tidegate.publishing.shadows import as_told, shadowed
from tidegate.record import facts as f

LOOK_S = 0.5
TRIES = 3  # of a check that gives no answer, before what it was about is paused
SYSTEM = 0  # the actor of what nobody asked for
# A median moves by itself: it is asked before publishing, and stops nothing that was published.
LIST_COLLAR = msgspec.structs.replace(COLLAR, median_bp=0)

log = structlog.get_logger("tidegate.publishing")


class Watching:
    """The watch over one shop's published promotions. Lives on the desk's loop."""

    def __init__(self, publishing: Publishing, checker: Checker, now_ms: Callable[[], int]) -> None:
        """`checker`: its own, so that drafts never keep what is live waiting."""
        self.publishing = publishing
        self.checker = checker
        self.checks = 0
        self._fault = ""  # the watch itself failed
        self._told = ""  # what the last look found beside
        self._left_out: list[str] = []
        self._entered = 0  # changes of what platforms were told, as of the last look
        self._paused: dict[str, str] = {}  # what the guard paused, and why
        self._is_recalled = False
        self._now_ms = now_ms
        self._key: Key | None = None
        self._looked_ms = 0
        self._tries = 0
        self._numbers: list[int] = []  # of the exceptions that what is published sells under
        self._allowed_then: tuple[tuple[int, int], ...] = ()
        self._task: asyncio.Task[None] | None = None

    def remark(self) -> str:
        """What people should know; a pause is told until somebody has ended it."""
        paused = paused_codes(self.publishing.desk.machine)
        words = [
            f"promotion {code} was paused: {why}"
            for code, why in self._paused.items()
            if code in paused
        ]
        return "; ".join(part for part in (self._fault, *words, self._told) if part)

    def start(self) -> None:
        """Begin to look, on the loop of the desk."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _recall(self) -> None:
        """Why what is paused still was paused, by this process or the one before."""
        self._paused = await asyncio.to_thread(self.publishing.drafts.pauses) | self._paused
        self._is_recalled = True

    async def _forget_resumed(self) -> None:
        """What somebody ended is told no more, here and after a restart."""
        paused = paused_codes(self.publishing.desk.machine)
        for code in [code for code in self._paused if code not in paused]:
            del self._paused[code]
            await asyncio.to_thread(self.publishing.drafts.drop_pause, code)

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
                self._fault = ""
            except Exception:  # the next look may go well
                log.exception("watch_failed", shop=self.publishing.desk.shop)
                self._fault = "published promotions could not be checked again: see the log"
            await asyncio.sleep(LOOK_S)

    async def look(self) -> bool:
        """Check again if something moved or is about to start; whether it did."""
        desk = self.publishing.desk
        now_ms = self._now_ms()
        key = key_of(desk)
        moved = self._key is None or not self._key.is_same(key)
        allowed = self._allowed(now_ms, moved=moved)
        moved = moved or allowed != self._allowed_then
        due = any(self._looked_ms < edge <= now_ms for edge in self._edges())
        due = due or moved or bool(self._tries)
        entered = self.publishing.drafts.shadow_changes
        if not due and entered == self._entered:
            return False
        if not self._is_recalled:
            await self._recall()
        await self._forget_resumed()
        prices = facts_of(desk, now_ms)
        looks = due and bool(desk.machine.catalogue.published)
        if looks and not await self._look_at_published(prices, key, now_ms):
            return True
        if not desk.machine.catalogue.published:
            self._left_out = []
        shadows = await self._shadows(prices, now_ms)
        self._told = "; ".join([*self._left_out, *shadows.told])
        self._key, self._looked_ms, self._entered = key, now_ms, entered
        self._allowed_then = allowed
        return looks or shadows.looked

    async def _look_at_published(self, prices: ShopPrices, key: Key, now_ms: int) -> bool:
        """Check what is published, and pause what must be; False: look again."""
        standing = await asyncio.to_thread(standing_of, prices, now_ms)  # orders go on meanwhile
        # From the lead on a window counts as begun; proofs cover every moment of it anyhow.
        asked = CheckAsked(prices, now_ms, (), CHECK_BUDGET_S, LIST_COLLAR)
        done = await self.checker.check(asked)
        self.checks += 1
        if done.checked.counterexample is None and done.checked.verdict != PROVED:
            self._tries += 1
            if self._tries < TRIES:
                return False
        self._tries = 0
        if not key_of(self.publishing.desk).is_same(key):
            return False  # prices moved meanwhile: nothing is decided on old ones
        await self._pause(prices, standing.promotions, done.checked)
        self._left_out = [
            f"promotion {code} is left out: {why}" for code, why in standing.left_out.items()
        ]
        return True

    def _allowed(self, now_ms: int, *, moved: bool) -> tuple[tuple[int, int], ...]:
        """Of every published exception whether it is on, and until when."""
        machine = self.publishing.desk.machine
        if moved:  # only publishing adds any, and that moves the prices
            found = exceptions_of(machine, now_ms)
            self._numbers = sorted({number for _, _, number, _, _ in found})
        rows = machine.state.exceptions
        return tuple((int(rows[n]["known"]), int(rows[n]["expires_ms"])) for n in self._numbers)

    def _edges(self) -> Iterable[int]:
        """Moments at which a check is due: before windows open, and when exceptions end."""
        prices = self.publishing.books.present()
        if prices is not None:
            for promotion in prices.standing.promotions:
                yield promotion.start_ms - GOING_LIVE_LEAD_MS
                yield promotion.start_ms
        for _, expires_ms in self._allowed_then:
            yield expires_ms

    async def _pause(
        self, prices: ShopPrices, standing: tuple[Promotion, ...], checked: Checked
    ) -> None:
        """Pause what is no longer proved and has no exception."""
        if checked.verdict == PROVED:
            return
        desk = self.publishing.desk
        excepted = {one.promotion for one in prices.allowances}
        codes = to_pause(checked, standing, excepted)
        for code in codes:
            log.error("promotion_paused", shop=desk.shop, promotion=code, why=summary(checked))
            command = f.SetFlag("promotion", "paused", True, code, f"guard: {summary(checked)}")
            # Once a version: the same finding at the same prices pauses it once.
            await desk.command(command, f"guard-{prices.version}-{code}", SYSTEM)
            self._paused[code] = summary(checked)
            await asyncio.to_thread(self.publishing.drafts.keep_pause, code, summary(checked))

    async def _shadows(self, prices: ShopPrices, now_ms: int) -> "LookedAt":
        """Check again what platforms were set to; only told, since nothing here can stop it."""
        told = []
        drafts = [one for one in await self.publishing.all() if one.shadow_channel and one.check]
        channels = sorted({one.shadow_channel for one in drafts})
        for channel in channels:
            there = as_told(prices, shadowed(drafts, channel, now_ms))
            asked = CheckAsked(there, now_ms, (), CHECK_BUDGET_S, LIST_COLLAR)
            done = await self.checker.check(asked)
            if done.checked.verdict != PROVED:
                words = f"promotions at {channel}: {summary(done.checked)}"
                log.error("shadow_not_proved", shop=self.publishing.desk.shop, why=words)
                told.append(words)
        return LookedAt(bool(channels), told)


class LookedAt(NamedTuple):
    """Whether there was anything at platforms to look at, and what is to be told of it."""

    looked: bool
    told: list[str]


def paused_codes(machine: Any) -> set[str]:  # noqa: ANN401  the engine's
    """The published promotions that are paused now."""
    cat, rows = machine.catalogue, machine.state.promotions
    return {code for code in cat.published if int(rows[cat.promotions[code]]["flags"]) & lo.PAUSED}
