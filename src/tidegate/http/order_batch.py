"""Orders and sales of a body of lines: checked one by one, exchanged and decided together.

What an order would have been answered alone is what its line is answered, but for the moment at
which its hold ends.
"""

import asyncio
from collections.abc import Iterator, Sequence

import numpy as np

from tidegate.access.principal import Principal
from tidegate.desk.answers import Decision, ManyDecided
from tidegate.domain.reasons import Reason
from tidegate.http.basket_lines import PricesAwaited, wants_price
from tidegate.http.batch import LineGroup, patiently
from tidegate.http.bodies import decode_order
from tidegate.http.buyers import by_kind, keys_of
from tidegate.http.errors import BUSY, Answer, Problem
from tidegate.http.languages import Language
from tidegate.http.orders_fast import OrderDoor, worded
from tidegate.http.schemas import Order
from tidegate.record.lines import DUPLICATE, LINE

_Read = tuple[Order, int]  # the order, when it was placed


class OrderGroup(LineGroup[_Read]):
    """Orders that are decided together."""

    def __init__(self, door: OrderDoor, principal: Principal, language: Language) -> None:
        super().__init__(language)
        self.door = door
        self.principal = principal

    def read(self, line: bytes) -> _Read:
        """An order, and when it was placed."""
        order = decode_order(line)
        return order, self.door.check(self.principal, order)

    async def place(self, asked: list[tuple[int, _Read]], answers: list[Answer | None]) -> None:
        """Exchange, pack, decide, word."""
        door = self.door
        door.gate.take_new_ids(self.principal, len(asked))
        keys = [keys_of(order.buyer) for _, (order, _) in asked]
        tokens = await door.exchange.exchanged([key for some in keys for key in some])
        if door.books is not None and any(wants_price(order) for _, (order, _) in asked):
            await door.books.ready()
        packed: list[tuple[int, Order, bytes]] = []
        owned: dict[int, tuple[int, Sequence[int]]] = {}  # when it was placed, and by whom
        at = 0
        for (place, (order, placed_at_ms)), own in zip(asked, keys, strict=True):
            owned[place] = placed_at_ms, by_kind(own, tokens[at : at + len(own)])
            try:
                order_rows = door.rows(order, *owned[place])
                packed.append((place, order, order_rows))
            except Problem as problem:
                answers[place] = self.problem(problem)
            except PricesAwaited:  # they moved in between
                answers[place] = self.problem(Problem(BUSY, retry_after_s=1.0))
            at += len(own)
        if not packed:
            return
        decided = await self.decided(packed, owned)
        repeats = sum(decision.duplicate for decision in decided)
        door.counters.orders([decision.reason for decision in decided], repeats)
        for decision, (place, order, own_rows) in zip(decided, packed, strict=True):
            answers[place] = worded(door, order.id, decision, own_rows, self.language)
            if decision.reason == Reason.ID_REUSED and wants_price(order):
                answers[place] = await self.recalled(order, owned[place], answers[place])

    async def decided(
        self,
        packed: list[tuple[int, Order, bytes]],
        owned: dict[int, tuple[int, Sequence[int]]],
    ) -> list[Decision]:
        """One decision each: sales of a connected channel by its ledger, the rest by the desk."""
        door = self.door
        sales = [door.sale_of(order, owned[place][0], rows) for place, order, rows in packed]
        found: dict[int, Decision] = {}
        plain = [at for at, sale in enumerate(sales) if sale is None]
        if plain:
            rows = np.frombuffer(b"".join([packed[at][2] for at in plain]), LINE)
            answer = await patiently(lambda: door.desk.place_rows(rows))
            found |= dict(zip(plain, decisions(answer), strict=True))
        for channel in sorted({sale.channel for sale in sales if sale is not None}):
            assert door.channels is not None
            own = [at for at, sale in enumerate(sales) if sale and sale.channel == channel]
            told = await door.channels.place([sale for at in own if (sale := sales[at])])
            found |= dict(zip(own, told, strict=True))
        return [found[at] for at in range(len(packed))]

    async def recalled(
        self, order: Order, owned: tuple[int, Sequence[int]], answer: Answer | None
    ) -> Answer | None:
        """The answer of a basket whose price moved since it came, as the single door finds it."""
        door = self.door
        if door.tell is None:
            return answer
        story = await asyncio.to_thread(door.tell, order.channel, order.id)
        try:
            own_rows = door.recalled(order, *owned, story)
        except Problem as problem:
            return self.problem(problem)
        if own_rows is None:
            return answer
        rows = np.frombuffer(own_rows, LINE)
        (decision,) = decisions(await patiently(lambda: door.desk.place_rows(rows)))
        return worded(door, order.id, decision, own_rows, self.language)


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
