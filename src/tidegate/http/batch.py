"""Many things in one request: lines in, decided in groups as they arrive, lines out in their order.

Each line stands alone: a bad one gets its problem and the others go on. At most `GROUP_LINES` wait
at a time; answers are kept until the body is in, so a client that writes everything before it reads
anything cannot block itself. A client that hears nothing repeats the same ids.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from tidegate.desk.answers import DeskBusy, ManyDecided
from tidegate.http.bodies import BATCH_BYTES_MAX, ORDER_BYTES_MAX, too_large
from tidegate.http.errors import UNPROCESSABLE, Answer, Problem, problem_answer
from tidegate.http.faults import as_problem
from tidegate.http.languages import Language

GROUP_LINES = 500
GROUP_BYTES = 1 << 20
LINES_MAX = 50_000
BUSY_TRIES = 20
BUSY_WAIT_MAX_S = 1.0
PIECE_BYTES = 64 * 1024
PROBLEMS = 400  # documents from here on say their status themselves

One = TypeVar("One")  # what a line becomes when it is read


class LineGroup(ABC, Generic[One]):
    """Lines that are decided together."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.asked: list[tuple[int, One]] = []  # its place, and what it asks for
        self.answers: list[Answer | None] = []
        self.size = 0

    @abstractmethod
    def read(self, line: bytes) -> One:
        """What a line asks for. Raises Problem, and changes nothing."""

    @abstractmethod
    async def place(self, asked: list[tuple[int, One]], answers: list[Answer | None]) -> None:
        """Let the desk decide; every place that is asked for gets its answer."""

    def add(self, line: bytes) -> None:
        """One line; a bad one is answered at once."""
        self.size += len(line)
        place = len(self.answers)
        self.answers.append(None)
        try:
            self.asked.append((place, self.read(line)))
        except Exception as error:  # noqa: BLE001  the other lines go on
            self.answers[place] = self.problem(error)

    def problem(self, error: BaseException) -> Answer:
        """The problem of one line."""
        return problem_answer(as_problem(error), self.language)

    async def decide(self) -> list[Answer]:
        """Answers of all lines, in their order; the group is empty afterwards."""
        asked, answers = self.asked, self.answers
        self.asked, self.answers, self.size = [], [], 0
        if asked:
            try:
                await self.place(asked, answers)
            except Exception as error:  # noqa: BLE001  every line gets an answer
                problem = self.problem(error)
                for place, _ in asked:
                    answers[place] = answers[place] or problem
        return [answer for answer in answers if answer is not None]


async def patiently(ask: Callable[[], "asyncio.Future[ManyDecided]"]) -> ManyDecided:
    """Ask the desk; a busy one is asked again for a while. Raises what the desk raises."""
    for _ in range(BUSY_TRIES):
        try:
            return await ask()
        except DeskBusy as busy:
            await asyncio.sleep(min(busy.retry_after_s, BUSY_WAIT_MAX_S))
    return await ask()


async def decided_lines(
    group: LineGroup[One], pieces: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """Decide every line of a body; the answers' lines, in pieces.

    Raises Problem for the body as a whole while nothing is decided; later it is the last line.
    """
    out = bytearray()
    try:
        async for line in lines_of(pieces):
            group.add(line)
            if len(group.answers) >= GROUP_LINES or group.size >= GROUP_BYTES:
                append_lines(out, await group.decide())
    except Problem as problem:
        if not out:
            raise
        append_lines(out, [*await group.decide(), group.problem(problem)])
    else:
        append_lines(out, await group.decide())
    return in_pieces(out)


async def lines_of(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines of a body, empty ones left out. Raises Problem beyond the bounds."""
    total = count = 0
    rest = b""
    async for piece in pieces:
        total += len(piece)
        if total > BATCH_BYTES_MAX:
            raise too_large(BATCH_BYTES_MAX)
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if stripped := line.strip():
                count += 1
                if count > LINES_MAX:
                    raise too_many_lines()
                yield stripped
        if len(rest) > ORDER_BYTES_MAX:
            raise too_large(ORDER_BYTES_MAX)  # it would grow with every piece
    if stripped := rest.strip():
        if count >= LINES_MAX:
            raise too_many_lines()
        yield stripped


def too_many_lines() -> Problem:
    """The problem of a body with more lines than its bound."""
    return Problem(UNPROCESSABLE, f"at most {LINES_MAX} lines", f"最多 {LINES_MAX} 行")


def append_lines(out: bytearray, answers: list[Answer]) -> None:
    """One line an answer, each with its status."""
    for status, body, _ in answers:
        if status < PROBLEMS:
            out += b'{"status":%d,' % status
            out += memoryview(body)[1:]
        else:
            out += body
        out += b"\n"


async def in_pieces(out: bytearray) -> AsyncIterator[bytes]:
    """The answer as pieces that a connection takes one after the other."""
    for at in range(0, len(out), PIECE_BYTES):
        yield bytes(memoryview(out)[at : at + PIECE_BYTES])
