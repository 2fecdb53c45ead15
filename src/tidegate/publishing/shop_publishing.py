"""Everything about one shop's prices and publishing, as a process that serves the shop has it.

Always made whole and closed whole. Nothing is started before its loop runs.
"""

from collections.abc import Callable
from pathlib import Path

from tidegate.publishing.books import PriceBooks
from tidegate.publishing.checker import Checker, ProcessChecker
from tidegate.publishing.live import GoingLive
from tidegate.publishing.service import DeskGiven, Publishing
from tidegate.publishing.shadows import Shadows
from tidegate.publishing.store import Drafts
from tidegate.publishing.watching import Watching


class ShopPublishing:
    """The prices that stand, the way of drafts, and the watch over what is published."""

    def __init__(
        self,
        desk: DeskGiven,
        path: Path,
        now_ms: Callable[[], int],
        checker: Checker | None = None,
    ) -> None:
        self.books = PriceBooks(desk, now_ms)
        self.drafts = Drafts(path, now_ms)
        self.service = Publishing(desk, self.books, self.drafts, checker or ProcessChecker())
        self.watching = Watching(self.service, checker or ProcessChecker(), now_ms)
        self.shadows = Shadows(self.drafts, self.books.facts)
        self.live = GoingLive(desk, now_ms)

    def start(self) -> None:
        """Begin to watch; on the desk's loop."""
        self.watching.start()
        self.live.start()

    async def stop(self) -> None:
        """End the watch and give the file back; before the desk stops."""
        await self.live.stop()
        await self.watching.stop()
        await self.watching.checker.close()
        await self.service.checker.close()
        self.drafts.close()
