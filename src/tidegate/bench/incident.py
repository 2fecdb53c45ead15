"""How long an analysis takes: a night's 140,500 buyers' orders, and ten million orders.

Timed from the journal on disk to every figure of `incident.figures`, in a process of its own; what
a naive count over the same entries says is compared outside the time.
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from tidegate.bench.bench_shop import STREAM, BenchShop, capacity_for, terms_for, warm_up
from tidegate.bench.figures import LOWER, Context, Round
from tidegate.bench.foreign import ForeignCpu
from tidegate.incident.evidence import gather
from tidegate.incident.figures import Analysis, analyse
from tidegate.incident.tables import open_tables
from tidegate.journal.follow import BATCH, Entry, entries_after
from tidegate.journal.sqlite_file import SqliteReader
from tidegate.record.lines import FACT
from tidegate.record.readable import readable_events
from tidegate.testing.workload import Workload, hot

NIGHT_ORDERS = 160_000
NIGHT_BUYERS = 140_500
LARGE_ORDERS = 10_000_000
QUICK_ORDERS = 20_000
CHUNK_ORDERS = 1_000_000
BATCH_ORDERS = 8_192


def run(context: Context) -> Round:
    """One round: a night, and in a full run ten million."""
    result = Round()
    warm_up()
    night = QUICK_ORDERS if context.quick else NIGHT_ORDERS
    sizes = [("night", night, night * NIGHT_BUYERS // NIGHT_ORDERS)]
    if not context.quick:
        sizes.append(("large", LARGE_ORDERS, LARGE_ORDERS // 2))
    for name, orders, buyers in sizes:
        context.progress(0.1 if name == "night" else 0.4, f"{orders:,} orders are decided")
        folder = context.folder / name
        _build(folder, orders, buyers, context.seed)
        with ForeignCpu() as cpu:
            seconds, made = _analysed(folder)
        result.add(f"incident.{name}.seconds", seconds, "s", LOWER)
        result.add(f"incident.{name}.orders", made.total["orders"], "orders")
        result.add(f"incident.{name}.buyers", made.total["buyers"], "buyers")
        if cpu.result is not None:
            result.foreign[f"incident.{name}"] = cpu.result.foreign
        if name == "night":
            counted = _naive(folder)
            same = counted == tuple(
                made.total[key] for key in ("orders", "units", "receivable_fen")
            )
            result.add("incident.night.differs_from_naive", float(not same), "")
        shutil.rmtree(folder)
    return result


def _build(folder: Path, orders: int, buyers: int, seed: int) -> None:
    """A shop that was told of so many sales of a marketplace."""
    with BenchShop(folder, terms_for(orders, seed), capacity_for(orders)) as shop:
        for made in _chunks(orders, buyers, seed):
            made.rows["flags"] |= FACT
            shop.quoted(made.rows)
            shop.run(made.batches(BATCH_ORDERS))


def _chunks(orders: int, buyers: int, seed: int) -> Iterator[Workload]:
    for first in range(0, orders, CHUNK_ORDERS):
        yield hot(min(CHUNK_ORDERS, orders - first), seed, first_order=first, buyers=buyers)


def _entries(folder: Path) -> Iterator[Entry]:
    reader = SqliteReader(folder, STREAM)
    try:
        yield from entries_after(reader)
    finally:
        reader.close()


def _analysed(folder: Path) -> tuple[float, Analysis]:
    started_s = time.perf_counter()
    evidence = gather(_entries(folder))
    connection = open_tables(evidence)
    made = analyse(connection, evidence)
    seconds = time.perf_counter() - started_s
    connection.close()
    return seconds, made


def _naive(folder: Path) -> tuple[int, int, int]:
    """Orders, units and money that were taken, counted one by one."""
    orders = units = money = 0
    for entry in _entries(folder):
        if entry.kind != BATCH:
            continue
        for event in readable_events(entry.payload):
            taken = event["event"] in ("order", "sale") and event["reason"] == "accepted"
            if taken and not event["duplicate"]:
                orders += 1
                units += sum(line["quantity"] for line in event["lines"])
                money += sum(line["receivable_fen"] for line in event["lines"])
    return orders, units, money
