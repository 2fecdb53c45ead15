"""Bulk hold and bulk release: thousands of orders, paced, resumable, each read back.

Always: which orders a run is about is stored before the first is asked for, and each ends in
exactly one of on_hold, too_late and unknown (a release: released or refused). Never: an order
counts as held because that was asked for; the desk's state, or the warehouse's, says so.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from tidegate.channels.asking import Asking, together
from tidegate.channels.ledger import Ledger, key_of
from tidegate.channels.ports import Unanswered, Warehouse
from tidegate.channels.release_gate import release_rows
from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.record.lines import HOLD

PIECE_MAX = 500
OPEN_STATES = "state IN ('asked', 'unpaid', 'recorded', 'waiting', 'released')"
HELD_STATES = (
    "(state IN ('on_hold', 'waiting', 'recorded') OR state = 'released' AND keep = 1"
    " AND push IN ('', 'due'))"
)
AWAY = ("sent", "pushed", "unknown")


class Scope(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which orders: by channel, SKU and time of placing; empty = all.

    `exception`: of a release, what two people approved for orders that were sold past a guard.
    """

    channel: str = ""
    sku: str = ""
    placed_from_ms: int = 0
    placed_to_ms: int = 2**53
    numbers: tuple[str, ...] = ()
    exception: str = ""


class Tally(NamedTuple):
    """How a run stands: how many orders, and how many ended how."""

    name: str
    kind: str
    orders: int
    open: int
    results: dict[str, int]


class Bulk:
    """One shop's runs. Called from one thread at a time."""

    def __init__(
        self, ledger: Ledger, asking: Asking, warehouses: dict[str, Warehouse] | None = None
    ) -> None:
        """`warehouses` by channel: where a released order can still be stopped."""
        self._ledger = ledger
        self._asking = asking
        self._warehouses = warehouses if warehouses is not None else {}

    def turn(self, orders_max: int = PIECE_MAX) -> int:
        """Take the oldest open run further by at most so many orders; how many it was."""
        row = self._ledger.one(
            "SELECT id, kind, name, scope FROM bulk WHERE EXISTS (SELECT 1 FROM bulk_order"
            " WHERE bulk = bulk.id AND result = '') ORDER BY id LIMIT 1"
        )
        if row is None:
            return 0
        number, kind, name, scope = row
        orders = self._ledger.ask(
            "SELECT b.key, o.number, o.channel, o.state, o.push FROM bulk_order b"
            " JOIN orders o USING (key) WHERE b.bulk = ? AND b.result = '' LIMIT ?",
            (number, orders_max),
        )
        if kind == "hold":
            self._hold(number, name, orders)
        else:
            exception = msgspec.json.decode(scope, type=Scope).exception
            self._release(number, name, [(key, order) for key, order, *_ in orders], exception)
        return len(orders)

    def read_unknown(self) -> None:
        """Ask warehouses again how the unknown orders of every run stand, a bounded part of them.

        One that still waits there is asked for once more; one without an answer stays unknown.
        """
        unknown = self._ledger.ask(
            "SELECT b.bulk, b.key, o.number, o.channel FROM bulk_order b JOIN orders o USING (key)"
            " WHERE b.result = 'unknown' AND o.state = 'released' ORDER BY b.bulk LIMIT ?",
            (PIECE_MAX,),
        )
        for run, channel in sorted({(row[0], row[3]) for row in unknown}):
            mine = [(key, number) for of, key, number, at in unknown if (of, at) == (run, channel)]
            self._read_back(run, channel, mine)

    # -- hold ------------------------------------------------------------------------------------

    def _hold(
        self, run: int, name: str, orders: Sequence[tuple[bytes, str, str, str, str]]
    ) -> None:
        """Hold at the desk what is not released; stop at the warehouse what is."""
        with self._ledger.writing() as connection:  # the gate must not release it meanwhile
            connection.executemany(
                "UPDATE orders SET keep = 1 WHERE key = ?", [(row[0],) for row in orders]
            )
        rows = [
            self._asking.operation(f"bulk\0{name}\0{channel}\0{number}", key_of(key), HOLD)
            for key, number, channel, _, _ in orders
        ]
        reasons = self._asking.operate(together(rows))["reason"].tolist()
        now = self._asking.shop.states([key_of(row[0]) for row in orders])
        results: list[tuple[bytes, str, str]] = []
        away: dict[str, list[tuple[bytes, str]]] = {}
        for (key, number, channel, _, push), reason, state in zip(
            orders, reasons, now, strict=True
        ):
            if state == "released" and push in AWAY:
                away.setdefault(channel, []).append((key, number))
            else:
                results.append((key, *_held(state, reason)))
        self._store(run, results)
        for channel, mine in away.items():
            self._stop(run, channel, mine)

    def _stop(self, run: int, channel: str, orders: list[tuple[bytes, str]]) -> None:
        """Stop orders that a warehouse has; an answer that is missing is unknown."""
        warehouse = self._warehouses.get(channel)
        if warehouse is None:
            self._store(run, [(key, "unknown", "no warehouse is connected") for key, _ in orders])
            return
        try:
            answers = warehouse.intercept([number for _, number in orders])
        except Unanswered as silence:
            self._store(run, [(key, "unknown", f"no answer: {silence}"[:200]) for key, _ in orders])
            return
        words = {"done": "on_hold", "too_late": "too_late", "refused": "too_late"}
        found = [
            (key, words.get(answer, "unknown"), f"the warehouse says {answer}")
            for (key, _), answer in zip(orders, answers, strict=True)
        ]
        self._stopped(run, found)

    def _read_back(self, run: int, channel: str, orders: list[tuple[bytes, str]]) -> None:
        warehouse = self._warehouses.get(channel)
        if warehouse is None:
            return
        try:
            there = warehouse.read([number for _, number in orders])
        except Unanswered:
            return
        words = {"held": "on_hold", "absent": "on_hold", "gone": "too_late", "waiting": ""}
        found = [
            (key, words[word], f"it reads {word} there")
            for (key, _), word in zip(orders, there, strict=True)
        ]
        self._stopped(run, found)

    def _stopped(self, run: int, found: Sequence[tuple[bytes, str, str]]) -> None:
        """Store what a warehouse said; what it holds is handed over anew when it is released."""
        held = [(key,) for key, word, _ in found if word == "on_hold"]
        with self._ledger.writing() as connection:
            connection.executemany(
                "UPDATE orders SET push = '', intercept = 'done' WHERE key = ?", held
            )
        self._store(run, found)

    # -- release ---------------------------------------------------------------------------------

    def _release(
        self, run: int, name: str, orders: Sequence[tuple[bytes, str]], exception: str
    ) -> None:
        """A person releases; what was released before and kept back is handed over now."""
        rows = release_rows(self._asking, orders, f"bulk\0{name}", exception)
        outcomes = self._asking.operate(rows)
        states = self._asking.shop.states([key_of(key) for key, _ in orders])
        told = []
        for (key, _), reason, state in zip(
            orders, outcomes["reason"].tolist(), states, strict=True
        ):
            word = REASON_TEXTS[Reason(reason)].name
            told.append((key, "released" if state == "released" else "refused", word))
        with self._ledger.writing() as connection:
            connection.executemany(
                "UPDATE orders SET keep = 0, state = 'released', intercept = '',"
                " push = CASE push WHEN '' THEN 'due' ELSE push END WHERE key = ?",
                [(key,) for key, result, _ in told if result == "released"],
            )
        self._store(run, told)

    # -- the ledger ------------------------------------------------------------------------------

    def _store(self, run: int, results: Sequence[tuple[bytes, str, str]]) -> None:
        with self._ledger.writing() as connection:
            connection.executemany(
                "UPDATE bulk_order SET result = ?, reason = ? WHERE bulk = ? AND key = ?",
                [(result, reason, run, key) for key, result, reason in results],
            )

    def tally(self, name: str) -> Tally:
        """How a run stands. Raises LookupError."""
        return tally_of(self._ledger, name)


def ask_bulk(
    ledger: Ledger, kind: str, name: str, scope: Scope, asked_by: str, now_ms: int
) -> Tally:
    """Store a run with its orders, once under a name; the gate's thread does it from then on."""
    where, values = _where(kind, scope)
    with ledger.writing() as connection:
        known = connection.execute("SELECT 1 FROM bulk WHERE name = ?", (name,)).fetchone()
        if not known:
            cursor = connection.execute(
                "INSERT INTO bulk (kind, name, asked_ms, asked_by, scope) VALUES (?, ?, ?, ?, ?)",
                (kind, name, now_ms, asked_by, msgspec.json.encode(scope).decode()),
            )
            connection.execute(
                f"INSERT INTO bulk_order (bulk, key) SELECT ?, key FROM orders WHERE {where}",  # noqa: S608 -- our own words
                (cursor.lastrowid, *values),
            )
    return tally_of(ledger, name)


def tally_of(ledger: Ledger, name: str) -> Tally:
    """How a run stands. Raises LookupError."""
    row = ledger.one("SELECT id, kind FROM bulk WHERE name = ?", (name,))
    if row is None:
        raise LookupError(f"there is no run {name!r}")
    counts = dict(
        ledger.ask(
            "SELECT result, count(*) FROM bulk_order WHERE bulk = ? GROUP BY result", (row[0],)
        )
    )
    return Tally(name, row[1], sum(counts.values()), counts.pop("", 0), counts)


def _where(kind: str, scope: Scope) -> tuple[str, list[object]]:
    parts = [HELD_STATES if kind == "release" else OPEN_STATES, "placed_ms BETWEEN ? AND ?"]
    values: list[object] = [scope.placed_from_ms, scope.placed_to_ms]
    if scope.channel:
        parts.append("channel = ?")
        values.append(scope.channel)
    if scope.sku:
        parts.append(
            "EXISTS (SELECT 1 FROM json_each(lines) WHERE json_extract(value, '$[0]') = ?)"
        )
        values.append(scope.sku)
    if scope.numbers:
        parts.append("number IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(scope.numbers))
    return " AND ".join(parts), values


def _held(state: str, reason: int) -> tuple[str, str]:
    """What a hold came to, by how the order stands at the desk now."""
    word = REASON_TEXTS[Reason(reason)].name
    if state in ("on_hold", "pre_held"):
        return "on_hold", "not paid yet: held when it is" if state == "pre_held" else word
    if state == "released":
        return "on_hold", "released, kept back before it was handed over"
    if state == "closed":
        return "too_late", "closed"
    return "unknown", f"{state or 'not recorded'}: {word}"
