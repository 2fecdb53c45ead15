"""The comparison base: the desk's hot work by the textbook pattern on PostgreSQL, without HTTP.

Both sides get the same generated orders and the same terms, and both answer only after the disk
has confirmed. The figure that others are compared with is the one with 16 connections.
"""

import psycopg

from tidegate.bench.figures import HIGHER, LOWER, Context, Round
from tidegate.bench.foreign import ForeignCpu
from tidegate.bench.postgres_orders import Tally, drive, prepare
from tidegate.bench.postgres_server import PostgresServer
from tidegate.bench.probe import quantile
from tidegate.testing.workload import hot

CONNECTIONS = (1, 16)
ORDERS_PER_S_MAX = 3_000  # rows made for each second; about twice what it decides


def run(context: Context) -> Round:
    """One round: a fresh server, then each number of connections on fresh tables."""
    result = Round()
    context.progress(0.0, "starting PostgreSQL")
    with PostgresServer(context.folder) as server:
        for step, connections in enumerate(CONNECTIONS):
            context.progress(
                (step + 0.2) / len(CONNECTIONS), f"textbook transactions, {connections} connections"
            )
            _measure(context, result, server.conninfo, connections)
    return result


def _measure(context: Context, result: Round, conninfo: str, connections: int) -> None:
    made = hot(max(1_000, int(context.seconds * ORDERS_PER_S_MAX)), context.seed + connections)
    prepare(conninfo, made.terms)
    with ForeignCpu() as cpu:
        tally = drive(conninfo, made.rows, made.terms.limit_units[0], connections, context.seconds)
    _report(result, f"postgres.c{connections}", tally)
    if cpu.result is not None:
        result.foreign[f"postgres.c{connections}"] = cpu.result.foreign
    result.remarks += faults(conninfo, int(made.terms.stock_units[0]), made.terms.limit_units[0])


def _report(result: Round, prefix: str, tally: Tally) -> None:
    tally.latencies_s.sort()
    per_s = tally.decided / (tally.last_s - tally.first_s)
    result.add(f"{prefix}.decisions_per_s", per_s, "1/s", HIGHER)
    result.add(f"{prefix}.p99_ms", quantile(tally.latencies_s, 0.99) * 1e3, "ms", LOWER)
    result.add(f"{prefix}.accepted_share", tally.accepted / tally.decided, "share")
    result.add(f"{prefix}.duplicate_share", tally.duplicates / tally.decided, "share")


def faults(conninfo: str, stock_units: int, limit_units: int) -> list[str]:
    """What the textbook pattern got wrong, by its own tables: normally nothing."""
    with psycopg.connect(conninfo) as connection:
        sold = connection.execute(
            "select coalesce(sum(quantity), 0) from shop_order where reason = 0"
        ).fetchone()
        left = connection.execute("select available from sku where sku = 0").fetchone()
        above = connection.execute(
            """select count(*) from (select buyer from shop_order where reason = 0
               group by buyer having sum(quantity) > %s) as buyers""",
            (limit_units,),
        ).fetchone()
    assert sold is not None
    assert left is not None
    assert above is not None
    found = []
    if sold[0] + left[0] != stock_units:
        found.append(f"PostgreSQL sold {sold[0]} and kept {left[0]} of {stock_units} units")
    if above[0]:
        found.append(f"PostgreSQL let {above[0]} buyers pass the limit")
    return found
