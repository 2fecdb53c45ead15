"""Orders that a channel pushes: a signed body is taken in, and answered when it is durable.

Always: unsigned, replayed, too large or unreadable bodies change nothing. Never: an order is
acknowledged before it is recorded or parked.
"""

from collections.abc import Callable

from tidegate.channels.feeds import Feed
from tidegate.channels.intake import Intake, Taken
from tidegate.channels.signatures import Request, Seal
from tidegate.channels.wire import read_page


class Webhook:
    """One channel's door. Calls take turns; each ends when what it took in is durable."""

    def __init__(self, seal: Seal, intake: Intake, feed: Feed, now_ms: Callable[[], int]) -> None:
        self._seal = seal
        self._intake = intake
        self._feed = feed
        self._now_ms = now_ms

    def take(self, request: Request) -> Taken:
        """Take in what was pushed.

        Raises Untrusted, BadBody, and what the desk raises: then the same may be pushed again,
        under another nonce, and counts once.
        """
        now_ms = self._now_ms()
        self._seal.require(request, now_ms)
        page = read_page(request.body, f"push {now_ms}")
        taken = self._intake.take(page.orders, page.malformed)
        self._feed.pushed(now_ms)
        return taken
