"""A process that ends is started again, each time after a longer while; no order waits for it."""

from subprocess import Popen
from typing import cast

import pytest
import structlog

from tidegate.bootstrap.supervisor import Restarted


class Process:
    """A process that runs until it is told its end."""

    def __init__(self) -> None:
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """How it ended."""
        return self.returncode


class Starts:
    """What starts processes, and the time."""

    def __init__(self) -> None:
        self.at_s = 100.0
        self.made: list[Process] = []
        self.fault: OSError | None = None

    def __call__(self) -> "Popen[bytes]":
        """Start one."""
        if self.fault is not None:
            raise self.fault
        self.made.append(Process())
        return cast("Popen[bytes]", self.made[-1])


@pytest.fixture
def starts() -> Starts:
    return Starts()


def waits(starts: Starts, followers: Restarted, times: int) -> list[float]:
    """How long it takes each time until the next one is started, to a tenth of a second."""
    found = []
    for _ in range(times):
        count = len(starts.made)
        starts.made[-1].returncode = 3
        ended_s = starts.at_s
        followers.look()
        while len(starts.made) == count:
            starts.at_s += 0.5
            followers.look()
        found.append(starts.at_s - ended_s)
    return found


def test_the_wait_doubles_up_to_a_minute_and_begins_anew_after_a_steady_one(
    starts: Starts,
) -> None:
    followers = Restarted("followers", starts, lambda: starts.at_s)
    followers.look()
    assert waits(starts, followers, 8) == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    starts.at_s += 59.0
    assert waits(starts, followers, 1) == [60.0]
    starts.at_s += 60.0
    assert waits(starts, followers, 2) == [1.0, 2.0]


def test_an_end_is_said_in_the_log_and_a_start_that_fails_is_tried_again(starts: Starts) -> None:
    followers = Restarted("followers", starts, lambda: starts.at_s)
    followers.look()
    starts.fault = OSError("no more processes")
    with structlog.testing.capture_logs() as logs:
        starts.made[-1].returncode = -9
        followers.look()
        followers.look()
        starts.at_s += 1.0
        followers.look()
    assert logs == [
        {"log_level": "error", "event": "process_ended", "process": "followers",
         "why": "code -9", "failures": 1, "started_again_in_s": 1.0},
        {"log_level": "error", "event": "process_ended", "process": "followers",
         "why": "no more processes", "failures": 2, "started_again_in_s": 2.0},
    ]  # fmt: skip
    starts.fault = None
    starts.at_s += 2.0
    followers.look()
    assert len(starts.made) == 2
