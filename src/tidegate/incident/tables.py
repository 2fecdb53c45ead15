"""The evidence as tables of DuckDB, for figures and for questions that nobody asked before.

Always: people appear under numbers that were made for this one connection, so that no table leads
back to a token of the journal. Never: a file is written, or read, by what is asked.
"""

import secrets
from typing import Any

import duckdb
import numpy as np

from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.incident.evidence import NO_COST, Evidence
from tidegate.record import facts as f
from tidegate.record.lines import KEY_KINDS, OPERATION_KINDS, Array
from tidegate.views.parts import PLACE_BITS

THREADS = 2
MEMORY = "8GB"


def open_tables(evidence: Evidence) -> duckdb.DuckDBPyConnection:
    """A connection with the tables `orders`, `lines`, `operations`, `skus`, `changes`, `reasons`.

    Nothing can be attached, loaded or copied by what is asked on it.
    """
    connection = duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY})
    connection.execute("SET TimeZone = 'UTC'")
    _named(connection, evidence)
    _orders(connection, evidence)
    _lines(connection, evidence)
    _operations(connection, evidence)
    for view in _VIEWS:
        connection.execute(view)
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _put(connection: duckdb.DuckDBPyConnection, name: str, made: str, **arrays: Array) -> None:
    """A table from columns; `made` is the select list."""
    connection.register("columns", arrays)
    connection.execute(f"CREATE TABLE {name} AS SELECT {made} FROM columns")
    connection.unregister("columns")


def _named(connection: duckdb.DuckDBPyConnection, evidence: Evidence) -> None:
    connection.execute("CREATE TABLE reasons (reason UTINYINT, name VARCHAR, chinese VARCHAR)")
    connection.executemany(
        "INSERT INTO reasons VALUES (?, ?, ?)",
        [(int(reason), text.name, text.chinese) for reason, text in REASON_TEXTS.items()],
    )
    connection.execute("CREATE TABLE kinds (kind UTINYINT, name VARCHAR)")
    connection.executemany("INSERT INTO kinds VALUES (?, ?)", list(enumerate(OPERATION_KINDS)))
    skus: dict[int, f.SkuPut] = {}
    codes: dict[tuple[str, int], str] = {("promotion", 0): ""}
    changes: list[tuple[int, int, str, str]] = []
    for told in evidence.commands:
        fact = told.envelope.fact
        if fact is None:
            continue
        if isinstance(fact, f.SkuPut):
            skus[fact.number] = fact
        elif isinstance(fact, f.CodePut):
            codes[fact.scope, fact.number] = fact.code
        elif isinstance(fact, f.PromotionPublished):
            codes["promotion", fact.number] = fact.code
        changes.append((told.place, told.minute, type(fact).__name__, _words(fact)))
    connection.execute(
        "CREATE TABLE skus (number UINTEGER, sku VARCHAR, list_fen BIGINT, cost_floor_fen BIGINT,"
        " red_line_fen BIGINT)"
    )
    connection.execute("CREATE TABLE codes (scope VARCHAR, number INTEGER, code VARCHAR)")
    connection.execute(
        "CREATE TABLE changes (entry BIGINT, told_at TIMESTAMP, what VARCHAR, words VARCHAR)"
    )
    _rows(connection, "skus", [
        (n, s.code, s.list_price_fen, s.cost_floor_fen if s.cost_floor_fen >= 0 else None,
         s.red_line_fen) for n, s in skus.items()
    ])  # fmt: skip
    connection.execute("CREATE TABLE received (sku VARCHAR, received BIGINT)")
    _rows(connection, "received", _received(evidence, skus))
    _rows(connection, "codes", [(scope, number, code) for (scope, number), code in codes.items()])
    connection.execute(
        "CREATE TEMP TABLE told (entry BIGINT, minute BIGINT, what VARCHAR, words VARCHAR)"
    )
    _rows(connection, "told", [(p >> PLACE_BITS, m, what, words) for p, m, what, words in changes])
    connection.execute(
        "INSERT INTO changes SELECT entry, epoch_ms(minute * 60000), what, words FROM told"
    )


def _received(evidence: Evidence, skus: dict[int, f.SkuPut]) -> list[tuple[str, int]]:
    """Units of each SKU that came into stock, less what was written off, over all pools."""
    units: dict[int, int] = {}
    for told in evidence.commands:
        fact = told.envelope.fact
        if isinstance(fact, f.StockChanged) and fact.to_pool < 0 and fact.delta:
            units[fact.sku] = units.get(fact.sku, 0) + fact.delta
    return [(skus[sku].code, count) for sku, count in units.items() if sku in skus]


def _rows(connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    """Many rows at once; row by row it would take a minute for ten thousand SKUs."""
    if not rows:
        return
    columns = {
        f"c{i}": np.array([row[i] for row in rows], dtype=object) for i in range(len(rows[0]))
    }
    connection.register("rows", columns)
    connection.execute(f"INSERT INTO {table} SELECT * FROM rows")
    connection.unregister("rows")


def _words(fact: f.Fact) -> str:
    """A fact in few words, without documents."""
    shown = {
        name: value
        for name in fact.__struct_fields__
        if name not in ("document", "plans")
        and (value := getattr(fact, name)) not in ("", [], None)
    }
    return ", ".join(f"{name} {value}" for name, value in shown.items())[:300]


def _orders(connection: duckdb.DuckDBPyConnection, evidence: Evidence) -> None:
    orders = evidence.orders
    mixer = secrets.randbits(64) | 1
    people = {name: _mixed(orders[f"key{kind}"], mixer) for kind, name in enumerate(KEY_KINDS)}
    buyer = np.zeros(len(orders["key"]), np.uint64)
    for name in reversed(KEY_KINDS):
        buyer = np.where(people[name] != 0, people[name], buyer)
    hidden = {"key0", "key1", "key2", "key3"}
    shown = {name: column for name, column in orders.items() if name not in hidden}
    given = ", ".join(f"nullif({name}, 0) AS {name}" for name in ("buyer", *KEY_KINDS))
    _put(
        connection, "ordered", f"ordinal, {', '.join(shown)}, {given}",
        ordinal=np.arange(len(buyer), dtype=np.int64), buyer=buyer, **people, **shown,
    )  # fmt: skip


def _mixed(tokens: Array, mixer: int) -> Array:
    """Another number for each token, the same for the same; 0 stays 0.

    Multiplying by an odd number and folding the high bits down loses nothing, so people are neither
    merged nor split; without the number, which dies with the connection, it leads to no token.
    """
    mixed = tokens.astype(np.uint64) * np.uint64(mixer)
    mixed ^= mixed >> np.uint64(32)
    made: Array = mixed * np.uint64(mixer)
    return made


def _lines(connection: duckdb.DuckDBPyConnection, evidence: Evidence) -> None:
    columns = [name for name in evidence.lines if name != "floor_fen"]
    _put(
        connection, "lined",
        f"{', '.join(columns)}, nullif(floor_fen, {NO_COST}) AS floor_fen",
        **evidence.lines,
    )  # fmt: skip


def _operations(connection: duckdb.DuckDBPyConnection, evidence: Evidence) -> None:
    _put(connection, "operated", "*", **evidence.operations)
    _put(connection, "expired", "DISTINCT key", key=evidence.expired)


STATES = ("refused", "cancelled", "returned", "shipped", "released", "on_hold", "paid", "expired",
          "unpaid")  # fmt: skip
_TIME = "epoch_ms(CASE WHEN {0} BETWEEN 0 AND 253402300799000 THEN {0} END)"
_UNITS = "CASE WHEN l.quantity BETWEEN 1 AND 1000000 THEN l.quantity END"

_VIEWS = (
    """CREATE TABLE moved AS
    SELECT key, bool_or(kind = 1) AS paid, bool_or(kind = 3) AS shipped,
           bool_or(kind = 2 AND quantity = 0 AND line = 65535) AS cancelled,
           bool_or(kind IN (4, 5)) AS returned,
           arg_max(kind, place) FILTER (kind IN (6, 7)) AS gate
    FROM operated WHERE reason = 0 GROUP BY key""",
    """CREATE VIEW stated AS
    SELECT o.*, CASE WHEN o.reason <> 0 THEN 0 WHEN m.cancelled THEN 1 WHEN m.returned THEN 2
                WHEN m.shipped THEN 3 WHEN m.gate = 6 THEN 4 WHEN m.gate = 7 THEN 5
                WHEN o.is_paid OR m.paid THEN 6 WHEN e.key IS NOT NULL THEN 7
                ELSE 8 END::UTINYINT AS state
    FROM ordered o LEFT JOIN moved m ON m.key = o.key LEFT JOIN expired e ON e.key = o.key""",
    f"""CREATE VIEW orders AS
    SELECT o.ordinal AS "order", (o.place >> {PLACE_BITS}) AS entry,
           epoch_ms(o.at_ms) AS decided_at, {_TIME.format("o.placed_at_ms")} AS placed_at,
           coalesce(c.code, '#' || o.channel) AS channel,
           o.is_fact AS marketplace, r.name AS reason, o.reason = 0 AS accepted, o.mask,
           o.short AS short_units, o.lines, o.units, o.receivable_fen, o.list_fen, o.floor_fen,
           o.buyer, o.account, o.phone, o.address, o.device,
           list_extract({list(STATES)}, o.state + 1) AS state
    FROM stated o JOIN reasons r ON r.reason = o.reason
    LEFT JOIN codes c ON c.scope = 'channel' AND c.number = o.channel""",
    f"""CREATE VIEW lines AS
    SELECT l.ordinal AS "order", l.line, coalesce(s.sku, '#' || l.sku) AS sku, l.quantity,
           l.receivable_fen, l.platform_fen, coalesce(p.code, '') AS promotion, l.exception,
           l.gift_of, l.list_fen * {_UNITS} AS list_fen, l.floor_fen * {_UNITS} AS floor_fen
    FROM lined l LEFT JOIN skus s ON s.number = l.sku
    LEFT JOIN codes p ON p.scope = 'promotion' AND p.number = l.promotion""",
    """CREATE VIEW operations AS
    SELECT o.ordinal AS "order", epoch_ms(p.at_ms) AS done_at, k.name AS kind, p.line, p.quantity,
           p.amount_fen, r.name AS reason, p.reason = 0 AS accepted
    FROM operated p JOIN ordered o ON o.key = p.key AND o.reason = 0
    JOIN kinds k ON k.kind = p.kind JOIN reasons r ON r.reason = p.reason""",
)


def reason_bits(mask: int) -> list[str]:
    """The guards that a fact's judgement names."""
    return [REASON_TEXTS[Reason(bit)].name for bit in range(32) if mask >> bit & 1]
