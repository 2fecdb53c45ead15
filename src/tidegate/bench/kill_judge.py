"""Places orders through the packed door of a server that is killed again and again, and judges it.

    python -m tidegate.bench.kill_judge SOCKET HELLO PRICING_VERSION ORDERS SEED STOCK LIMIT

It believes only answers. An answer once received must come back the same, marked as a duplicate,
whenever the order is asked again; what was accepted may not exceed stock or any buyer's limit. It
reads nothing of the server's files. It goes on until its standard input says "end"; then it asks
every acknowledged order once more and prints its verdict as JSON, on the last line.
"""

import dataclasses
import json
import select
import sys
import time
from collections import deque
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tidegate.packed import wire
from tidegate.packed.client import PackedClient
from tidegate.record.lines import DUPLICATE
from tidegate.testing.workload import Rows, Workload, hot

FRAME_ORDERS = 4
FINAL_FRAME_ORDERS = 4_096
FRAMES_IN_FLIGHT = 4
ASK_AGAIN_FRAMES = 16  # after each reconnection, of what was acknowledged before
UNANSWERED = -1
RETRY_S = 0.01
CONNECTED = "connected\n"  # said on standard output whenever it is
DEADLINE_S = 300.0

Numbers = NDArray[np.int64]


@dataclasses.dataclass
class Verdict:
    """What the judge found; everything but the counts of orders must be 0."""

    orders: int = 0
    acknowledged: int = 0
    accepted: int = 0
    asked_again: int = 0
    connections: int = 0
    lost: int = 0  # acknowledged, and not known afterwards
    changed: int = 0  # acknowledged, and answered differently afterwards
    oversold: int = 0  # units accepted beyond the stock
    over_limit: int = 0  # buyers with more accepted units than the limit


def orders_for(orders: int, seed: int, start_ms: int) -> Workload:
    """Hot orders by few people and with little stock, so that every guard has work to do."""
    made = hot(orders, seed, buyers=max(1, orders // 8), start_ms=start_ms)
    terms = dataclasses.replace(made.terms, stock_units=made.terms.stock_units // 5)
    return dataclasses.replace(made, terms=terms)


class Judge:
    """Knows every order's content and the first answer to it."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        # An order that comes twice is one order: both rows have the number of its id.
        ids = np.stack([rows["id_hi"], rows["id_lo"]], axis=1)
        _, first, number = np.unique(ids, axis=0, return_index=True, return_inverse=True)
        self._number: Numbers = number.reshape(-1).astype(np.int64)
        self._first: Numbers = first.astype(np.int64)
        self._reason = np.full(len(first), UNANSWERED, np.int16)
        self.verdict = Verdict(orders=len(first))

    def hear(self, places: Numbers, outcomes: Rows) -> None:
        """Take in the answers to the rows at these places."""
        for place, outcome in zip(places, outcomes, strict=True):
            number = int(self._number[place])
            reason, flags = int(outcome["reason"]), int(outcome["flags"])
            known = int(self._reason[number])
            if known == UNANSWERED:
                self._reason[number] = reason
                self.verdict.acknowledged += 1
                continue
            self.verdict.asked_again += 1
            if not flags & DUPLICATE:
                self.verdict.lost += 1
            elif reason != known:
                self.verdict.changed += 1

    def acknowledged_places(self) -> Numbers:
        """One place in the rows for every order that was answered."""
        known: Numbers = self._first[self._reason != UNANSWERED]
        return known

    def conclude(self, stock_units: int, limit_units: int) -> Verdict:
        """Count what was accepted against stock and limits."""
        accepted = self.rows[self._first[self._reason == 0]]
        self.verdict.accepted = len(accepted)
        units = accepted["quantity"].astype(np.int64)
        self.verdict.oversold = max(0, int(units.sum()) - stock_units)
        _, buyer = np.unique(accepted["key0"], return_inverse=True)
        bought = np.bincount(buyer.reshape(-1), weights=units) if len(units) else np.zeros(0)
        self.verdict.over_limit = int((bought > limit_units).sum())
        return self.verdict


class Asker:
    """Keeps frames of orders in flight over a door that keeps vanishing."""

    def __init__(self, judge: Judge, socket: Path, hello: str, seed: int) -> None:
        self._judge = judge
        self._socket = socket
        self._hello = hello
        self._random = np.random.default_rng([seed, 7])
        self._client: PackedClient | None = None
        self._flying: deque[Numbers] = deque()
        self._waiting: deque[Numbers] = deque()
        self._next = 0

    def step(self) -> None:
        """Ask as much as may be in flight and hear one answer."""
        if self._client is None and not self._connect():
            time.sleep(RETRY_S)
            return
        try:
            self._fill(FRAMES_IN_FLIGHT)
            if self._flying:
                self._hear_one()
            else:
                time.sleep(RETRY_S)
        except (OSError, EOFError):
            self._lose()

    def finish(self, frames: list[Numbers]) -> None:
        """Ask until these frames, and all that was waiting, are answered. TimeoutError."""
        self._next = len(self._judge.rows)  # nothing new from here on
        self._waiting.extend(frames)
        until_s = time.monotonic() + DEADLINE_S
        while self._waiting or self._flying:
            if time.monotonic() > until_s:
                raise TimeoutError("the server did not answer the last questions")
            self.step()

    def _connect(self) -> bool:
        try:
            self._client = PackedClient(self._socket, self._hello)
        except (OSError, EOFError):
            return False
        self._judge.verdict.connections += 1
        sys.stdout.write(CONNECTED)
        sys.stdout.flush()
        known = self._judge.acknowledged_places()
        for _ in range(min(ASK_AGAIN_FRAMES, len(known) // FRAME_ORDERS)):
            self._waiting.append(self._random.choice(known, FRAME_ORDERS, replace=False))
        return True

    def _fill(self, frames: int) -> None:
        assert self._client is not None
        while len(self._flying) < frames:
            if self._waiting:
                places = self._waiting.popleft()
            elif self._next < len(self._judge.rows):
                last = min(self._next + FRAME_ORDERS, len(self._judge.rows))
                places = np.arange(self._next, last)
                self._next = last
            else:
                return
            self._flying.append(places)  # before it is sent: what is half sent may be decided
            self._client.ask(self._judge.rows[places])

    def _hear_one(self) -> None:
        assert self._client is not None
        answer = self._client.read()
        places = self._flying.popleft()
        if answer.status == wire.DECIDED:
            self._judge.hear(places, answer.outcomes)
        elif answer.status == wire.REFUSED:
            raise RuntimeError(f"the door refused a frame: {answer.text}")
        else:  # busy, unready, undecided: the same again
            self._waiting.append(places)
            time.sleep(RETRY_S)

    def _lose(self) -> None:
        """The server is gone: what was not answered is asked again, in the same order."""
        if self._client is not None:
            self._client.close()
            self._client = None
        while self._flying:
            self._waiting.appendleft(self._flying.pop())


def main() -> None:
    """Judge until told to end."""
    socket, hello, *numbers = sys.argv[1:]
    version, orders, seed, stock_units, limit_units = (int(number) for number in numbers)
    made = orders_for(orders, seed, time.time_ns() // 1_000_000 - 10_000)
    made.rows["pricing_version"] = version
    judge = Judge(made.rows)
    asker = Asker(judge, Path(socket), hello, seed)
    while not select.select([sys.stdin], [], [], 0)[0]:
        asker.step()
    known = judge.acknowledged_places()
    frames = [
        known[first : first + FINAL_FRAME_ORDERS]
        for first in range(0, len(known), FINAL_FRAME_ORDERS)
    ]
    asker.finish(frames)
    sys.stdout.write(json.dumps(dataclasses.asdict(judge.conclude(stock_units, limit_units))))


if __name__ == "__main__":
    main()
