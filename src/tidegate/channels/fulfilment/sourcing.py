"""Sourcing: after its orders are released, a parcel gets its warehouse, or is split over several.

Always: what was seen, by which rule and what came of it is recorded; a warehouse that refuses is
left out and the parcel is sourced again. Never: the desk is asked, or its decision depends on this.
"""

import json
from collections.abc import Callable

from tidegate.channels.fulfilment import warehouses as wh
from tidegate.channels.fulfilment.parcel_store import (
    CHILD,
    Parcel,
    ParcelStore,
    Part,
    cut,
    demand_of,
    insert,
    write,
)
from tidegate.channels.fulfilment.plan import Share, plan
from tidegate.channels.fulfilment.ports import FulfilmentShop, NotDone, NotThere
from tidegate.channels.fulfilment.store import Round
from tidegate.channels.ledger import Ledger

LOOKED_AT = 200
AGAIN_MS = 30_000


class Sourced:
    """One shop's sourcing. Called by one thread at a time."""

    def __init__(
        self,
        store: Ledger,
        shop: FulfilmentShop,
        warehouses: wh.Warehouses,
        may_leave: Callable[[Parcel], bool],
    ) -> None:
        """`may_leave`: whether a parcel's orders are still released."""
        self._may_leave = may_leave
        self._store = store
        self._rows = ParcelStore(store)
        self._shop = shop
        self._warehouses = warehouses
        self._round = Round("", LOOKED_AT)
        self._next_again_ms = 0

    def source(self, parcel_id: str) -> Parcel:
        """Find who sends a parcel. Raises NotThere, NotDone."""
        parcel = self._get(parcel_id)
        if parcel.state in ("sourced", "split", "shipping", "shipped"):
            return parcel
        if parcel.state != "released":
            raise NotDone("wrong_state", f"this parcel is {parcel.state}, not released")
        if not self._may_leave(parcel):
            self._rows.set(parcel_id, reason="kept_back")
            return self._get(parcel_id)
        parts = [part for part in self._rows.parts(parcel_id) if part.left]
        demand = demand_of(parts)
        excluded = json.loads(parcel.excluded)
        sites = self._warehouses.sites(parcel.region, excluded, list(demand))
        rule = self._warehouses.rule()
        shares = plan(rule, demand, sites)
        pieces = cut(parts, [share.units for share in shares])
        if sum(count for piece in pieces for _, count in piece) < sum(p.left for p in parts):
            shares = []  # a bundle's parts lie in different places
        seen = [[s.code, s.distance, {k: s.free.get(k, 0) for k in demand}] for s in sites]
        with self._store.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO sourcing VALUES (?, ?, ?, ?, ?, ?)",
                (parcel_id, parcel.attempt + 1, self._shop.now_ms(), rule, json.dumps(seen),
                 json.dumps([[share.warehouse, share.units] for share in shares])),
            )  # fmt: skip
            if not shares:
                write(connection, parcel_id, reason="unsourced", attempt=parcel.attempt + 1)
            elif len(shares) == 1:
                wh.assign(connection, shares[0].warehouse, demand)
                write(connection, parcel_id, state="sourced", warehouse=shares[0].warehouse,
                      reason="", attempt=parcel.attempt + 1)  # fmt: skip
            else:
                write(connection, parcel_id, state="split", attempt=parcel.attempt + 1)
                for number, (share, piece) in enumerate(zip(shares, pieces, strict=True), 1):
                    child, its = _child(parcel, number, share, piece)
                    insert(connection, child, its)
                    wh.assign(connection, share.warehouse, demand_of(its))
        return self._get(parcel_id)

    def refuse(self, parcel_id: str, warehouse: str) -> Parcel:
        """A warehouse will not send a parcel: another one is found. Raises NotThere, NotDone."""
        parcel = self._get(parcel_id)
        excluded = json.loads(parcel.excluded)
        if parcel.state != "sourced" or parcel.warehouse != warehouse:
            if warehouse in excluded:
                return parcel  # said before
            raise NotDone("wrong_state", "this parcel is not with that warehouse")
        back = {sku: -n for sku, n in demand_of(self._rows.parts(parcel_id)).items()}
        with self._store.writing() as connection:
            wh.assign(connection, warehouse, back)
            write(connection, parcel_id, state="released", warehouse="", reason="refused",
                  excluded=json.dumps([*excluded, warehouse]))  # fmt: skip
        return self.source(parcel_id)

    def turn(self, now_ms: int) -> int:
        """Source what is released and has no warehouse, where there are any; how many got one."""
        if not self._warehouses.listed():
            return 0
        fresh = self._rows.rows(
            "state = 'released' AND reason NOT IN ('unsourced', 'kept_back')"
            " ORDER BY made_ms LIMIT ?",
            LOOKED_AT,
        )
        found = sum(self.source(parcel.id).state != "released" for parcel in fresh)
        if now_ms < self._next_again_ms:
            return found
        self._next_again_ms = now_ms + AGAIN_MS
        vain = self._round.take(
            lambda after, size: self._rows.rows(
                "state = 'released' AND reason IN ('unsourced', 'kept_back') AND id > ?"
                " ORDER BY id LIMIT ?",
                after, size,
            ),
            lambda parcel: parcel.id,
        )  # fmt: skip
        return found + sum(
            self.source(parcel.id).state != "released" for parcel in vain if self._may_have(parcel)
        )

    def _may_have(self, parcel: Parcel) -> bool:
        """Not asked in vain, and recorded, a second time while nothing has changed."""
        if not self._may_leave(parcel):
            return False
        demand = demand_of([p for p in self._rows.parts(parcel.id) if p.left])
        excluded = json.loads(parcel.excluded)
        sites = self._warehouses.sites(parcel.region, excluded, list(demand))
        return bool(plan(self._warehouses.rule(), demand, sites))

    def story(self, parcel_id: str) -> list[dict[str, object]]:
        """How a parcel was sourced, try by try."""
        return [
            {"attempt": attempt, "at": at_ms, "rule": rule, "seen": json.loads(seen),
             "found": json.loads(found)}
            for attempt, at_ms, rule, seen, found in self._store.ask(
                "SELECT attempt, at_ms, rule, seen, found FROM sourcing WHERE parcel = ?"
                " ORDER BY attempt", (parcel_id,))
        ]  # fmt: skip

    def _get(self, parcel_id: str) -> Parcel:
        found = self._rows.find(parcel_id)
        if found is None:
            raise NotThere("unknown_target", "there is no such parcel")
        return found


def _child(
    parcel: Parcel, number: int, share: Share, piece: list[tuple[Part, int]]
) -> tuple[Parcel, list[Part]]:
    """The parcel of one warehouse out of one that is split."""
    name = f"{parcel.id}{CHILD}{number}"
    child = parcel._replace(
        id=name, state="sourced", warehouse=share.warehouse, part_of=parcel.id, attempt=0, reason=""
    )
    parts = [
        part._replace(parcel=name, place=place, quantity=count, taken_out=0)
        for place, (part, count) in enumerate(piece)
    ]
    return child, parts
