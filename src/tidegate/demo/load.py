"""A load process: sends its share of the crowd over real HTTP and writes down every answer.

`python -m tidegate.demo.load JOB.json`. Always holds: whatever happens to the server, each request
is repeated with the same id until it is answered or patience ends. Never here: a verdict; the
judge reads what was written down.
"""

import heapq
import selectors
import sys
import time
from collections import deque
from pathlib import Path
from typing import Final, cast

from tidegate.demo.crowd import load_crowd
from tidegate.demo.job import Job, read_job
from tidegate.demo.progress import Counts, ProgressFile
from tidegate.demo.wire import Answer, BadAnswer, Wire
from tidegate.demo.work import Token, Work, make_work

BUSY: Final = (429, 503)
WAIT_MAX_S: Final = 1.0  # a Retry-After longer than this is cut: the crowd is impatient
RECONNECT_S: Final = 0.05
PUBLISH_S: Final = 0.01
FINISHED: Final = 1
GAVE_UP: Final = 2


class Load:
    """Keeps every connection filled with requests until the work is done."""

    def __init__(self, job: Job, work: Work, progress: ProgressFile) -> None:
        self._job = job
        self._work = work
        self._progress = progress
        self._poller = selectors.DefaultSelector()
        self._wires: list[Wire] = []
        self._again: deque[Token] = deque()  # lost with their connection
        self._later: list[tuple[float, Token]] = []  # busy: not before that time
        self._busy = 0
        self._lost = 0
        self._connect_at_s = 0.0
        self._heard_at_s = time.monotonic()
        self._published_at_s = 0.0

    def run(self) -> int:
        """Send everything; FINISHED, or GAVE_UP after `patience_s` without an answer."""
        while True:
            now_s = time.monotonic()
            if now_s - self._heard_at_s > self._job.patience_s:
                return self._publish(GAVE_UP)
            self._connect(now_s)
            for wire in list(self._wires):
                if len(wire.under_way) < self._job.depth:
                    self._fill(wire, now_s)
            if not self._wires:
                time.sleep(RECONNECT_S)
                continue
            if self._done():
                return self._publish(FINISHED)
            for key, events in self._poller.select(RECONNECT_S):
                self._serve(key.data, events)
            if now_s - self._published_at_s > PUBLISH_S:
                self._publish(0)
                self._published_at_s = now_s

    def _done(self) -> bool:
        """Nothing under way and nothing left; asked after every wire was filled."""
        waiting = self._again or self._later
        return not waiting and not any(wire.under_way for wire in self._wires)

    def _publish(self, finished: int) -> int:
        counts = self._work.counts()._replace(busy=self._busy, lost=self._lost, finished=finished)
        self._progress.publish(counts)
        return finished

    def _connect(self, now_s: float) -> None:
        """Open what is missing; a refused connection is tried again a little later."""
        while len(self._wires) < self._job.connections and now_s >= self._connect_at_s:
            try:
                wire = Wire(self._job.host, self._job.port)
            except OSError:
                self._connect_at_s = now_s + RECONNECT_S
                return
            self._wires.append(wire)
            self._poller.register(wire, selectors.EVENT_READ, wire)

    def _next(self, now_s: float) -> Token | None:
        """What was lost goes first, then what was busy and is due, then new work."""
        if self._again:
            return self._again.popleft()
        if self._later and self._later[0][0] <= now_s:
            return heapq.heappop(self._later)[1]
        return self._work.next_token()

    def _fill(self, wire: Wire, now_s: float) -> None:
        """Top the wire up to its depth and send."""
        while len(wire.under_way) < self._job.depth:
            token = self._next(now_s)
            if token is None:
                break
            wire.put(token, self._work.request(token))
        try:
            sent = wire.flush()
        except OSError:
            self._drop(wire, now_s)
            return
        if sent != wire.all_sent:  # rarely: only when the kernel's buffer is full
            wire.all_sent = sent
            events = selectors.EVENT_READ | (0 if sent else selectors.EVENT_WRITE)
            self._poller.modify(wire, events, wire)

    def _serve(self, wire: Wire, events: int) -> None:
        """Take the answers that came and send what follows."""
        now_s = time.monotonic()
        try:
            heard = wire.read() if events & selectors.EVENT_READ else []
        except (OSError, BadAnswer):
            self._drop(wire, now_s)
            return
        for token, answer in heard:
            self._heard(cast("Token", token), answer, now_s)
        self._fill(wire, now_s)

    def _heard(self, token: Token, answer: Answer, now_s: float) -> None:
        if answer.status in BUSY:
            self._busy += 1
            wait_s = min(answer.retry_after_s, WAIT_MAX_S)
            heapq.heappush(self._later, (now_s + wait_s, token))
        else:
            self._work.answered(token, answer, int(now_s * 1000))
            self._heard_at_s = now_s

    def _drop(self, wire: Wire, now_s: float) -> None:
        """The connection is gone: nobody knows what became of its requests, so repeat them."""
        self._lost += len(wire.under_way)
        self._again.extend(cast("deque[Token]", wire.under_way))
        self._poller.unregister(wire)
        self._wires.remove(wire)
        wire.close()
        self._connect_at_s = now_s + RECONNECT_S


def run_job(job: Job) -> Counts:
    """Do one job in this process; its counts are also in the progress file."""
    progress = ProgressFile(Path(job.progress_file))
    crowd = load_crowd(Path(job.crowd_file))
    with Path(job.answers_file).open("ab", buffering=1 << 20) as out:
        Load(job, make_work(job, crowd, out), progress).run()
    return progress.read()


def main(arguments: list[str]) -> int:
    """The process: 0 when everything was answered, 1 when it gave up, 2 for wrong usage."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tidegate.demo.load JOB.json\n")
        return 2
    return 0 if run_job(read_job(Path(arguments[0]))).finished == FINISHED else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
