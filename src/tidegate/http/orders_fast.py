"""The single-order path: a body in, one decision, an answer through a callback.

In the order of its steps: who asks, is it JSON, is every field in its bounds, may the key do that,
who buys (durable tokens), the row, the desk, the words. The answer is made only from what the desk
says is durable. It holds no socket and awaits nothing, so that every server can drive it.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET

from tidegate.access.principal import Principal
from tidegate.access.roles import ORDERS_WRITE, SALES_WRITE
from tidegate.channels.sales import Sale
from tidegate.desk.answers import Decision, Undecided
from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.http.basket_lines import (
    Named,
    PricesAwaited,
    Remembered,
    basket_rows,
    check_basket,
    content_of,
    wants_price,
)
from tidegate.http.basket_recall import recalled_rows
from tidegate.http.bodies import JSON, decode_order, require_media_type
from tidegate.http.buyers import Keys, by_kind, keys_of
from tidegate.http.channel_doors import ChannelDoors
from tidegate.http.errors import (
    BUSY,
    NOT_FOUND,
    REFUSED,
    UNPROCESSABLE,
    Answer,
    Problem,
    problem_answer,
    refusal_document,
)
from tidegate.http.explain import explained
from tidegate.http.faults import as_problem
from tidegate.http.gate import Gate, require_same_id
from tidegate.http.ids import check_id
from tidegate.http.languages import Language, language_of
from tidegate.http.metrics import ShopCounters
from tidegate.http.order_headers import OrderHeaders
from tidegate.http.order_lines import NO_KEYS, line_rows, moment_ms
from tidegate.http.ports import Clock, Desk, Exchange
from tidegate.http.schemas import Order
from tidegate.publishing.books import PriceBooks
from tidegate.publishing.budgets import left_of

CREATED = 201
REPEATED = 200
FUTURE_MAX_MS = 5 * 60_000
PAST_MAX_MS = 400 * 86_400_000  # what is older is in no memory: it cannot be a repeat

Reply = Callable[[Answer], None]
Tell = Callable[[str, str], Any]  # an order's story, by channel and id; reads files

_encode = msgspec.json.encode


class OrderDoor:
    """Takes single orders for one shop; `is_fact` = sales that a marketplace already took."""

    def __init__(
        self,
        shop: str,
        desk: Desk,
        exchange: Exchange,
        gate: Gate,
        clock: Clock,
        counters: ShopCounters,
        books: PriceBooks | None = None,
        *,
        is_fact: bool = False,
        tell: Tell | None = None,
        channels: ChannelDoors | None = None,
    ) -> None:
        """`channels`: where sales of connected channels go in; None = none are."""
        self.channels = channels
        self.shop = shop
        self.desk = desk
        self.exchange = exchange
        self.gate = gate
        self.clock = clock
        self.counters = counters
        self.books = books
        self.priced = Remembered()
        self.tell = tell
        self.is_fact = is_fact

    def take(self, headers: OrderHeaders, body: bytes, reply: Reply) -> None:
        """Decide the order in `body`; `reply` is called once, now or when it is durable."""
        try:
            principal = self.gate.principal(headers.authorization)
            require_media_type(headers.content_type, JSON)
            order = decode_order(body)
            placed_at_ms = self.check(principal, order)
            if headers.idempotency_key:
                require_same_id(headers.idempotency_key, order.id)
            self.gate.take_new_ids(principal)
            keys = keys_of(order.buyer)
            turn = _Turn(self, order, placed_at_ms, keys, headers, reply)
            if not keys:
                turn.enter(NO_KEYS)
                return
            found = self.exchange.resolve(keys, turn.resolved)
            if found is not None:
                turn.enter(by_kind(keys, found))
        except Exception as error:  # noqa: BLE001  a caller always gets an answer
            reply(problem_answer(as_problem(error), language_of(headers.accept_language)))

    def check(self, principal: Principal, order: Order) -> int:
        """Everything that can be said of an order without asking desk or identity table.

        When it was placed comes back, in UTC milliseconds. Raises Problem.
        """
        scope = SALES_WRITE if self.is_fact else ORDERS_WRITE
        self.gate.require(principal, scope, self.shop, order.channel)
        check_id(order.id, "id")
        placed_ms = moment_ms(order.placed_at)
        now_ms = self.clock.now_ms()
        if not now_ms - PAST_MAX_MS <= placed_ms <= now_ms + FUTURE_MAX_MS:
            raise Problem(
                UNPROCESSABLE,
                "placed_at: no more than 400 days ago and 5 minutes ahead of this server",
                "placed_at：不早于 400 天前，不晚于服务器时间 5 分钟之后",
            )
        return placed_ms

    def rows(self, order: Order, placed_at_ms: int, tokens: Sequence[int]) -> bytes:
        """The order as LINE rows. Raises Problem for a channel or gift that is not there.

        Raises PricesAwaited where it is to be priced, and the prices that stand are not compiled.
        """
        desk = self.desk
        channel = desk.catalogue.channel_number(order.channel)
        if channel is None:
            raise Problem(
                NOT_FOUND, "channel: this shop has no such channel", "channel：该店铺没有此渠道"
            )
        key = desk.order_key(order.channel, order.id)
        if wants_price(order):
            check_basket(order, prices=self.books is not None)
            return self._priced(order, Named(key, placed_at_ms, channel, self.is_fact), tokens)
        return line_rows(
            order, key, placed_at_ms, tokens, channel, desk.catalogue, is_fact=self.is_fact
        )

    def sale_of(self, order: Order, placed_at_ms: int, packed: bytes) -> Sale | None:
        """A sale of a connected channel as its ledger takes it; None: the desk is asked at once.

        One without amounts says nothing that a feed's word could be compared with.
        """
        channels = self.channels
        if channels is None or wants_price(order) or not channels.takes_sales(order.channel):
            return None
        key = self.desk.order_key(order.channel, order.id)
        address = order.buyer.address if order.buyer is not UNSET else UNSET
        recipient = address if address is not UNSET else ""
        return Sale(order.channel, order.id, key, placed_at_ms, packed, recipient)

    def recalled(
        self,
        order: Order,
        placed_at_ms: int,
        tokens: Sequence[int],
        story: Any,  # noqa: ANN401  JSON
    ) -> bytes | None:
        """A basket's rows with the amounts that it had on record; None where it is another order.

        Raises Problem where the record does not know it yet: then nobody can say.
        """
        desk = self.desk
        channel = desk.catalogue.channel_number(order.channel)
        if story is None or channel is None:
            raise Problem(BUSY, retry_after_s=1.0)
        key = desk.order_key(order.channel, order.id)
        named = Named(key, placed_at_ms, channel, self.is_fact)
        return recalled_rows(order, named, tokens, desk.catalogue, story)

    def _priced(self, order: Order, named: Named, tokens: Sequence[int]) -> bytes:
        """The rows of an order that carries a basket."""
        content = content_of(order, tokens)
        rows = self.priced.find(named.key, content)
        if rows is None:
            assert self.books is not None
            prices = self.books.present()
            if prices is None:
                raise PricesAwaited
            now_ms = self.clock.now_ms()
            desk = self.desk
            left = partial(left_of, desk.machine)
            rows = basket_rows(order, named, tokens, desk.catalogue, prices, left, now_ms)
            self.priced.keep(named.key, content, rows)
        return rows


class _Turn:
    """One order on its way from the exchange to the answer."""

    __slots__ = (
        "door", "headers", "is_again", "keys", "order", "packed", "placed_at_ms", "reply",
        "started_s", "tokens",
    )  # fmt: skip

    def __init__(
        self,
        door: OrderDoor,
        order: Order,
        placed_at_ms: int,
        keys: Keys,
        headers: OrderHeaders,
        reply: Reply,
    ) -> None:
        self.door = door
        self.order = order
        self.placed_at_ms = placed_at_ms
        self.keys = keys
        self.headers = headers
        self.reply = reply
        self.started_s = door.clock.monotonic_s()
        self.packed = b""
        self.is_again = False
        self.tokens: Sequence[int] = NO_KEYS

    @property
    def language(self) -> Language:
        """The language that the answer is in, if it has words."""
        return language_of(self.headers.accept_language)

    def resolved(self, tokens: list[int], fault: BaseException | None) -> None:
        """The buyer's tokens are durable, or there are none."""
        if fault is not None:
            self.fail(fault)
            return
        try:
            self.enter(by_kind(self.keys, tokens))
        except Exception as error:  # noqa: BLE001  as in `take`
            self.fail(error)

    def enter(self, tokens: Sequence[int]) -> None:
        """Into the desk's inbox."""
        self.tokens = tokens
        try:
            self.packed = self.door.rows(self.order, self.placed_at_ms, tokens)
        except PricesAwaited:
            self.wait_for_prices(tokens)
            return
        sale = self.door.sale_of(self.order, self.placed_at_ms, self.packed)
        if sale is None:
            self.door.desk.submit(self.packed, self.decided)
        else:
            assert self.door.channels is not None
            self.door.channels.submit(sale, self.decided)

    def wait_for_prices(self, tokens: Sequence[int]) -> None:
        """Come again when the prices that stand are compiled."""

        def done(error: BaseException | None) -> None:
            if error is not None:
                self.fail(error)
                return
            try:
                self.enter(tokens)
            except Exception as failed:  # noqa: BLE001  as in `take`
                self.fail(failed)

        assert self.door.books is not None
        self.door.books.when_ready(done)

    def decided(self, decision: Decision | None, error: BaseException | None) -> None:
        """The decision is durable, or it is not known whether there is one."""
        if decision is None:
            self.fail(error or Undecided())
            return
        if decision.reason == Reason.ID_REUSED and self.may_have_moved():
            self.recall(decision)
            return
        self.answer(decision)

    def may_have_moved(self) -> bool:
        """Whether a price that moved may be all that makes it another order."""
        return not self.is_again and self.door.tell is not None and wants_price(self.order)

    def recall(self, decision: Decision) -> None:
        """Ask the record what the order cost when it came, and the desk once more."""
        self.is_again = True
        door, order = self.door, self.order
        assert door.tell is not None

        def done(asked: asyncio.Future[Any]) -> None:
            try:
                rows = door.recalled(order, self.placed_at_ms, self.tokens, asked.result())
                if rows is None:
                    self.answer(decision)
                    return
                self.packed = rows
                door.desk.submit(rows, self.decided)
            except Exception as failed:  # noqa: BLE001  as in `take`
                self.fail(failed)

        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, door.tell, order.channel, order.id).add_done_callback(done)

    def answer(self, decision: Decision) -> None:
        """The decision in words."""
        try:
            door = self.door
            took_s = door.clock.monotonic_s() - self.started_s
            door.counters.order(decision.reason, decision.duplicate, took_s)
            if decision.reason == Reason.ACCEPTED and not door.is_fact:
                answer = accepted_answer(self.order.id, decision)
            else:
                answer = worded(door, self.order.id, decision, self.packed, self.language)
        except Exception as failed:  # noqa: BLE001  as in `take`
            self.fail(failed)
        else:
            self.reply(answer)

    def fail(self, error: BaseException) -> None:
        """Whatever went wrong, as a problem."""
        self.reply(problem_answer(as_problem(error), self.language))


def worded(
    door: OrderDoor, own_id: str, decision: Decision, packed: bytes, language: Language
) -> Answer:
    """The decision as an answer. Of a fact only the id can be refused."""
    if door.is_fact and decision.reason != Reason.ID_REUSED:
        return sale_answer(own_id, decision)
    if decision.reason == Reason.ACCEPTED:
        return accepted_answer(own_id, decision)
    return refused_answer(own_id, decision, packed, door.desk, language)


def accepted_answer(own_id: str, decision: Decision) -> Answer:
    """201, or 200 for a repeat."""
    more = b""
    if decision.hold_expires_ms:
        more = b',"hold_expires_at":%d' % decision.hold_expires_ms
    if decision.duplicate:
        more += b',"duplicate":true'
    body = b'{"id":%b,"reason":"accepted","seq":%d,"position":%d%b}' % (
        _encode(own_id), decision.seq, decision.position, more,
    )  # fmt: skip
    return Answer(REPEATED if decision.duplicate else CREATED, body)


def sale_answer(own_id: str, decision: Decision) -> Answer:
    """A recorded sale with its judgement."""
    body = msgspec.json.encode(
        {
            "id": own_id,
            "reason": REASON_TEXTS[Reason(decision.reason)].name,
            "judgement": judgement(decision.mask),
            "short": decision.short,
            "seq": decision.seq,
            "position": decision.position,
            **({"duplicate": True} if decision.duplicate else {}),
        }
    )
    return Answer(REPEATED if decision.duplicate else CREATED, body)


def judgement(mask: int) -> list[str]:
    """The names of the guards that failed, in their order."""
    return [REASON_TEXTS[Reason(n)].name for n in range(32) if mask >> n & 1]


def refused_answer(
    own_id: str, decision: Decision, packed: bytes, desk: Desk, language: Language
) -> Answer:
    """409 with the reason, its number and its figures."""
    detail, figures = explained(decision, packed, desk, language)
    document = refusal_document(Reason(decision.reason), language, detail, figures)
    document |= {"id": own_id, "seq": decision.seq, "position": decision.position}
    if decision.duplicate:
        document["duplicate"] = True
    return Answer(REFUSED, msgspec.json.encode(document))
