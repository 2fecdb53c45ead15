"""Carries letters by processes of their own (`sending_process`), a few at a time.

Always: a process that does not answer in WAIT_S is ended, and its letter counts as not delivered.
Never: a receiver that hangs keeps another way waiting, as long as fewer than WORKERS hang at once.
"""

import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import msgspec

from tidegate.watch.alerts.ports import Delivery, Letter
from tidegate.watch.alerts.sending_process import Asked, Said

WORKERS = 4  # of one shop
PROCESSES_MAX = 16  # of all shops together: some 45 MB each
WAIT_S = 20.0
IDLE_S = 20.0  # a process that nothing was sent by for so long is ended
ANSWER_BYTES_MAX = 4096
COMMAND = (sys.executable, "-m", "tidegate.watch.alerts.sending_process")
NO_ANSWER = "no answer in time"

Start = Callable[[], "subprocess.Popen[bytes]"]
_places = threading.BoundedSemaphore(PROCESSES_MAX)


def start_process() -> "subprocess.Popen[bytes]":
    """One sending process. What it is to send comes by its pipe, never by its arguments."""
    return subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


class ProcessCourier:
    """See `ports.Courier`."""

    def __init__(self, start: Start = start_process, wait_s: float = WAIT_S) -> None:
        self._start, self._wait_s = start, wait_s
        self._letters: queue.SimpleQueue[Letter | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[str, Delivery]] = queue.SimpleQueue()
        self._ways: set[str] = set()
        self._threads: list[threading.Thread] = []
        self._waiting = 0
        self._is_closed = threading.Event()

    def takes(self, way: str) -> bool:
        """See Courier."""
        return way not in self._ways and self._waiting < WORKERS

    def send(self, letter: Letter) -> None:
        """See Courier."""
        self._ways.add(letter.way)
        self._waiting += 1
        if len(self._threads) < WORKERS and self._waiting > len(self._threads):
            thread = threading.Thread(target=self._work, name="alert-courier", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._letters.put(letter)

    def done(self) -> list[Delivery]:
        """See Courier."""
        found = []
        while not self._done.empty():
            way, delivery = self._done.get()
            self._ways.discard(way)
            self._waiting -= 1
            found.append(delivery)
        return found

    def close(self) -> None:
        """See Courier."""
        self._is_closed.set()
        for _ in self._threads:
            self._letters.put(None)
        for thread in self._threads:
            thread.join(self._wait_s + 1.0)

    def _work(self) -> None:
        """Letters one after the other; between two of them the process is kept for a while."""
        while not self._is_closed.is_set():
            letter = self._letters.get()
            if letter is None:
                return
            with _places:
                self._carry(letter)

    def _carry(self, letter: Letter) -> None:
        """Carry letters by one process until it fails, or none comes."""
        process: subprocess.Popen[bytes] | None = None
        try:
            process = self._start()
            while True:
                said = asked_of(process, letter, self._wait_s, self._is_closed)
                if said is None:
                    self._tell(letter, False, NO_ANSWER)
                    return
                self._tell(letter, said.delivered, said.fault)
                following = self._letters.get(timeout=IDLE_S)
                if following is None:
                    return
                letter = following
        except queue.Empty:
            return
        except (OSError, msgspec.MsgspecError) as error:
            self._tell(letter, False, f"the sending process failed ({type(error).__name__})")
        finally:
            end(process)

    def _tell(self, letter: Letter, delivered: bool, fault: str) -> None:
        self._done.put((letter.way, Delivery(letter.message, delivered, fault)))


def asked_of(
    process: "subprocess.Popen[bytes]", letter: Letter, wait_s: float, closed: threading.Event
) -> Said | None:
    """Have a process send a letter; None where it did not answer in time, or we are closing.

    Raises OSError where there is no such process any more.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    _, _, address, title, body, key, level = letter
    asked = Asked(letter.message, address, title, body, key, level)
    process.stdin.write(msgspec.json.encode(asked) + b"\n")
    process.stdin.flush()
    answer, end_s = b"", time.monotonic() + wait_s
    while not answer.endswith(b"\n"):
        left_s = end_s - time.monotonic()
        if left_s <= 0 or closed.is_set() or len(answer) > ANSWER_BYTES_MAX:
            return None
        if select.select([process.stdout], [], [], min(left_s, 0.2))[0]:
            piece = os.read(process.stdout.fileno(), ANSWER_BYTES_MAX)
            if not piece:
                raise BrokenPipeError("the sending process ended")
            answer += piece
    said = msgspec.json.decode(answer, type=Said)
    return said if said.number == letter.message else None


def end(process: "subprocess.Popen[bytes] | None") -> None:
    """End a process of ours, at once."""
    if process is None:
        return
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue  # what was not written any more is of no use to anybody
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()
