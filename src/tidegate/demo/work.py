"""The three kinds of work a load process does: place orders, report sales, ask for releases.

Always holds: a token that was handed out is answered exactly once or handed out again unchanged.
Never here: a socket or a clock; time comes in with the answer.
"""

import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, Protocol

import numpy as np
import numpy.typing as npt

from tidegate.demo.answers import Heard, write_heard
from tidegate.demo.bodies import FIRST_TRY, Bodies, Requests, order_id
from tidegate.demo.crowd import FIRST_SENDING, Crowd
from tidegate.demo.job import Job
from tidegate.demo.progress import Counts
from tidegate.demo.wire import Answer

ACCEPTED: Final = 201
DUPLICATE: Final = 200
REFUSED: Final = 409

STATUS: Final = re.compile(rb'"status": ?(\d{3})')

Token = tuple[int, int, int]  # (order, try, kind); of lines: (batch, 0, 0)


class Work(Protocol):
    """What the sending loop asks of a kind of work."""

    def next_token(self) -> Token | None:
        """The next thing to send, or None while there is nothing."""

    def request(self, token: Token) -> bytes:
        """Its bytes; the same token always gives the same bytes."""

    def answered(self, token: Token, answer: Answer, heard_ms: int) -> None:
        """Note the answer; may make more tokens available."""

    def counts(self) -> Counts:
        """What was answered so far."""


class _Tally:
    """Counts answers by what they say."""

    def __init__(self) -> None:
        self.by_status: dict[int, int] = {}

    def add(self, status: int) -> None:
        self.by_status[status] = self.by_status.get(status, 0) + 1

    def counts(self) -> Counts:
        """The tally as counts."""
        total = sum(self.by_status.values())
        accepted = self.by_status.get(ACCEPTED, 0)
        refused = self.by_status.get(REFUSED, 0)
        duplicates = self.by_status.get(DUPLICATE, 0)
        other = total - accepted - refused - duplicates
        return Counts(total, accepted, refused, duplicates, other)


class PlaceOrders:
    """One order a request, double-clicks and repeats included; refused buyers may come back."""

    def __init__(self, job: Job, crowd: Crowd, out: BinaryIO) -> None:
        self._bodies = Bodies(crowd.orders, job.terms())
        self._post = Requests(job.host, job.key).post(f"/v1/shops/{job.shop}/orders")
        self._tries = crowd.orders["tries"].tolist()
        self._tries_again = job.tries_again
        self._coming = _tokens(job, crowd)
        self._returning: deque[Token] = deque()
        self._out = out
        self._tally = _Tally()

    def next_token(self) -> Token | None:
        """Those who come back go first: they stand at the counter already."""
        if self._returning:
            return self._returning.popleft()
        return next(self._coming, None)

    def request(self, token: Token) -> bytes:
        """The order's JSON in its request."""
        return self._post.with_body(self._bodies.body(token[0], token[1]))

    def answered(self, token: Token, answer: Answer, heard_ms: int) -> None:
        """Write the answer down; a refused buyer with patience left tries again with a new id."""
        order, try_number, kind = token
        write_heard(self._out, Heard(order, try_number, kind, heard_ms, answer.status, answer.body))
        self._tally.add(answer.status)
        may_return = self._tries_again and kind == FIRST_SENDING
        if may_return and answer.status == REFUSED and try_number <= self._tries[order]:
            self._returning.append((order, try_number + 1, FIRST_SENDING))

    def counts(self) -> Counts:
        """What was answered so far."""
        return self._tally.counts()


class Batches(ABC):
    """Many things in one request, one JSON object a line each way, in the same order."""

    def __init__(self, job: Job, path: str, rows: list[Token], out: BinaryIO) -> None:
        self._post = Requests(job.host, job.key).post(path, "application/x-ndjson")
        lines = job.batch_lines
        self._batches = [rows[at : at + lines] for at in range(0, len(rows), lines)]
        self._next_batch = 0
        self._out = out
        self._tally = _Tally()

    @abstractmethod
    def line(self, token: Token) -> bytes:
        """What is asked for in one line."""

    @abstractmethod
    def status(self, answer: Answer, line: bytes) -> int:
        """The status that stands for a line."""

    @abstractmethod
    def counts(self) -> Counts:
        """What was answered so far."""

    def next_token(self) -> Token | None:
        """The next batch; busy lines of earlier ones come back as batches of their own."""
        if self._next_batch == len(self._batches):
            return None
        self._next_batch += 1
        return (self._next_batch - 1, 0, 0)

    def request(self, token: Token) -> bytes:
        """The lines of a batch."""
        lines = b"\n".join([self.line(row) for row in self._batches[token[0]]])
        return self._post.with_body(lines + b"\n")

    def answered(self, token: Token, answer: Answer, heard_ms: int) -> None:
        """One line an answer, in the order of the lines; anything else is written as it is."""
        rows = self._batches[token[0]]
        lines = answer.body.splitlines() if answer.status == DUPLICATE else []
        if len(lines) != len(rows):
            lines = [answer.body.replace(b"\n", b" ")] * len(rows)
        busy: list[Token] = []
        for row, line in zip(rows, lines, strict=True):
            if b'"retry_after_s"' in line:
                busy.append(row)
                continue
            order, again, kind = row
            status = self.status(answer, line)
            write_heard(self._out, Heard(order, again, kind, heard_ms, status, line))
            self._tally.add(status)
        if busy:
            self._batches.append(busy)


class ReportSales(Batches):
    """Sales that a marketplace already took; each one's own judgement is in its line."""

    def __init__(self, job: Job, crowd: Crowd, out: BinaryIO) -> None:
        super().__init__(job, f"/v1/shops/{job.shop}/sales:batch", list(_tokens(job, crowd)), out)
        self._bodies = Bodies(crowd.orders, job.terms())

    def line(self, token: Token) -> bytes:
        """A sale."""
        return self._bodies.body(token[0], token[1])

    def status(self, answer: Answer, line: bytes) -> int:  # noqa: ARG002  a fact is never refused
        """That of the request."""
        return answer.status

    def counts(self) -> Counts:
        """Whatever was taken in counts as accepted."""
        by_status = self._tally.by_status
        total = sum(by_status.values())
        taken = by_status.get(DUPLICATE, 0)
        return Counts(answered=total, accepted=taken, other=total - taken)


class AskReleases(Batches):
    """Asks for every sale whether it may go to a warehouse, in order of arrival."""

    def __init__(self, job: Job, crowd: Crowd, out: BinaryIO) -> None:
        orders = range(job.part, len(crowd.orders), job.parts)
        rows = [(order, FIRST_TRY, FIRST_SENDING) for order in orders]
        super().__init__(job, f"/v1/shops/{job.shop}/operations:batch", rows, out)
        self._head = b'{"operation":"release","channel":"%b","id":"R-' % job.channel.encode()

    def line(self, token: Token) -> bytes:
        """The release of one order; the command's id is made from the order's."""
        name = order_id(token[0]).encode()
        return b'%b%b","order":"%b"}' % (self._head, name, name)

    def status(self, answer: Answer, line: bytes) -> int:
        """Its own, which every line says."""
        found = STATUS.search(line)
        return answer.status if found is None else int(found[1])

    def counts(self) -> Counts:
        """What was answered so far."""
        return self._tally.counts()


def make_work(job: Job, crowd: Crowd, out: BinaryIO) -> Work:
    """The work that the job names."""
    if job.kind == "orders":
        return PlaceOrders(job, crowd, out)
    return ReportSales(job, crowd, out) if job.kind == "sales" else AskReleases(job, crowd, out)


def _tokens(job: Job, crowd: Crowd) -> Iterator[Token]:
    """Pairs named by the job first, then its share of the attempts, in order of time."""
    if job.pairs_file:
        pairs: npt.NDArray[np.int64] = np.load(job.pairs_file)
        for order, try_number in pairs[job.part :: job.parts].tolist():
            yield (order, try_number, job.pairs_kind)
    rows: Any = crowd.attempts[job.first_attempt : job.last_attempt][job.part :: job.parts]
    for order, kind in zip(rows["order"].tolist(), rows["kind"].tolist(), strict=True):
        yield (order, FIRST_TRY, kind)
