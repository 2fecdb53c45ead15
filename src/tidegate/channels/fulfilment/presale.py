"""A presale of the own shop (定金/尾款): an order holds stock on a deposit for its balance.

    opening ─► deposit_due ─► balance_due ─► committed
                   └──────────────┴────────► ended (the hold ended, or the order was cancelled)

Always: the order itself is one order at deposit + balance, so the floor is judged on both and a
limit counts once; every payment ends in exactly one word. Never: money is used for an order that
the desk did not commit, or a presale ends here while the desk still holds its stock.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from tidegate.channels.fulfilment.once import Once, Wish, words
from tidegate.channels.fulfilment.ports import PAID, FulfilmentShop, NotDone, NotThere, OrderNow
from tidegate.channels.fulfilment.store import Round
from tidegate.channels.ledger import Ledger, key_bytes, key_of
from tidegate.record.lines import CANCEL, EXTEND, PAY

Part = Literal["deposit", "balance"]
Fate = Literal["kept", "refunded"]
OPEN = ("deposit_due", "balance_due")
SECOND_MS = 1000
LOOKED_AT = 500
FATES: dict[str, str] = {"kept": "kept", "refunded": "refund_due"}
GONE = ("", "expired", "closed", "refused")


class Terms(NamedTuple):
    """What buyer and shop agreed on."""

    deposit_fen: int
    balance_fen: int
    deposit_until_ms: int
    balance_until_ms: int
    fate: str  # of the deposit where the balance is not paid


class Presale(NamedTuple):
    """One presale as the store has it."""

    key: bytes
    channel: str
    number: str
    deposit_fen: int
    balance_fen: int
    deposit_until_ms: int
    balance_until_ms: int
    fate: str
    state: str
    reason: str
    extend: int
    attempt: int


class Money(NamedTuple):
    """One payment."""

    id: str
    key: bytes
    part: str
    amount_fen: int
    at_ms: int
    state: str
    reason: str


class Presales:
    """One shop's presales. Called by one thread at a time."""

    def __init__(self, store: Ledger, shop: FulfilmentShop, once: Once) -> None:
        self._store = store
        self._shop = shop
        self._once = once
        self._round = Round(b"", LOOKED_AT)

    def open(self, channel: str, number: str, terms: Terms) -> Presale:
        """Make a presale of an unpaid order; the same terms again count once. Raises NotDone."""
        key = self._shop.order_key(channel, number)
        packed = key_bytes(key)
        known = self._find(packed)
        if known is not None and known[3:8] != terms:
            raise NotDone("id_reused", "this order is a presale on other terms")
        if known is None:
            self._require(self._shop.orders([key])[0], terms)
            with self._store.writing() as connection:
                connection.execute(
                    "INSERT INTO presale (key, channel, number, deposit_fen, balance_fen,"
                    " deposit_until_ms, balance_until_ms, fate, state)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'opening')",
                    (packed, channel, number, *terms),
                )
        made = self._advance(self._get(packed))
        if made.state == "refused":
            raise NotDone(made.reason, "the order's hold cannot last until the deposit is due")
        return made

    def pay(self, channel: str, number: str, money_id: str, part: Part, amount: int) -> Money:
        """A payment was made; the same id counts once. Raises NotDone, NotThere."""
        key = key_bytes(self._shop.order_key(channel, number))
        if self._find(key) is None:
            raise NotThere("unknown_order", "there is no presale of this order")
        known = self._money("id = ?", money_id)
        if known and (known[0].key, known[0].part, known[0].amount_fen) != (key, part, amount):
            raise NotDone("id_reused", "this id is another payment's")
        if not known:
            with self._store.writing() as connection:
                connection.execute(
                    "INSERT INTO presale_money VALUES (?, ?, ?, ?, ?, 'heard', '')",
                    (money_id, key, part, amount, self._shop.now_ms()),
                )
        self._advance(self._get(key))
        return self._money("id = ?", money_id)[0]

    def settle(self, money_id: str, wanted: Literal["refund_due", "refunded"]) -> Money:
        """A person lets a kept deposit go back, or says that a refund was paid out."""
        known = self._money("id = ?", money_id)
        if not known:
            raise NotThere("unknown_target", "there is no such payment")
        before = {"refund_due": "kept", "refunded": "refund_due"}[wanted]
        if known[0].state not in (before, wanted):
            raise NotDone("wrong_state", f"this payment is {known[0].state}, not {before}")
        self._set_money([known[0]], wanted, known[0].reason)
        return self._money("id = ?", money_id)[0]

    def turn(self) -> int:
        """Go on with what was cut off, and see which holds have ended; how many were looked at."""
        found = self._rows("state = 'opening' LIMIT ?", LOOKED_AT)
        heard = self._rows(
            "key IN (SELECT key FROM presale_money WHERE state = 'heard') LIMIT ?", LOOKED_AT
        )
        due = self._rows(
            "state IN ('deposit_due', 'balance_due') AND CASE state WHEN 'deposit_due'"
            " THEN deposit_until_ms ELSE balance_until_ms END <= ? LIMIT ?",
            self._shop.now_ms(), LOOKED_AT,
        )  # fmt: skip
        others = self._round.take(
            lambda after, size: self._rows(
                "state IN ('deposit_due', 'balance_due') AND key > ? ORDER BY key LIMIT ?",
                after, size,
            ),
            lambda row: row.key,
        )  # fmt: skip
        open_ = list({row.key: row for row in (*due, *others)}.values())
        states = self._shop.states([key_of(row.key) for row in open_])
        ended = [row for row, state in zip(open_, states, strict=True) if state != "pre_held"]
        todo = {row.key: row for row in [*found, *heard, *ended]}
        for row in todo.values():
            self._advance(row)
        return len(todo)

    def listed(self, state: str = "", limit: int = 200) -> list[Presale]:
        """Presales, those first that are due first."""
        return self._rows("(? = '' OR state = ?) ORDER BY balance_until_ms LIMIT ?",
                          state, state, limit)  # fmt: skip

    def money_listed(self, state: str = "", limit: int = 200) -> list[Money]:
        """Payments, by what became of them."""
        return self._money("? = '' OR state = ? ORDER BY at_ms LIMIT ?", state, state, limit)

    def moneys(self, key: bytes) -> list[Money]:
        """Every payment of one presale."""
        return self._money("key = ? ORDER BY at_ms, id", key)

    # -- the way of one presale ------------------------------------------------------------------

    def _require(self, now: OrderNow | None, terms: Terms) -> None:
        """Raise NotDone unless an order can be a presale on these terms."""
        if now is None:
            raise NotThere("unknown_order", "place the order first, unpaid, at the whole price")
        if now.is_fact or now.state != "pre_held":
            raise NotDone("wrong_state", "only an unpaid order of the own shop can be a presale")
        if now.payable_fen != terms.deposit_fen + terms.balance_fen:
            raise NotDone("amount_mismatch", "deposit and balance are not what the order costs")
        in_order = self._shop.now_ms() < terms.deposit_until_ms < terms.balance_until_ms
        longest_ms = (now.decided_s + self._shop.hold_max_s()) * SECOND_MS
        if not in_order or terms.balance_until_ms > longest_ms:
            raise NotDone("out_of_bounds", "the deadlines must follow each other, and no hold "
                          "lasts longer than the shop's hold_ttl_max_s")  # fmt: skip

    def _advance(self, row: Presale) -> Presale:
        """Everything that follows from what is stored; each step may be taken twice."""
        if row.state == "opening":
            row = self._opened(row)
        now = self._shop.orders([key_of(row.key)])[0]
        for money in self._money("key = ? AND state = 'heard' ORDER BY at_ms, id", row.key):
            self._judge(row, money, now)
        row = self._get(row.key)
        counted = {m.part: m for m in self.moneys(row.key) if m.state == "counted"}
        if row.state in OPEN and len(counted) == len(("deposit", "balance")):
            row = self._pay_order(row, counted)
        elif row.state in OPEN and counted and not row.extend:
            row = self._extended(row, counted)
        return self._ended(row) if row.state in OPEN else row

    def _opened(self, row: Presale) -> Presale:
        reason = self._extend(row, "open", row.deposit_until_ms)
        return self._set(row, "refused" if reason else "deposit_due", reason)

    def _extend(self, row: Presale, step: str, until_ms: int) -> str:
        """Let the hold last until a moment; why not, "" = it does."""
        seconds = max(1, -((self._shop.now_ms() - until_ms) // SECOND_MS))
        wish = Wish(f"presale {row.key.hex()} {step}", key_of(row.key), EXTEND, quantity=seconds)
        return words(self._once.operate([wish])[0])

    def _judge(self, row: Presale, money: Money, now: OrderNow | None) -> None:
        """Whether a payment is what is due; a late balance may still count, the desk decides."""
        others = [m for m in self.moneys(row.key) if m.part == money.part and m.id != money.id]
        due = row.deposit_fen
        if money.part == "balance":
            due = row.balance_fen if now is None or not now.lines \
                else now.payable_fen - row.deposit_fen  # fmt: skip
        if any(m.state in ("counted", "used") for m in others):
            self._set_money([money], "refund_due", "paid_twice")
        elif money.amount_fen != due:
            self._set_money([money], "refund_due", "amount_mismatch")
        elif row.state in OPEN:
            self._set_money([money], "counted", "")
        elif not self._taken_up_again(row, money, now):
            self._set_money([money], "refund_due", "presale_" + row.state)

    def _taken_up_again(self, row: Presale, money: Money, now: OrderNow | None) -> bool:
        """A balance after the end counts with its deposit, while that was not paid back."""
        if row.state != "ended" or money.part != "balance" or now is None or not now.lines:
            return False
        deposits = self._money("key = ? AND part = 'deposit' AND reason = 'hold_ended'"
                               " AND state IN ('kept', 'refund_due')", row.key)  # fmt: skip
        if not deposits:
            return False
        with self._store.writing() as connection:
            connection.execute(
                "UPDATE presale_money SET state = 'counted', reason = '' WHERE id IN (?, ?)",
                (deposits[0].id, money.id),
            )
            connection.execute("UPDATE presale SET state = 'balance_due' WHERE key = ?", (row.key,))
        return True

    def _pay_order(self, row: Presale, counted: dict[str, Money]) -> Presale:
        """Both parts are there: the order is paid, or the balance goes back."""
        amount_fen = sum(money.amount_fen for money in counted.values())
        name = f"presale {row.key.hex()} pay {row.attempt}"
        wish = Wish(name, key_of(row.key), PAY, amount_fen=amount_fen)
        reason = words(self._once.operate([wish])[0])
        with self._store.writing() as connection:
            if not reason:
                connection.execute("UPDATE presale_money SET state = 'used' WHERE key = ?"
                                   " AND state = 'counted'", (row.key,))  # fmt: skip
                connection.execute("UPDATE presale SET state = 'committed', reason = ''"
                                   " WHERE key = ?", (row.key,))  # fmt: skip
            else:
                connection.execute("UPDATE presale_money SET state = 'refund_due', reason = ?"
                                   " WHERE id = ?", (reason, counted["balance"].id))  # fmt: skip
                connection.execute("UPDATE presale SET attempt = attempt + 1, reason = ?"
                                   " WHERE key = ?", (reason, row.key))  # fmt: skip
        return self._get(row.key)

    def _extended(self, row: Presale, counted: dict[str, Money]) -> Presale:
        """The first money came: the hold lasts until the balance is due, or the money goes back."""
        reason = self._extend(row, "balance", row.balance_until_ms)
        if not reason:
            with self._store.writing() as connection:
                connection.execute(
                    "UPDATE presale SET extend = 1, state = 'balance_due' WHERE key = ?",
                    (row.key,),
                )
            return self._get(row.key)
        # A hold that is too short for what was agreed ends by record, and nobody keeps the money.
        self._once.operate([Wish(f"presale {row.key.hex()} end", key_of(row.key), CANCEL)])
        self._set_money(list(counted.values()), "refund_due", "hold_not_extended")
        return self._set(row, "ended", reason)

    def _ended(self, row: Presale) -> Presale:
        """See whether the desk has ended the hold, or somebody paid at another door."""
        state = self._shop.states([key_of(row.key)])[0]
        if state == "pre_held":
            return row
        counted = [m for m in self.moneys(row.key) if m.state == "counted"]
        if state in PAID:
            self._set_money(counted, "refund_due", "paid_elsewhere")
            return self._set(row, "committed", "paid_elsewhere")
        assert state in GONE, state
        why = "hold_ended" if state == "expired" else "order_closed"
        deposits = [m for m in counted if m.part == "deposit"]
        self._set_money(deposits, FATES[row.fate], why)
        self._set_money([m for m in counted if m.part == "balance"], "refund_due", why)
        return self._set(row, "ended", why)

    # -- the store -------------------------------------------------------------------------------

    def _set(self, row: Presale, state: str, reason: str) -> Presale:
        with self._store.writing() as connection:
            connection.execute("UPDATE presale SET state = ?, reason = ? WHERE key = ?",
                               (state, reason, row.key))  # fmt: skip
        return row._replace(state=state, reason=reason)

    def _set_money(self, moneys: Sequence[Money], state: str, reason: str) -> None:
        if moneys:
            with self._store.writing() as connection:
                connection.executemany(
                    "UPDATE presale_money SET state = ?, reason = ? WHERE id = ?",
                    [(state, reason, money.id) for money in moneys],
                )

    def _rows(self, where: str, *values: object) -> list[Presale]:
        fields = ", ".join(Presale._fields)
        return [Presale(*row) for row in self._store.ask(
            f"SELECT {fields} FROM presale WHERE {where}", values)]  # fmt: skip  # noqa: S608 -- our own words

    def _find(self, key: bytes) -> Presale | None:
        found = self._rows("key = ?", key)
        return found[0] if found else None

    def _get(self, key: bytes) -> Presale:
        return self._rows("key = ?", key)[0]

    def _money(self, where: str, *values: object) -> list[Money]:
        return [Money(*row) for row in self._store.ask(
            f"SELECT * FROM presale_money WHERE {where}", values)]  # fmt: skip  # noqa: S608 -- our own words
