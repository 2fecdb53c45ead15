"""What happened, in figures: buyers, orders, units and money, by all that one asks on such a night.

Always: money is integer fen, a figure says as of which entry it is. Never: a refusal is counted
among what was sold, or a repeat among orders.
"""

from typing import Any, NamedTuple

import duckdb

from tidegate.incident.evidence import Evidence
from tidegate.incident.tables import STATES

SIZES = (1, 2, 3, 5, 10, 20, 50, 100, 1_000, 10_000)
LARGE_UNITS = 50
TOP = 20


class Scope(NamedTuple):
    """Which orders: decided in [from_ms, until_ms), of a channel and SKU; empty = all."""

    from_ms: int = 0
    until_ms: int = 2**53
    channel: str = ""
    sku: str = ""


Row = dict[str, Any]


class Analysis(NamedTuple):
    """The figures of one scope."""

    as_of: Row
    total: Row
    by_minute: list[Row]
    by_sku: list[Row]
    by_channel: list[Row]
    by_promotion: list[Row]
    by_reason: list[Row]
    by_judgement: list[Row]
    by_state: list[Row]
    sizes: list[Row]
    top_orders: list[Row]
    repeated: list[Row]


def analyse(
    connection: duckdb.DuckDBPyConnection, evidence: Evidence, scope: Scope | None = None
) -> Analysis:
    """Every figure of a scope. The connection is of `tables.open_tables`."""
    _choose(connection, scope or Scope())
    ask = _Asker(connection)
    return Analysis(
        as_of={
            "entry": evidence.head.seq,
            "hash": evidence.head.hash.hex(),
            "until_ms": evidence.until_ms,
            "repeats_left_out": evidence.repeats,
        },
        total=ask.one(_TOTAL),
        by_minute=ask.rows(_BY_MINUTE),
        by_sku=ask.rows(_BY_SKU),
        by_channel=ask.rows(_BY_CHANNEL),
        by_promotion=ask.rows(_BY_PROMOTION),
        by_reason=ask.rows(_BY_REASON),
        by_judgement=ask.rows(_BY_JUDGEMENT),
        by_state=ask.rows(_BY_STATE),
        sizes=ask.rows(_SIZES),
        top_orders=ask.rows(_TOP_ORDERS),
        repeated=ask.rows(_REPEATED),
    )


class _Asker(NamedTuple):
    """Questions as rows of named values."""

    connection: duckdb.DuckDBPyConnection

    def rows(self, question: str) -> list[Row]:
        """Every row of an answer."""
        answer = self.connection.execute(question)
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def one(self, question: str) -> Row:
        """The one row of an answer."""
        (row,) = self.rows(question)
        return row


def rows(connection: duckdb.DuckDBPyConnection, question: str) -> list[Row]:
    """Any question's answer, for the SQL shell. Raises duckdb.Error."""
    return _Asker(connection).rows(question)


def _choose(connection: duckdb.DuckDBPyConnection, scope: Scope) -> None:
    """Make `asked`, the orders of a scope, `sold`, the accepted ones, and `sold_lines`.

    What is counted works on numbers; codes are put to the few rows that come out.
    """
    found = connection.execute(
        "SELECT coalesce(min(ordinal), 0), coalesce(max(ordinal), -1) FROM ordered"
        " WHERE at_ms >= ? AND at_ms < ?",
        [scope.from_ms, scope.until_ms],
    ).fetchone()
    assert found is not None
    among = [f"ordinal BETWEEN {found[0]} AND {found[1]}"]
    if scope.channel:
        among.append(f"channel = {_number(connection, 'channel', scope.channel)}")
    if scope.sku:
        sku = _number(connection, "sku", scope.sku)
        among.append(f"ordinal IN (SELECT ordinal FROM lined WHERE sku = {sku})")
    these = " AND ".join(among)
    for view in (
        f"asked AS SELECT * FROM stated WHERE {these}",
        f"sold AS SELECT * FROM stated WHERE reason = 0 AND {these}",
        f"sold_lines AS SELECT * FROM lined WHERE accepted AND {these}",
    ):
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {view}")


def _number(connection: duckdb.DuckDBPyConnection, scope: str, code: str) -> int:
    """The number of a code; -1 where there is none, which nothing has."""
    asked = "SELECT number FROM skus WHERE sku = ?" if scope == "sku" else (
        "SELECT number FROM codes WHERE scope = 'channel' AND code = ?"
    )  # fmt: skip
    row = connection.execute(asked, [code]).fetchone()
    return int(row[0]) if row else -1


_MONEY = """count(*) AS orders, count(DISTINCT buyer) AS buyers,
    coalesce(sum(units), 0)::BIGINT AS units,
    coalesce(sum(receivable_fen), 0)::BIGINT AS receivable_fen,
    coalesce(sum(list_fen), 0)::BIGINT AS list_fen,
    coalesce(sum(floor_fen), 0)::BIGINT AS floor_fen,
    coalesce(sum(greatest(floor_fen - receivable_fen, 0)), 0)::BIGINT AS below_floor_fen,
    count(*) FILTER (receivable_fen < floor_fen) AS orders_below_floor"""
_NAMES = ("orders, buyers, units, receivable_fen, list_fen, floor_fen, below_floor_fen,"
          " orders_below_floor")  # fmt: skip

_TOTAL = f"""SELECT (SELECT count(*) FROM asked) AS asked, {_MONEY},
    count(*) FILTER (units >= {LARGE_UNITS}) AS orders_large,
    coalesce(max(units), 0)::BIGINT AS largest_units,
    count(*) FILTER (buyer IS NULL) AS orders_without_key,
    epoch_ms(min(at_ms)) AS first_at, epoch_ms(max(at_ms)) AS last_at FROM sold"""

_BY_MINUTE = f"""SELECT epoch_ms(minute * 60000) AS minute, {_NAMES} FROM (
    SELECT at_ms // 60000 AS minute, {_MONEY} FROM sold GROUP BY 1) ORDER BY minute"""

_BY_CHANNEL = f"""SELECT coalesce(code, '#' || channel) AS channel, {_NAMES} FROM (
    SELECT channel, {_MONEY} FROM sold GROUP BY 1)
    LEFT JOIN codes ON scope = 'channel' AND number = channel ORDER BY 1"""

_BY_STATE = f"""SELECT list_extract({list(STATES)}, state + 1) AS state, {_NAMES} FROM (
    SELECT state, {_MONEY} FROM sold GROUP BY 1) ORDER BY 1"""

_LINES = """count(*) FILTER (first_of_sku) AS orders, sum(quantity)::BIGINT AS units,
    sum(receivable_fen)::BIGINT AS receivable_fen,
    sum(list_fen * quantity)::BIGINT AS list_fen, sum(floor_fen * quantity)::BIGINT AS floor_fen,
    min(receivable_fen // quantity)::BIGINT AS lowest_unit_fen"""

_BY_SKU = f"""SELECT coalesce(s.sku, '#' || l.sku) AS sku, l.* EXCLUDE (sku),
    coalesce(k.received, 0)::BIGINT AS units_received
    FROM (SELECT sku, {_LINES} FROM sold_lines GROUP BY 1) l
    LEFT JOIN skus s ON s.number = l.sku LEFT JOIN received k ON k.sku = s.sku
    ORDER BY units DESC, 1 LIMIT 1000"""

_BY_PROMOTION = f"""SELECT coalesce(code, '') AS promotion, l.* EXCLUDE (promotion, orders)
    FROM (SELECT promotion, {_LINES} FROM sold_lines GROUP BY 1) l
    LEFT JOIN codes ON scope = 'promotion' AND number = l.promotion ORDER BY units DESC, 1"""

_BY_REASON = """SELECT name AS reason, a.* EXCLUDE (reason) FROM (
    SELECT reason, count(*) AS orders, count(DISTINCT buyer) AS buyers,
    sum(units)::BIGINT AS units, sum(receivable_fen)::BIGINT AS receivable_fen
    FROM asked GROUP BY 1) a JOIN reasons USING (reason) ORDER BY orders DESC, 1"""

_BY_JUDGEMENT = """SELECT r.name AS judgement, sum(s.orders)::BIGINT AS orders,
    sum(s.units)::BIGINT AS units
    FROM (SELECT mask, count(*) AS orders, sum(units) AS units FROM sold WHERE mask <> 0
          GROUP BY 1) s
    JOIN reasons r ON r.reason < 32 AND (s.mask >> r.reason) & 1 = 1
    GROUP BY 1 ORDER BY orders DESC, 1"""

_SIZES = (
    "WITH by_buyer AS (SELECT max(units) AS most FROM sold WHERE buyer IS NOT NULL GROUP BY buyer),"
    " by_size AS (SELECT units, count(*) AS orders FROM sold GROUP BY 1)"
    " SELECT at_least, coalesce(sum(orders), 0)::BIGINT AS orders,"
    " coalesce(sum(orders * units), 0)::BIGINT AS units,"
    " (SELECT count(*) FROM by_buyer WHERE most >= at_least) AS buyers"
    f" FROM (VALUES {', '.join(f'({size})' for size in SIZES)}) sizes(at_least)"
    " LEFT JOIN by_size ON units >= at_least GROUP BY at_least ORDER BY at_least"
)

_TOP_ORDERS = f"""SELECT * FROM orders WHERE "order" IN (
    SELECT ordinal FROM sold ORDER BY units DESC, ordinal LIMIT {TOP})
    ORDER BY units DESC, "order" """

# One person, many accounts: accounts that share a phone, an address or a device.
_REPEATED = " UNION ALL ".join(
    f"(SELECT '{kind}' AS kind, count(DISTINCT account) AS accounts, count(*) AS orders,"
    f" sum(units)::BIGINT AS units FROM sold WHERE {kind} IS NOT NULL GROUP BY {kind}"
    f" HAVING count(DISTINCT account) > 1 ORDER BY accounts DESC, units DESC LIMIT {TOP})"
    for kind in ("phone", "address", "device")
)


def what_if(connection: duckdb.DuckDBPyConnection, seconds: tuple[int, ...]) -> list[Row]:
    """What would have been sold below its floor, had it been stopped so long after the first."""
    ask = _Asker(connection)
    (first,) = ask.rows(
        "SELECT min(at_ms) AS at_ms FROM ordered WHERE reason = 0 AND receivable_fen < floor_fen"
    )
    if first["at_ms"] is None:
        return []
    found = []
    for after in seconds:
        until = first["at_ms"] + 1000 * after
        row = ask.one(
            f"SELECT {_MONEY} FROM ordered WHERE reason = 0 AND receivable_fen < floor_fen"
            f" AND at_ms < {until}"
        )
        found.append({"seconds": after, **row})
    return found


def first_below_floor(connection: duckdb.DuckDBPyConnection) -> Row | None:
    """The first order that was taken below its floor; None when there was none."""
    found = _Asker(connection).rows(
        'SELECT * FROM orders WHERE "order" = (SELECT min(ordinal) FROM ordered'
        " WHERE reason = 0 AND receivable_fen < floor_fen)"
    )
    return found[0] if found else None
