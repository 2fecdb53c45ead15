"""Runs checks beside the desk: in a process of their own, one after the other.

Always an answer: a process that dies, hangs or says nonsense gives "unknown", and the next check
starts another. Never on the desk's event loop, and never longer than its time. The process stays
for a while, since it knows its last proofs.
"""

import asyncio
import contextlib
import sys
from typing import Protocol

import msgspec
import structlog

from tidegate.pricing.problems import PromotionsRefused
from tidegate.publishing.check_process import (
    LENGTH_BYTES,
    MESSAGE_BYTES_MAX,
    ProcessAnswer,
    framed,
)
from tidegate.publishing.checking import CheckAsked, CheckDone, unknown

GRACE_S = 10.0  # beyond its budget: to start, to read and to write
WAITING_MAX = 2  # that wait for their turn; who comes then is told to come again
IDLE_S = 600.0  # without a question: then its memory is given back
MODULE = "tidegate.publishing.check_process"

log = structlog.get_logger("tidegate.publishing")


class Checker(Protocol):
    """Whoever can check."""

    async def check(self, asked: CheckAsked) -> CheckDone:
        """The verdict. Raises PromotionsRefused where what is proposed is malformed, ChecksBusy."""

    async def close(self) -> None:
        """No more checks: give back what is held."""


class ProcessChecker:
    """Checks in one process, one at a time: two would only take each other's processor."""

    def __init__(
        self,
        command: tuple[str, ...] = (sys.executable, "-m", MODULE),
        grace_s: float = GRACE_S,
        idle_s: float = IDLE_S,
    ) -> None:
        self.started = 0
        self.waiting = 0
        self._command = command
        self._grace_s = grace_s
        self._idle_s = idle_s
        self._turn = asyncio.Lock()
        self.running: asyncio.subprocess.Process | None = None
        self._leave: asyncio.TimerHandle | None = None

    async def check(self, asked: CheckAsked) -> CheckDone:
        """Ask the process, and wait."""
        if self.waiting >= WAITING_MAX:
            raise ChecksBusy(f"{WAITING_MAX} checks of this shop wait already: try again later")
        self.waiting += 1
        try:
            return await self._in_turn(asked)
        finally:
            self.waiting -= 1

    async def _in_turn(self, asked: CheckAsked) -> CheckDone:
        async with self._turn:
            if self._leave is not None:
                self._leave.cancel()
            try:
                said = await asyncio.wait_for(self._ask(asked), asked.budget_s + self._grace_s)
                answer = msgspec.msgpack.decode(said, type=ProcessAnswer)
            except TimeoutError:
                await self._end()
                return no_answer(asked, "the check did not end in its time")
            except (OSError, msgspec.DecodeError, CheckDied) as error:
                await self._end()
                return no_answer(asked, f"the check ended without an answer ({error})")
            except BaseException:  # nobody waits for its answer, which would be taken for the next
                await self._end()
                raise
            loop = asyncio.get_running_loop()
            self._leave = loop.call_later(self._idle_s, self._be_idle)
        if answer.problems:
            raise PromotionsRefused(answer.problems)
        return answer.done or no_answer(asked, "the check gave no answer")

    async def close(self) -> None:
        """End the process."""
        if self._leave is not None:
            self._leave.cancel()
        async with self._turn:
            await self._end()

    async def _ask(self, asked: CheckAsked) -> bytes:
        process = self.running
        if process is None or process.returncode is not None:
            process = self.running = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            self.started += 1
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(framed(msgspec.msgpack.encode(asked)))
            await process.stdin.drain()
            length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "big")
            if length > MESSAGE_BYTES_MAX:
                raise CheckDied("nonsense")
            return await process.stdout.readexactly(length)
        except (asyncio.IncompleteReadError, BrokenPipeError, ConnectionResetError):
            raise CheckDied(f"status {await process.wait()}") from None

    def _be_idle(self) -> None:
        """Nobody asked for a while: it reads the end of its questions, and ends."""
        if self.running is not None and self.running.stdin is not None:
            self.running.stdin.close()
            self.running = None

    async def _end(self) -> None:
        process, self.running = self.running, None
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()


class ChecksBusy(Exception):
    """As many checks wait as may."""


class CheckDied(Exception):
    """The process ended by itself, or was ended."""


def no_answer(asked: CheckAsked, why: str) -> CheckDone:
    """Unknown, told to the log too."""
    log.warning("check_without_answer", why=why)
    return unknown(why, "", asked.prices.version)
