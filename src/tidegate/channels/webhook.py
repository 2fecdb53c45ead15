"""Orders that a channel pushes: a signed body is taken in, and answered when it is durable.

Always: unsigned, replayed, too large or unreadable bodies change nothing. Never: an order is
acknowledged before it is recorded or parked.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from tidegate.channels.feeds import Feed
from tidegate.channels.intake import Intake
from tidegate.channels.signatures import Request, Seal, Untrusted
from tidegate.channels.wire import BadBody, Why, read_page
from tidegate.desk.answers import DeskBusy, DeskUnready, Undecided

TAKEN, UNREADABLE, UNTRUSTED, LATER = 200, 422, 401, 503


class Answer(NamedTuple):
    """What the channel is told: an HTTP status and a JSON body."""

    status: int
    body: bytes


class Webhook:
    """One channel's door. Calls take turns; each ends when what it took in is durable."""

    def __init__(self, seal: Seal, intake: Intake, feed: Feed, now_ms: Callable[[], int]) -> None:
        self._seal = seal
        self._intake = intake
        self._feed = feed
        self._now_ms = now_ms

    def receive(self, request: Request) -> Answer:
        """Take in what was pushed. 503: push the same again later, it counts once."""
        now_ms = self._now_ms()
        try:
            self._seal.require(request, now_ms)
            page = read_page(request.body, f"push {now_ms}")
        except Untrusted as why:
            return Answer(UNTRUSTED, msgspec.json.encode(Why(str(why))))
        except BadBody as why:
            return Answer(UNREADABLE, msgspec.json.encode(Why(str(why))))
        try:
            taken = self._intake.take(page.orders, page.malformed)
        except (DeskBusy, DeskUnready, Undecided) as busy:
            return Answer(LATER, msgspec.json.encode(Why(str(busy)[:200])))
        self._feed.pushed(now_ms)
        return Answer(TAKEN, msgspec.json.encode(taken._asdict()))
