"""Runs checks beside the desk: each in a process of its own, one after the other.

Always an answer: a process that dies, hangs or says nonsense gives "unknown". Never on the desk's
event loop, and never longer than its time.
"""

import asyncio
import contextlib
import sys
from typing import Protocol

import msgspec
import structlog

from tidegate.pricing.problems import PromotionsRefused
from tidegate.publishing.check_process import ProcessAnswer
from tidegate.publishing.checking import CheckAsked, CheckDone, unknown

GRACE_S = 10.0  # beyond its budget: to start, to read and to write
MODULE = "tidegate.publishing.check_process"

log = structlog.get_logger("tidegate.publishing")


class Checker(Protocol):
    """Whoever can check."""

    async def check(self, asked: CheckAsked) -> CheckDone:
        """The verdict. Raises PromotionsRefused where what is proposed is malformed."""


class ProcessChecker:
    """Checks in processes, one at a time: two would only take each other's processor."""

    def __init__(
        self,
        command: tuple[str, ...] = (sys.executable, "-m", MODULE),
        grace_s: float = GRACE_S,
    ) -> None:
        self._command = command
        self._grace_s = grace_s
        self._turn = asyncio.Lock()

    async def check(self, asked: CheckAsked) -> CheckDone:
        """Start, ask, wait."""
        async with self._turn:
            try:
                said = await asyncio.wait_for(self._ask(asked), asked.budget_s + self._grace_s)
                answer = msgspec.msgpack.decode(said, type=ProcessAnswer)
            except TimeoutError:
                return no_answer(asked, "the check did not end in its time")
            except (OSError, msgspec.DecodeError, CheckDied) as error:
                return no_answer(asked, f"the check ended without an answer ({error})")
        if answer.problems:
            raise PromotionsRefused(answer.problems)
        return answer.done or no_answer(asked, "the check gave no answer")

    async def _ask(self, asked: CheckAsked) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            said, _ = await process.communicate(msgspec.msgpack.encode(asked))
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode != 0:
            raise CheckDied(f"status {process.returncode}")
        return said


class CheckDied(Exception):
    """The process ended by itself, or was ended."""


def no_answer(asked: CheckAsked, why: str) -> CheckDone:
    """Unknown, told to the log too."""
    log.warning("check_without_answer", why=why)
    return unknown(why, "", asked.prices.version)
