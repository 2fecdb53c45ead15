"""Gifts that an ERP or a platform adds to an order: a fact of their own that their parent pays for.

    new ─► unmapped | waiting ─► covered | held | short ─► released ─► shipped
                                     └─► cancelled (with its parent), refused

The desk judges a gift together with a copy of its parent's group, as it would have in one order;
the copy is cancelled at once, so the parent's units count once. Always: what is added consumes
stock through the desk, or is listed as what it waits for. Never: stock is taken for something that
is not mapped, or a gift goes before its parent or past a guard without what two people approved.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from tidegate.channels.fulfilment.once import Once, Placed, Wish, words
from tidegate.channels.fulfilment.ports import (
    PAID,
    FulfilmentShop,
    ItemSku,
    LineNow,
    NotDone,
    NotThere,
    OrderNow,
)
from tidegate.channels.fulfilment.store import Round
from tidegate.channels.ledger import Ledger, key_bytes, key_of
from tidegate.domain.reasons import Reason
from tidegate.record.lines import CANCEL, CONTINUES, FACT, HOLD, LINE, RELEASE, SHIP
from tidegate.record.lines import PAID as IS_PAID

OVERRIDE = 1  # OPERATION flag of a release: the judgement's softer reasons do not bind
NO_EXCEPTION = "-"  # a person let it go, and named none
COPY_LINE, GIFT_LINE = 0, 1  # of a gift's own fact
LOOKED_AT = 500
PENDING = ("new", "unmapped", "waiting", "short", "covered", "held", "released")
SHORT_BIT = 1 << int(Reason.STOCK_SHORT)  # a debt is the stock's affair
UNAPPROVED = ("price_below_floor", "cost_missing", "limit_exceeded", "order_too_large")
IDENTITY_BIT = 1 << int(Reason.IDENTITY_MISSING)


class Gift(NamedTuple):
    """One gift as the store has it."""

    key: bytes
    channel: str
    number: str
    gift: str
    item: str
    quantity: int
    line: int
    state: str
    sku: str
    mask: int
    short: int
    burden_fen: int
    headroom_fen: int
    exception: str
    attempt: int
    reason: str
    at_ms: int


def gift_number(number: str, gift: str) -> str:
    """What a gift's own fact is called; no platform's number has such a sign in it."""
    return f"{number}\0gift\0{gift}"


class Gifts:
    """One shop's gifts. Called by one thread at a time."""

    def __init__(self, store: Ledger, shop: FulfilmentShop, once: Once, sku_of: ItemSku) -> None:
        """`sku_of`: what a channel's item code is called here."""
        self._store = store
        self._shop = shop
        self._once = once
        self._sku_of = sku_of
        self._round = Round(b"", LOOKED_AT)

    def add(
        self, channel: str, number: str, gift: str, item: str, quantity: int, line: int
    ) -> Gift:
        """A gift was added to a line of an order; the same gift counts once. Raises NotDone."""
        key = key_bytes(self._shop.order_key(channel, gift_number(number, gift)))
        known = self._find(key)
        if known and (known.item, known.quantity, known.line) != (item, quantity, line):
            raise NotDone("id_reused", "this gift was told with other content")
        if known is None:
            with self._store.writing() as connection:
                connection.execute(
                    "INSERT INTO gift (key, channel, number, gift, item, quantity, line, state,"
                    " at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, 'new', ?)",
                    (key, channel, number, gift, item, quantity, line, self._shop.now_ms()),
                )
        return self._looked_at(self._get(key))

    def let_go(self, channel: str, number: str, gift: str, exception: str) -> Gift:
        """A person lets a held gift go with its parent. Raises NotDone, NotThere.

        Past a floor or a limit it takes an exception that two people approved for both SKUs.
        """
        found = self._find(key_bytes(self._shop.order_key(channel, gift_number(number, gift))))
        if found is None:
            raise NotThere("unknown_target", "there is no such gift")
        if found.state == "held":
            under = exception or NO_EXCEPTION
            found = self._set(found, state="covered", exception=under, reason="",
                              attempt=found.attempt + 1)  # fmt: skip
        elif found.exception != (exception or NO_EXCEPTION):
            raise NotDone("wrong_state", f"this gift is {found.state}, not held")
        return self._looked_at(found)

    def turn(self) -> int:
        """Look at the next gifts that are on their way; how many moved on."""
        found = self._round.take(
            lambda after, size: self._rows(
                f"state IN {PENDING} AND key > ? ORDER BY key LIMIT ?", after, size
            ),
            lambda gift: gift.key,
        )
        parents = self._shop.orders(
            [self._shop.order_key(gift.channel, gift.number) for gift in found]
        )
        own = self._shop.states([key_of(gift.key) for gift in found])
        moving = [
            (gift, parent)
            for gift, parent, state in zip(found, parents, own, strict=True)
            if not is_at_rest(gift.state, parent.state if parent else "", state)
        ]
        for gift, parent in moving:
            self._advance(gift, parent)
        return len(moving)

    def listed(self, state: str = "", limit: int = 200) -> list[Gift]:
        """Gifts, the oldest first."""
        return self._rows("? = '' OR state = ? ORDER BY at_ms LIMIT ?", state, state, limit)

    def follow(self, channel: str, number: str) -> None:
        """The gifts of one order do what it does, now."""
        for gift in self.of_order(channel, number):
            self._looked_at(gift)

    def of_order(self, channel: str, number: str) -> list[Gift]:
        """Every gift of one order."""
        return self._rows("channel = ? AND number = ? ORDER BY gift", channel, number)

    # -- the way of one gift ---------------------------------------------------------------------

    def _looked_at(self, gift: Gift) -> Gift:
        """Go on with one gift, by how its parent stands now."""
        if gift.state not in PENDING:
            return gift
        parent = self._shop.orders([self._shop.order_key(gift.channel, gift.number)])[0]
        return self._advance(gift, parent)

    def _advance(self, gift: Gift, parent: OrderNow | None) -> Gift:
        """Everything that follows from what is stored; each step may be taken twice."""
        if gift.state in ("new", "unmapped", "waiting"):
            gift = self._recorded(gift, parent)
        if gift.state in ("short", "covered", "held", "released"):
            gift = self._followed(gift, parent)
        return gift

    def _recorded(self, gift: Gift, parent: OrderNow | None) -> Gift:
        """Take stock for it, once its item is mapped and its parent is paid."""
        sku = self._sku_of(gift.channel, gift.item)
        if not sku:
            return self._set(gift, state="unmapped", reason="sku_unmapped")
        channel = self._shop.channel_number(gift.channel)
        if parent is None or parent.state == "pre_held" or channel is None:
            return self._set(gift, state="waiting", sku=sku, reason="payment_not_confirmed"
                             if parent else "unknown_order")  # fmt: skip
        if parent.state not in PAID or gift.line >= len(parent.lines):
            return self._set(gift, state="refused", reason="wrong_state")
        siblings = [one for one in self.of_order(gift.channel, gift.number) if one.key != gift.key]
        group = group_of(parent.lines, gift.line, siblings)
        if not group.units:
            return self._set(gift, state="refused", reason="wrong_state")
        rows = gift_rows(gift, channel, self._shop.sku_number, sku, group)
        placed = self._once.place(f"gift {gift.key.hex()}", rows)
        if placed.reason:
            return self._set(gift, state="refused", sku=sku, reason=words(placed.reason))
        cancel = Wish(f"gift {gift.key.hex()} copy", key_of(gift.key), CANCEL, line=COPY_LINE)
        self._once.operate([cancel])
        return self._judged(gift._replace(sku=sku), placed, group)

    def _judged(self, gift: Gift, placed: Placed, group: "Group") -> Gift:
        """Whether its parent pays for it; what does not is held for a person."""
        floor_fen = self._shop.floors([gift.sku]).get(gift.sku, -1)
        mask = placed.mask & ~SHORT_BIT
        if mask & IDENTITY_BIT and not self._shop.is_limited(gift.sku, gift.channel):
            mask &= ~IDENTITY_BIT  # its parent's: judged in the parent's own order
        if mask:
            self._once.operate([Wish(f"gift {gift.key.hex()} hold", key_of(gift.key), HOLD)])
        now = self._shop.orders([key_of(gift.key)])[0]
        return self._set(
            gift, state="held" if mask else "covered", sku=gift.sku, mask=placed.mask,
            short=now.lines[GIFT_LINE].short if now and now.lines else 0,
            burden_fen=max(0, floor_fen) * gift.quantity, headroom_fen=group.headroom_fen,
            reason=first_reason(mask),
        )  # fmt: skip

    def _followed(self, gift: Gift, parent: OrderNow | None) -> Gift:
        """A gift does what its parent does."""
        key = key_of(gift.key)
        own = self._shop.states([key])[0]
        if own in ("", "closed"):
            return self._set(gift, state="cancelled", reason="order_closed")
        if own == "shipped":
            return self._set(gift, state="shipped", reason="")
        name = f"gift {gift.key.hex()}"
        state = parent.state if parent is not None else ""
        if state in ("", "closed", "expired") and gift.state != "shipped":
            self._once.operate([Wish(f"{name} cancel", key, CANCEL)])
            return self._set(gift, state="cancelled", reason="parent_closed")
        if gift.state in ("covered", "short") and state in ("released", "shipped"):
            gift = self._released(gift)
        if gift.state == "released" and state == "shipped" and not self._is_in_parcel(gift):
            reason = words(self._once.operate([Wish(f"{name} ship", key, SHIP)])[0])
            return self._set(gift, state="released" if reason else "shipped", reason=reason)
        return gift

    def _released(self, gift: Gift) -> Gift:
        """Ask for its release; without stock it stays a debt, and is asked about again."""
        key = key_of(gift.key)
        now = self._shop.orders([key])[0]
        if now is not None and now.lines and gift.state == "short":
            line = now.lines[GIFT_LINE]
            free = self._shop.free(gift.channel, [gift.sku])[0]
            if line.short > max(0, free.on_hand - free.promised):
                return gift  # nothing has come since: the same answer
        drawn = (
            self._shop.exception_number(gift.exception)
            if gift.exception not in ("", NO_EXCEPTION)
            else 0
        )
        softly = OVERRIDE if gift.exception or gift.mask & IDENTITY_BIT else 0
        name = f"gift {gift.key.hex()} release {gift.attempt}"
        wish = Wish(name, key, RELEASE, quantity=drawn, flags=softly)
        reason = words(self._once.operate([wish])[0])
        if reason in UNAPPROVED:
            return self._set(gift, state="held", reason=reason, exception="")
        state = "short" if reason else "released"
        return self._set(gift, state=state, reason=reason, attempt=gift.attempt + bool(reason))

    def _is_in_parcel(self, gift: Gift) -> bool:
        return self._store.one(
            "SELECT 1 FROM parcel_part JOIN parcel ON parcel.id = parcel WHERE key = ?"
            " AND state NOT IN ('cancelled', 'split')", (gift.key,)
        ) is not None  # fmt: skip

    # -- the store -------------------------------------------------------------------------------

    def _set(self, gift: Gift, **fields: object) -> Gift:
        names = ", ".join(f"{name} = ?" for name in fields)
        with self._store.writing() as connection:
            connection.execute(
                f"UPDATE gift SET {names} WHERE key = ?",  # noqa: S608 -- our own names
                (*fields.values(), gift.key),
            )
        return self._get(gift.key)

    def _rows(self, where: str, *values: object) -> list[Gift]:
        fields = ", ".join(Gift._fields)
        statement = f"SELECT {fields} FROM gift WHERE {where}"  # noqa: S608 -- our own words
        return [Gift(*row) for row in self._store.ask(statement, values)]

    def _find(self, key: bytes) -> Gift | None:
        found = self._rows("key = ?", key)
        return found[0] if found else None

    def _get(self, key: bytes) -> Gift:
        return self._rows("key = ?", key)[0]


def is_at_rest(state: str, parent: str, own: str) -> bool:
    """Whether nothing can follow for a gift while these three stand as they do."""
    if state == "waiting":
        return parent in ("", "pre_held")
    if state == "held":
        return own == "on_hold" and parent in PAID
    if state == "covered":
        return own == "committed" and parent in ("committed", "on_hold")
    return state == "released" and own == "released" and parent == "released"


class Group(NamedTuple):
    """What a parent's group is and receives: its SKU's lines, less what it gives away already."""

    sku: str
    units: int
    receivable_fen: int
    headroom_fen: int  # beyond its floors; -1 = a cost of it is not known


def group_of(lines: Sequence[LineNow], line: int, siblings: Sequence[Gift]) -> Group:
    """The lines of a line's SKU as one, with the floors of their gifts taken off their money."""
    sku = lines[line].sku
    numbers = {number for number, one in enumerate(lines) if one.sku == sku}
    left = {number: one.ordered - one.cancelled for number, one in enumerate(lines)}
    own = [number for number in sorted(numbers) if not lines[number].gift_of]
    given = [one for one in lines if one.gift_of - 1 in numbers]
    received_fen = sum(lines[n].receivable_fen * left[n] // lines[n].ordered for n in own)
    burden_fen = sum(max(0, one.floor_fen) * (one.ordered - one.cancelled) for one in given)
    burden_fen += sum(
        other.burden_fen for other in siblings
        if other.line in numbers and other.state not in ("cancelled", "refused")
    )  # fmt: skip
    is_known = all(one.floor_fen >= 0 for one in [lines[line], *given])
    units = sum(left[number] for number in own)
    receivable_fen = max(0, received_fen - burden_fen) if is_known else 0
    headroom_fen = max(-1, receivable_fen - lines[line].floor_fen * units) if is_known else -1
    return Group(sku, units, receivable_fen, headroom_fen)


def gift_rows(
    gift: Gift, channel: int, number_of: Callable[[str], int], sku: str, group: Group
) -> bytes:
    """A paid fact of two lines, a copy of the group and its gift, without anybody's token."""
    rows = np.zeros(2, LINE)
    rows["id_hi"], rows["id_lo"] = key_of(gift.key)
    rows["placed_at_ms"], rows["channel"] = gift.at_ms, channel
    rows["flags"] = FACT | IS_PAID, FACT | IS_PAID | CONTINUES
    rows["sku"] = number_of(group.sku), number_of(sku)
    rows["quantity"] = group.units, gift.quantity
    rows["receivable_fen"] = group.receivable_fen, 0
    rows["gift_of"] = 0, 1 + COPY_LINE
    return rows.tobytes()


def first_reason(mask: int) -> str:
    """The first guard that a mask names."""
    return words((mask & -mask).bit_length() - 1) if mask else ""
