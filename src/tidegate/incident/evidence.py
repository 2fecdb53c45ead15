"""A stretch of a journal as columns: every order, line, operation and command, each at its place.

Always: the same entries give the same columns, and the last entry's hash says which they were.
Never: a repeat counts as an order; a price or floor is not the one in force at the decision.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tidegate.journal.follow import BATCH, GENESIS, Entry, Head
from tidegate.record import facts as f
from tidegate.record.lines import (
    DUPLICATE,
    FACT,
    KEY_KIND_COUNT,
    MONEY_FEN_MAX,
    PAID,
    QUANTITY_MAX,
    Array,
)
from tidegate.views.gathered import Gathered, OrderColumns, ToldCommand
from tidegate.views.parts import PLACE_BITS, opened, position_of, seq_of

SKUS_MAX = 1 << 20
NO_COST = -1  # in floor_fen: the SKU's cost was not known


class Evidence(NamedTuple):
    """Columns by name. `orders` and `lines` leave repeats out, which `repeats` counts.

    Places rise; `at_ms` is when the entry was decided (UTC). `expired` holds keys of orders.
    """

    head: Head
    from_seq: int
    from_ms: int
    until_ms: int
    orders: dict[str, Array]
    lines: dict[str, Array]
    operations: dict[str, Array]
    expired: Array
    repeats: int
    commands: list[ToldCommand]


def gather(entries: Iterable[Entry]) -> Evidence:
    """Read entries, in order, into columns. Raises EntryCorrupt or EntryTooNew.

    To know the prices in force, and whose hold ended, begin with the first entry.
    """
    gathered = Gathered()
    head, seqs, times = GENESIS, [], []
    for entry in entries:
        head = Head(entry.seq, entry.epoch, entry.hash)
        if entry.kind == BATCH:
            one = opened(entry.seq, entry.payload)
            gathered.add(one)
            seqs.append(one.seq)
            times.append(one.now_ms)
    clock = _Clock(np.array(seqs, np.int64), np.array(times, np.int64))
    orders, lines, repeats = _orders(gathered, clock)
    return Evidence(
        head,
        seqs[0] if seqs else 0,
        times[0] if times else 0,
        times[-1] if times else 0,
        orders,
        lines,
        _operations(gathered, clock),
        _expired(gathered),
        repeats,
        gathered.commands,
    )


class _Clock(NamedTuple):
    """When each entry was decided."""

    seqs: Array
    times: Array

    def at(self, places: Array) -> Array:
        """The time of the entries that places stand in."""
        seqs = (places >> np.uint64(PLACE_BITS)).astype(np.int64)
        found: Array = self.times[np.searchsorted(self.seqs, seqs)]
        return found


_EMPTY = np.zeros(0, np.int64)
_ORDER_COLUMNS = (
    "key", "place", "at_ms", "placed_at_ms", "channel", "is_fact", "is_paid", "reason", "rule",
    "has", "mask", "short", "key0", "key1", "key2", "key3", "verified", "mismatch_fen", "units",
    "receivable_fen", "list_fen", "floor_fen", "lines",
)  # fmt: skip
_LINE_COLUMNS = (
    "ordinal", "line", "sku", "quantity", "receivable_fen", "platform_fen", "promotion",
    "exception", "gift_of", "list_fen", "floor_fen", "first_of_sku", "accepted", "channel",
)  # fmt: skip
_OPERATION_COLUMNS = (
    "key", "place", "at_ms", "kind", "line", "quantity", "amount_fen", "flags", "reason",
)  # fmt: skip


def _orders(gathered: Gathered, clock: _Clock) -> tuple[dict[str, Array], dict[str, Array], int]:
    columns = gathered.orders()
    if columns is None:
        return dict.fromkeys(_ORDER_COLUMNS, _EMPTY), dict.fromkeys(_LINE_COLUMNS, _EMPTY), 0
    fresh = columns.outcomes["flags"] & DUPLICATE == 0
    kept = np.flatnonzero(fresh)
    first, outcomes = columns.lines[columns.starts[kept]], columns.outcomes[kept]
    places = columns.places[kept]
    orders: dict[str, Array] = {
        "key": columns.keys[kept],
        "place": places,
        "at_ms": clock.at(places),
        "is_fact": first["flags"] & FACT != 0,
        "is_paid": first["flags"] & PAID != 0,
    }
    for name in ("placed_at_ms", "channel", "verified", "mismatch_fen"):
        orders[name] = np.ascontiguousarray(first[name])
    for kind in range(KEY_KIND_COUNT):
        orders[f"key{kind}"] = np.ascontiguousarray(first[f"key{kind}"])
    for name in ("reason", "rule", "has", "mask", "short"):
        orders[name] = np.ascontiguousarray(outcomes[name])
    lines = _lines(columns, fresh, gathered.commands)
    lines["accepted"] = (orders["reason"] == 0)[lines["ordinal"]]
    lines["channel"] = orders["channel"][lines["ordinal"]]
    orders |= _sums(lines)
    return orders, lines, len(fresh) - len(kept)


def _sums(lines: dict[str, Array]) -> dict[str, Array]:
    """Each order's lines, units, money, list price and floor; a floor that is not known counts 0.

    What no order could be (a refused one may ask for anything) adds nothing to the money.
    """
    starts = np.flatnonzero(lines["line"] == 0)
    units = np.where(_sane(lines["quantity"], QUANTITY_MAX), lines["quantity"], 0).astype(np.int64)
    money = lines["receivable_fen"]
    columns = {
        "units": units,
        "receivable_fen": np.where(_sane(money, MONEY_FEN_MAX), money, 0),
        "list_fen": lines["list_fen"] * units,
        "floor_fen": np.maximum(lines["floor_fen"], 0) * units,
    }
    found = {name: np.add.reduceat(column, starts) for name, column in columns.items()}
    found["lines"] = np.diff(np.append(starts, len(units))).astype(np.int16)
    return found


def _sane(column: Array, most: int) -> Array:
    found: Array = (column >= 0) & (column <= most)
    return found


def _lines(columns: OrderColumns, fresh: Array, commands: list[ToldCommand]) -> dict[str, Array]:
    """Lines of orders that are no repeats, with `ordinal`, their order's row among those."""
    counts = np.diff(np.append(columns.starts, len(columns.lines)))
    kept = np.repeat(fresh, counts)
    ordinals = np.repeat(np.cumsum(fresh) - 1, counts)
    numbers = np.arange(len(columns.lines)) - np.repeat(columns.starts, counts)
    places = np.repeat(columns.places, counts)
    if not fresh.all():
        ordinals, numbers, places = ordinals[kept], numbers[kept], places[kept]
        rows = columns.lines[kept]
    else:
        rows = columns.lines
    lines: dict[str, Array] = {"ordinal": ordinals, "line": numbers.astype(np.int16)}
    for name in _LINE_COLUMNS[2:9]:
        lines[name] = np.ascontiguousarray(rows[name])
    lines["first_of_sku"] = _first_of_sku(ordinals, rows["sku"])
    lines["list_fen"], lines["floor_fen"] = _prices(lines["sku"], places, commands)
    return lines


def _first_of_sku(ordinals: Array, skus: Array) -> Array:
    """Whether a line is its order's first of that SKU, so that orders of a SKU can be counted."""
    first = np.ones(len(skus), bool)
    alone = np.bincount(ordinals, minlength=1)[ordinals] == 1
    shared = np.flatnonzero(~alone)
    pairs = ordinals[shared].astype(np.uint64) << np.uint64(32) | skus[shared]
    first[shared] = False
    first[shared[np.unique(pairs, return_index=True)[1]]] = True
    return first


def _prices(skus: Array, places: Array, commands: list[ToldCommand]) -> tuple[Array, Array]:
    """List price and floor of each line as they were when it was decided."""
    lists, floors = np.zeros(len(skus), np.int64), np.full(len(skus), NO_COST, np.int64)
    list_of, floor_of = np.zeros(SKUS_MAX, np.int64), np.full(SKUS_MAX, NO_COST, np.int64)
    bounded = np.minimum(skus, SKUS_MAX - 1)
    known: dict[int, f.SkuPut] = {}
    done = 0
    for told in commands:
        fact = told.envelope.fact
        if not isinstance(fact, f.SkuPut):
            continue
        until = int(np.searchsorted(places, np.uint64(told.place)))
        if until > done:
            lists[done:until] = list_of[bounded[done:until]]
            floors[done:until] = floor_of[bounded[done:until]]
            done = until
        known[fact.number] = fact
        list_of[fact.number] = fact.list_price_fen
        for sku in (fact.number, *_bundles_of(known, fact.number)):
            floor_of[sku] = _floor(known, known[sku])
    lists[done:], floors[done:] = list_of[bounded[done:]], floor_of[bounded[done:]]
    return lists, floors


def _bundles_of(known: dict[int, f.SkuPut], part: int) -> list[int]:
    return [n for n, sku in known.items() if any(one == part for one, _ in sku.parts)]


def _floor(known: dict[int, f.SkuPut], sku: f.SkuPut) -> int:
    """The higher of computed floor and red line; a bundle without a cost has its parts' sum."""
    cost = sku.cost_floor_fen
    if cost < 0 and sku.parts:
        parts = [(known.get(number), each) for number, each in sku.parts]
        floors = [_floor(known, part) if part else NO_COST for part, _ in parts]
        if min(floors) < 0:
            return NO_COST
        cost = sum(floor * each for floor, (_, each) in zip(floors, parts, strict=True))
    return NO_COST if cost < 0 else max(cost, sku.red_line_fen)


def _operations(gathered: Gathered, clock: _Clock) -> dict[str, Array]:
    columns = gathered.operations()
    if columns is None:
        return dict.fromkeys(_OPERATION_COLUMNS, _EMPTY)
    kept = np.flatnonzero(columns.outcomes["flags"] & DUPLICATE == 0)
    rows, places = columns.rows[kept], columns.places[kept]
    found: dict[str, Array] = {
        "key": columns.keys[kept], "place": places, "at_ms": clock.at(places),
        "reason": np.ascontiguousarray(columns.outcomes["reason"][kept]),
    }  # fmt: skip
    for name in ("kind", "line", "quantity", "amount_fen", "flags"):
        found[name] = np.ascontiguousarray(rows[name])
    return found


def _expired(gathered: Gathered) -> Array:
    """Keys of the orders whose unpaid holds ended."""
    if not gathered.expired:
        return np.zeros(0, np.uint64)
    numbered = gathered.numbered(gathered.orders())
    numbers = np.concatenate([numbers for _, _, numbers in gathered.expired])
    found: Array = numbered[numbers.astype(np.int64)]
    return found


def place_words(place: int) -> str:
    """A place as people name it: entry and event."""
    return f"entry {seq_of(place)}, event {position_of(place)}"
