"""Durable decisions a second inside one process, columns in: the ceiling of every door.

Each round decides fresh orders on a fresh shop with a fresh SQLite journal: idempotency, floor,
limit, budget, stock, encoding, hash chain and sync, nothing left out, with the snapshot follower
running beside. Afterwards the shop's own books are compared with what was answered.
"""

import shutil
from dataclasses import dataclass

from tidegate.bench.bench_shop import BenchShop, capacity_for, warm_up
from tidegate.bench.figures import HIGHER, LOWER, Context, Round
from tidegate.bench.foreign import ForeignCpu
from tidegate.bench.pipeline import Answered
from tidegate.bench.probe import quantile
from tidegate.engine.machine import Machine
from tidegate.testing.workload import Workload, hot, mixed

HOT_BATCH = 8_192
MIXED_BATCH = 4_096
HOT_ORDERS_PER_S = 3_000_000  # orders made for each second asked for
MIXED_ORDERS_PER_S = 1_500_000
SNAPSHOT_DECISIONS = 1_000_000


@dataclass(frozen=True)
class Part:
    """One workload of the bench."""

    name: str
    made: Workload
    batch_orders: int


def run(context: Context) -> Round:
    """One round: hot, then mixed."""
    result = Round()
    context.progress(0.0, "loading the kernel")
    warm_up()
    context.progress(0.1, "making orders")
    orders = int(HOT_ORDERS_PER_S * context.seconds)
    _measure(context, result, Part("hot", hot(orders, context.seed), HOT_BATCH), 0.2)
    context.progress(0.5, "making orders")
    orders = int(MIXED_ORDERS_PER_S * context.seconds)
    _measure(context, result, Part("mixed", mixed(orders, context.seed), MIXED_BATCH), 0.6)
    return result


def _measure(context: Context, result: Round, part: Part, progress: float) -> None:
    context.progress(progress, f"{part.name}: {part.made.orders:,} orders")
    folder = context.folder / part.name
    prefix = f"inprocess.{part.name}"
    with BenchShop(folder, part.made.terms, capacity_for(part.made.orders)) as shop:
        shop.quoted(part.made.rows)
        shop.follow(SNAPSHOT_DECISIONS)
        with ForeignCpu() as cpu:
            answered = shop.run(part.made.batches(part.batch_orders))
        snapshots = shop.stop_following()
        _report(result, prefix, part, answered)
        result.add(f"{prefix}.snapshots", snapshots, "files")
        if cpu.result is not None:
            result.foreign[prefix] = cpu.result.foreign
        if part.name == "hot":
            result.remarks += book_faults(shop.machine, part.made, answered)
    shutil.rmtree(folder)


def _report(result: Round, prefix: str, part: Part, answered: Answered) -> None:
    answered.batch_s.sort()
    result.add(f"{prefix}.decisions_per_s", answered.orders / answered.seconds, "1/s", HIGHER)
    result.add(f"{prefix}.batch_orders", part.batch_orders, "orders")
    result.add(f"{prefix}.batch_p99_ms", quantile(answered.batch_s, 0.99) * 1e3, "ms", LOWER)
    result.add(f"{prefix}.bytes_per_decision", answered.entry_bytes / answered.orders, "B", LOWER)
    result.add(f"{prefix}.accepted_share", answered.accepted / answered.orders, "share")
    result.add(f"{prefix}.duplicate_share", answered.duplicates / answered.orders, "share")
    result.add(f"{prefix}.holds_expired", answered.expired, "orders")
    result.add(f"{prefix}.deciding_share", answered.deciding_s / answered.seconds, "share")
    result.add(f"{prefix}.appending_share", answered.appending_s / answered.seconds, "share")


def book_faults(machine: Machine, made: Workload, answered: Answered) -> list[str]:
    """Where the shop's books and the answers differ: never, or something is broken."""
    cell = machine.state.cells[0, 0]
    promised = int(cell["pre_held"]) + int(cell["committed"])
    stock_units = int(made.terms.stock_units[0])
    left_units = machine.available(0, 0)
    found = []
    if promised + left_units != stock_units:
        found.append(f"{promised} units promised and {left_units} left of {stock_units}")
    if not answered.accepted <= promised:
        found.append(f"{answered.accepted} orders accepted but only {promised} units promised")
    return found
