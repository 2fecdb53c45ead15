"""The textbook pattern: one PostgreSQL transaction an order, hot row last, every answer durable.

It does the desk's hot work and no less: idempotency, floor, limit, budget, stock; a refusal is
recorded before it is answered. It never batches orders: that is the desk's idea, not the
textbook's.
"""

import multiprocessing
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier

import numpy as np
import psycopg

from tidegate.domain.reasons import Reason
from tidegate.testing.workload import Rows, Terms

WORKERS = 4
START_DEADLINE_S = 60.0

SCHEMA = """
create table sku (
    sku integer primary key, price_floor_fen bigint not null,
    available bigint not null check (available >= 0)) with (fillfactor = 50);
create table promotion (
    promotion integer primary key, budget_fen bigint not null,
    spent_fen bigint not null default 0) with (fillfactor = 50);
create table purchase (
    sku integer, buyer bigint, units integer not null, primary key (sku, buyer));
create table shop_order (
    id_hi bigint, id_lo bigint, buyer bigint not null, sku integer not null,
    quantity integer not null, receivable_fen bigint not null, reason smallint not null,
    placed_at_ms bigint not null, primary key (id_hi, id_lo));
"""
INSERT_ORDER = """insert into shop_order values (%s, %s, %s, %s, %s, %s, %s, %s)
    on conflict do nothing returning reason"""
FIND_ORDER = "select reason from shop_order where id_hi = %s and id_lo = %s"
FIND_FLOOR = "select price_floor_fen from sku where sku = %s"
CHARGE_LIMIT = """insert into purchase as p values (%s, %s, %s) on conflict (sku, buyer)
    do update set units = p.units + excluded.units where p.units + excluded.units <= %s
    returning units"""
CHARGE_BUDGET = """update promotion set spent_fen = spent_fen + %s
    where promotion = %s and spent_fen + %s <= budget_fen returning 1"""
TAKE_STOCK = """update sku set available = available - %s
    where sku = %s and available >= %s returning 1"""
MARK_REFUSED = "update shop_order set reason = %s where id_hi = %s and id_lo = %s"

# id_hi, id_lo, buyer, sku, quantity, receivable_fen, placed_at_ms, promotion
OrderRow = tuple[int, int, int, int, int, int, int, int]


@dataclass
class Tally:
    """What one or more connections did."""

    decided: int = 0
    accepted: int = 0
    duplicates: int = 0
    first_s: float = field(default=float("inf"))
    last_s: float = 0.0
    latencies_s: list[float] = field(default_factory=list)

    def merge(self, other: "Tally") -> None:
        """Add another tally to this one."""
        self.decided += other.decided
        self.accepted += other.accepted
        self.duplicates += other.duplicates
        self.first_s = min(self.first_s, other.first_s)
        self.last_s = max(self.last_s, other.last_s)
        self.latencies_s += other.latencies_s


def prepare(conninfo: str, terms: Terms) -> None:
    """Make the tables anew and put the workload's stock, floors and budgets into them."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("drop table if exists sku, promotion, purchase, shop_order")
        for statement in SCHEMA.split(";\n")[:-1]:
            connection.execute(statement.encode())
        cursor = connection.cursor()
        cursor.executemany(
            "insert into sku values (%s, %s, %s)",
            [
                (number, int(terms.price_floor_fen[number]), int(terms.stock_units[number]))
                for number in range(terms.skus)
            ],
        )
        cursor.executemany(
            "insert into promotion values (%s, %s)",
            [(number + 1, terms.budget_fen) for number in range(terms.promotions)],
        )
        connection.execute("checkpoint")


def order_rows(rows: Rows) -> list[OrderRow]:
    """LINE rows (single-line orders) as the parameters of the statements."""
    columns = [
        rows["id_hi"].astype(np.int64), rows["id_lo"].astype(np.int64),
        rows["key0"].astype(np.int64), rows["sku"], rows["quantity"], rows["receivable_fen"],
        rows["placed_at_ms"], rows["promotion"],
    ]  # fmt: skip
    return list(zip(*(column.tolist() for column in columns), strict=True))


def place(connection: psycopg.Connection, order: OrderRow, limit_units: int) -> tuple[int, bool]:
    """Decide one order in one transaction; returns its reason number and "seen before"."""
    id_hi, id_lo, buyer, sku, quantity, receivable_fen, placed_at_ms, promotion = order
    run = connection.execute
    record = (id_hi, id_lo, buyer, sku, quantity, receivable_fen)
    if run(INSERT_ORDER, (*record, int(Reason.ACCEPTED), placed_at_ms)).fetchone() is None:
        found = run(FIND_ORDER, (id_hi, id_lo)).fetchone()
        connection.commit()
        assert found is not None
        return int(found[0]), True
    floor = run(FIND_FLOOR, (sku,)).fetchone()
    reason = Reason.ACCEPTED
    if floor is None:
        reason = Reason.UNKNOWN_SKU
    elif receivable_fen < floor[0] * quantity:
        reason = Reason.PRICE_BELOW_FLOOR
    elif quantity > limit_units or (
        run(CHARGE_LIMIT, (sku, buyer, quantity, limit_units)).fetchone() is None
    ):
        reason = Reason.LIMIT_EXCEEDED
    if reason is not Reason.ACCEPTED:  # nothing was charged yet: the same transaction records it
        run(MARK_REFUSED, (int(reason), id_hi, id_lo))
        connection.commit()
        return int(reason), False
    if run(CHARGE_BUDGET, (receivable_fen, promotion, receivable_fen)).fetchone() is None:
        reason = Reason.BUDGET_EXHAUSTED
    elif run(TAKE_STOCK, (quantity, sku, quantity)).fetchone() is None:
        reason = Reason.STOCK_SHORT
    if reason is not Reason.ACCEPTED:  # give limit and budget back, then remember the refusal
        connection.rollback()
        run(INSERT_ORDER, (*record, int(reason), placed_at_ms))
    connection.commit()
    return int(reason), False


def drive(conninfo: str, rows: Rows, limit_units: int, connections: int, seconds: float) -> Tally:
    """Send the rows over so many connections (at most four processes) for `seconds`."""
    context = multiprocessing.get_context("spawn")
    workers = min(WORKERS, connections)
    barrier = context.Barrier(workers)
    receivers, processes = [], []
    for worker in range(workers):
        shares = [
            order_rows(rows[thread::connections]) for thread in range(worker, connections, workers)
        ]
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(
            target=_work,
            args=(conninfo, shares, limit_units, seconds, barrier, sender),
            daemon=True,
        )
        process.start()
        sender.close()
        receivers.append(receiver)
        processes.append(process)
    total = Tally()
    for receiver in receivers:
        total.merge(receiver.recv())
    for process in processes:
        process.join()
    return total


def _work(
    conninfo: str,
    shares: Sequence[list[OrderRow]],
    limit_units: int,
    seconds: float,
    barrier: Barrier,
    answer: "multiprocessing.connection.Connection[Tally, Tally]",
) -> None:
    """One process: a thread a connection, all starting together."""
    tallies = [Tally() for _ in shares]
    opened = [psycopg.connect(conninfo, prepare_threshold=0) for _ in shares]
    barrier.wait(START_DEADLINE_S)
    deadline_s = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_one_connection, args=(one, share, limit_units, deadline_s, tally))
        for one, share, tally in zip(opened, shares, tallies, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for connection in opened:
        connection.close()
    for tally in tallies[1:]:
        tallies[0].merge(tally)
    answer.send(tallies[0])
    answer.close()


def _one_connection(
    connection: psycopg.Connection,
    orders: list[OrderRow],
    limit_units: int,
    deadline_s: float,
    tally: Tally,
) -> None:
    now_s = tally.first_s = time.monotonic()  # monotonic is one clock for all processes on Linux
    for order in orders:
        if now_s >= deadline_s:
            break
        reason, duplicate = place(connection, order, limit_units)
        later_s = time.monotonic()
        tally.latencies_s.append(later_s - now_s)
        now_s = later_s
        tally.decided += 1
        tally.accepted += reason == Reason.ACCEPTED and not duplicate
        tally.duplicates += duplicate
    tally.last_s = now_s
