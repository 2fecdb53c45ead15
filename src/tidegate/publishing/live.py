"""Whether a promotion may go live now: only while somebody watches what it sells.

Always asked before anything is published, and again when a published window opens: what opens while
nobody watches is paused, and a person resumes it. Never stops what was on sale before.
"""

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from tidegate.pricing.promotion import Promotion
from tidegate.publishing.service import DeskGiven
from tidegate.publishing.watching import SYSTEM, paused_codes
from tidegate.record import facts as f

LOOK_S = 1.0
PATIENCE_S = 6.0  # a server that has just started has a watch in a few seconds
ASK_S = 0.1
NOTE = "nobody watched when it was to begin"

log = structlog.get_logger("tidegate.publishing")


class NotWatched(Exception):
    """Nobody watches, so nothing new goes live; the message says why and what to do."""


class GoingLive:
    """One shop's. Lives on the desk's loop."""

    def __init__(self, desk: DeskGiven, now_ms: Callable[[], int]) -> None:
        self.why_unwatched: Callable[[], str] = lambda: ""  # "" while somebody watches
        self._desk = desk
        self._now_ms = now_ms
        self._looked_ms = now_ms()
        self._starts: dict[str, tuple[str, int]] = {}  # by code: the document, when it begins
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look at windows that open."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def require(self, patience_s: float = PATIENCE_S) -> None:
        """Raise NotWatched unless somebody watches, or does within a few seconds."""
        for _ in range(int(patience_s / ASK_S)):
            if not self.why_unwatched():
                return
            await asyncio.sleep(ASK_S)
        if why := self.why_unwatched():
            raise NotWatched(f"{why}; until then no new promotion goes live")

    async def look(self) -> list[str]:
        """Pause what has begun since the last look while nobody watched; their codes."""
        since_ms, now_ms = self._looked_ms, self._now_ms()
        self._looked_ms = now_ms
        opened = [code for code, begins in self._windows().items() if since_ms < begins <= now_ms]
        if not opened or not (why := self.why_unwatched()):
            return []
        paused = paused_codes(self._desk.machine)
        stopped = [code for code in opened if code not in paused]
        for code in stopped:
            log.error("promotion_paused", shop=self._desk.shop, promotion=code, why=why)
            command = f.SetFlag("promotion", "paused", True, code, NOTE)
            await self._desk.command(command, f"unwatched-{self._starts[code][1]}-{code}", SYSTEM)
        return stopped

    def _windows(self) -> dict[str, int]:
        """When each published window begins; a document is read once."""
        published: dict[str, str] = self._desk.machine.catalogue.published
        known, self._starts = self._starts, {}
        for code, document in published.items():
            found = known.get(code)
            if found is None or found[0] != document:
                found = (document, msgspec.json.decode(document, type=Promotion).start_ms)
            self._starts[code] = found
        return {code: begins for code, (_, begins) in self._starts.items()}

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:  # the next look may go well
                log.exception("going_live_failed", shop=self._desk.shop)
            await asyncio.sleep(LOOK_S)
