"""Many orders in one request: lines in, decided in groups as they arrive, lines out in their order.

Each line stands alone: a bad one gets its problem and the others go on. At most `GROUP_ORDERS` wait
at a time; answers are kept until the body is in, so a client that writes everything before it reads
anything cannot block itself. A client that hears nothing repeats the same ids.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import numpy as np

from tidegate.access.principal import Principal
from tidegate.desk.answers import Decision, DeskBusy, ManyDecided
from tidegate.http.bodies import BATCH_BYTES_MAX, ORDER_BYTES_MAX, decode_order, too_large
from tidegate.http.buyers import by_kind, keys_of
from tidegate.http.errors import UNPROCESSABLE, Answer, Problem, problem_answer
from tidegate.http.faults import as_problem
from tidegate.http.languages import Language
from tidegate.http.orders_fast import OrderDoor, worded
from tidegate.http.schemas import Order
from tidegate.record.lines import DUPLICATE, LINE

GROUP_ORDERS = 500
GROUP_BYTES = 1 << 20
LINES_MAX = 50_000
BUSY_TRIES = 20
BUSY_WAIT_MAX_S = 1.0
PIECE_BYTES = 64 * 1024
PROBLEMS = 400  # documents from here on say their status themselves


_Asked = tuple[int, Order, int]  # its place, the order, when it was placed


class _Group:
    """Orders that are decided together."""

    def __init__(self, door: OrderDoor, principal: Principal, language: Language) -> None:
        self.door = door
        self.principal = principal
        self.language = language
        self.orders: list[_Asked] = []
        self.answers: list[Answer | None] = []
        self.size = 0

    def add(self, line: bytes) -> None:
        """One line; a bad one is answered at once."""
        self.size += len(line)
        place = len(self.answers)
        self.answers.append(None)
        try:
            order = decode_order(line)
            placed_at_ms = self.door.check(self.principal, order)
        except Exception as error:  # noqa: BLE001  the other lines go on
            self.answers[place] = self.problem(error)
        else:
            self.orders.append((place, order, placed_at_ms))

    def problem(self, error: BaseException) -> Answer:
        """The problem of one line."""
        return problem_answer(as_problem(error), self.language)

    async def decide(self) -> list[Answer]:
        """Answers of all lines, in their order; the group is empty afterwards."""
        orders, answers = self.orders, self.answers
        self.orders, self.answers, self.size = [], [], 0
        if orders:
            try:
                await self.place(orders, answers)
            except Exception as error:  # noqa: BLE001  every line gets an answer
                problem = self.problem(error)
                for place, _, _ in orders:
                    answers[place] = answers[place] or problem
        return [answer for answer in answers if answer is not None]

    async def place(self, orders: list[_Asked], answers: list[Answer | None]) -> None:
        """Exchange, pack, decide, word."""
        door = self.door
        door.gate.take_new_ids(self.principal, len(orders))
        keys = [keys_of(order.buyer) for _, order, _ in orders]
        tokens = await door.exchange.exchanged([key for some in keys for key in some])
        packed: list[tuple[int, Order, bytes]] = []
        at = 0
        for (place, order, placed_at_ms), own in zip(orders, keys, strict=True):
            try:
                rows = door.rows(order, placed_at_ms, by_kind(own, tokens[at : at + len(own)]))
                packed.append((place, order, rows))
            except Problem as problem:
                answers[place] = self.problem(problem)
            at += len(own)
        if not packed:
            return
        decided = await patient_place(door, b"".join([rows for _, _, rows in packed]))
        reasons = decided.outcomes["reason"].tolist()
        repeats = int(np.count_nonzero(decided.outcomes["flags"] & DUPLICATE))
        door.counters.orders(reasons, repeats)
        for decision, (place, order, rows) in zip(decisions(decided), packed, strict=True):
            answers[place] = worded(door, order.id, decision, rows, self.language)


async def patient_place(door: OrderDoor, rows: bytes) -> ManyDecided:
    """Place rows; a busy desk is asked again for a while. Raises what the desk raises."""
    for _ in range(BUSY_TRIES):
        try:
            return await door.desk.place_rows(np.frombuffer(rows, LINE))
        except DeskBusy as busy:
            await asyncio.sleep(min(busy.retry_after_s, BUSY_WAIT_MAX_S))
    return await door.desk.place_rows(np.frombuffer(rows, LINE))


def decisions(decided: ManyDecided) -> Iterator[Decision]:
    """One decision an order. Nothing here says when a hold expires."""
    for number, row in enumerate(decided.outcomes.tolist()):
        reason, flags, rule, has, mask, short = row
        yield Decision(
            reason=reason,
            duplicate=bool(flags & DUPLICATE),
            rule=rule,
            has=has,
            mask=mask,
            short=short,
            seq=decided.seq,
            position=decided.position + number,
            hold_expires_ms=0,
        )


async def decided_lines(
    door: OrderDoor, principal: Principal, pieces: AsyncIterator[bytes], language: Language
) -> AsyncIterator[bytes]:
    """Decide every line of a body; the answers' lines, in pieces.

    Raises Problem for the body as a whole while nothing is decided; later it is the last line.
    """
    group = _Group(door, principal, language)
    out = bytearray()
    try:
        async for line in lines_of(pieces):
            group.add(line)
            if len(group.answers) >= GROUP_ORDERS or group.size >= GROUP_BYTES:
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
