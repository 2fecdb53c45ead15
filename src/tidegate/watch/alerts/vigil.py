"""Who watches the watch: when it has said nothing for a while, people are told of that too.

Always an alarm like others: once as long as it lasts, escalated, over when the watch lives again.
Never raised where no watch was ever started, or while it only begins.
"""

from collections.abc import Callable

from tidegate.watch.alarms import PAUSE_PROMOTION
from tidegate.watch.alerts.outbox import Outbox
from tidegate.watch.alerts.planning import Moment
from tidegate.watch.alerts.ports import Told

SOURCE = "vigil"
SILENT_MS = 60_000  # it is started again within seconds: longer than this, somebody must look

WhyUnwatched = Callable[[], str]  # "" while the watch lives, or where there is none


class Vigil:
    """Looks after the watch of one shop."""

    def __init__(self, outbox: Outbox, why: WhyUnwatched) -> None:
        self._outbox, self._why = outbox, why
        self._since_ms = 0

    def turn(self, now: Moment) -> int:
        """One look; how many alarms it raised."""
        why = self._why()
        raised = self._open()
        if not why:
            self._since_ms = 0
            if raised:
                self._outbox.close_alarms([(alert, max(1, now.wall_ms)) for alert in raised])
            return 0
        self._since_ms = self._since_ms or now.steady_ms
        if raised or now.steady_ms - self._since_ms < SILENT_MS:
            return 0
        number = self._outbox.cursor(SOURCE) + 1
        told = Told(
            number, f"unwatched-{now.steady_ms}", now.wall_ms, PAUSE_PROMOTION,
            f"nobody watches this shop: {why}", f"本店无人监视：{why}", "{}", "", 0,
        )  # fmt: skip
        return self._outbox.take(SOURCE, (told,), now.wall_ms, now.steady_ms)

    def _open(self) -> list[int]:
        rows = self._outbox.rows(
            "SELECT id FROM alert WHERE state = 'open' AND source = ?", (SOURCE,)
        )
        return [int(number) for (number,) in rows]
