"""How long a shop with ten million orders behind it takes from a server's start to an answer.

The store is built through the product's own journal, with one snapshot that is as old as snapshots
get; then `tidegate serve` is started cold and one order is sent as soon as the port is open. The
clock runs from the start of the process to the answer that says "accepted".
"""

import dataclasses
import time

from tidegate.bench.bench_shop import terms_for
from tidegate.bench.figures import LOWER, Context, Round
from tidegate.bench.foreign import ForeignCpu
from tidegate.bench.pipeline import durable
from tidegate.bench.served_shop import ServedShop
from tidegate.engine.snapshot import write_snapshot
from tidegate.journal.protocol import Head
from tidegate.testing.workload import Rows, hot

ORDERS = 10_000_000
QUICK_ORDERS = 1_000_000
CHUNK_ORDERS = 500_000
SNAPSHOT_AGE_SHARE = 0.1  # of the orders, decided since the newest snapshot: 1,000,000
BATCH = 8_192
STARTS = 3
ANSWER_DEADLINE_S = 240.0
BUYERS_SHARE = 0.4


@dataclasses.dataclass(frozen=True)
class Built:
    """What lies on disk before the server starts."""

    orders: int
    folded_orders: int
    journal_bytes: int
    snapshot_bytes: int


def run(context: Context) -> Round:
    """One round: the store once, then three starts, of which the best counts."""
    result = Round()
    orders = QUICK_ORDERS if context.quick else ORDERS
    with ServedShop(context.folder, terms_for(2 * orders, context.seed)) as shop:
        context.progress(0.0, "loading the kernel")
        start_to_answer_s(shop, "warm-up")
        shop.stop()
        built = build(shop, orders, context)
        starts, foreign = [], []
        for number in range(1 if context.quick else STARTS):
            context.progress(0.8 + number * 0.06, "starting the server")
            with ForeignCpu() as cpu:  # ends before the kill: the dead can't be told from strangers
                starts.append(start_to_answer_s(shop, f"restart-{number}"))
            shop.kill()
            foreign.append(cpu.result.foreign if cpu.result is not None else 0.0)
    result.add("restart.first_answer.seconds", min(starts), "s", LOWER)
    result.add("restart.first_answer.worst_seconds", max(starts), "s", LOWER)
    result.add("restart.first_answer.orders", built.orders, "orders")
    result.add("restart.first_answer.folded_orders", built.folded_orders, "orders")
    result.add("restart.first_answer.snapshot_bytes", built.snapshot_bytes, "B")
    result.add("restart.first_answer.journal_bytes", built.journal_bytes, "B")
    result.remarks.append("the files are in the page cache: they were written just before")
    result.foreign["restart.first_answer"] = foreign[starts.index(min(starts))]
    return result


def build(shop: ServedShop, orders: int, context: Context) -> Built:
    """Decide the orders into the shop's journal, with a snapshot some way from the end."""
    machine, journal, head = shop.open_machine()
    buyers = int(orders * BUYERS_SHARE)
    start_ms = time.time_ns() // 1_000_000 - 60_000
    snapshot_at = orders - int(orders * SNAPSHOT_AGE_SHARE)
    head = journal.claim("bench", head.seq)
    written = 0
    try:
        for first in range(0, orders, CHUNK_ORDERS):
            context.progress(0.8 * first / orders, f"{first:,} of {orders:,} orders")
            count = min(CHUNK_ORDERS, orders - first)
            made = hot(count, context.seed, first_order=first, buyers=buyers, start_ms=start_ms)
            answered = durable(
                machine, journal, head, made_batches(shop, made.rows, start_ms), shop.local_day
            )
            head = proven(answered.head)
            if first < snapshot_at <= first + count:
                written = first + count
                path, _ = write_snapshot(machine, shop.paths.snapshots, head.seq, head.hash)
    finally:
        journal.close()
    journal_bytes = sum(path.stat().st_size for path in shop.paths.folder.glob("journal.db*"))
    return Built(orders, orders - written, journal_bytes, path.stat().st_size)


def made_batches(shop: ServedShop, rows: Rows, now_ms: int) -> list[tuple[Rows, int]]:
    """Batches of single-line orders at one moment."""
    shop.quoted(rows)
    return [(rows[first : first + BATCH], now_ms) for first in range(0, len(rows), BATCH)]


def proven(head: Head | None) -> Head:
    """The head after a run that appended something."""
    assert head is not None
    return head


def start_to_answer_s(shop: ServedShop, order_id: str) -> float:
    """Start the server and place one order; seconds from the start to its acceptance."""
    started_s = time.perf_counter()
    shop.launch()
    shop.place_until_accepted(order_id, ANSWER_DEADLINE_S)
    return time.perf_counter() - started_s
