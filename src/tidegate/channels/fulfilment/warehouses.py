"""Warehouses and what they have: a projection of its own, compared with the shop's on-hand.

Always: the sum over warehouses and the desk's on-hand are shown side by side with their difference.
Never: the order desk reads from here, or a number goes below zero: what went out beyond what was
known to be there stands as `missing`.
"""

import json
import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from tidegate.channels.fulfilment.plan import FAR, RULES, WAREHOUSES_MAX, Rule, Site
from tidegate.channels.fulfilment.ports import FulfilmentShop, NotDone, NotThere
from tidegate.channels.ledger import Ledger


class Warehouse(NamedTuple):
    """One warehouse; `distances` by region, smaller is nearer."""

    code: str
    priority: int
    distances: dict[str, int]
    is_open: bool


class Shelf(NamedTuple):
    """One SKU in one warehouse: there, given to parcels that have not left, gone beyond it."""

    warehouse: str
    sku: str
    units: int
    assigned: int
    missing: int


class Compared(NamedTuple):
    """One SKU: what warehouses have together, what the desk has, and the difference."""

    sku: str
    warehouses: int
    on_hand: int
    difference: int
    missing: int


class Warehouses:
    """One shop's warehouses. Called by one thread at a time."""

    def __init__(self, store: Ledger, shop: FulfilmentShop) -> None:
        self._store = store
        self._shop = shop

    def put(self, one: Warehouse) -> Warehouse:
        """Say how a warehouse is from now on. Raises NotDone."""
        known = self._store.ask("SELECT code FROM warehouse")
        if (one.code,) not in known and len(known) >= WAREHOUSES_MAX:
            raise NotDone("out_of_bounds", f"a shop has at most {WAREHOUSES_MAX} warehouses")
        with self._store.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO warehouse VALUES (?, ?, ?, ?)",
                (one.code, one.priority, json.dumps(one.distances, sort_keys=True), one.is_open),
            )
        return one

    def count(self, warehouse: str, units: Mapping[str, int]) -> list[Shelf]:
        """What a warehouse has of SKUs, counted now; what was missing is settled by that."""
        self._require(warehouse)
        known = self._shop.totals(list(units))
        unknown = sorted(set(units) - set(known))
        if unknown:
            raise NotThere("unknown_sku", f"no such SKU: {unknown[0]}")
        with self._store.writing() as connection:
            connection.executemany(
                "INSERT INTO warehouse_stock (warehouse, sku, units) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET units = excluded.units, missing = 0",
                [(warehouse, sku, count) for sku, count in units.items()],
            )
        return self.shelves(warehouse)

    def set_rule(self, rule: Rule) -> None:
        """By which rule parcels get their warehouse."""
        assert rule in RULES
        with self._store.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO setting VALUES ('sourcing', ?)", (rule,))

    def rule(self) -> Rule:
        """The rule in force."""
        row = self._store.one("SELECT value FROM setting WHERE name = 'sourcing'")
        return next((rule for rule in RULES if row and rule == row[0]), RULES[0])

    def listed(self) -> list[Warehouse]:
        """Every warehouse, by code."""
        return [
            Warehouse(code, priority, json.loads(distances), bool(is_open))
            for code, priority, distances, is_open in self._store.ask(
                "SELECT * FROM warehouse ORDER BY code"
            )
        ]

    def shelves(self, warehouse: str = "") -> list[Shelf]:
        """What is where."""
        return [Shelf(*row) for row in self._store.ask(
            "SELECT warehouse, sku, units, assigned, missing FROM warehouse_stock"
            " WHERE ? IN ('', warehouse) ORDER BY warehouse, sku", (warehouse,))]  # fmt: skip

    def sites(self, region: str, excluded: list[str], skus: list[str]) -> list[Site]:
        """Open warehouses as a plan for a region sees them, with what they have free of SKUs."""
        free: dict[str, dict[str, int]] = {}
        for warehouse, sku, units in self._store.ask(
            "SELECT warehouse, sku, units - assigned FROM warehouse_stock"
            " WHERE sku IN (SELECT value FROM json_each(?))", (json.dumps(skus),)
        ):  # fmt: skip
            free.setdefault(warehouse, {})[sku] = units
        return [
            Site(one.code, one.priority, one.distances.get(region, FAR), free.get(one.code, {}))
            for one in self.listed()
            if one.is_open and one.code not in excluded
        ]

    def compared(self) -> list[Compared]:
        """Every SKU that a warehouse or the desk has, with the difference."""
        sums = {
            sku: (units, missing)
            for sku, units, missing in self._store.ask(
                "SELECT sku, sum(units), sum(missing) FROM warehouse_stock GROUP BY sku"
            )
        }
        totals = self._shop.totals()
        rows = []
        for sku in sorted({*sums, *(sku for sku, one in totals.items() if one.on_hand)}):
            units, missing = sums.get(sku, (0, 0))
            on_hand = totals[sku].on_hand if sku in totals else 0
            rows.append(Compared(sku, units, on_hand, units - on_hand, missing))
        return rows

    def _require(self, warehouse: str) -> None:
        if self._store.one("SELECT 1 FROM warehouse WHERE code = ?", (warehouse,)) is None:
            raise NotThere("unknown_target", "there is no such warehouse")


def assign(connection: sqlite3.Connection, warehouse: str, units: Mapping[str, int]) -> None:
    """Set units of a warehouse aside for a parcel, or give them back (below zero)."""
    connection.executemany(
        "INSERT INTO warehouse_stock (warehouse, sku, units, assigned) VALUES (?, ?, 0, max(0, ?))"
        " ON CONFLICT DO UPDATE SET assigned = max(0, assigned + ?)",
        [(warehouse, sku, count, count) for sku, count in units.items()],
    )


def leave(connection: sqlite3.Connection, warehouse: str, units: Mapping[str, int]) -> None:
    """Units left a warehouse; what it was not known to have is missing."""
    connection.executemany(
        "INSERT INTO warehouse_stock (warehouse, sku, units, missing) VALUES (?, ?, 0, ?)"
        " ON CONFLICT DO UPDATE SET missing = missing + max(0, ? - units),"
        " units = max(0, units - ?)",
        [(warehouse, sku, count, count, count) for sku, count in units.items()],
    )


def arrive(connection: sqlite3.Connection, warehouse: str, units: Mapping[str, int]) -> None:
    """Units came back to a warehouse and may be sold."""
    connection.executemany(
        "INSERT INTO warehouse_stock (warehouse, sku, units) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET units = units + excluded.units",
        [(warehouse, sku, count) for sku, count in units.items()],
    )
