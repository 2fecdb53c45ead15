"""Returns: what came back is on no shelf until it is inspected, good (良品) or defective (次品).

    arrived ─► inspection(s) ─► good: back to sale · defective: a place of its own ─► disposed of

Always: the desk is told of a unit once, when it is inspected, and never of more than were shipped.
Never: a unit is for sale before somebody found it good, or a defective one without a repair.
"""

import json
from typing import Literal, NamedTuple

from tidegate.channels.fulfilment import warehouses
from tidegate.channels.fulfilment.gifts import GIFT_LINE, gift_number
from tidegate.channels.fulfilment.once import Once, Wish, words
from tidegate.channels.fulfilment.ports import FulfilmentShop, NotDone, NotThere
from tidegate.channels.ledger import Ledger, key_bytes, key_of
from tidegate.record.facts import AdjustStock
from tidegate.record.lines import RETURN, RETURN_DEFECTIVE

Outcome = Literal["scrapped", "to_supplier", "repaired"]
LOOKED_AT = 200


class Back(NamedTuple):
    """Units of one line that came back."""

    id: str
    key: bytes
    channel: str
    number: str
    gift: str
    line: int
    units: int
    good: int
    defective: int
    warehouse: str
    skus: str
    state: str
    at_ms: int


class Inspection(NamedTuple):
    """What somebody found."""

    id: str
    goods_return: str
    good: int
    defective: int
    state: str
    reason: str
    at_ms: int


class Disposal(NamedTuple):
    """Defective units that leave their place."""

    id: str
    sku: str
    units: int
    outcome: str
    pool: str
    actor: str  # a token may be more than SQLite's integers hold
    state: str
    reason: str
    at_ms: int


class Reconciled(NamedTuple):
    """One SKU: what the desk took back, what was inspected here, what stands in the place."""

    sku: str
    desk_good: int
    inspected_good: int
    desk_defective: int
    inspected_defective: int
    in_place: int  # defective, not disposed of

    @property
    def elsewhere(self) -> tuple[int, int]:
        """Good and defective units that came back at another door, or are on their way here."""
        return (self.desk_good - self.inspected_good,
                self.desk_defective - self.inspected_defective)  # fmt: skip


class Returns:
    """One shop's returns. Called by one thread at a time."""

    def __init__(self, store: Ledger, shop: FulfilmentShop, once: Once) -> None:
        self._store = store
        self._shop = shop
        self._once = once

    def arrive(self, told: Back) -> Back:
        """Units came back, not inspected; the same id counts once. Raises NotDone, NotThere."""
        number = gift_number(told.number, told.gift) if told.gift else told.number
        told = told._replace(line=GIFT_LINE if told.gift else told.line)
        key = self._shop.order_key(told.channel, number)
        known = self._find(told.id)
        if known is not None:
            same = (key_bytes(key), told.line, told.units, told.warehouse)
            if (known.key, known.line, known.units, known.warehouse) != same:
                raise NotDone("id_reused", "this return's id stands for other units")
            return known
        now = self._shop.orders([key])[0]
        if now is None:
            raise NotThere("unknown_order", "no such order")
        if told.line >= len(now.lines):
            raise NotDone("quantity_exceeds_open", "nothing of this line is with the buyer")
        line = now.lines[told.line]
        free = line.shipped - line.returned - self._uninspected(key_bytes(key), told.line)
        if told.units > free:
            raise NotDone("quantity_exceeds_open",
                          f"{told.units} units came back, {max(0, free)} can have")  # fmt: skip
        if told.warehouse and not self._store.one(
            "SELECT 1 FROM warehouse WHERE code = ?", (told.warehouse,)
        ):
            raise NotThere("unknown_target", "there is no such warehouse")
        row = told._replace(key=key_bytes(key), skus=json.dumps(dict(line.parts)), good=0,
                            defective=0, state="arrived", at_ms=self._shop.now_ms())  # fmt: skip
        with self._store.writing() as connection:
            connection.execute(
                "INSERT INTO goods_return VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row
            )
        return row

    def inspect(self, return_id: str, inspection_id: str, good: int, defective: int) -> Inspection:
        """So many were found good and so many defective. Raises NotDone, NotThere."""
        back = self._get(return_id)
        known = self._inspection(inspection_id)
        if known is not None:
            if (known.goods_return, known.good, known.defective) != (return_id, good, defective):
                raise NotDone("id_reused", "this inspection's id stands for other findings")
        else:
            left = back.units - back.good - back.defective - self._being_inspected(return_id)
            if good + defective > left or good + defective < 1:
                raise NotDone("quantity_exceeds_open", f"{left} units are not inspected")
            with self._store.writing() as connection:
                connection.execute("INSERT INTO inspection VALUES (?, ?, ?, ?, 'asked', '', ?)",
                                   (inspection_id, return_id, good, defective,
                                    self._shop.now_ms()))  # fmt: skip
        return self._told(inspection_id)

    def dispose(
        self, disposal_id: str, sku: str, units: int, outcome: Outcome, pool: str, actor: int
    ) -> Disposal:
        """Defective units leave: scrapped, back to the supplier, or repaired and for sale again."""
        known = self._disposal(disposal_id)
        if known is not None:
            if (known.sku, known.units, known.outcome, known.pool) != (sku, units, outcome, pool):
                raise NotDone("id_reused", "this disposal's id stands for other units")
        else:
            row = self._store.one("SELECT defective - disposed FROM tally WHERE sku = ?", (sku,))
            if row is None or units > row[0]:
                raise NotDone("quantity_exceeds_open", f"{row[0] if row else 0} units are there")
            with self._store.writing() as connection:
                connection.execute("UPDATE tally SET disposed = disposed + ? WHERE sku = ?",
                                   (units, sku))  # fmt: skip
                connection.execute("INSERT INTO disposal VALUES (?, ?, ?, ?, ?, ?, 'asked', '', ?)",
                                   (disposal_id, sku, units, outcome, pool, str(actor),
                                    self._shop.now_ms()))  # fmt: skip
        return self._disposed(disposal_id)

    def turn(self) -> int:
        """Go on with what was cut off; how many."""
        asked = self._store.ask("SELECT id FROM inspection WHERE state = 'asked' LIMIT ?",
                                (LOOKED_AT,))  # fmt: skip
        for (inspection_id,) in asked:
            self._told(inspection_id)
        leaving = self._store.ask("SELECT id FROM disposal WHERE state = 'asked' LIMIT ?",
                                  (LOOKED_AT,))  # fmt: skip
        for (disposal_id,) in leaving:
            self._disposed(disposal_id)
        return len(asked) + len(leaving)

    def listed(self, state: str = "", limit: int = 200) -> list[Back]:
        """Returns, the oldest first."""
        return self._rows("? = '' OR state = ? ORDER BY at_ms, id LIMIT ?", state, state, limit)

    def reconciled(self) -> list[Reconciled]:
        """Every SKU of which something came back."""
        totals = self._shop.totals()
        tallies = {row[0]: row[1:] for row in self._store.ask("SELECT * FROM tally")}
        found = []
        for sku in sorted({*tallies, *(s for s, t in totals.items() if t.returned or t.defective)}):
            good, defective, disposed = tallies.get(sku, (0, 0, 0))
            at_desk = totals.get(sku)
            found.append(Reconciled(
                sku, at_desk.returned if at_desk else 0, good,
                at_desk.defective if at_desk else 0, defective, defective - disposed,
            ))  # fmt: skip
        return found

    # -- telling the desk ------------------------------------------------------------------------

    def _told(self, inspection_id: str) -> Inspection:
        """Tell the desk what was found, and count it; each step may be taken twice."""
        found = self._inspection(inspection_id)
        assert found is not None, "stored before it is told"
        if found.state != "asked":
            return found
        back = self._get(found.goods_return)
        wishes = [
            Wish(f"return {inspection_id} {kind}", key_of(back.key), kind, line=back.line,
                 quantity=units)
            for kind, units in ((RETURN, found.good), (RETURN_DEFECTIVE, found.defective)) if units
        ]  # fmt: skip
        reasons = dict(zip([wish.kind for wish in wishes], self._once.operate(wishes), strict=True))
        good = 0 if reasons.get(RETURN) else found.good
        defective = 0 if reasons.get(RETURN_DEFECTIVE) else found.defective
        self._count(found, back, good, defective, next((words(r) for r in reasons.values() if r),
                                                       ""))  # fmt: skip
        counted = self._inspection(inspection_id)
        assert counted is not None
        return counted

    def _count(self, found: Inspection, back: Back, good: int, defective: int, reason: str) -> None:
        """Count what the desk took; what it refused came back at another door already."""
        each: dict[str, int] = json.loads(back.skus)
        with self._store.writing() as connection:
            connection.execute(
                "UPDATE inspection SET state = ?, reason = ? WHERE id = ?",
                ("done" if good + defective else "refused", reason, found.id),
            )
            connection.execute(
                "UPDATE goods_return SET good = good + ?, defective = defective + ?, state = CASE"
                " WHEN good + defective + ? >= units THEN 'inspected' ELSE state END WHERE id = ?",
                (good, defective, good + defective, back.id),
            )
            connection.executemany(
                "INSERT INTO tally (sku, good, defective) VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
                " SET good = good + excluded.good, defective = defective + excluded.defective",
                [(sku, good * per, defective * per) for sku, per in each.items()],
            )
            if back.warehouse and good:
                warehouses.arrive(connection, back.warehouse,
                                  {sku: good * per for sku, per in each.items()})  # fmt: skip

    def _disposed(self, disposal_id: str) -> Disposal:
        """What is repaired goes back to sale by a command of the desk; the rest is gone."""
        one = self._disposal(disposal_id)
        assert one is not None, "stored before it is done"
        if one.state != "asked":
            return one
        reason = ""
        if one.outcome == "repaired":
            command = AdjustStock(one.sku, one.units, one.pool)
            reason = words(self._shop.command(command, f"\0repair {one.id}", int(one.actor)))
        with self._store.writing() as connection:
            connection.execute("UPDATE disposal SET state = ?, reason = ? WHERE id = ?",
                               ("refused" if reason else "done", reason, one.id))  # fmt: skip
            if reason:
                connection.execute("UPDATE tally SET disposed = disposed - ? WHERE sku = ?",
                                   (one.units, one.sku))  # fmt: skip
        return one._replace(state="refused" if reason else "done", reason=reason)

    # -- the store -------------------------------------------------------------------------------

    def _uninspected(self, key: bytes, line: int) -> int:
        row = self._store.one(
            "SELECT coalesce(sum(units - good - defective), 0) FROM goods_return"
            " WHERE key = ? AND line = ? AND state = 'arrived'", (key, line),
        )  # fmt: skip
        return int(row[0]) if row else 0

    def _being_inspected(self, return_id: str) -> int:
        row = self._store.one(
            "SELECT coalesce(sum(good + defective), 0) FROM inspection"
            " WHERE goods_return = ? AND state = 'asked'", (return_id,),
        )  # fmt: skip
        return int(row[0]) if row else 0

    def _rows(self, where: str, *values: object) -> list[Back]:
        fields = ", ".join(Back._fields)
        statement = f"SELECT {fields} FROM goods_return WHERE {where}"  # noqa: S608 -- our own words
        return [Back(*row) for row in self._store.ask(statement, values)]

    def _find(self, return_id: str) -> Back | None:
        found = self._rows("id = ?", return_id)
        return found[0] if found else None

    def _get(self, return_id: str) -> Back:
        found = self._find(return_id)
        if found is None:
            raise NotThere("unknown_target", "there is no such return")
        return found

    def _inspection(self, inspection_id: str) -> Inspection | None:
        row = self._store.one("SELECT * FROM inspection WHERE id = ?", (inspection_id,))
        return Inspection(*row) if row else None

    def _disposal(self, disposal_id: str) -> Disposal | None:
        row = self._store.one("SELECT * FROM disposal WHERE id = ?", (disposal_id,))
        return Disposal(*row) if row else None
