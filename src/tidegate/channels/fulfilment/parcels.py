"""Parcels: several orders of one recipient together (合单), or one order in several (拆单).

    planned ─► releasing ─► released ─► sourced ─► shipping ─► shipped
                   └─► waiting               └─► split into parcels of their own

Always: a parcel's id counts once; what was cancelled is taken out before its orders are released,
and together parcels never have more of a line than is open. Never: a parcel goes whose orders the
desk has not released, or a recipient is kept but as a keyed hash of the platform's handle.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from tidegate.channels.fulfilment import warehouses
from tidegate.channels.fulfilment.gifts import GIFT_LINE, gift_number
from tidegate.channels.fulfilment.once import Once, Wish, words
from tidegate.channels.fulfilment.parcel_store import (
    CHILD,
    GOING,
    LIVE,
    Parcel,
    ParcelStore,
    Part,
    demand_of,
    insert,
    print_of,
    write,
)
from tidegate.channels.fulfilment.ports import (
    FulfilmentShop,
    KeptBack,
    NotDone,
    NotThere,
    OrderNow,
    RecipientOf,
)
from tidegate.channels.fulfilment.store import Round
from tidegate.channels.intake import RECIPIENT_SPACE
from tidegate.channels.ledger import Ledger, key_bytes, key_of
from tidegate.record.lines import RELEASE, SHIP

AGAIN_MS = 30_000
LOOKED_AT = 200
STOPPED_MAX = 500
WAITS = (  # what time, money or stock may settle; everything else a person does
    "payment_not_confirmed", "incident_open", "alarm_raised", "stock_short_at_release",
    "gift_not_released",
)  # fmt: skip
LET_GO = ("released", "shipped")
UNRELEASED = ("committed", "on_hold", "pre_held")


class Asked(NamedTuple):
    """A part as it is asked for."""

    channel: str
    number: str
    line: int
    quantity: int
    gift: str = ""  # then the line is not looked at: a gift has one


class Parcels:
    """One shop's parcels. Called by one thread at a time."""

    def __init__(
        self,
        store: Ledger,
        shop: FulfilmentShop,
        once: Once,
        recipient_of: RecipientOf,
        kept_back: KeptBack,
    ) -> None:
        """`recipient_of`: the hash that a feed gave; `kept_back`: what a bulk hold keeps."""
        self._kept_back = kept_back
        self._store = store
        self.rows = ParcelStore(store)
        self._shop = shop
        self._once = once
        self._recipient_of = recipient_of
        self._next_again_ms = 0
        self._round = Round("", LOOKED_AT)

    # -- plan ------------------------------------------------------------------------------------

    def make(
        self, parcel_id: str, asked: Sequence[Asked], recipient: str = "", region: str = ""
    ) -> Parcel:
        """Plan a parcel; the same id with the same parts counts once. Raises NotDone, NotThere."""
        if CHILD in parcel_id:
            raise NotDone("out_of_bounds", f"a parcel's id has no {CHILD}")
        recipient_hash = self._hash(recipient)
        content = [list(asked), recipient_hash.hex(), region]
        print_ = print_of(content)
        known = self.rows.find(parcel_id)
        if known is not None:
            if known.print != print_:
                raise NotDone("id_reused", "this parcel's id stands for other parts")
            return known
        parts = self._checked(parcel_id, asked)
        new = self._require_one_recipient(parts, recipient_hash)
        made = Parcel(parcel_id, print_, "planned", recipient_hash, region, "", "", 0, "", "[]",
                      self._shop.now_ms())  # fmt: skip
        with self._store.writing() as connection:
            insert(connection, made, parts)
            connection.executemany("INSERT OR IGNORE INTO recipient VALUES (?, ?)", new)
        return made

    def _hash(self, recipient: str) -> bytes:
        return key_bytes(self._shop.order_key(RECIPIENT_SPACE, recipient)) if recipient else b""

    def _checked(self, parcel_id: str, asked: Sequence[Asked]) -> list[Part]:
        """The parts, each with units that are open and that no other parcel has."""
        asked = [one._replace(line=GIFT_LINE) if one.gift else one for one in asked]
        if len({(one.channel, one.number, one.gift, one.line) for one in asked}) < len(asked):
            raise NotDone("out_of_bounds", "a line stands twice in this parcel")
        if len({one.channel for one in asked}) > 1:
            raise NotDone("recipient_differs", "a recipient is one channel's: channels differ")
        keys = [self._key(one) for one in asked]
        found = []
        for place, (one, key, now) in enumerate(
            zip(asked, keys, self._shop.orders(keys), strict=True)
        ):
            if now is None:
                raise NotThere("unknown_order", f"part {place}: no such order")
            if one.line >= len(now.lines):
                raise NotDone("quantity_exceeds_open", f"part {place}: the order has no such line")
            line = now.lines[one.line]
            free = line.open - self.rows.promised(key_bytes(key), one.line, LIVE)
            if one.quantity > free:
                raise NotDone(
                    "quantity_exceeds_open",
                    f"part {place}: {one.quantity} units are asked for, {max(0, free)} are open",
                )
            skus = json.dumps(dict(line.parts))
            found.append(Part(parcel_id, place, key_bytes(key), one.channel, one.number, one.gift,
                              one.line, one.quantity, 0, 0, 0, skus, ""))  # fmt: skip
        return found

    def _key(self, one: Asked) -> tuple[int, int]:
        number = gift_number(one.number, one.gift) if one.gift else one.number
        return self._shop.order_key(one.channel, number)

    def _require_one_recipient(
        self, parts: Sequence[Part], recipient: bytes
    ) -> list[tuple[bytes, bytes]]:
        """Several orders go together only if one handle stands for all; what is new of them."""
        orders = {part.number: key_bytes(self._shop.order_key(part.channel, part.number))
                  for part in parts}  # fmt: skip
        if len(orders) > 1 and not recipient:
            raise NotDone("recipient_missing", "say which recipient these orders have in common")
        new = []
        for key in orders.values():
            row = self._store.one("SELECT recipient FROM recipient WHERE key = ?", (key,))
            known = self._recipient_of(key) or (row[0] if row else b"")
            if known and recipient and known != recipient:
                raise NotDone("recipient_differs", "these orders do not go to one recipient")
            if recipient and not known:
                new.append((key, recipient))
        return new

    # -- release ---------------------------------------------------------------------------------

    def release(self, parcel_id: str) -> Parcel:
        """Take out what was cancelled and have the orders released. Raises NotThere, NotDone."""
        parcel = self.get(parcel_id)
        if parcel.state in ("planned", "waiting"):
            self.rows.set(parcel_id, state="releasing", attempt=parcel.attempt + 1)
        elif parcel.state == "cancelled":
            raise NotDone("wrong_state", "this parcel is cancelled")
        elif parcel.state != "releasing":
            return parcel  # released before: the same answer
        return self._released(self.get(parcel_id))

    def _released(self, parcel: Parcel) -> Parcel:
        """The rest of a release, from wherever it was cut off."""
        parts = self.rows.parts(parcel.id)
        orders = self._orders(parts)
        out = {part.place: self._cancelled(parcel, part, orders[part.key]) for part in parts}
        with self._store.writing() as connection:
            connection.executemany(
                "UPDATE parcel_part SET taken_out = ? WHERE parcel = ? AND place = ?",
                [(units, parcel.id, place) for place, units in out.items()],
            )
            if all(out[part.place] == part.quantity for part in parts):
                write(connection, parcel.id, state="cancelled", reason="nothing_left")
        if self.get(parcel.id).state == "cancelled":
            return self.get(parcel.id)
        keys = list(dict.fromkeys(p.key for p in parts if out[p.place] < p.quantity))
        return self._ask_releases(parcel, parts, keys, orders)

    def _cancelled(self, parcel: Parcel, part: Part, now: OrderNow | None) -> int:
        """Units of a part that are not there any more: cancelled, or gone with other parcels."""
        if now is None or part.line >= len(now.lines):
            return part.quantity
        going = self.rows.promised(part.key, part.line, GOING, but=parcel.id)
        return max(0, part.quantity - max(0, now.lines[part.line].open - going))

    def _ask_releases(
        self,
        parcel: Parcel,
        parts: Sequence[Part],
        keys: Sequence[bytes],
        orders: dict[bytes, OrderNow | None],
    ) -> Parcel:
        """A gift is released with its parent, by `gifts`: it is waited for here."""
        states = {key: now.state for key in keys if (now := orders[key]) is not None}
        gifts = {part.key for part in parts if part.gift}
        kept = self._kept(parts)
        asked = [key for key in keys if states[key] in UNRELEASED and key not in gifts | kept]
        reasons = self._once.operate([
            Wish(f"parcel {parcel.id} release {key.hex()} {parcel.attempt}", key_of(key), RELEASE)
            for key in asked
        ]) if asked else []  # fmt: skip
        refused = {key: words(reason) for key, reason in zip(asked, reasons, strict=True) if reason}
        refused |= {key: "gift_not_released" for key in keys
                    if key in gifts and states[key] in UNRELEASED}  # fmt: skip
        refused |= {key: "kept_back" for key in keys if key in kept}
        with self._store.writing() as connection:
            for key in keys:
                connection.execute("UPDATE parcel_part SET reason = ? WHERE parcel = ? AND key = ?",
                                   (refused.get(key, ""), parcel.id, key))  # fmt: skip
            write(connection, parcel.id, state="waiting" if refused else "released",
                  reason=next(iter(refused.values()), ""))  # fmt: skip
        return self.get(parcel.id)

    def _kept(self, parts: Sequence[Part]) -> set[bytes]:
        """Which of these orders a person keeps back, their gifts with them."""
        whose = {p.key: key_bytes(self._shop.order_key(p.channel, p.number)) for p in parts}
        kept = self._kept_back(list(dict.fromkeys(whose.values())))
        return {key for key, order in whose.items() if order in kept}

    def may_leave(self, parcel: Parcel) -> bool:
        """Whether all its orders are still released, and nobody keeps one back."""
        parts = [part for part in self.rows.parts(parcel.id) if part.left]
        orders = self._orders(parts)
        return not self._kept(parts) and all(
            now is not None and now.state in LET_GO for now in orders.values()
        )

    # -- ship ------------------------------------------------------------------------------------

    def ship(self, parcel_id: str) -> Parcel:
        """A parcel has left; the same id again counts once. Raises NotThere, NotDone."""
        parcel = self.get(parcel_id)
        if parcel.state == "shipped":
            return parcel
        if parcel.state not in ("released", "sourced", "shipping"):
            raise NotDone("wrong_state", f"this parcel is {parcel.state}, not released")
        if parcel.state != "shipping":
            self._begin_shipping(parcel)
        return self._shipped(self.get(parcel_id))

    def _begin_shipping(self, parcel: Parcel) -> None:
        """Note what the desk will be told: what is still open; the rest was cancelled too late."""
        parts = self.rows.parts(parcel.id)
        orders = self._orders(parts)
        rows = []
        for part in parts:
            now = orders[part.key]
            open_ = now.lines[part.line].open if now and part.line < len(now.lines) else 0
            units = min(part.left, open_)
            rows.append((units, "cancelled_after_release" if units < part.left else "",
                         parcel.id, part.place))  # fmt: skip
        with self._store.writing() as connection:
            connection.executemany("UPDATE parcel_part SET shipping = ?, reason = ?"
                                   " WHERE parcel = ? AND place = ?", rows)  # fmt: skip
            write(connection, parcel.id, state="shipping")

    def _shipped(self, parcel: Parcel) -> Parcel:
        """Tell the desk, part by part, and take the units off the warehouse."""
        parts = [part for part in self.rows.parts(parcel.id) if part.left]
        told = [part for part in parts if part.shipping]
        reasons = self._once.operate([
            Wish(f"parcel {parcel.id} ship {part.place}", key_of(part.key), SHIP, line=part.line,
                 quantity=part.shipping)
            for part in told
        ]) if told else []  # fmt: skip
        units = demand_of(parts)
        with self._store.writing() as connection:
            for part, reason in zip(told, reasons, strict=True):
                connection.execute(
                    "UPDATE parcel_part SET shipped = ?, reason = CASE ? WHEN '' THEN reason"
                    " ELSE ? END WHERE parcel = ? AND place = ?",
                    (0 if reason else part.shipping, words(reason), words(reason), parcel.id,
                     part.place),
                )  # fmt: skip
            write(connection, parcel.id, state="shipped", reason="")
            if parcel.warehouse:
                back = {sku: -count for sku, count in units.items()}
                warehouses.assign(connection, parcel.warehouse, back)
                warehouses.leave(connection, parcel.warehouse, units)
        return self.get(parcel.id)

    # -- the rest --------------------------------------------------------------------------------

    def cancel(self, parcel_id: str) -> Parcel:
        """Give a parcel up before it has left; its orders stay as they are. Raises NotDone."""
        parcel = self.get(parcel_id)
        if parcel.state in ("shipping", "shipped", "split"):
            raise NotDone("wrong_state", f"this parcel is {parcel.state}")
        with self._store.writing() as connection:
            if parcel.state == "sourced":
                back = {s: -n for s, n in demand_of(self.rows.parts(parcel_id)).items()}
                warehouses.assign(connection, parcel.warehouse, back)
            write(connection, parcel_id, state="cancelled", reason="given_up")
        return self.get(parcel_id)

    def turn(self, now_ms: int) -> int:
        """Go on with what was cut off; ask again now and then for what waits; how many."""
        cut_off = self.rows.rows("state IN ('releasing', 'shipping') LIMIT ?", LOOKED_AT)
        for parcel in cut_off:
            (self._released if parcel.state == "releasing" else self._shipped)(parcel)
        if now_ms < self._next_again_ms:
            return len(cut_off)
        self._next_again_ms = now_ms + AGAIN_MS
        waiting = self._round.take(
            lambda after, size: self.rows.rows(
                "state = 'waiting' AND id > ? ORDER BY id LIMIT ?", after, size
            ),
            lambda parcel: parcel.id,
        )
        asked = [parcel for parcel in waiting if parcel.reason in WAITS or self._may_go(parcel)]
        for parcel in asked:
            self.release(parcel.id)
        return len(cut_off) + len(asked)

    def _may_go(self, parcel: Parcel) -> bool:
        """Whether a person has let go meanwhile what kept it back."""
        parts = [part for part in self.rows.parts(parcel.id) if part.reason]
        orders = self._orders(parts)
        return not self._kept(parts) and all(
            now is None or now.state not in UNRELEASED or parcel.reason == "kept_back"
            for now in orders.values()
        )

    def to_stop(self) -> list[Part]:
        """Parts on their way that were cancelled or held since: the warehouse is to stop them."""
        parcels = self.rows.rows(
            "state IN ('released', 'sourced') ORDER BY made_ms LIMIT ?", STOPPED_MAX
        )
        parts = {parcel: self.rows.parts(parcel.id) for parcel in parcels}
        every = [part for some in parts.values() for part in some]
        orders, kept = self._orders(every), self._kept(every)
        kept |= {key for key, now in orders.items() if now and now.state in UNRELEASED}
        return [
            part
            for parcel, some in parts.items()
            for part in some
            if part.left
            and (
                part.key in kept or self._cancelled(parcel, part, orders[part.key]) > part.taken_out
            )
        ]

    def get(self, parcel_id: str) -> Parcel:
        """One parcel. Raises NotThere."""
        found = self.rows.find(parcel_id)
        if found is None:
            raise NotThere("unknown_target", "there is no such parcel")
        return found

    def _orders(self, parts: Sequence[Part]) -> dict[bytes, OrderNow | None]:
        keys = list(dict.fromkeys(part.key for part in parts))
        found = self._shop.orders([key_of(key) for key in keys])
        return dict(zip(keys, found, strict=True))
